import { fork } from "node:child_process"
import { PgClient } from "@effect/sql-pg"
import { Deferred, Effect, FileSystem, Layer, Queue, Redacted, Schema } from "effect"
import * as EmbeddedPostgres from "../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../../src/layers/postgres/Migrations.ts"
import type { ContenderName } from "./Contender.ts"
import { Reply, Request } from "./Messages.ts"

/** A server with durable commits, in a folder that goes with the scope, and a client of it. */
export const server = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDirectory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-bench-" })
    return Layer.unwrap(
      Effect.map(EmbeddedPostgres.EmbeddedPostgres, ({ url }) => PgClient.layer({ url }))
    ).pipe(Layer.provideMerge(EmbeddedPostgres.layer({ dataDirectory })))
  })
)

/** A database of its own, migrated where Moose's tables are wanted; answers its address. */
export const database = Effect.fnUntraced(function* (name: string, migrated: boolean) {
  const sql = yield* PgClient.PgClient
  const { url } = yield* EmbeddedPostgres.EmbeddedPostgres
  yield* sql.unsafe(`create database ${name}`).unprepared
  const its = new URL(Redacted.value(url))
  its.pathname = `/${name}`
  if (migrated) {
    yield* Effect.provide(Migrations.run, PgClient.layer({ url: Redacted.make(its.href) }))
  }
  return its.href
})

const program = new URL("Child.ts", import.meta.url)
const read = Schema.decodeUnknownSync(Reply)
const write = Schema.encodeSync(Request)

export class ContenderFailed extends Schema.TaggedError<ContenderFailed>()("ContenderFailed", {
  name: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.name}: ${this.why}`
  }
}

/** A contender's process, until the scope closes. Answers what it is asked for, one thing at a time. */
export const start = Effect.fnUntraced(function* (name: ContenderName, url: string) {
  const replies = yield* Queue.unbounded<Reply>()
  const gone = yield* Deferred.make<never, ContenderFailed>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      fork(program, [name, url], { execArgv: ["--expose-gc"], stdio: ["ignore", "ignore", "inherit", "ipc"] })
    ),
    (it) =>
      Effect.callback<void>((resume) => {
        if (it.exitCode !== null) return resume(Effect.void)
        it.once("exit", () => resume(Effect.void))
        if (it.connected) it.disconnect()
      })
  )
  child.on("message", (message) => Queue.offerUnsafe(replies, read(message)))
  child.on("exit", (code) =>
    Deferred.doneUnsafe(gone, Effect.fail(new ContenderFailed({ name, why: `ended with ${code}` })))
  )
  const next = Effect.raceFirst(Queue.take(replies), Deferred.await(gone)).pipe(
    Effect.flatMap((reply) =>
      reply._tag === "Failed"
        ? Effect.fail(new ContenderFailed({ name, why: reply.why }))
        : Effect.succeed(reply)
    )
  )
  yield* next
  return {
    ask: (request: Request) =>
      Effect.suspend(() => {
        child.send(write(request))
        return next
      })
  }
})
