import { randomBytes, randomUUID } from "node:crypto"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import type { Binaries } from "./Binaries.ts"
import { EmbeddedPostgresFailed, folderFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"
import * as Elsewhere from "./Elsewhere.ts"
import * as Processes from "./Processes.ts"
import * as ServerUser from "./ServerUser.ts"

/** One server's folder and what is where in it. `user` is whom the server runs as (null: as we do). */
export interface DataFolder {
  readonly root: string
  /** PostgreSQL's own data directory. */
  readonly cluster: string
  readonly password: string
  readonly log: string
  readonly lock: string
  readonly users: string
  readonly user: Processes.RunAs | null
}

const operation = "opening the data folder"

/** The superuser of the embedded server. */
export const superuser = "postgres"

/** Others may pass through, not look around. What is inside has permissions of its own. */
const passable = 0o001

const layout = Effect.fnUntraced(function* (root: string, user: Processes.RunAs | null) {
  const path = yield* Path.Path
  const folder: DataFolder = {
    root,
    cluster: path.join(root, "cluster"),
    password: path.join(root, "password"),
    log: path.join(root, "server.log"),
    lock: path.join(root, "lock"),
    users: path.join(root, "users"),
    user
  }
  return folder
})

/** The folder itself is ours to open when it holds nothing yet, or our data. Its parents never are. */
const letPass = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(root)
  if (names.length > 0 && !names.includes("cluster")) return
  const { mode } = yield* fs.stat(root)
  if ((mode & passable) === 0) yield* fs.chmod(root, (mode & 0o777) | passable)
})

/**
 * The folder for the data that was wanted in `wanted`, made if need be. It is `wanted` itself, except when
 * root wants it below a folder such as /root, which the unprivileged user that PostgreSQL then has to run as
 * cannot enter: then it is one below /var/lib/moose (for temporary data, in the temporary folder), and a note
 * in `wanted` says so.
 */
export const open = Effect.fn("DataFolder.open")(function* (wanted: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const opened = Effect.gen(function* () {
    yield* fs.makeDirectory(wanted, { recursive: true })
    const root = yield* fs.realPath(wanted)
    const user = yield* ServerUser.choose({ cluster: path.join(root, "cluster") })
    if (user === null) return yield* layout(root, null)
    const note = path.join(root, "MOVED.txt")
    // Data that was once kept elsewhere stays there, also when the way to here has been opened since.
    if (!(yield* fs.exists(note))) {
      yield* letPass(root)
      if (yield* ServerUser.canReach(user, root)) return yield* layout(root, user)
    }
    const elsewhere = yield* Elsewhere.make(root)
    yield* fs.writeFileString(
      note,
      `PostgreSQL does not run as root, and nobody else may enter this folder.\nIts data is in ${elsewhere}\n`
    )
    return yield* layout(elsewhere, yield* ServerUser.choose({ cluster: path.join(elsewhere, "cluster") }))
  })
  return yield* opened.pipe(
    Effect.catchTag("PlatformError", (error) => Effect.fail(folderFailed(operation, wanted)(error)))
  )
})

/** No locale of the machine's: text sorts by code point and upper() knows Unicode, on every system. */
const initdbArguments = [
  `--username=${superuser}`,
  "--auth=scram-sha-256",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--no-sync",
  "--no-instructions"
]

const initdbFailed = (problem: "initdb_failed" | "timed_out", excerpt: string, exitCode?: number | null) =>
  new EmbeddedPostgresFailed({
    problem,
    evidence: Evidence.make({
      operation: "initdb",
      // The end says why; evidence keeps the beginning.
      excerpt: excerpt.trim().slice(-Evidence.excerptCharactersMax),
      ...(exitCode === null || exitCode === undefined ? {} : { exitCode })
    }),
    fix: `Make sure that the disk has room and that the data folder supports permissions. ${useYourOwn}`
  })

const unfinishedPrefix = "unfinished-"

const removeUnfinished = Effect.fnUntraced(function* (folder: DataFolder) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(folder.root)
  yield* Effect.forEach(
    names.filter((name) => name.startsWith(unfinishedPrefix)),
    (name) => Effect.ignore(fs.remove(path.join(folder.root, name), { recursive: true, force: true })),
    { discard: true }
  )
})

/** Has the data been made? */
export const exists = Effect.fn("DataFolder.exists")(function* (folder: DataFolder) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.exists(folder.cluster), folderFailed(operation, folder.root))
})

/**
 * Makes the data, with a new password. It gets its name when it is whole, so that a process killed half-way
 * leaves nothing that looks like data. The caller holds the lock.
 */
export const initialize = Effect.fn("DataFolder.initialize")(function* (
  folder: DataFolder,
  binaries: Binaries
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  // A name of its own, because the initdb of a process that was killed may still be writing.
  const unfinished = path.join(folder.root, `${unfinishedPrefix}${randomUUID()}`)
  const passwordForInitdb = `${unfinished}.password`
  const give = (file: string) =>
    folder.user === null ? Effect.void : fs.chown(file, folder.user.uid, folder.user.gid)

  const made = Effect.gen(function* () {
    const password = randomBytes(24).toString("base64url")
    yield* removeUnfinished(folder)
    yield* fs.makeDirectory(unfinished, { mode: 0o700 })
    yield* give(unfinished)
    yield* fs.writeFileString(passwordForInitdb, password, { flag: "wx", mode: 0o600 })
    yield* give(passwordForInitdb)
    const ended = yield* Processes.run({
      command: binaries.initdb,
      args: [...initdbArguments, `--pgdata=${unfinished}`, `--pwfile=${passwordForInitdb}`],
      env: binaries.env,
      runAs: folder.user
    }).pipe(
      Effect.timeoutOption(Limits.postgresInit),
      Effect.mapError((error) => initdbFailed("initdb_failed", error.message))
    )
    if (Option.isNone(ended)) return yield* initdbFailed("timed_out", "initdb did not end in time")
    const { exitCode, output } = ended.value
    if (exitCode !== 0) return yield* initdbFailed("initdb_failed", output, exitCode)
    yield* fs.remove(folder.password, { force: true })
    yield* fs.writeFileString(folder.password, password, { flag: "wx", mode: 0o600 })
    yield* fs.rename(unfinished, folder.cluster)
  })
  yield* made.pipe(
    Effect.catchTag("PlatformError", (error) =>
      Effect.fail(folderFailed("making the data folder", folder.root)(error))
    ),
    Effect.ensuring(Effect.ignore(removeUnfinished(folder)))
  )
})

/** The superuser's password. */
export const readPassword = Effect.fn("DataFolder.readPassword")(function* (folder: DataFolder) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readFileString(folder.password).pipe(
    Effect.mapError(
      (error) =>
        new EmbeddedPostgresFailed({
          problem: "data_folder",
          evidence: Evidence.make({
            operation: "reading the password",
            excerpt: error.message,
            cause: error
          }),
          fix: `Run as the user that owns ${folder.password}; if the file is lost, move ${folder.root} away to start with empty data. ${useYourOwn}`
        })
    )
  )
})
