import {
  EditorCrashed,
  EditorMissing,
  EditorRejectedEdits,
  NoChanges,
  UnsafeEdit
} from "../../domain/errors/ApplyError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import {
  ContextWindowExceeded,
  ModelNotFound,
  OutputTruncated,
  ProviderOverloaded,
  QuotaExhausted,
  Refused,
  RequestRejected
} from "../../domain/errors/GenerationError.ts"
import { AuthenticationFailed, DiskFull, RateLimited, ResultRefused } from "../../domain/errors/Reasons.ts"
import type { ModelChoice } from "../../domain/Route.ts"
import type { CodeEditorContract } from "../../services/CodeEditor.ts"
import type { Failure } from "../../services/Contract.ts"
import type { GatewayAccount } from "../../services/ModelGateway.ts"
import { classifier } from "../classifiers/Aider.ts"
import type { Tag } from "../classifiers/aider/Conditions.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { printable } from "../editor/Words.ts"
import { type Analytics, read, wentWell } from "./Analytics.ts"

/** What Aider calls itself in a failure. */
export const editorName = "aider"

export type Reason = Failure<typeof CodeEditorContract, "apply">

/** All there is to judge a run of Aider by. */
export interface Run {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** What it wrote to its analytics log. */
  readonly analytics: string
  /** Absolute paths that the fence refused, in that order; and which path of the worktree that is. */
  readonly refused: ReadonlyArray<string>
  readonly relative: (path: string) => string
  /** What was asked through the gateway, as far as the run itself has not to be believed. */
  readonly account: GatewayAccount
  readonly model: ModelChoice
  /** What differs in the worktree. */
  readonly changed: ReadonlyArray<string>
}

type Named =
  | "AuthenticationFailed"
  | "ContextWindowExceeded"
  | "DiskFull"
  | "EditorCrashed"
  | "EditorMissing"
  | "EditorRejectedEdits"
  | "ModelNotFound"
  | "NoChanges"
  | "ProviderOverloaded"
  | "QuotaExhausted"
  | "RateLimited"
  | "Refused"
  | "RequestRejected"

/** The reason for every condition that Aider's classifier knows: a new one does not compile without a row. */
export const reasons: Record<Tag, Named> = {
  ToolMissing: "EditorMissing",
  DiskFull: "DiskFull",
  EditRejected: "EditorRejectedEdits",
  EditSkipped: "EditorRejectedEdits",
  NoEdits: "NoChanges",
  EmptyReply: "NoChanges",

  AuthenticationFailed: "AuthenticationFailed",
  KeyMissing: "AuthenticationFailed",
  PermissionDenied: "AuthenticationFailed",
  ModelUnknown: "ModelNotFound",
  TooLong: "ContextWindowExceeded",
  ContentRefused: "Refused",
  RequestRefused: "RequestRejected",
  QuotaExhausted: "QuotaExhausted",
  RateLimited: "RateLimited",
  ProviderOverloaded: "ProviderOverloaded",
  RemoteServerError: "ProviderOverloaded",

  // Whom Aider talks to is our own gateway, on this machine: a provider that cannot be reached is in its account.
  NetworkReset: "EditorCrashed",
  NetworkUnreachable: "EditorCrashed",
  NetworkTimeout: "EditorCrashed",
  NetworkDns: "EditorCrashed",
  TlsFailure: "EditorCrashed",
  ProxyFailure: "EditorCrashed",
  ResponseMalformed: "EditorCrashed",
  NoReply: "EditorCrashed",

  ProcessKilled: "EditorCrashed",
  InvalidRequest: "EditorCrashed",
  SetupWrong: "EditorCrashed",
  RepositoryCorrupt: "EditorCrashed",
  FileSystemDenied: "EditorCrashed",
  ChecksFailed: "EditorCrashed",
  CommitFailed: "EditorCrashed",
  ShellDeclined: "EditorCrashed",
  DryRun: "EditorCrashed",
  OutcomeUnknown: "EditorCrashed",
  Unrecognised: "EditorCrashed"
}

/** The last line of the last run of lines that says anything: what a person would read first. */
const lastWords = (text: string): string => text.trimEnd().slice(-2 * Evidence.excerptCharactersMax)

/** What Aider says once each reply is over; what follows the last of it is Aider's own, and none of the model's. */
const replied = /^Tokens: .*\breceived\b.*$/gm
const afterReplies = (stdout: string): string => {
  const last = [...stdout.matchAll(replied)].at(-1)
  return last === undefined ? stdout : stdout.slice(last.index + last[0].length)
}

const applied = /^Applied edit to /m
const notApplied =
  /^(?:The LLM did not conform to the edit format\.|Exception while updating files:|Skipping edits to )/m
const exhausted = /^Only (\d+) reflections allowed, stopping\.$/

/** How often its model was shown that an edit does not fit, before it gave up. */
const roundsOf = (stdout: string): number | undefined => {
  const last = stdout.trimEnd().split("\n").at(-1) ?? ""
  const rounds = exhausted.exec(last)?.[1]
  return rounds === undefined ? undefined : Number(rounds)
}

const problems: ReadonlyArray<RegExp> = [
  /^## (SearchReplaceNoExactMatch: .*)$/gm,
  /^(Skipping edits to .*)$/gm,
  /^(No filename provided before .*)$/gm,
  /^(Expected `.*)$/gm,
  /^\^\^\^ (.*)$/gm
]

/** Which file, and what was wrong, in Aider's words. */
const rejected = (run: Run): EditorRejectedEdits => {
  const rounds = roundsOf(run.stdout)
  const found = problems
    .flatMap((problem) => [...run.stdout.matchAll(problem)])
    .toSorted((a, b) => a.index - b.index)
  const problem = found.at(-1)?.[1] ?? "its edits do not have the form that they need"
  const path = /lines in (.+)$|^Skipping edits to (.+) that /.exec(problem)
  return new EditorRejectedEdits({
    edit: null,
    path: printable(path?.[1] ?? path?.[2] ?? "some file"),
    problem: Evidence.redact(problem).slice(0, Evidence.excerptCharactersMax),
    ...(rounds === undefined ? {} : { rounds })
  })
}

/** An edit that the fence refused, by the name the model gave it. What it refused before any model was asked is no edit. */
const unsafe = ({ refused, relative }: Run, { asked }: Analytics): UnsafeEdit | undefined => {
  const last = refused.at(-1)
  if (last === undefined || asked === 0) return undefined
  const path = relative(last)
  const why = /^\.git(?:\/|$)/.test(path) ? "it belongs to git itself" : "it is outside of the worktree"
  return new UnsafeEdit({ path: printable(path), why })
}

/** What the gateway knows of the last request: its word on what models and the ledger said is first-hand. */
export const verdictOf = (
  { calls }: GatewayAccount,
  { model, maxOutputTokens }: ModelChoice
): Reason | undefined => {
  const outcome = calls.at(-1)?.outcome
  switch (outcome?._tag) {
    case "Refused":
    case "Failed":
      return outcome.reason
    // Bought, and not there: to ask again is to pay again, so that somebody has to mend the store first.
    case "Unkept": {
      const operation = "keeping a model's reply"
      return new ResultRefused({ evidence: Evidence.make({ operation, excerpt: outcome.reason.message }) })
    }
    case "Rejected": {
      const operation = "asking through the gateway"
      const evidence = Evidence.make({ operation, excerpt: outcome.problem, httpStatus: outcome.status })
      return new RequestRejected({ model, evidence })
    }
    case "Answered":
      return outcome.finish === "length" ? new OutputTruncated({ model, maxOutputTokens }) : undefined
    default:
      return undefined
  }
}

const service = ({ provider, model }: ModelChoice): string => `${provider}'s ${model}`

/** The reason that its own words give, with what the classifier read in them. */
const byItsWords = (run: Run): Reason => {
  const { exitCode, signal, stdout, stderr, analytics, model } = run
  const log = `${stderr}\n${analytics}`
  const { condition, ...met } = conditionOf(classifier, "message", { exitCode, signal, stdout, stderr: log })
  const said = stderr.trim() === "" ? stdout : stderr
  const ending = signal === null ? "" : `ended by ${signal}\n`
  const evidence = Evidence.make({
    operation: "aider",
    excerpt: `${ending}${lastWords(said)}`.trim() || "it said nothing",
    ...(exitCode === null ? {} : { exitCode }),
    ...met,
    // Whatever it did is thrown away with its worktree.
    condition: { ...condition, sideEffect: "none" }
  })
  switch (reasons[condition.tag]) {
    case "AuthenticationFailed":
      return new AuthenticationFailed({ service: service(model), evidence })
    case "ContextWindowExceeded":
      return new ContextWindowExceeded({ model: model.model, evidence })
    case "DiskFull":
      return new DiskFull({ path: "its worktree", evidence })
    case "EditorMissing":
      return new EditorMissing({ editor: editorName, evidence })
    case "EditorRejectedEdits":
      return rejected(run)
    case "ModelNotFound":
      return new ModelNotFound({ model: model.model, evidence })
    case "NoChanges":
      return run.changed.length === 0
        ? new NoChanges({})
        : new EditorCrashed({ editor: editorName, evidence })
    case "ProviderOverloaded":
      return new ProviderOverloaded({ model: model.model, evidence })
    case "QuotaExhausted":
      return new QuotaExhausted({ model: model.model, evidence })
    case "RateLimited":
      return new RateLimited({ service: service(model), evidence })
    case "Refused":
      return new Refused({ model: model.model, evidence })
    case "RequestRejected":
      return new RequestRejected({ model: model.model, evidence })
    case "EditorCrashed":
      return new EditorCrashed({ editor: editorName, evidence })
  }
}

const isWell = (analytics: Analytics, { exitCode, signal }: Run): boolean =>
  exitCode === 0 && signal === null && wentWell(analytics)

/**
 * Why a run of Aider is no success; undefined when it is one: it exited with 0, by its own log everything it asked
 * was answered, its last reply was applied as a whole, and something differs. First what the fence and the gateway
 * saw, because they were there; then its log; then its words.
 */
export const failureOf = (run: Run): Reason | undefined => {
  const analytics = read(run.analytics)
  const seen = unsafe(run, analytics) ?? verdictOf(run.account, run.model)
  if (seen !== undefined) return seen
  if (!isWell(analytics, run)) return byItsWords(run)
  const tail = afterReplies(run.stdout)
  if (notApplied.test(tail) || roundsOf(run.stdout) !== undefined) return rejected(run)
  if (applied.test(tail)) return run.changed.length === 0 ? new NoChanges({}) : undefined
  // It ends in prose: what it had applied before is a part of what its model wanted, at best.
  return notApplied.test(run.stdout) || run.changed.length > 0 ? rejected(run) : byItsWords(run)
}
