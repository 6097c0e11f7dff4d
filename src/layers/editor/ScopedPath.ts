import { Effect } from "effect"
import { OutOfScopeEdit, UnsafeEdit } from "../../domain/errors/ApplyError.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { printable } from "./Words.ts"
import { type Worktree, find } from "./Worktree.ts"

/**
 * Whether some file system takes a name for `.git`: in any letter case, with characters that HFS+ ignores,
 * with the trailing dots, spaces and streams that NTFS drops, or as NTFS's short name.
 * git refuses the same names: `verify_dotfile`, `is_hfs_dotgit` and `is_ntfs_dotgit` in its sources.
 */
const isDotGit = (segment: string): boolean => {
  const seen = segment.replace(/\p{Default_Ignorable_Code_Point}/gu, "").replace(/[ .]*(:.*)?$/s, "")
  return /^(\.git|git~\d+)$/i.test(seen)
}

const flaw = (path: string): string | null => {
  if (path.length > Limits.editPathCharactersMax) return "its name is too long"
  if (!path.isWellFormed()) return "its name is not valid Unicode"
  if (/\p{Cc}/u.test(path)) return "its name has a control character"
  if (path.includes("\\")) return "its name has a backslash"
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "it is an absolute path"
  for (const segment of path.split("/")) {
    if (segment === "") return "it has an empty segment"
    if (/^[. ]+$/.test(segment)) return `its segment "${segment}" may lead out of the repository`
    if (isDotGit(segment)) return "it belongs to git itself"
  }
  return null
}

const withoutDot = (path: string): string => path.replace(/^(?:\.\/)+/, "")

/** The one spelling of a path, or UnsafeEdit when the name alone is reason to refuse it. */
export const parse = (text: string): Effect.Effect<string, UnsafeEdit> => {
  const path = withoutDot(text)
  const why = flaw(path)
  return why === null ? Effect.succeed(path) : Effect.fail(new UnsafeEdit({ path: printable(text), why }))
}

/** What may be edited: files by name, and folders ending in `/` with all that is below them. */
export interface Scope {
  readonly entries: ReadonlyArray<string>
  readonly files: ReadonlySet<string>
  readonly folders: ReadonlyArray<string>
}

/** Reads an order's scope; an entry is a folder when it ends in `/` or names a folder of the worktree. */
export const scopeOf = Effect.fnUntraced(function* (worktree: Worktree, entries: ReadonlyArray<string>) {
  const files = new Set<string>()
  const folders: Array<string> = []
  for (const entry of entries) {
    const path = withoutDot(entry === "." ? "./" : entry)
    const name = path.replace(/\/+$/, "")
    if (path === "") folders.push("")
    else if (flaw(name) !== null) continue
    else if (path !== name) folders.push(`${name}/`)
    else {
      files.add(name)
      const place = yield* find(worktree, name)
      if (place._tag === "Directory") folders.push(`${name}/`)
    }
  }
  return { entries, files, folders } satisfies Scope
})

/** Lets a path pass that is in scope, or any path when the scope is empty. */
export const inScope = (scope: Scope, path: string): Effect.Effect<void, OutOfScopeEdit> =>
  scope.entries.length === 0 ||
  scope.files.has(path) ||
  scope.folders.some((folder) => path.startsWith(folder))
    ? Effect.void
    : Effect.fail(new OutOfScopeEdit({ path, scope: scope.entries }))
