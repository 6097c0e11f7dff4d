import { DateTime } from "effect"
import {
  BranchConflict,
  ChangeTooLarge,
  ChecksFailed,
  EditorCrashed,
  EditorMissing,
  EditorRejectedEdits,
  EditorTimedOut,
  EditorUnsupported,
  NoChanges,
  OutOfScopeEdit,
  UnsafeEdit,
  WorktreeFailed
} from "../domain/errors/ApplyError.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import {
  ContextWindowExceeded,
  MalformedProposal,
  ModelNotFound,
  ModelsExhausted,
  OutputTruncated,
  ProviderOverloaded,
  ProviderUnavailable,
  QuotaExhausted,
  Refused,
  RequestRejected
} from "../domain/errors/GenerationError.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import {
  ForgeFailed,
  HeadMoved,
  NothingToMerge,
  PullRequestEnded,
  PullRequestExists,
  PullRequestUnverified,
  PushProtected,
  PushRejected,
  SecretBlocked
} from "../domain/errors/PullRequestError.ts"
import {
  AuthenticationFailed,
  BaseBranchMissing,
  BudgetExceeded,
  CircuitOpen,
  ClientManagerRejected,
  ClientManagerUnavailable,
  DiskFull,
  EscalationMissing,
  GitFailed,
  LedgerConflict,
  LedgerUnavailable,
  PermissionDenied,
  ProjectMissing,
  PullRequestUnrecorded,
  RateLimited,
  RemoteUnreachable,
  RepositoryLocked,
  RepositoryMissing,
  SpoolFailed,
  StoreConflict,
  ResultRefused,
  StoreUnavailable,
  TimedOut,
  UnexpectedDefect,
  UnknownPrice,
  WorkOrderMissing
} from "../domain/errors/Reasons.ts"
import { BranchOccupied, QuarantineEmpty } from "../domain/errors/PremisesError.ts"
import {
  ManagerRejected,
  ManagerUnreachable,
  NoEligibleModel,
  ProjectPaused
} from "../domain/errors/RoutingError.ts"
import { OutcomeUnknown } from "../domain/errors/TrackingError.ts"
import { ProjectId, WorkOrderId, branchName } from "../domain/Ids.ts"
import { lineFor } from "../domain/policies/PriceTable.ts"
import { Usd } from "../domain/Usd.ts"
import { DependencyDown } from "../services/Incidents.ts"

const model = "gpt-5-mini"
const remote = "https://github.com/acme/shop.git"
const chat = "POST /chat/completions"

const git = (operation: string, exitCode: number, excerpt: string) =>
  Evidence.make({ operation, exitCode, excerpt })
const http = (operation: string, httpStatus: number, excerpt: string) =>
  Evidence.make({ operation, httpStatus, excerpt })

const malformedProposal = new MalformedProposal({
  model,
  problem: "edits[0].path is missing",
  excerpt: '{"summary":"Add a discount","edits":[{"_tag":"WholeFile"}]}'
})
const providerOverloaded = new ProviderOverloaded({
  model,
  evidence: http(chat, 503, "The server is currently overloaded with other requests.")
})

export type Samples = { readonly [T in Reason["_tag"]]: Extract<Reason, { readonly _tag: T }> }

/** One of every reason there is, with the facts and the evidence such a failure of this order really has. */
export const samplesOf = (order: WorkOrderId): Samples => {
  const branch = branchName(order)
  return {
    StoreUnavailable: new StoreUnavailable({
      evidence: Evidence.make({
        operation: "moose.apply_facts",
        sqlState: "08006",
        excerpt: "connection to server at 127.0.0.1, port 5432 was lost",
        cause: new Error("read ECONNRESET", { cause: new Error("socket hang up") })
      })
    }),
    StoreConflict: new StoreConflict({
      conflict: `Work order ${order} exists with another body`,
      evidence: Evidence.make({
        operation: "moose.submit",
        sqlState: "P0001",
        excerpt: `work order ${order} exists with another body`
      })
    }),
    WorkOrderMissing: new WorkOrderMissing({ id: order }),
    ProjectMissing: new ProjectMissing({ id: ProjectId.make("shop") }),
    TimedOut: new TimedOut({ operation: "git fetch", limitMs: 300_000 }),
    ResultRefused: new ResultRefused({
      evidence: Evidence.make({
        operation: "storing a result",
        excerpt: "The result could not be stored: permission denied for table outcome_vectors"
      })
    }),
    UnexpectedDefect: new UnexpectedDefect({
      evidence: Evidence.make({
        operation: "routing",
        excerpt: "TypeError: patch.hunks is not iterable",
        cause: new TypeError("patch.hunks is not iterable")
      })
    }),
    BudgetExceeded: new BudgetExceeded({
      scope: "project_day",
      requested: Usd.make(420_000),
      limit: Usd.make(5_000_000),
      settled: Usd.make(4_100_000),
      reserved: Usd.make(400_000),
      presumed: Usd.make(150_000),
      resetsAt: DateTime.makeUnsafe("2026-03-01T00:00:00Z")
    }),
    LedgerUnavailable: new LedgerUnavailable({
      evidence: Evidence.make({
        operation: "moose.check_and_reserve_budget",
        sqlState: "57P03",
        excerpt: "the database system is starting up"
      })
    }),
    LedgerConflict: new LedgerConflict({
      problem: "settled",
      evidence: Evidence.make({
        operation: "moose.settle_reservation",
        excerpt: "reservation 5f0c4a is settled already"
      })
    }),
    UnknownPrice: new UnknownPrice({ model: "gpt-oss-120b", line: lineFor("openai", "gpt-oss-120b") }),
    ManagerUnreachable: new ManagerUnreachable({
      evidence: Evidence.make({
        operation: "POST /route",
        excerpt: "connect ECONNREFUSED 127.0.0.1:8700",
        cause: new Error("connect ECONNREFUSED 127.0.0.1:8700")
      })
    }),
    ManagerRejected: new ManagerRejected({ why: "auth work waits for a review of the session code" }),
    NoEligibleModel: new NoEligibleModel({
      kind: "auth",
      why: "no model in the table costs at most $0.010000 for one answer"
    }),
    ProjectPaused: new ProjectPaused({ id: ProjectId.make("shop") }),
    RemoteUnreachable: new RemoteUnreachable({
      remote,
      evidence: git(
        "git fetch",
        128,
        "fatal: unable to access 'https://github.com/acme/shop.git/': Could not resolve host: github.com"
      )
    }),
    AuthenticationFailed: new AuthenticationFailed({
      service: "github.com",
      evidence: http("GET /repos/{owner}/{repo}", 401, "Bad credentials")
    }),
    PermissionDenied: new PermissionDenied({
      service: "github.com",
      evidence: http("POST /repos/{owner}/{repo}/pulls", 403, "Resource not accessible by integration")
    }),
    RateLimited: new RateLimited({
      service: "github.com",
      evidence: Evidence.make({
        operation: "POST /repos/{owner}/{repo}/pulls",
        httpStatus: 403,
        retryAfterMs: 60_000,
        excerpt: "You have exceeded a secondary rate limit"
      })
    }),
    CircuitOpen: new CircuitOpen({
      dependency: "provider:openai/gpt-5-mini",
      evidence: Evidence.make({
        operation: "call provider:openai/gpt-5-mini",
        retryAfterMs: 30_000,
        excerpt: "5 calls in a row failed, the last: The provider of gpt-5-mini is overloaded"
      })
    }),
    RepositoryMissing: new RepositoryMissing({
      repository: "acme/shop",
      evidence: git("git ls-remote", 128, "remote: Repository not found.")
    }),
    BaseBranchMissing: new BaseBranchMissing({ repository: remote, branch: "develop" }),
    DiskFull: new DiskFull({
      path: "src/prices.ts",
      evidence: Evidence.make({
        operation: "write a file",
        excerpt: "src/prices.ts: ENOSPC: no space left on device, write"
      })
    }),
    RepositoryLocked: new RepositoryLocked({
      path: "/var/lib/moose/mirrors/shop.git",
      evidence: git("git fetch", 128, "fatal: Unable to create 'packed-refs.lock': File exists.")
    }),
    GitFailed: new GitFailed({
      evidence: git("git worktree add", 128, "fatal: invalid reference: refs/heads/none")
    }),
    ProviderOverloaded: providerOverloaded,
    ProviderUnavailable: new ProviderUnavailable({
      model,
      evidence: http(chat, 500, "The server had an error while processing your request.")
    }),
    QuotaExhausted: new QuotaExhausted({
      model,
      evidence: http(
        chat,
        429,
        "You exceeded your current quota, please check your plan and billing details."
      )
    }),
    ModelNotFound: new ModelNotFound({
      model,
      evidence: http(chat, 404, "The model gpt-5-mini does not exist or you do not have access to it.")
    }),
    ContextWindowExceeded: new ContextWindowExceeded({
      model,
      evidence: http(chat, 400, "This model's maximum context length is 128000 tokens.")
    }),
    OutputTruncated: new OutputTruncated({ model, maxOutputTokens: 16_384 }),
    Refused: new Refused({ model, evidence: http(chat, 200, "I can't help with that request.") }),
    RequestRejected: new RequestRejected({
      model,
      evidence: http(chat, 400, "Unsupported parameter: 'max_tokens' is not supported with this model.")
    }),
    MalformedProposal: malformedProposal,
    ModelsExhausted: new ModelsExhausted({ failures: [providerOverloaded, malformedProposal] }),
    WorktreeFailed: new WorktreeFailed({
      path: `/var/lib/moose/worktrees/${order}-1`,
      evidence: git("git worktree add", 128, "fatal: could not create leading directories: Permission denied")
    }),
    BranchConflict: new BranchConflict({ branch, found: "1f0e9c2d3b4a59687786950a1b2c3d4e5f601234" }),
    EditorMissing: new EditorMissing({
      editor: "aider",
      evidence: Evidence.make({
        operation: "aider --version",
        excerpt: "spawn aider ENOENT",
        cause: new Error("spawn aider ENOENT")
      })
    }),
    EditorUnsupported: new EditorUnsupported({
      editor: "aider",
      found: "0.50.1",
      evidence: git("aider --version", 0, "it is version 0.50.1, and 0.86 is wanted")
    }),
    EditorCrashed: new EditorCrashed({
      editor: "aider",
      evidence: git("aider", 1, "Traceback (most recent call last): RuntimeError: no repository")
    }),
    EditorTimedOut: new EditorTimedOut({ editor: "aider", limitMs: 600_000 }),
    EditorRejectedEdits: new EditorRejectedEdits({
      edit: 2,
      path: "src/prices.ts",
      problem: "the text to replace occurs 3 times"
    }),
    NoChanges: new NoChanges({}),
    ChangeTooLarge: new ChangeTooLarge({ bytes: 12_000_000, limit: 8_388_608 }),
    ChecksFailed: new ChecksFailed({
      log: "not ok 1 - adds up\n  expected: 3\n  actual: 4",
      check: "test",
      evidence: git("npm test", 1, "1 failing: discount is not applied twice")
    }),
    UnsafeEdit: new UnsafeEdit({ path: ".git/hooks/pre-commit", why: "it belongs to git itself" }),
    OutOfScopeEdit: new OutOfScopeEdit({ path: "src/server.ts", scope: ["src/prices.ts", "test/"] }),
    HeadMoved: new HeadMoved({
      branch,
      expected: null,
      found: "1f0e9c2d3b4a59687786950a1b2c3d4e5f601234"
    }),
    PushRejected: new PushRejected({
      branch,
      evidence: git("git push", 1, "! [remote rejected] (pre-receive hook declined)")
    }),
    PushProtected: new PushProtected({
      branch,
      evidence: git("git push", 1, "! [remote rejected] (protected branch hook declined)")
    }),
    SecretBlocked: new SecretBlocked({
      branch,
      evidence: git(
        "git push",
        1,
        "remote: error: GH013: Repository rule violations: push cannot contain secrets"
      )
    }),
    NothingToMerge: new NothingToMerge({
      branch,
      evidence: http("POST /repos/{owner}/{repo}/pulls", 422, `No commits between main and ${branch}`)
    }),
    PullRequestEnded: new PullRequestEnded({ number: 7, merged: false }),
    PullRequestExists: new PullRequestExists({
      branch,
      evidence: http(
        "POST /repos/{owner}/{repo}/pulls",
        422,
        `A pull request already exists for acme:${branch}.`
      )
    }),
    PullRequestUnverified: new PullRequestUnverified({
      expected: "head 1f0e9c2d3b4a59687786950a1b2c3d4e5f601234",
      found: "head 9a8b7c6d5e4f30211203f4e5d6c7b8a990817263"
    }),
    ForgeFailed: new ForgeFailed({
      evidence: http("POST /repos/{owner}/{repo}/pulls", 502, "Bad Gateway")
    }),
    OutcomeUnknown: new OutcomeUnknown({ missing: "the pull request's number was never recorded" })
  }
}

/** The same, of one order. */
export const samples: Samples = samplesOf(WorkOrderId.make("add-discount"))

/** One of every reason that services declare and no step ends in. */
export const serviceSamples = {
  DependencyDown: new DependencyDown({
    dependency: "forge",
    tag: "ForgeFailed",
    cause: "POST /repos/{owner}/{repo}/pulls failed (502): Bad Gateway",
    resumeAt: DateTime.makeUnsafe(60_000)
  }),
  EscalationMissing: new EscalationMissing({ id: 41 }),
  PullRequestUnrecorded: new PullRequestUnrecorded({
    repository: { owner: "acme", name: "shop" },
    number: 7
  }),
  ClientManagerUnavailable: new ClientManagerUnavailable({
    evidence: http("POST /escalate", 503, "upstream connect error")
  }),
  ClientManagerRejected: new ClientManagerRejected({
    evidence: http("POST /escalate", 401, "unknown sender")
  }),
  QuarantineEmpty: new QuarantineEmpty({ ref: "refs/moose/quarantine/order-1/1" }),
  BranchOccupied: new BranchOccupied({ branch: "moose/wo-order-1", found: "c".repeat(40) }),
  SpoolFailed: new SpoolFailed({
    path: "/var/lib/moose/spool/escalations",
    evidence: Evidence.make({ operation: "put", excerpt: "EROFS: read-only file system" })
  })
}
