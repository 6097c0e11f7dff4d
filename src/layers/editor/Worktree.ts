import {
  ByteSize,
  Data,
  Effect,
  type FileSystem,
  Option,
  type Path,
  type PlatformError,
  Predicate
} from "effect"
import { EditorCrashed, UnsafeEdit } from "../../domain/errors/ApplyError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { DiskFull } from "../../domain/errors/Reasons.ts"

/** What the built-in editor calls itself in a failure. */
export const editorName = "built-in"

/** The folder that is edited; `root` is absolute and has no symbolic link in it. */
export interface Worktree {
  readonly root: string
  readonly fs: FileSystem.FileSystem
  readonly path: Path.Path
}

/** What a path leads to, looked at one segment after another and never through a link. */
export type Place = Data.TaggedEnum<{
  Missing: {}
  File: { readonly info: FileSystem.File.Info }
  Directory: {}
  /** `at` is the symbolic link: the path itself or a folder on the way. */
  Link: { readonly at: string }
  /** `at` is on the way and is not a folder. */
  Blocked: { readonly at: string }
  Special: { readonly type: string }
}>
export const Place = Data.taggedEnum<Place>()

export const absolute = (worktree: Worktree, path: string): string =>
  worktree.path.join(worktree.root, ...path.split("/"))

const errnoOf = (error: PlatformError.PlatformError): string | null =>
  Predicate.hasProperty(error.reason, "cause") &&
  Predicate.hasProperty(error.reason.cause, "code") &&
  Predicate.isString(error.reason.cause.code)
    ? error.reason.cause.code
    : null

/** What the operating system said about `path`, as a reason. */
export const translate =
  (operation: string, path: string) =>
  (error: PlatformError.PlatformError): UnsafeEdit | DiskFull | EditorCrashed => {
    const errno = errnoOf(error)
    if (errno === "ELOOP") return new UnsafeEdit({ path, why: "it goes through a symbolic link" })
    if (errno === "ENAMETOOLONG") return new UnsafeEdit({ path, why: "its name is too long for this disk" })
    const said = error.reason.cause instanceof Error ? error.reason.cause.message : error.message
    const evidence = Evidence.make({
      operation,
      excerpt: `${path}: ${said}`,
      cause: error.reason.cause ?? error
    })
    return errno === "ENOSPC" || errno === "EDQUOT"
      ? new DiskFull({ path, evidence })
      : new EditorCrashed({ editor: editorName, evidence })
  }

/** Something was not as it had been a moment before: another program is at work in the worktree. */
export const disturbed = (operation: string, path: string): EditorCrashed =>
  new EditorCrashed({
    editor: editorName,
    evidence: Evidence.make({ operation, excerpt: `${path} was changed by another program meanwhile` })
  })

/** The worktree at an absolute path, which must be a folder. */
export const open = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  path: Path.Path,
  directory: string
) {
  const failed = Effect.mapError(translate("open the worktree", directory))
  const root = yield* failed(fs.realPath(directory))
  const info = yield* failed(fs.stat(root))
  if (info.type === "Directory") return { root, fs, path } satisfies Worktree
  return yield* new EditorCrashed({
    editor: editorName,
    evidence: Evidence.make({ operation: "open the worktree", excerpt: `${directory} is not a folder` })
  })
})

const lstat = (worktree: Worktree, path: string) =>
  worktree.fs.lstat(absolute(worktree, path)).pipe(
    Effect.asSome,
    Effect.catchIf(
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeedNone
    ),
    Effect.mapError(translate("look at a file", path))
  )

/** What is at a path right now. */
export const find = Effect.fnUntraced(function* (worktree: Worktree, path: string) {
  const segments = path.split("/")
  for (let depth = 1; depth < segments.length; depth++) {
    const at = segments.slice(0, depth).join("/")
    const parent = yield* lstat(worktree, at)
    if (Option.isNone(parent)) return Place.Missing()
    if (parent.value.type === "SymbolicLink") return Place.Link({ at })
    if (parent.value.type !== "Directory") return Place.Blocked({ at })
  }
  const info = yield* lstat(worktree, path)
  if (Option.isNone(info)) return Place.Missing()
  switch (info.value.type) {
    case "File":
      return Place.File({ info: info.value })
    case "Directory":
      return Place.Directory()
    case "SymbolicLink":
      return Place.Link({ at: path })
    default:
      return Place.Special({ type: info.value.type })
  }
})

/** Whether two looks met the same file, not just the same name. */
export const isSameFile = (a: FileSystem.File.Info, b: FileSystem.File.Info): boolean =>
  a.dev === b.dev && Option.getOrNull(a.ino) === Option.getOrNull(b.ino)

export const sizeOf = (info: FileSystem.File.Info): number => Number(ByteSize.toBigInt(info.size))

/** The bytes of the very file that was looked at: no link is followed on the way, and none of it is missing. */
export const read = Effect.fnUntraced(function* (
  worktree: Worktree,
  path: string,
  info: FileSystem.File.Info
) {
  const operation = "read a file"
  const failed = translate(operation, path)
  const file = yield* Effect.mapError(
    worktree.fs.open(absolute(worktree, path), { flag: "r", noFollow: true }),
    failed
  )
  const opened = yield* Effect.mapError(file.stat, failed)
  const place = yield* find(worktree, path)
  if (place._tag !== "File" || !isSameFile(place.info, opened) || !isSameFile(opened, info)) {
    return yield* disturbed(operation, path)
  }
  const size = sizeOf(info)
  const buffer = new Uint8Array(size + 1)
  let filled = 0
  while (filled <= size) {
    const count = yield* Effect.mapError(file.read(buffer.subarray(filled)), failed)
    if (count === 0) break
    filled += count
  }
  return filled === size ? buffer.subarray(0, size) : yield* disturbed(operation, path)
}, Effect.scoped)
