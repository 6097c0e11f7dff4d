import { Duration } from "effect"
import type * as Evidence from "../domain/errors/Evidence.ts"
import { ForgeFailed, NothingToMerge, PullRequestExists } from "../domain/errors/PullRequestError.ts"
import {
  AuthenticationFailed,
  BaseBranchMissing,
  PermissionDenied,
  RateLimited,
  RemoteUnreachable,
  RepositoryMissing
} from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Failure } from "../services/Contract.ts"
import type { GitHubContract } from "../services/GitHub.ts"
import type { Tag } from "./classifiers/github/Conditions.ts"

/** What was asked, as failures name it. */
export interface Call {
  /** `POST /repos/{owner}/{repo}/pulls` */
  readonly operation: string
  /** The API's address. */
  readonly service: string
  /** `owner/name` */
  readonly repository: string
}

/** The pull request that was to be opened. */
export interface Branches {
  readonly branch: string
  readonly base: string
}

/** What opening a pull request can end in. */
export type CreateReason = Failure<typeof GitHubContract, "createPullRequest">
/** What any call can end in. */
export type Reason = Failure<typeof GitHubContract, "getRepository">

/** The reason for every condition that GitHub's classifier knows: a new one does not compile without a row. */
export const reasons: Record<Tag, Exclude<CreateReason["_tag"], "CircuitOpen" | "TimedOut">> = {
  NetworkReset: "RemoteUnreachable",
  NetworkUnreachable: "RemoteUnreachable",
  NetworkTimeout: "RemoteUnreachable",
  NetworkDns: "RemoteUnreachable",
  TlsFailure: "RemoteUnreachable",
  ProxyFailure: "RemoteUnreachable",
  OutcomeUnknown: "RemoteUnreachable",
  RequestRejected: "RemoteUnreachable",
  Abandoned: "RemoteUnreachable",
  AuthenticationFailed: "AuthenticationFailed",
  PermissionDenied: "PermissionDenied",
  SsoRequired: "PermissionDenied",
  RepositoryClosed: "PermissionDenied",
  RateLimited: "RateLimited",
  RepositoryMissingOrHidden: "RepositoryMissing",
  AddressMoved: "RepositoryMissing",
  BranchesUnknown: "RepositoryMissing",
  PullRequestExists: "PullRequestExists",
  NothingToMerge: "NothingToMerge",
  HeadUnknown: "NothingToMerge",
  BaseUnknown: "BaseBranchMissing",
  RemoteServerError: "ForgeFailed",
  QuotaExhausted: "ForgeFailed",
  DiskFull: "ForgeFailed",
  ToolMissing: "ForgeFailed",
  ResponseMalformed: "ForgeFailed",
  StreamTruncated: "ForgeFailed",
  CreatedReplyLost: "ForgeFailed",
  NotGitHub: "ForgeFailed",
  RepositoryEmpty: "ForgeFailed",
  AlreadyExists: "ForgeFailed",
  ReferenceMissing: "ForgeFailed",
  BaseMoved: "ForgeFailed",
  MergeRefused: "ForgeFailed",
  FeatureOff: "ForgeFailed",
  InvalidRequest: "ForgeFailed",
  ValidationFailed: "ForgeFailed",
  Unrecognised: "ForgeFailed"
}

/** The reason for what any call met. Refusals that only opening a pull request has a name for are ForgeFailed. */
export const reasonOf = (call: Call, tag: Tag, evidence: Evidence.Evidence): Reason => {
  const { service, repository } = call
  switch (reasons[tag]) {
    case "RemoteUnreachable":
      return new RemoteUnreachable({ remote: service, evidence })
    case "AuthenticationFailed":
      return new AuthenticationFailed({ service, evidence })
    case "PermissionDenied":
      return new PermissionDenied({ service, evidence })
    case "RateLimited": {
      const retryAfterMs = evidence.retryAfterMs ?? Duration.toMillis(Limits.forgeRateLimitWait)
      return new RateLimited({ service, evidence: { ...evidence, retryAfterMs } })
    }
    case "RepositoryMissing":
      return new RepositoryMissing({ repository, evidence })
    case "PullRequestExists":
    case "NothingToMerge":
    case "BaseBranchMissing":
    case "ForgeFailed":
      return new ForgeFailed({ evidence })
  }
}

/** The same for opening a pull request. */
export const createReasonOf = (
  call: Call,
  { branch, base }: Branches,
  tag: Tag,
  evidence: Evidence.Evidence
): CreateReason => {
  switch (reasons[tag]) {
    case "PullRequestExists":
      return new PullRequestExists({ branch, evidence })
    case "NothingToMerge":
      return new NothingToMerge({ branch, evidence })
    case "BaseBranchMissing":
      return new BaseBranchMissing({ repository: call.repository, branch: base })
    default:
      return reasonOf(call, tag, evidence)
  }
}
