import { PushProtected, PushRejected, SecretBlocked } from "../../domain/errors/PullRequestError.ts"
import { PermissionDenied, RemoteUnreachable } from "../../domain/errors/Reasons.ts"
import {
  type GitEnd,
  type Place,
  type RemoteReason,
  causeOf,
  evidenceOf,
  localReason,
  ofCause,
  remoteWords
} from "./Failures.ts"
import { shown } from "./Names.ts"

/**
 * What a push's end means: the remote's own answer for the ref, in `--porcelain` form, decides; only
 * where it gave none do status and words.
 */

/** The remote's answer for one ref: a line `<flag>\t<from>:<to>\t<summary>` of `git push --porcelain`. */
export interface RefAnswer {
  readonly flag: string
  readonly summary: string
}

/** Finds the answer for `ref` in what `git push --porcelain` printed. */
export const refAnswer = (stdout: string, ref: string): RefAnswer | undefined => {
  for (const line of stdout.split("\n")) {
    const [flag, refs, summary] = line.split("\t")
    if (flag !== undefined && summary !== undefined && refs?.endsWith(`:${ref}`)) return { flag, summary }
  }
  return undefined
}

/** New, fast-forwarded, forced, or there already. `-` would be a deletion. */
const accepted = new Set(["*", " ", "+", "="])

/** Does the remote's branch now hold what was pushed? */
export const isAccepted = (answer: RefAnswer): boolean => accepted.has(answer.flag)

const leaseStale =
  /^\[rejected\] \((?:stale info|fetch first|non-fast-forward|needs force|already exists|remote ref updated since checkout)\)/
const movedMeanwhile = /^\[remote rejected\] \(.*is at [0-9a-f]+ but expected/
/** The remote broke while it worked, which it reports in the frame of a refusal. */
const remoteBroke =
  /^\[remote rejected\] \((?:Internal Server Error|unpacker error|.*timeout.*)\)|^\[remote failure\]/

/** Is the branch not where it was expected? */
export const isMoved = (answer: RefAnswer): boolean =>
  leaseStale.test(answer.summary) || movedMeanwhile.test(answer.summary)

/** What a refused ref means. `HeadMoved` is decided before, because it needs another question to the remote. */
export const refusalReason = (
  end: GitEnd,
  answer: RefAnswer,
  place: Place & { readonly branch: string }
): PushRejected | PushProtected | SecretBlocked | PermissionDenied | RemoteUnreachable => {
  const { branch } = place
  const evidence = evidenceOf(end, answer.summary)
  const words = `${answer.summary}\n${remoteWords(end.stderr)}`
  if (remoteBroke.test(answer.summary)) {
    return new RemoteUnreachable({ remote: shown(place.remoteUrl), evidence })
  }
  if (/GH013/.test(words) && /push protection|cannot contain secrets/i.test(words)) {
    return new SecretBlocked({ branch, evidence })
  }
  if (/GH006|protected branch/i.test(words)) return new PushProtected({ branch, evidence })
  if (/refusing to allow an? .* to create or update workflow/.test(words)) {
    return new PermissionDenied({ service: shown(place.remoteUrl), evidence })
  }
  return new PushRejected({ branch, evidence })
}

/** What a push ended in when the remote gave no answer for the ref. */
export const pushReason = (
  end: GitEnd,
  place: Place & { readonly branch: string }
): RemoteReason | PermissionDenied | PushRejected => {
  const local = localReason(end, place.path)
  if (local._tag !== "GitFailed") return local
  const cause = causeOf(end)
  const evidence = evidenceOf(end)
  if (cause === "denied") return new PermissionDenied({ service: shown(place.remoteUrl), evidence })
  if (cause === "tooLarge") return new PushRejected({ branch: place.branch, evidence })
  return ofCause(end, cause, place)
}
