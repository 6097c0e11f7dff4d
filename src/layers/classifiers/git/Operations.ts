import { type Reach } from "../../../domain/failures/Classified.ts"
import { type Facts } from "../command/TextRule.ts"

/** "git push origin" and "push" are the same; "worktree add" is "worktree". */
export const operationName = (operation: string): string =>
  operation
    .trim()
    .toLowerCase()
    .replace(/^git[\s.-]+/, "")
    .split(/\s/)[0] ?? ""

const named =
  (...names: ReadonlyArray<string>) =>
  (operation: string): boolean =>
    names.includes(operation)

export const isPush = named("push", "send-pack", "http-push")
export const isFetch = named("fetch", "fetch-pack", "ls-remote")
/** Talks to a remote and only takes from it: whatever breaks on the way changed nothing there. */
export const takes = named("fetch", "fetch-pack", "ls-remote", "clone", "pull", "archive")
/** Writes an object, or one reference, at its very end. */
export const writesAtOnce = named(
  "add",
  "commit",
  "hash-object",
  "write-tree",
  "commit-tree",
  "mktree",
  "tag",
  "branch",
  "update-ref",
  "apply",
  "config",
  "init"
)
export const mergesFiles = named(
  "merge",
  "rebase",
  "cherry-pick",
  "revert",
  "am",
  "pull",
  "stash",
  "apply",
  "checkout",
  "switch"
)
export const switchesFiles = named(
  "checkout",
  "switch",
  "merge",
  "rebase",
  "pull",
  "reset",
  "stash",
  "cherry-pick",
  "revert",
  "am",
  "read-tree",
  "restore"
)

const atHome = named(
  "add",
  "am",
  "apply",
  "branch",
  "check-ignore",
  "cherry-pick",
  "commit",
  "commit-tree",
  "config",
  "hash-object",
  "init",
  "merge",
  "mktree",
  "mv",
  "rebase",
  "rev-parse",
  "revert",
  "rm",
  "stash",
  "status",
  "tag",
  "update-index",
  "update-ref",
  "write-tree"
)
const fetchedOnTheWay = /promisor|\bLFS\b|smudge filter/im
/**
 * May the words of a network be git's own? An operation that talks to nobody prints them only when a hook or a
 * check does, whose trouble is not git's; unless it fetches what a partial clone or LFS left out.
 */
export const overTheWire = ({ operation, text }: Pick<Facts, "operation" | "text">): boolean =>
  !atHome(operation) || fetchedOnTheWay.test(text)

/** Does it fetch what is missing while it changes files, some of which are then changed already? */
export const fetchesMidway = ({ operation, text }: Pick<Facts, "operation" | "text">): boolean =>
  (switchesFiles(operation) && operation !== "pull") || /smudge|Clone succeeded/i.test(text)

const reads = named(
  "fetch",
  "fetch-pack",
  "ls-remote",
  "status",
  "diff",
  "diff-tree",
  "diff-index",
  "diff-files",
  "log",
  "show",
  "rev-parse",
  "rev-list",
  "cat-file",
  "ls-files",
  "ls-tree",
  "describe",
  "merge-base",
  "for-each-ref",
  "show-ref",
  "blame",
  "grep",
  "shortlog",
  "name-rev",
  "check-ref-format",
  "check-ignore",
  "check-attr",
  "var",
  "version",
  "fsck",
  "count-objects",
  "verify-commit",
  "verify-pack",
  "format-patch",
  "archive",
  "merge-tree",
  "range-diff"
)

/** Can it change anything that counts? What a fetch brings does not; what is not known does. */
export const writes = (operation: string): boolean => !reads(operationName(operation))

const startsAtTheIndex = named(
  "checkout",
  "switch",
  "merge",
  "reset",
  "restore",
  "read-tree",
  "rm",
  "mv",
  "update-index"
)
const cutOff = /hung up|unexpected disconnect|\bRPC\b|Broken pipe|Connection (?:reset|closed)/m

/** An operation of several stages that was stopped at one of them. */
export const atSomeStage = ({ operation, text }: Facts): Reach => {
  if (isFetch(operation) || writesAtOnce(operation)) return "refused"
  // A clone that fails takes away what it made, unless only its checkout did.
  if (operation === "clone" && !text.includes("Clone succeeded")) return "refused"
  return isPush(operation) && !cutOff.test(text) ? "refused" : "unknown"
}

/** A lock on the index is the first thing that most commands take, before they change anything. */
export const atTheLock = (facts: Facts): Reach =>
  startsAtTheIndex(facts.operation) && /index\.lock\b/.test(facts.text) ? "refused" : atSomeStage(facts)

/** Nothing was sent to a remote yet, or the operation only takes: refused. Else nobody knows. */
export const inTransfer = ({ operation }: Facts): Reach => (takes(operation) ? "refused" : "unknown")
