import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import type { Ended } from "../command/Ended.ts"
import type { Tag } from "./Conditions.ts"
import { isPush, operationName } from "./Operations.ts"
import { type PushLines, pushLines } from "./PushLines.ts"
import * as Words from "./Words.ts"

const { inEnglish } = Words

type Concluded = Conclusion<Tag> | undefined

const onPush = (id: string, conclude: (lines: PushLines) => Concluded): Rule<Ended, Tag> => ({
  id,
  when: (input, operation) => (isPush(operationName(operation)) ? conclude(pushLines(input)) : undefined)
})

/** A branch was refused with one of these summaries, or with these words beside it. Refused is not done. */
const refused = (id: string, is: Tag, summary: RegExp, beside?: RegExp, but?: Conclusion["but"]) =>
  onPush(id, (lines) =>
    lines.refused.length > 0 &&
    (lines.refused.some((line) => summary.test(line.slice(line.indexOf("(")))) ||
      beside?.test(lines.text) === true)
      ? { tag: is, reach: "refused", but }
      : undefined
  )

const never = /(?!)/
const scanPending = /waiting for (?:results|.* results)|results? (?:is|are) (?:still )?pending/i
const bullet = /^\s*- (?!GITHUB PUSH)/

/** Some branch was updated, whatever else happened. */
const tookEffect: ReadonlyArray<Rule<Ended, Tag>> = [
  onPush("push.took-effect", ({ accepted, deleted, refused: no }) => {
    if (!accepted && !deleted) return undefined
    if (no.length > 0) return { tag: "PushPartial", reach: "happened" }
    return { tag: accepted ? "PushTookEffect" : "RemoteBranchDeleted", reach: "happened" }
  })
]

/** A hook speaks of itself at the beginning of a line; further on it may quote the log of what it checked. */
const hookBroke =
  /^\s*(?:[\w.-]+(?: [\w-]+)?: ){0,3}(?:Internal (?:Server Error|API)(?! error \(4)|(?:HTTP )?50[0234]\b.*(?:error|gateway|unavailable)|.{0,20}API unreachable|Gateway Time-?out|Failed to (?:contact|connect)|.{0,40}connection refused)/im

/** The remote broke while it worked on the branches. */
const broke: ReadonlyArray<Rule<Ended, Tag>> = [
  onPush("push.remote-failure", ({ refused: no }) =>
    no.some((line) => /^\[remote failure\]|failed to report status/.test(line))
      ? { tag: "RemoteServerError", reach: "unknown" }
      : undefined
  ),
  onPush("push.remote-broke", ({ refused: no }) =>
    no.some((line) =>
      /\((?:(?:failure|failed|(?:unknown |fatal )?error)\)|.*internal (?:server )?error|.*time(?:d )?[- ]?out|.*temporarily|.*unavailable|.*try again|.*fail to run proc-receive|.*unable to migrate objects)/i.test(
        line
      )
    )
      ? // The host says so itself and expects a retry, but not how far it had got.
        { tag: "RemoteServerError", reach: "unknown", but: { category: "transient" } }
      : undefined
  ),
  onPush("push.hook-broke", ({ refused: no, text }) =>
    no.length > 0 && no.every((line) => /hook declined/.test(line)) && hookBroke.test(text)
      ? // A hook that cannot reach its own server refuses everything, and says so before anything is stored.
        { tag: "RemoteServerError", reach: "refused" }
      : undefined
  )
]

const emailHidden = /email privacy|\bGH007\b/
const workflowRight = /create or update workflow/
const shallow = /shallow update not allowed/

/** Signs that a push got further than the hooks of the clone. */
const spokeToRemote =
  /hung up|unexpected disconnect|up-to-date|^To \S|^error: RPC|^Writing objects|^Total \d+ \(delta/m
/** What git itself says of a branch before it sends anything, and what LFS does, which comes as a hook. */
const saysMore =
  /\b(?:src|dst) refspec\b|^error: (?:unable to (?:delete|push)|atomic push|cannot |the destination)|\bLFS\b|^batch response:|^\[[0-9a-f]{64}\]/im

/** What the host's rules say no to. The first that fits decides; the ones that pass by themselves come last. */
const rules: ReadonlyArray<Rule<Ended, Tag>> = [
  // git ends with 1, and says only that it failed, when a hook of the clone stopped it: all else is the hook's,
  // whatever it sounds like.
  onPush("push.own-hook", ({ refused: no, seen: what }) => {
    const text = inEnglish(what)
    return (what.exitCode === 1 || what.exitCode === null) &&
      no.length === 0 &&
      !what.remoteSpoke &&
      /^error: failed to push some refs to/m.test(text) &&
      what.lines.length > 1 &&
      !spokeToRemote.test(text) &&
      !saysMore.test(text)
      ? { tag: "HookFailed", reach: "refused" }
      : undefined
  }),
  refused(
    "push.secret",
    "SecretBlocked",
    /secret/i,
    /cannot contain secrets|GITHUB PUSH PROTECTION|GH009|push cannot contain|secrets? detected|leak(?:ed)? secret/i
  ),
  onPush("push.setting", ({ refused: no, text }) => {
    if (no.length === 0) return undefined
    if (no.some((line) => workflowRight.test(line))) return { tag: "WorkflowScopeMissing", reach: "refused" }
    if (no.some((line) => shallow.test(line))) return { tag: "ShallowClone", reach: "refused" }
    return emailHidden.test(text) ? { tag: "EmailPrivacyBlocked", reach: "refused" } : undefined
  }),
  refused(
    "push.quota",
    "QuotaExhausted",
    /quota/i,
    /(?:repository|project|workspace|account|storage)\b.{0,60}(?:exceed(?:s|ed)|over|reached)\b.{0,40}(?:size limit|quota|storage|limit of)|repository size (?:limit )?exceed/i
  ),
  refused(
    "push.too-large",
    "TooLarge",
    /too large|size limit/i,
    /\bGH001\b|exceeds maximum allowed size|exceeds (?:the )?(?:GitHub's )?(?:maximum )?(?:file |pack )?size|is larger than|file size limit|exceeding the maximum|exceeded the (?:maximum|limit)|push size/i
  ),
  refused("push.remote-disk", "RemoteDiskFull", never, new RegExp(Words.noSpace)),
  refused(
    "push.remote-permission",
    "PermissionDenied",
    /permission|access denied|not authorized|unauthorized|forbidden|TF401027/i,
    /insufficient permission for adding an object|unable to (?:create|write).*(?:Permission denied|Read-only)|You don't have permission|You are not allowed to (?:push code to this project|access)|not authorized to push|DENIED by (?:fallthru|refs)/i
  ),
  refused(
    "push.incomplete",
    "RepositoryCorrupt",
    /missing necessary objects|bad pack|broken symref/,
    /did not receive expected object|unresolved deltas|pack has bad object|fsck error|inflate returned|is corrupt|object .* missing|fatal: unable to read [0-9a-f]{40}/
  ),
  refused(
    "push.moved",
    "PushNotFastForward",
    /\((?:fetch first|non-fast-forward|needs force|stale info|already exists|remote ref updated since checkout|incorrect old value provided|reference (?:already exists|does not exist)|would clobber existing tag|expected symref|.*is at [0-9a-f]+ but expected|.*reference is missing but expected)/,
    /cannot lock ref '.*': (?:is at [0-9a-f]+ but expected|reference already exists)/
  ),
  onPush("push.waits-for-scan", ({ refused: no, seen: { lines } }) => {
    const violations = lines.filter((line) => bullet.test(line))
    return no.length > 0 && violations.length > 0 && violations.every((line) => scanPending.test(line))
      ? { tag: "PushWaitsForScan", reach: "refused" }
      : undefined
  }),
  onPush("push.remote-lock", ({ refused: no, text }) =>
    no.length > 0 &&
    no.every((line) => /cannot lock ref|failed to (?:update|lock)/.test(line)) &&
    /\.lock'.*File exists/.test(text)
      ? { tag: "LockHeld", reach: "refused" }
      : undefined
  ),
  onPush("push.unpack-cut", ({ refused: no, text }) =>
    no.length > 0 &&
    no.every((line) => /\(unpacker error\)/.test(line)) &&
    /early EOF|eof before pack header|premature end of pack/.test(text)
      ? { tag: "NetworkReset", reach: "refused" }
      : undefined
  ),
  refused("push.no-commit", "InvalidRequest", never, /trying to write (?:non-commit|nonexistent) object/),
  refused("push.unpack", "RemoteUnpackFailed", /\((?:unpacker error|n\/a \(unpacker error\))/),
  refused(
    "push.update-failed",
    "RemoteUpdateFailed",
    /failed to (?:update|lock|write)|unable to (?:update|lock|write)/i
  ),
  refused("push.protected", "BranchProtected", /protected branch/i, /\bGH006\b|protected branch/i),
  onPush("push.refused", ({ refused: no }) =>
    no.length > 0 ? { tag: "PushRefused", reach: "refused" } : undefined
  ),
  // A hook that stops the transaction stops all of it; git then only sees the remote hang up.
  onPush("push.hook-aborted", ({ text }) =>
    /ref updates aborted by hook/.test(text) ? { tag: "PushRefused", reach: "refused" } : undefined
  ),
  // Said before anything is sent, although git then adds that the remote hung up.
  onPush("push.atomic", ({ text }) =>
    /^error: atomic push failed for ref/m.test(text)
      ? { tag: "PushNotFastForward", reach: "refused" }
      : undefined
  )
]

/** Goes before everything else: what the remote says it did, it did. */
export const pushTookEffect = tookEffect
/** Why branches were refused. */
export const pushRefusals = [...broke, ...rules]
