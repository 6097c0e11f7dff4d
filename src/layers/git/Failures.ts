import { PlatformError, Predicate } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import {
  AuthenticationFailed,
  DiskFull,
  GitFailed,
  RemoteUnreachable,
  RepositoryLocked,
  RepositoryMissing,
  type TimedOut
} from "../../domain/errors/Reasons.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/Git.ts"
import { shown } from "./Names.ts"

/**
 * What a git command's end means. Exit code, porcelain output and HTTP status come first; words are
 * matched only where git offers nothing else, in English (every command runs with LC_ALL=C), and what
 * the remote said for people (lines that begin with `remote:`) counts only where the remote decided.
 */

/** How a git command ended badly. `operation` is the command without its arguments: "git push". */
export interface GitEnd {
  readonly operation: string
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** What any command can end in. */
export type LocalReason = GitFailed | RepositoryLocked | DiskFull | TimedOut
/** What a command that talks to a remote can end in. */
export type RemoteReason = LocalReason | RemoteUnreachable | AuthenticationFailed | RepositoryMissing

/** What git said, after `first`, as evidence. */
export const evidenceOf = (end: GitEnd, first = ""): Evidence.Evidence => {
  const httpStatus = httpStatusOf(end.stderr)
  const said = `${first}\n${end.stderr}`.trim()
  const silence = end.signal === null ? "git gave no reason" : `git was ended by ${end.signal}`
  return Evidence.make({
    operation: end.operation,
    excerpt: said === "" ? silence : said,
    ...(end.exitCode === null ? {} : { exitCode: end.exitCode }),
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...conditionOf(classifier, end.operation.replace(/^git /, ""), {
      exitCode: end.exitCode,
      signal: end.signal,
      stderr: end.stderr,
      // The remote's answer for the ref, as `--porcelain` prints it.
      stdout: first === "" ? "" : `!\tHEAD:refs/heads/branch\t${first}`
    })
  })
}

/** The catch-all, for what git did not even get to see. */
export const gitFailed = (operation: string, excerpt: string): GitFailed =>
  new GitFailed({ evidence: Evidence.make({ operation, excerpt }) })

const fullDisk = new Set(["ENOSPC", "EDQUOT"])

/** A file system failure of our own, by its errno code. */
export const fileReason = (
  operation: string,
  path: string,
  error: PlatformError.PlatformError
): DiskFull | GitFailed => {
  const code = Predicate.hasProperty(error.cause, "code") ? error.cause.code : undefined
  const evidence = Evidence.make({ operation, excerpt: error.message, cause: error })
  return Predicate.isString(code) && fullDisk.has(code)
    ? new DiskFull({ path, evidence })
    : new GitFailed({ evidence })
}

const linesOf = (stderr: string): ReadonlyArray<string> => stderr.split(/[\r\n]+/)

const remoteLine = /^remote: ?/

/** What git itself said, without what it passed on from the remote. */
const ownWords = (stderr: string): string =>
  linesOf(stderr)
    .filter((line) => !remoteLine.test(line))
    .join("\n")

/** What git passed on from the remote. */
export const remoteWords = (stderr: string): string =>
  linesOf(stderr)
    .filter((line) => remoteLine.test(line))
    .join("\n")

/** The last two: a fetch meets a worktree that another process is just adding, whose files are empty or all zeros. */
const lockHeld =
  /Unable to create '.*\.lock': File exists|could not lock config file .*: File exists|cannot lock ref '.*': is at [0-9a-f]+ but expected|bad object worktrees\/.*\/HEAD|failed to read worktrees\/.*\/(?:commondir|gitdir|HEAD): Success/
/** A full disk met while a lock file is written is reported without its errno, only as "couldn't write". */
const diskFull = /No space left on device|Disk quota exceeded|couldn't write '.*\.lock'/

/** What a command that stays on this machine ended in. `path` is where it worked. */
export const localReason = (end: GitEnd, path: string): LocalReason => {
  const words = ownWords(end.stderr)
  if (diskFull.test(words)) return new DiskFull({ path, evidence: evidenceOf(end) })
  if (lockHeld.test(words)) return new RepositoryLocked({ path, evidence: evidenceOf(end) })
  return new GitFailed({ evidence: evidenceOf(end) })
}

const httpStatus = /(?:The requested URL returned error:|RPC failed; HTTP) (\d{3})/

const httpStatusOf = (stderr: string): number | undefined => {
  const status = httpStatus.exec(stderr)?.[1]
  return status === undefined ? undefined : Number(status)
}

const authentication =
  /Authentication failed for|could not read (?:Username|Password) for|Permission denied \([a-z,-]+\)|Too many authentication failures/
const missing =
  /^fatal: repository '.*' (?:not found|does not exist)|ERROR: Repository not found|does not appear to be a git repository/m
/** What forges say over ssh, where there is no status, and over HTTP beside 403. */
const denied =
  /ERROR: Permission to \S+ denied to|ERROR: Write access to repository not granted|ERROR: The key you are authenticating with has been marked as read only|was archived so it is read-only/
/** A certificate or host key that does not fit is reported in the same frame as a broken line, but does not pass. */
const untrusted = /certificate|SSL: |Host key verification failed/
const unreachable =
  /unable to access '|; curl \d+ |Could not resolve (?:host|proxy)|Failed to connect|Couldn't connect to server|Connection (?:refused|reset|timed out|closed)|Network is unreachable|No route to host|Broken pipe|Empty reply from server|hung up unexpectedly|unexpected disconnect|early EOF|remote did not send all necessary objects/

/** What came between this machine and the remote. */
export type Cause = "authentication" | "denied" | "missing" | "unreachable" | "tooLarge" | "unknown"

const causeOfStatus = (status: number): Cause => {
  if (status === 401) return "authentication"
  if (status === 403) return "denied"
  if (status === 404 || status === 410) return "missing"
  if (status === 413) return "tooLarge"
  return status === 408 || status === 425 || status === 429 || status >= 500 ? "unreachable" : "unknown"
}

/** Decides it by the HTTP status where there is one, and else by words. */
export const causeOf = (end: GitEnd): Cause => {
  if (end.signal !== null) return "unknown"
  const status = httpStatusOf(end.stderr)
  if (status !== undefined) return causeOfStatus(status)
  const words = ownWords(end.stderr)
  if (authentication.test(words)) return "authentication"
  if (denied.test(words)) return "denied"
  if (missing.test(words)) return "missing"
  if (untrusted.test(words)) return "unknown"
  return unreachable.test(words) ? "unreachable" : "unknown"
}

/** Where a command worked, and with whom. */
export interface Place {
  readonly path: string
  readonly remoteUrl: string
}

/** The reason that a cause is for a command that reads from a remote. */
export const ofCause = (end: GitEnd, cause: Cause, place: Place): RemoteReason => {
  const remote = shown(place.remoteUrl)
  const evidence = evidenceOf(end)
  switch (cause) {
    case "authentication":
      return new AuthenticationFailed({ service: remote, evidence })
    case "missing":
      return new RepositoryMissing({ repository: remote, evidence })
    case "unreachable":
      return new RemoteUnreachable({ remote, evidence })
    // Refused although known: for a command that only reads, this too needs other credentials.
    case "denied":
      return new AuthenticationFailed({ service: remote, evidence })
    case "tooLarge":
    case "unknown":
      return new GitFailed({ evidence })
  }
}

/** What a command that reads from a remote ended in. */
export const remoteReason = (end: GitEnd, place: Place): RemoteReason => {
  const local = localReason(end, place.path)
  return local._tag === "GitFailed" ? ofCause(end, causeOf(end), place) : local
}
