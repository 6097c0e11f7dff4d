import { Effect, type FileSystem, Result } from "effect"
import { EditorRejectedEdits, UnsafeEdit } from "../../domain/errors/ApplyError.ts"
import type { Edit } from "../../domain/Proposal.ts"
import { type Content, applyEdit, isTextEdit, isTooLong, tooLong } from "./ApplyEdit.ts"
import { decode } from "./Text.ts"
import { Place, type Worktree, find, read, sizeOf } from "./Worktree.ts"

/** An edit with its place in the proposal, from 1, and its path checked. */
export interface NumberedEdit {
  readonly number: number
  readonly path: string
  readonly edit: Edit
}

/** A file that will differ: `before` is null when it is new, `after` when it goes. */
export interface FileChange {
  readonly path: string
  readonly before: FileSystem.File.Info | null
  readonly after: { readonly bytes: Uint8Array; readonly mode: number } | null
}

/** One file the proposal touches: as it is on disk, and as the edits so far leave it. */
interface Draft {
  readonly before: FileSystem.File.Info | null
  readonly after: Content | "as it was" | "gone"
}

const newFileMode = 0o666
const readBits = 0o444
const executeBits = 0o111
const permissionBits = 0o7777

const modeOf = (before: FileSystem.File.Info | null, executable: boolean | null): number => {
  const mode = before === null ? newFileMode : before.mode & permissionBits
  if (executable === null || executable === ((mode & executeBits) !== 0)) return mode
  // Whoever may read it may execute it: what git does on checkout.
  return executable ? mode | ((mode & readBits) >> 2) : mode & ~executeBits
}

const exists = (draft: Draft): boolean =>
  draft.after === "as it was" ? draft.before !== null : draft.after !== "gone"

const rejected = ({ number, path }: NumberedEdit, problem: string) =>
  new EditorRejectedEdits({ edit: number, path, problem })

/** A file as it is on disk, or why it may not be edited. `isGone` tells what earlier edits removed. */
const firstLook = Effect.fnUntraced(function* (
  worktree: Worktree,
  numbered: NumberedEdit,
  isGone: (path: string) => boolean
) {
  const { path } = numbered
  const nothing: Draft = { before: null, after: "as it was" }
  const place = yield* find(worktree, path)
  const unsafe = (why: string) => Effect.fail(new UnsafeEdit({ path, why }))
  return yield* Place.$match(place, {
    Missing: () => Effect.succeed(nothing),
    File: ({ info }) => Effect.succeed<Draft>({ before: info, after: "as it was" }),
    Directory: () => unsafe("it is a directory"),
    Link: ({ at }) => unsafe(`${at} is a symbolic link`),
    Special: ({ type }) => unsafe(`it is not a file but a ${type}`),
    Blocked: ({ at }) =>
      isGone(at)
        ? Effect.succeed(nothing)
        : Effect.fail(rejected(numbered, `${at} is not a folder, so nothing can be below it`))
  })
})

/** The text a file holds after the edits so far, or null when there is none. */
const textOf = Effect.fnUntraced(function* (worktree: Worktree, numbered: NumberedEdit, draft: Draft) {
  const { after, before } = draft
  let bytes: Uint8Array
  if (typeof after === "object") bytes = after.bytes
  else if (after === "gone" || before === null) return null
  else if (isTooLong(sizeOf(before))) return yield* rejected(numbered, tooLong)
  else bytes = yield* read(worktree, numbered.path, before)
  return decode(bytes) ?? (yield* rejected(numbered, "the file is not UTF-8 text"))
})

/** What is left to do for a file, or null when it ends as it began. */
const changeOf = Effect.fnUntraced(function* (worktree: Worktree, path: string, { after, before }: Draft) {
  if (after === "as it was") return null
  if (after === "gone") return before === null ? null : { path, before, after: null }
  const mode = modeOf(before, after.executable)
  const change = { path, before, after: { bytes: after.bytes, mode } }
  if (before === null || mode !== (before.mode & permissionBits)) return change
  if (sizeOf(before) !== after.bytes.length) return change
  const onDisk = yield* read(worktree, path, before)
  return Buffer.compare(onDisk, after.bytes) === 0 ? null : change
})

/** Makes the edits one after another in memory, and answers the files that will differ. */
export const draftChanges = Effect.fnUntraced(function* (
  worktree: Worktree,
  edits: ReadonlyArray<NumberedEdit>
) {
  const drafts = new Map<string, Draft>()

  const inTheWay = (path: string): string | null => {
    for (const [other, draft] of drafts) {
      if (!exists(draft)) continue
      if (path.startsWith(`${other}/`)) return `${other} is a file, so nothing can be below it`
      if (other.startsWith(`${path}/`)) return `it is the folder of ${other}`
    }
    return null
  }

  for (const numbered of edits) {
    const { edit, path } = numbered
    const draft =
      drafts.get(path) ?? (yield* firstLook(worktree, numbered, (at) => drafts.get(at)?.after === "gone"))
    const after = applyEdit(edit, {
      path,
      exists: exists(draft),
      text: isTextEdit(edit) ? yield* textOf(worktree, numbered, draft) : null,
      executable: typeof draft.after === "object" ? draft.after.executable : null
    })
    if (Result.isFailure(after)) return yield* rejected(numbered, after.failure)
    const obstacle = after.success === null ? null : inTheWay(path)
    if (obstacle !== null) return yield* rejected(numbered, obstacle)
    drafts.set(path, { before: draft.before, after: after.success ?? "gone" })
    // An edit is computed in one go; between two of them others get their turn.
    yield* Effect.yieldNow
  }

  const changes: Array<FileChange> = []
  for (const [path, draft] of drafts) {
    const change = yield* changeOf(worktree, path, draft)
    if (change !== null) changes.push(change)
  }
  return changes
})
