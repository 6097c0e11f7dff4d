import type { Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, seen, wasKilled } from "../command/Ended.ts"
import type { TextRule } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"
import { atSomeStage, atTheLock } from "./Operations.ts"
import * as Words from "./Words.ts"

/** How the process ended, which says more than its words. */
export const endings: ReadonlyArray<Rule<Ended, Tag>> = [
  {
    id: "process.usage",
    when: (input) => {
      const { exitCode, text } = seen(input)
      // 129 is also what a shell reports of SIGHUP, but then nothing was said.
      return (exitCode === 129 && text !== "") ||
        /^usage: git\b|^error: (?:unknown (?:option|switch) `|option `|switch `)|^fatal: (?:options? '.*' (?:and|cannot)|unrecognized argument)|^fatal: '.*' cannot be used with '|^fatal: --\S+ (?:can(?:'t|not)|doesn't|only|is only)\b/m.test(
          text
        )
        ? { tag: "InvalidRequest", reach: "refused" }
        : undefined
    }
  },
  {
    id: "process.killed",
    when: (input) => (wasKilled(seen(input)) ? { tag: "ProcessKilled", reach: "unknown" } : undefined)
  },
  {
    id: "process.missing",
    when: (input) => {
      const { exitCode, text } = seen(input)
      return exitCode === 127 ||
        exitCode === 126 ||
        exitCode === 9009 ||
        /\bgit: (?:command )?not found\b|\bspawn git ENOENT\b|'git' is not recognized as/m.test(text)
        ? { tag: "ToolMissing", reach: "refused" }
        : undefined
    }
  }
]

/** A name that cannot be, here or on the remote; there it stands beside a refusal that says less. */
export const nesting: ReadonlyArray<TextRule<Tag>> = [
  { id: "hook.before-rebase", says: /hook refused to rebase/m, is: "HookFailed" },
  {
    id: "ref.nested",
    says: /' exists; cannot create '|cannot process '[^'\n]*' and '[^'\n]*' at the same time|there is a non-empty directory '[^'\n]*' blocking reference|refname conflict|reference conflict due to case/m,
    is: "RefNameConflict"
  }
]

const diskFull = new RegExp(`${Words.noSpace}|couldn't (?:write|close) '.*\\.lock'`, "m")

/** The machine: disk, memory, permissions, locks. They come before the network, whose words a full disk also brings out. */
export const machine: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "disk.after-the-commit",
    says: /repository has been updated, but unable to write/m,
    is: "DiskFull",
    reach: "happened"
  },
  {
    id: "disk.full",
    // A full disk that is met while a lock file is written is reported without its reason.
    says: diskFull,
    is: ({ own, remoteSpoke }) => (remoteSpoke && !diskFull.test(own) ? "RemoteDiskFull" : "DiskFull"),
    reach: atSomeStage
  },
  {
    id: "lock.stale",
    says: /which is no longer running; the lock file/m,
    is: "LockStale",
    reach: atSomeStage
  },
  {
    id: "lock.held",
    // Only for a lock that exists does git go on to explain, naming `git commit` in every language.
    says: new RegExp(
      `\\.lock['»”"’]?.*(?:File exists)|could not lock config file .*(?:File exists)|Another git process seems to be running|^fatal: gc is already running`,
      "im"
    ),
    // git ends with 128 at a lock of its own. A commit that ends with 1 was stopped by a hook, whatever that ran into.
    is: ({ operation, exitCode }) => (operation === "commit" && exitCode === 1 ? "HookFailed" : "LockHeld"),
    reach: atTheLock
  },
  {
    id: "lock.worktree-half-made",
    // The files of a worktree that is just being added are empty, which is no error, or all zeros.
    says: /bad object worktrees\/[^/]+\/HEAD|failed to read worktrees\/[^/]+\/(?:commondir|gitdir|HEAD): Success/m,
    is: "WorktreeHalfMade",
    reach: atSomeStage
  },
  {
    id: "lock.changed-under-us",
    on: (operation) => operation === "fetch" || operation === "pull",
    says: /cannot lock ref '.*': is at [0-9a-f]+ but expected [0-9a-f]+|shallow file has changed since we read it|shallow file was changed during fetch/m,
    is: "RefMovedMeanwhile"
  },
  {
    id: "lock.moved",
    says: /cannot lock ref '.*': (?:is at [0-9a-f]+ but expected [0-9a-f]+|reference is missing but expected)/m,
    is: "PushNotFastForward",
    reach: atSomeStage
  },
  {
    id: "file.denied",
    says: new RegExp(
      `insufficient permission for adding an object|\\bopen\\(.*(?:${Words.permissionDenied})|(?:unable to|could ?n[o']t|cannot|can't|failed to|error (?:opening|reading|writing)).*(?:${Words.permissionDenied})`,
      "im"
    ),
    is: "FileSystemDenied",
    reach: (facts) =>
      /\.lock['»”"’]?|insufficient permission for adding/m.test(facts.text) ? "refused" : atSomeStage(facts)
  },
  {
    id: "tool.missing",
    // A program that git was told to run: ssh, an editor, a filter, a hook's interpreter, a part of git itself.
    says: /^(?:fatal|error): cannot (?:run|exec|spawn) .*: (?:No such file|Exec format|Permission denied|not found)|external filter '.*' failed 12[67]|git: '(?:lfs|annex|remote-\S+|credential-\S+)' is not a git command|unable to find remote helper|unable to start editor|problem with the editor|Terminal is dumb/m,
    unless: /\bgpg\b|ssh-keygen|failed to sign/i,
    is: "ToolMissing",
    reach: atSomeStage,
    but: ({ text }) =>
      /editor|Terminal is dumb/i.test(text)
        ? { hint: "git asked for an editor: give it the message, or an editor that ends by itself." }
        : undefined
  },
  {
    id: "memory.exhausted",
    says: /Out of memory, (?:malloc|calloc|realloc|strdup|mmap|getdelim)|Cannot allocate memory|fatal: mmap failed|unable to (?:fork|create thread)|Resource temporarily unavailable|Too many open files/m,
    is: "OutOfMemory",
    reach: atSomeStage
  }
]
