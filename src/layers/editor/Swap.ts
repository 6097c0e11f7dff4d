import { Effect, Exit, type FileSystem, type PlatformError } from "effect"
import { EditorCrashed, UnsafeEdit } from "../../domain/errors/ApplyError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import type { FileChange } from "./Drafts.ts"
import { type Worktree, absolute, disturbed, editorName, find, isSameFile, translate } from "./Worktree.ts"

/**
 * A folder of our own in the worktree, on the same file system, so that files move in and out of it by
 * `rename`: new contents are written there in full first, and originals wait there until all is well.
 */
interface Staging {
  readonly directory: string
  readonly freshName: () => string
  /** What an undo could not put back; while there is any, the folder with the originals stays. */
  readonly lost: Array<string>
}

const openStaging = Effect.fnUntraced(function* (worktree: Worktree) {
  const failed = translate("make a staging folder", worktree.root)
  const lost: Array<string> = []
  const directory = yield* Effect.acquireRelease(
    Effect.mapError(
      worktree.fs.makeTempDirectory({ directory: worktree.root, prefix: ".moose-edit-" }),
      failed
    ),
    (directory) =>
      lost.length > 0
        ? Effect.void
        : worktree.fs
            .remove(directory, { recursive: true })
            .pipe(Effect.catch((error) => Effect.logWarning("A staging folder could not be removed", error)))
  )
  // Should the folder be left behind, by a crash or a failing disk, no commit takes it along.
  yield* Effect.mapError(
    worktree.fs.writeFileString(worktree.path.join(directory, ".gitignore"), "*\n"),
    failed
  )
  let names = 0
  const freshName = () => worktree.path.join(directory, `${++names}`)
  return { directory, freshName, lost } satisfies Staging
})

/** A step with its undo registered beside it: what was done is undone, newest first, if the swap fails. */
const undoable = (
  staging: Staging,
  step: {
    readonly operation: string
    readonly path: string
    readonly act: Effect.Effect<void, PlatformError.PlatformError>
    readonly undo: Effect.Effect<void, PlatformError.PlatformError>
  }
) =>
  Effect.acquireRelease(Effect.mapError(step.act, translate(step.operation, step.path)), (_, exit) =>
    Exit.isSuccess(exit)
      ? Effect.void
      : step.undo.pipe(
          Effect.catch((error) => {
            staging.lost.push(step.path)
            return Effect.logError(`${step.path} could not be put back`, error)
          })
        )
  )

/** Writes a change's new content into the staging folder. */
const stage = Effect.fnUntraced(
  function* (worktree: Worktree, change: FileChange, bytes: Uint8Array, mode: number, staged: string) {
    const file = yield* worktree.fs.open(staged, { flag: "wx", mode, noFollow: true })
    yield* file.writeAll(bytes)
    // `open` leaves out what the umask forbids; a file that was there before keeps the mode it had.
    if (change.before !== null) yield* worktree.fs.chmod(staged, mode)
    return yield* file.stat
  },
  (effect, _, change) => effect.pipe(Effect.scoped, Effect.mapError(translate("write a file", change.path)))
)

const isLink = (path: string, at: string) => new UnsafeEdit({ path, why: `${at} is a symbolic link` })

/** Moves the file that was read out of the way, and makes sure that it was that one. */
const setAside = Effect.fnUntraced(function* (
  worktree: Worktree,
  staging: Staging,
  path: string,
  before: FileSystem.File.Info
) {
  const operation = "move a file"
  const place = yield* find(worktree, path)
  if (place._tag === "Link") return yield* isLink(path, place.at)
  if (place._tag !== "File" || !isSameFile(place.info, before)) return yield* disturbed(operation, path)
  const from = absolute(worktree, path)
  const to = staging.freshName()
  const { rename } = worktree.fs
  yield* undoable(staging, { operation, path, act: rename(from, to), undo: rename(to, from) })
  const moved = yield* Effect.mapError(worktree.fs.lstat(to), translate(operation, path))
  if (!isSameFile(moved, before)) return yield* disturbed(operation, path)
})

/** Makes the folders a file needs, one by one, each looked at again before anything is put in it. */
const makeFolders = Effect.fnUntraced(function* (worktree: Worktree, staging: Staging, path: string) {
  const operation = "make a folder"
  const segments = path.split("/")
  for (let depth = 1; depth < segments.length; depth++) {
    const folder = segments.slice(0, depth).join("/")
    const at = absolute(worktree, folder)
    if ((yield* find(worktree, folder))._tag === "Missing") {
      const act = worktree.fs.makeDirectory(at)
      const undo = worktree.fs.rename(at, staging.freshName())
      yield* undoable(staging, { operation, path: folder, act, undo })
    }
    const place = yield* find(worktree, folder)
    if (place._tag === "Link") return yield* isLink(path, place.at)
    if (place._tag !== "Directory") return yield* disturbed(operation, folder)
  }
})

/** Moves a staged file to its path, where nothing may be, and makes sure that it arrived there. */
const putInPlace = Effect.fnUntraced(function* (
  worktree: Worktree,
  staging: Staging,
  path: string,
  staged: { readonly at: string; readonly info: FileSystem.File.Info }
) {
  const operation = "move a file"
  yield* makeFolders(worktree, staging, path)
  const target = yield* find(worktree, path)
  if (target._tag === "Link") return yield* isLink(path, target.at)
  if (target._tag !== "Missing") return yield* disturbed(operation, path)
  const to = absolute(worktree, path)
  const { rename } = worktree.fs
  yield* undoable(staging, {
    operation,
    path,
    act: rename(staged.at, to),
    undo: rename(to, staging.freshName())
  })
  const place = yield* find(worktree, path)
  if (place._tag === "Link") return yield* isLink(path, place.at)
  if (place._tag !== "File" || !isSameFile(place.info, staged.info)) return yield* disturbed(operation, path)
})

/**
 * Writes and removes files, all of them or, when anything fails or interrupts, none: then every file is the
 * one it was, and every new file and folder is gone.
 */
export const swap = Effect.fnUntraced(function* (worktree: Worktree, changes: ReadonlyArray<FileChange>) {
  const staging = yield* openStaging(worktree)
  const staged: Array<{ readonly path: string; readonly at: string; readonly info: FileSystem.File.Info }> =
    []
  for (const change of changes) {
    if (change.after === null) continue
    const at = staging.freshName()
    const { bytes, mode } = change.after
    staged.push({ path: change.path, at, info: yield* stage(worktree, change, bytes, mode, at) })
  }
  yield* Effect.gen(function* () {
    for (const { before, path } of changes) {
      if (before !== null) yield* setAside(worktree, staging, path, before)
    }
    for (const file of staged) yield* putInPlace(worktree, staging, file.path, file)
  }).pipe(
    Effect.scoped,
    Effect.catch((reason) =>
      Effect.fail(
        staging.lost.length === 0
          ? reason
          : new EditorCrashed({
              editor: editorName,
              evidence: Evidence.make({
                operation: "put files back",
                excerpt: `${staging.lost.join(", ")} could not be put back (the originals are in ${staging.directory}) after: ${reason.message}`
              })
            })
      )
    )
  )
}, Effect.scoped)
