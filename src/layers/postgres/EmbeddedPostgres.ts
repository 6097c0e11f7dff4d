import { type Duration, Context, Effect, Layer, Option, Path, Redacted } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Binaries from "./embedded/Binaries.ts"
import * as DataFolder from "./embedded/DataFolder.ts"
import { EmbeddedPostgresFailed, folderFailed, useYourOwn } from "./embedded/EmbeddedPostgresFailed.ts"
import * as FolderLock from "./embedded/FolderLock.ts"
import * as Postmaster from "./embedded/Postmaster.ts"
import * as Server from "./embedded/Server.ts"
import * as Users from "./embedded/Users.ts"

export { EmbeddedPostgresFailed }

/** A PostgreSQL server of Moose's own, running and answering for as long as the layer's scope is open. */
export class EmbeddedPostgres extends Context.Service<
  EmbeddedPostgres,
  {
    /** Connects as the superuser to the database `moose`; holds the password. */
    readonly url: Redacted.Redacted<string>
    readonly port: number
    /** Where the data is; see `layer` for when that is not where it was wanted. */
    readonly dataDirectory: string
    /** Was the server running already? */
    readonly reused: boolean
    readonly processId: number
  }
>()("moose/layers/postgres/EmbeddedPostgres") {}

export interface Options {
  /** Holds the data and what belongs to the server; made when it is missing. */
  readonly dataDirectory: string
  /** False for data that may be lost when the machine crashes: about twice as fast. A running server stays as it is. */
  readonly durable?: boolean
  /** A folder with PostgreSQL's bin, lib and share, instead of the installed package's. */
  readonly binaries?: string
}

const busy = (ownerPid: number) =>
  new EmbeddedPostgresFailed({
    problem: "timed_out",
    evidence: Evidence.make({
      operation: "waiting for another process",
      excerpt: `Process ${ownerPid} has been starting or stopping the server all the time`
    }),
    fix: `Stop process ${ownerPid}. ${useYourOwn}`
  })

/** The one lock under which a server is looked for, started and stopped. */
const locked = <A, R>(
  folder: DataFolder.DataFolder,
  within: Duration.Duration,
  use: Effect.Effect<A, EmbeddedPostgresFailed, R>
) =>
  Effect.catchTag(FolderLock.withLock({ folder: folder.lock, within, busy, use }), "PlatformError", (error) =>
    Effect.fail(folderFailed("locking the data folder", folder.root)(error))
  )

const ensure = Effect.fnUntraced(function* (folder: DataFolder.DataFolder, options: Options) {
  if (yield* DataFolder.exists(folder)) {
    const password = yield* DataFolder.readPassword(folder)
    const running = yield* Server.adopt(folder, password)
    if (Option.isSome(running)) return { postmaster: running.value, password, reused: true }
  }
  const native = options.binaries ?? (yield* Binaries.locate(`${process.platform}-${process.arch}`))
  const binaries = yield* Binaries.prepare({ native, root: folder.root, user: folder.user })
  if (!(yield* DataFolder.exists(folder))) yield* DataFolder.initialize(folder, binaries)
  const password = yield* DataFolder.readPassword(folder)
  const postmaster = yield* Server.start({ folder, binaries, durable: options.durable ?? true }, password)
  return { postmaster, password, reused: false }
})

/** Gives up one use; the last one stops the server. Failing to only leaves it running, for the next user to stop. */
const leave = Effect.fnUntraced(
  function* (folder: DataFolder.DataFolder, registration: string) {
    const translate = folderFailed("leaving the server", folder.root)
    yield* Effect.mapError(Users.remove(registration), translate)
    const stopUnlessUsed = Effect.gen(function* () {
      const users = yield* Effect.mapError(Users.count(folder.users), translate)
      if (users === 0) yield* Server.stop(folder)
    })
    yield* locked(folder, Limits.postgresStop, stopUnlessUsed)
  },
  Effect.catch((error) => Effect.logWarning(`PostgreSQL may be left running: ${error.message}`))
)

const make = Effect.fn("EmbeddedPostgres.make")(function* (options: Options) {
  const path = yield* Path.Path
  const folder = yield* DataFolder.open(path.resolve(options.dataDirectory))
  // Registered before looking, so that whoever leaves meanwhile does not stop what we are about to find.
  yield* Effect.acquireRelease(
    Effect.mapError(Users.register(folder.users), folderFailed("registering a user", folder.root)),
    (registration) => leave(folder, registration)
  )
  const running = yield* locked(folder, Limits.postgresFolderLock, ensure(folder, options))
  return EmbeddedPostgres.of({
    url: Postmaster.url(running.postmaster.port, running.password),
    port: running.postmaster.port,
    dataDirectory: folder.root,
    reused: running.reused,
    processId: running.postmaster.pid
  })
})

/**
 * Starts PostgreSQL on the data in `dataDirectory`, or joins the server that already runs there, and stops
 * it when its last user, in whatever process, has left. A process that was killed is no user: the server
 * then runs on until the next user leaves. It listens on 127.0.0.1 only, on a port that changes.
 *
 * PostgreSQL refuses root: under root it runs as `nobody`, or as the owner of the data that is there, and
 * data wanted below a folder that this user cannot enter (/root, say) is kept in /var/lib/moose instead.
 */
export const layer = (options: Options) => Layer.effect(EmbeddedPostgres, make(options))
