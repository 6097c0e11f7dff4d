import { randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { inject } from "vitest"
import type { Provided } from "./globalSetup.ts"

/** A database that nobody else uses, for as long as its layer is open. */
export class TestDatabase extends Context.Service<
  TestDatabase,
  {
    /** For child processes and further clients. */
    readonly url: Redacted.Redacted<string>
    readonly name: string
  }
>()("moose/test/TestDatabase") {}

/** The run has no server, or the migrations do not apply; `problem` says which and why. */
export class TestDatabaseMissing extends Schema.TaggedError<TestDatabaseMissing>()("TestDatabaseMissing", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

const serverUrl = (provided: Provided) =>
  "url" in provided.server
    ? Effect.succeed(provided.server.url)
    : Effect.fail(new TestDatabaseMissing(provided.server))

const templateName = (provided: Provided) =>
  "name" in provided.template
    ? Effect.succeed(provided.template.name)
    : Effect.fail(new TestDatabaseMissing(provided.template))

const onServer = (url: string, statement: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(statement).unprepared).pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
  )

const databaseLike = (templateOf: (provided: Provided) => Effect.Effect<string, TestDatabaseMissing>) =>
  Layer.effect(
    TestDatabase,
    Effect.gen(function* () {
      const provided = inject("testDatabase")
      const server = yield* serverUrl(provided)
      const template = yield* templateOf(provided)
      const name = `test_${randomUUID().replaceAll("-", "")}`
      yield* Effect.acquireRelease(
        onServer(server, `create database ${name} template ${template} strategy file_copy`),
        () => Effect.orDie(onServer(server, `drop database ${name} with (force)`))
      )
      const url = new URL(server)
      url.pathname = `/${name}`
      return TestDatabase.of({ url: Redacted.make(url.href), name })
    })
  )

const withClient = <E>(database: Layer.Layer<TestDatabase, E>) =>
  Layer.unwrap(Effect.map(TestDatabase, ({ url }) => PgClient.layer({ url }))).pipe(
    Layer.provideMerge(database)
  )

/** A fresh database with every migration applied, and a client for it; dropped when the layer closes. */
export const layer = withClient(databaseLike(templateName))

/** The same without any migration. */
export const layerEmpty = withClient(databaseLike(() => Effect.succeed("template0")))
