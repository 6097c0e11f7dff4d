import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Option, Path, Redacted, Schema } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type { SqlError } from "effect/sql/SqlError"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import type { DataFolder } from "./DataFolder.ts"
import { superuser } from "./DataFolder.ts"
import { EmbeddedPostgresFailed, folderFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"
import * as Processes from "./Processes.ts"

/** The only address the server listens on. */
export const address = "127.0.0.1"

/** The database that Moose's tables are in. */
export const database = "moose"

/** A server as its own postmaster.pid describes it. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

/** One line each: process, data directory, start, port, socket directory, address, shared memory, state. */
const parse = (text: string): Option.Option<Postmaster> => {
  const lines = text.split("\n").map((line) => line.trim())
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  if (!Number.isSafeInteger(pid) || pid <= 0 || !Number.isSafeInteger(port)) return Option.none()
  return Option.some({ pid, port, ready: lines[7] === "ready" })
}

/** Does the running process look like the server of this folder? When the system does not tell: yes. */
const isOurs = (running: Processes.Running, folder: DataFolder): boolean => {
  const { commandLine, workingDirectory } = running
  if (commandLine === "" && workingDirectory === "") return true
  if (!/(^|\/)postgres(\s|:|$)/.test(commandLine)) return false
  // The server works in its data directory, also after that was renamed.
  return workingDirectory === "" || workingDirectory === folder.cluster
}

const pidFile = Effect.fnUntraced(function* (folder: DataFolder) {
  const path = yield* Path.Path
  return path.join(folder.cluster, "postmaster.pid")
})

/**
 * What postmaster.pid says: nothing; not enough, being written or broken; a server that is gone; a number
 * that now belongs to something else; or a server that runs.
 */
const look = Effect.fnUntraced(function* (folder: DataFolder) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* pidFile(folder)
  const text = yield* fs.readFileString(file).pipe(
    Effect.asSome,
    Effect.catchIf(
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeedNone
    ),
    Effect.mapError(folderFailed("reading postmaster.pid", folder.cluster))
  )
  if (Option.isNone(text)) return { state: "absent" } as const
  const postmaster = parse(text.value)
  if (Option.isNone(postmaster)) return { state: "incomplete" } as const
  const running = yield* Processes.find(postmaster.value.pid)
  if (Option.isNone(running)) return { state: "gone" } as const
  return isOurs(running.value, folder)
    ? ({ state: "running", postmaster: postmaster.value } as const)
    : ({ state: "foreign", text: text.value } as const)
})

/** The folder's server, if one runs. */
export const find = Effect.fn("Postmaster.find")(function* (folder: DataFolder) {
  const seen = yield* look(folder)
  return seen.state === "running" ? Option.some(seen.postmaster) : Option.none<Postmaster>()
})

/**
 * Deals with a postmaster.pid that PostgreSQL would refuse to start over although no server stands behind it:
 * one that is empty is removed; one whose number belongs to something else gets the number of this process,
 * which a server that it starts knows not to be one. The rest of the file is needed, to make sure that no
 * remains of the old server still write to the data. The caller holds the folder's lock.
 */
export const clearStale = Effect.fn("Postmaster.clearStale")(
  function* (folder: DataFolder) {
    const fs = yield* FileSystem.FileSystem
    const file = yield* pidFile(folder)
    const complete = Effect.map(look(folder), (seen) =>
      seen.state === "incomplete" ? Option.none() : Option.some(seen)
    )
    const seen = yield* Processes.waitFor(Limits.postgresPidFile, complete)
    if (Option.isNone(seen)) return yield* fs.remove(file, { force: true })
    if (seen.value.state !== "foreign") return
    const [, ...others] = seen.value.text.split("\n")
    yield* fs.writeFileString(file, [process.pid, ...others].join("\n"))
  },
  (effect, folder) =>
    Effect.catchTag(effect, "PlatformError", (error) =>
      Effect.fail(folderFailed("clearing a stale postmaster.pid", folder.cluster)(error))
    )
)

/** Where and as whom to connect. */
export const url = (port: number, password: string) =>
  Redacted.make(`postgres://${superuser}:${password}@${address}:${port}/${database}`)

const readSqlState = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.String }))

const noSuchDatabase = (error: SqlError) =>
  Option.exists(readSqlState(error.reason.cause), ({ code }) => code === "3D000")

const connect = (port: number, password: string, name: string) =>
  PgClient.makeClient({
    host: address,
    port,
    username: superuser,
    password: Redacted.make(password),
    database: name,
    applicationName: "moose-start"
  })

const dataDirectory = (port: number, password: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* connect(port, password, database)
      const rows = yield* sql<{ readonly data_directory: string }>`show data_directory`
      return rows[0]?.data_directory ?? ""
    })
  )

const createDatabase = (port: number, password: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* connect(port, password, "postgres")
      yield* sql.unsafe(`create database ${database}`).unprepared
    })
  )

const strange = (postmaster: Postmaster, excerpt: string, fix: string) =>
  new EmbeddedPostgresFailed({
    problem: "start_failed",
    evidence: Evidence.make({ operation: "connecting to the server", excerpt }),
    fix: `${fix}, or stop process ${postmaster.pid}. ${useYourOwn}`
  })

/**
 * Connects with our password, makes the database if it is missing, and asks whose data the server has. None
 * when the server does not answer (yet).
 */
export const answers = Effect.fn("Postmaster.answers")(function* (
  folder: DataFolder,
  postmaster: Postmaster,
  password: string
) {
  const asked = dataDirectory(postmaster.port, password).pipe(
    Effect.catchIf(noSuchDatabase, () =>
      Effect.andThen(createDatabase(postmaster.port, password), dataDirectory(postmaster.port, password))
    ),
    Effect.asSome,
    Effect.catchTag("SqlError", (error) =>
      error.reason._tag === "AuthenticationError"
        ? Effect.fail(strange(postmaster, error.message, `Put the right password into ${folder.password}`))
        : Effect.succeed(Option.none<string>())
    ),
    Effect.provide(Reactivity.layer)
  )
  const found = yield* asked
  if (Option.isNone(found)) return Option.none<Postmaster>()
  if (found.value !== folder.cluster) {
    return yield* strange(
      postmaster,
      `The server has the data of ${found.value}, not of ${folder.cluster}`,
      "Move the folder back"
    )
  }
  return Option.some(postmaster)
})
