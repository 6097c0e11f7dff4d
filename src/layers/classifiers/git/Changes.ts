import type { Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, seen } from "../command/Ended.ts"
import type { TextRule } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"
import { isFetch, isPush, mergesFiles, operationName, switchesFiles } from "./Operations.ts"
import { inEnglish } from "./Words.ts"

const isCommit = (operation: string): boolean => operation === "commit"
const switchesOrMakes = (operation: string): boolean => ["checkout", "switch", "worktree"].includes(operation)
const isApply = (operation: string): boolean => operation === "apply" || operation === "am"

const noIdentity =
  /(?:Author|Committer) identity unknown|tell me who you are|empty ident name|auto-detect(?:ion is disabled| (?:email|name))|no (?:email|name) was given/i
const notSigned =
  /failed to sign|cannot run gpg|gpg: (?:skipped|signing failed|no default secret)|user\.signingkey|load public key|signing failed/i
/** Said of a tree that an earlier command left so: this one changed nothing. */
const alreadyUnmerged =
  /you have unmerged files|unresolved conflict|resolve your current index first|index is unmerged/i

/** Changes to files: committing, applying, merging. */
export const changes: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "commit.setting",
    says: new RegExp(`${noIdentity.source}|${notSigned.source}`, "im"),
    is: ({ text }) => (notSigned.test(text) ? "SigningFailed" : "IdentityMissing")
  },
  {
    id: "commit.message",
    on: isCommit,
    says: /Aborting commit(?: due to empty|; you did not edit)|empty commit message/m,
    is: "HookFailed",
    but: { hint: "The commit message is empty: give one." }
  },
  {
    id: "merge.open",
    says: /You have not concluded your|cannot do a partial commit during|already a rebase-(?:merge|apply) directory|rebase directory .* still exists|is already in progress|'git am' is in progress|cannot switch branch (?:while|in the middle)|You are in the middle of|in the middle of another rebase/im,
    is: "OperationInProgress"
  },
  {
    id: "patch.partly",
    on: isApply,
    says: /with \d+ rejects?\.{3}|^Rejected hunk #/m,
    is: "PatchFailed",
    reach: "happened"
  },
  {
    id: "patch.no-fit",
    on: isApply,
    says: /does not apply|^error: patch failed|No valid patches|corrupt (?:binary )?patch|patch fragment|only garbage|unrecognized input|lacks filename information|does not exist in (?:index|working)|already exists in (?:index|working)|cannot apply|does not match index|[Pp]atch is empty|lacks the necessary blob|invalid mode|beyond a symbolic link|(?:new|deleted) file .* (?:depends|still has)|Patch format detection failed|while searching for|: No such file or directory|patch too large|inconsistent header|Patch failed at/m,
    is: "PatchFailed",
    // `apply` is all or nothing; `am` leaves its session open.
    reach: ({ operation, text }) =>
      operation === "am" && !text.includes("format detection failed") ? "unknown" : "refused"
  },
  {
    id: "merge.conflict",
    on: (operation) => !isPush(operation) && !isFetch(operation),
    says: new RegExp(
      `${alreadyUnmerged.source}|^CONFLICT \\(|^Automatic merge failed|^(?:error: )?[Cc]ould not (?:apply|revert) [0-9a-f]{4,}|^Patch failed at \\d|with conflicts\\.$|stash entry is kept`,
      "im"
    ),
    is: "MergeConflict",
    reach: ({ text }) => (alreadyUnmerged.test(text) ? "refused" : "unknown")
  },
  {
    id: "merge.empty",
    on: (operation) => mergesFiles(operation),
    says: /cherry-pick is now empty|previous cherry-pick|^nothing to commit/m,
    is: "NothingToCommit",
    // The session stays open, waiting to be continued or skipped.
    reach: "unknown"
  },
  {
    id: "add.ignored",
    says: /paths are ignored by one of your|outside of your sparse-checkout|does not have a commit checked out|is in submodule '|is beyond a symbolic link|would be replaced by (?:CRLF|LF) in/m,
    is: "PathIgnored"
  },
  {
    id: "rebase.stopped",
    on: mergesFiles,
    says: /^warning: execution failed: |^Not committing merge; use 'git commit'/m,
    is: "HookFailed",
    reach: "unknown"
  },
  {
    id: "merge.dirty",
    says: /would be (?:overwritten|removed) by|You have unstaged changes|contains? uncommitted changes|[Pp]lease,? commit (?:your changes|or stash)|contains modified or untracked files|not uptodate\. Cannot merge|has (?:changes staged in the index|local modifications)|would lose untracked files|staged content different/m,
    is: "DirtyTree"
  },
  {
    id: "merge.diverged",
    on: (operation) => !isPush(operation),
    says: /Not possible to fast-forward|can't be fast-forwarded|Cannot fast-forward|\((?:non-fast-forward|would clobber existing tag)\)/m,
    is: "PushNotFastForward"
  },
  { id: "merge.unrelated", says: /refusing to merge unrelated histories/m, is: "UnrelatedHistories" }
]

const nothing = /^nothing (?:added )?to commit|^no changes added to commit|^nothing to commit$/m
const sending = /^(?:Writing objects|Total \d+ \(delta)/m

/**
 * A host's refusal whose line about the branch was cut off: these refuse a push as a whole, or its one branch.
 */
export const refusalsCutShort: Rule<Ended, Tag> = {
  id: "push.refused-cut-short",
  when: (input, operation) => {
    const { text } = seen(input)
    if (!isPush(operationName(operation)) || /hung up|\bRPC\b|up-to-date/.test(text)) return undefined
    if (/cannot contain secrets|GITHUB PUSH PROTECTION/.test(text))
      return { tag: "SecretBlocked", reach: "refused" }
    return /^error: GH0\d\d: |^error: refusing to (?:delete|update) |deleting the current branch is denied|updating the current branch in a non-bare/m.test(
      text
    )
      ? { tag: "PushRefused", reach: "refused" }
      : undefined
  }
}

/** Questions that git answers with an exit code and no word: what was asked for is not there. */
const silentNo: ReadonlyMap<string, number> = new Map([
  ["ls-remote", 2],
  ["rev-parse", 1],
  ["show-ref", 1],
  ["merge-base", 1],
  ["config", 1],
  ["symbolic-ref", 1],
  ["grep", 1],
  ["check-ignore", 1]
])

/** What only the shape of the output tells, in any language: where it was printed, and with which exit code. */
export const shapes: ReadonlyArray<Rule<Ended, Tag>> = [
  {
    id: "shape.silent-no",
    when: (input, operation) => {
      const { exitCode, lines } = seen(input)
      return lines.length === 0 && exitCode !== null && silentNo.get(operationName(operation)) === exitCode
        ? { tag: "RefMissing", reach: "refused" }
        : undefined
    }
  },
  {
    id: "shape.conflict",
    when: (input, operation) => {
      const { exitCode, stdout, stderr } = seen(input)
      const name = operationName(operation)
      return mergesFiles(name) &&
        name !== "apply" &&
        exitCode === 1 &&
        stderr.length === 0 &&
        stdout.length > 0
        ? { tag: "MergeConflict", reach: "unknown" }
        : undefined
    }
  },
  {
    id: "shape.in-the-way",
    // The files that would be lost are listed one a line, each after a tab.
    when: (input, operation) => {
      const { exitCode, stdout, stderr } = seen(input)
      return switchesFiles(operationName(operation)) &&
        (exitCode === 1 || exitCode === null) &&
        stdout.length === 0 &&
        stderr.some((line) => /^\t\S/.test(line))
        ? { tag: "DirtyTree", reach: "refused" }
        : undefined
    }
  },
  {
    id: "commit.nothing",
    // A commit that finds nothing shows the status on stdout, in any language, and says nothing on stderr.
    when: (input, operation) => {
      const what = seen(input)
      const { exitCode, stdout, stderr } = what
      return isCommit(operationName(operation)) &&
        (nothing.test(inEnglish(what)) || (exitCode === 1 && stderr.length === 0 && stdout.length > 0))
        ? { tag: "NothingToCommit", reach: "refused" }
        : undefined
    }
  },
  {
    id: "shape.hook-afterwards",
    // git said that it had done it, complained of nothing, and ended badly: the hook after it did.
    when: (input, operation) => {
      const { exitCode, own } = seen(input)
      return exitCode !== null &&
        exitCode !== 0 &&
        switchesOrMakes(operationName(operation)) &&
        /^(?:Switched to |Reset branch '|HEAD is now at )/m.test(own) &&
        !/^(?:fatal|error): /m.test(own)
        ? { tag: "HookFailed", reach: "happened" }
        : undefined
    }
  },
  {
    id: "shape.hook",
    // Hooks of the clone speak on stderr. Of a commit git adds nothing; of a push only that it failed, and
    // nothing came from the remote.
    when: (input, operation) => {
      const what = seen(input)
      const { exitCode, remoteSpoke } = what
      const text = inEnglish(what)
      const name = operationName(operation)
      const stoppedPush =
        isPush(name) &&
        !remoteSpoke &&
        !sending.test(text) &&
        !/^(?:fatal|To \S)/m.test(what.text) &&
        /^error: failed to push some refs to/m.test(text)
      return exitCode === 1 && (isCommit(name) || stoppedPush)
        ? { tag: "HookFailed", reach: "refused" }
        : undefined
    }
  }
]
