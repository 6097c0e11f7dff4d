import type { PlatformError } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import type {
  HeadMoved,
  PushProtected,
  PushRejected,
  SecretBlocked
} from "../../domain/errors/PullRequestError.ts"
import {
  AuthenticationFailed,
  DiskFull,
  GitFailed,
  type PermissionDenied,
  RemoteUnreachable,
  RepositoryLocked,
  RepositoryMissing,
  type TimedOut
} from "../../domain/errors/Reasons.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/Git.ts"
import type { Tag } from "../classifiers/git/Conditions.ts"
import { classifier as node } from "../classifiers/Node.ts"
import { shown } from "./Names.ts"

/**
 * What a git command's end means. The classifier reads it, once, in English (every command runs with LC_ALL=C);
 * from its condition a table names the reason, and what a kind of command can meet narrows it.
 */

/** How a git command ended badly. `operation` is the command without its arguments: "git push". */
export interface GitEnd {
  readonly operation: string
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** The remote's answer for one ref: a line `<flag>\t<from>:<to>\t<summary>` of `git push --porcelain`. */
export interface RefAnswer {
  readonly flag: string
  readonly summary: string
}

/** What any command can end in. */
export type LocalReason = GitFailed | RepositoryLocked | DiskFull | TimedOut
/** What a command that talks to a remote can end in. */
export type RemoteReason = LocalReason | RemoteUnreachable | AuthenticationFailed | RepositoryMissing
/** What a push can end in. */
export type PushReason =
  | RemoteReason
  | HeadMoved
  | PushRejected
  | PushProtected
  | SecretBlocked
  | PermissionDenied

/** The reason for every condition that git's classifier knows: a new one does not compile without a row. */
export const reasons: Record<Tag, Exclude<PushReason["_tag"], "TimedOut">> = {
  DiskFull: "DiskFull",
  LockHeld: "RepositoryLocked",
  LockStale: "RepositoryLocked",
  WorktreeHalfMade: "RepositoryLocked",
  RefMovedMeanwhile: "RepositoryLocked",

  NetworkReset: "RemoteUnreachable",
  NetworkUnreachable: "RemoteUnreachable",
  NetworkTimeout: "RemoteUnreachable",
  NetworkDns: "RemoteUnreachable",
  ProxyFailure: "RemoteUnreachable",
  RateLimited: "RemoteUnreachable",
  RemoteServerError: "RemoteUnreachable",
  OutcomeUnknown: "RemoteUnreachable",
  // The remote broke while it worked, which it reports in the frame of a refusal.
  RemoteUnpackFailed: "RemoteUnreachable",
  RemoteUpdateFailed: "RemoteUnreachable",

  AuthenticationFailed: "AuthenticationFailed",
  PermissionDenied: "PermissionDenied",
  RepositoryArchived: "PermissionDenied",
  WorkflowScopeMissing: "PermissionDenied",
  RepositoryHidden: "RepositoryMissing",
  RemoteAddressWrong: "RepositoryMissing",

  PushNotFastForward: "HeadMoved",
  SecretBlocked: "SecretBlocked",
  BranchProtected: "PushProtected",
  PushRefused: "PushRejected",
  PushPartial: "PushRejected",
  PushWaitsForScan: "PushRejected",
  TooLarge: "PushRejected",
  QuotaExhausted: "PushRejected",
  RemoteDiskFull: "PushRejected",
  EmailPrivacyBlocked: "PushRejected",
  ShallowClone: "PushRejected",

  // Waiting does not make a certificate or a host key right.
  TlsFailure: "GitFailed",
  HostKeyChanged: "GitFailed",
  ToolMissing: "GitFailed",
  ResponseMalformed: "GitFailed",
  Unrecognised: "GitFailed",
  ProcessKilled: "GitFailed",
  OutOfMemory: "GitFailed",
  InvalidRequest: "GitFailed",
  PushTookEffect: "GitFailed",
  RemoteBranchDeleted: "GitFailed",
  UpstreamMissing: "GitFailed",
  NotAGitServer: "GitFailed",
  ServiceRefused: "GitFailed",
  RefMissing: "GitFailed",
  RefExists: "GitFailed",
  RefNameConflict: "GitFailed",
  EmptyRepository: "GitFailed",
  UnrelatedHistories: "GitFailed",
  NotARepository: "GitFailed",
  RepositoryCorrupt: "GitFailed",
  RepositoryMisconfigured: "GitFailed",
  FileSystemDenied: "GitFailed",
  IdentityMissing: "GitFailed",
  SigningFailed: "GitFailed",
  NothingToCommit: "GitFailed",
  HookFailed: "GitFailed",
  DirtyTree: "GitFailed",
  PathIgnored: "GitFailed",
  MergeConflict: "GitFailed",
  PatchFailed: "GitFailed",
  NotMerged: "GitFailed",
  OperationInProgress: "GitFailed",
  WorktreeConflict: "GitFailed",
  PathExists: "GitFailed"
}

/** What was read: the condition's name, and all of it as evidence. */
export interface Read {
  readonly tag: Tag
  readonly evidence: Evidence.Evidence
}

const httpStatus = /(?:The requested URL returned error:|RPC failed; HTTP) (\d{3})/

/** Reads how a command ended. `refused` is the remote's no to the one ref that was pushed. */
export const read = (end: GitEnd, refused?: RefAnswer): Read => {
  const { operation, exitCode, signal, stderr } = end
  const status = httpStatus.exec(stderr)?.[1]
  const said = `${refused?.summary ?? ""}\n${stderr}`.trim()
  const silence = signal === null ? "git gave no reason" : `git was ended by ${signal}`
  const stdout = refused === undefined ? "" : `${refused.flag}\tHEAD:refs/heads/branch\t${refused.summary}`
  const met = conditionOf(classifier, operation, { exitCode, signal, stderr, stdout })
  const evidence = Evidence.make({
    operation,
    excerpt: said === "" ? silence : said,
    ...(exitCode === null ? {} : { exitCode }),
    ...(status === undefined ? {} : { httpStatus: Number(status) }),
    ...met
  })
  return { tag: met.condition.tag, evidence }
}

/** The catch-all, for what git did not even get to see. */
export const gitFailed = (operation: string, excerpt: string): GitFailed =>
  new GitFailed({ evidence: Evidence.make({ operation, excerpt }) })

/** A file system failure of our own. */
export const fileReason = (
  operation: string,
  path: string,
  error: PlatformError.PlatformError
): DiskFull | GitFailed => {
  const met = conditionOf(node, operation, error)
  const evidence = Evidence.make({ operation, excerpt: error.message, cause: error, ...met })
  return met.condition.tag === "DiskFull" ? new DiskFull({ path, evidence }) : new GitFailed({ evidence })
}

/** The reason for what a command that stays on this machine met. `path` is where it worked. */
export const localOf = ({ tag, evidence }: Read, path: string): LocalReason => {
  switch (reasons[tag]) {
    case "DiskFull":
      return new DiskFull({ path, evidence })
    case "RepositoryLocked":
      return new RepositoryLocked({ path, evidence })
    default:
      return new GitFailed({ evidence })
  }
}

/** Where a command worked, and with whom. */
export interface Place {
  readonly path: string
  readonly remoteUrl: string
}

/** The reason for what a command that reads from a remote met. */
export const remoteOf = (found: Read, { path, remoteUrl }: Place): RemoteReason => {
  const { tag, evidence } = found
  const remote = shown(remoteUrl)
  switch (reasons[tag]) {
    case "RemoteUnreachable":
      return new RemoteUnreachable({ remote, evidence })
    case "RepositoryMissing":
      return new RepositoryMissing({ repository: remote, evidence })
    case "AuthenticationFailed":
    // Refused although known: for a command that only reads, this too needs other credentials.
    case "PermissionDenied":
      return new AuthenticationFailed({ service: remote, evidence })
    default:
      return localOf(found, path)
  }
}

/** What a command that stays on this machine ended in. */
export const localReason = (end: GitEnd, path: string): LocalReason => localOf(read(end), path)

/** What a command that reads from a remote ended in. */
export const remoteReason = (end: GitEnd, place: Place): RemoteReason => remoteOf(read(end), place)
