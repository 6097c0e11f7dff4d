import { Duration, Effect, FileSystem, Path, Result } from "effect"
import * as Subprocess from "../../layers/Subprocess.ts"

/**
 * A folder in which no space is left once `fill` was called.
 * - filesystem: one of its own in memory (tmpfs) that is as large as was asked for. Needs the right to mount.
 * - limit: no process that git starts here may write a file larger than was asked for (`ulimit -f`). git says
 *   "File too large" then and not "No space left on device"; `path` is what PATH has to begin with.
 */
export type FullDisk =
  | {
      readonly kind: "filesystem"
      readonly directory: string
      /** Writes until nothing fits any more. */
      readonly fill: Effect.Effect<void>
      /** Gives the space back. */
      readonly free: Effect.Effect<void>
    }
  | { readonly kind: "limit"; readonly directory: string; readonly path: string }

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Subprocess.run({ command, args, timeout: Duration.seconds(10), outputBytesMax: 16 * 1024 })

const ballast = "ballast"

const filesystem = Effect.fnUntraced(function* (directory: string, bytes: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const mounted = yield* Effect.acquireRelease(
    Effect.result(run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", directory)),
    (it) =>
      Result.isSuccess(it) && it.success.exitCode === 0
        ? Effect.ignore(run("umount", "--lazy", directory))
        : Effect.void
  )
  if (Result.isFailure(mounted) || mounted.success.exitCode !== 0) return undefined
  const file = path.join(directory, ballast)
  const page = new Uint8Array(4096)
  const fill = Effect.gen(function* () {
    // Page by page, so that the last of them goes too; at most as many as were asked for.
    for (let written = 0; written <= bytes; written += page.length) {
      const wrote = yield* Effect.result(fs.writeFile(file, page, { flag: "a" }))
      if (Result.isFailure(wrote)) return
    }
  })
  return {
    kind: "filesystem",
    directory,
    fill,
    free: Effect.orDie(fs.remove(file, { force: true }))
  } satisfies FullDisk
})

/** A git that may write no file larger than `bytes`; the shell counts in blocks of 512. */
const limit = Effect.fnUntraced(function* (directory: string, bytes: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { stdout } = yield* run("sh", "-c", "command -v git")
  const git = Subprocess.text(stdout).trim()
  const programs = yield* fs.makeTempDirectoryScoped({ prefix: "moose-limited-git-" })
  const blocks = Math.max(1, Math.floor(bytes / 512))
  // Without the signal the write itself fails, as it does on a disk that is full.
  const script = `#!/bin/sh\ntrap '' XFSZ\nulimit -f ${blocks}\nexec ${git} "$@"\n`
  yield* fs.writeFileString(path.join(programs, "git"), script, { mode: 0o755 })
  return { kind: "limit", directory, path: programs } satisfies FullDisk
})

export interface Options {
  /** As much fits, in all (filesystem) or into one file (limit). */
  readonly bytes: number
  /** Which kind; unset, a file system where one can be mounted, and a limit elsewhere. */
  readonly kind?: FullDisk["kind"]
}

/** A folder whose space ends; it is gone with the scope. */
export const make = Effect.fn("FullDisk.make")(function* ({ bytes, kind }: Options) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-full-disk-" })
  const mounted = kind === "limit" ? undefined : yield* filesystem(directory, bytes)
  return mounted ?? (kind === "filesystem" ? undefined : yield* limit(directory, bytes))
})
