import { PushProtected, PushRejected, SecretBlocked } from "../../domain/errors/PullRequestError.ts"
import { PermissionDenied } from "../../domain/errors/Reasons.ts"
import {
  type GitEnd,
  type Place,
  type PushReason,
  type Read,
  type RefAnswer,
  read,
  reasons,
  remoteOf
} from "./Failures.ts"
import { shown } from "./Names.ts"

/** What a push's end means: the remote's own answer for the ref, in `--porcelain` form, is read before anything else. */

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

type Settled = Exclude<PushReason, { readonly _tag: "HeadMoved" }>

/**
 * The reason for what a push met; undefined where the branch is not where it was expected, because then only
 * another question to the remote tells where it is. `refused`: did the remote itself say no?
 */
export const pushOf = (
  found: Read,
  place: Place & { readonly branch: string },
  refused: boolean
): Settled | undefined => {
  const { tag, evidence } = found
  const { branch } = place
  const name = reasons[tag]
  switch (name) {
    case "HeadMoved":
      return undefined
    case "SecretBlocked":
      return new SecretBlocked({ branch, evidence })
    case "PushProtected":
      return new PushProtected({ branch, evidence })
    case "PermissionDenied":
      return new PermissionDenied({ service: shown(place.remoteUrl), evidence })
    case "PushRejected":
      return new PushRejected({ branch, evidence })
    case "RemoteUnreachable":
    case "DiskFull":
      return remoteOf(found, place)
    case "RepositoryLocked":
    case "AuthenticationFailed":
    case "RepositoryMissing":
    case "GitFailed":
      // What is wrong where the remote is, is no fault of this machine.
      return refused ? new PushRejected({ branch, evidence }) : remoteOf(found, place)
  }
}

/** What a push ended in. `refused` is the remote's no, where it said one. */
export const pushReason = (
  end: GitEnd,
  place: Place & { readonly branch: string },
  refused?: RefAnswer
): Settled | undefined => pushOf(read(end, refused), place, refused !== undefined)
