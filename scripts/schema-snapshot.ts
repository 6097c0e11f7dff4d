import { writeFile } from "node:fs/promises"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer } from "effect"
import * as EmbeddedPostgres from "../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../src/layers/postgres/Migrations.ts"
import { dump } from "./SchemaDump.ts"

// Writes test/fixtures/schema.sql, with which a test compares what the migrations make.

const file = new URL("../test/fixtures/schema.sql", import.meta.url)

const server = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDirectory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-schema-" })
    const client = Layer.unwrap(
      Effect.map(EmbeddedPostgres.EmbeddedPostgres, ({ url }) => PgClient.layer({ url }))
    )
    return Migrations.layer.pipe(
      Layer.provideMerge(client),
      Layer.provideMerge(EmbeddedPostgres.layer({ dataDirectory, durable: false }))
    )
  })
)

const text = await Effect.runPromise(
  dump.pipe(Effect.provide(server), Effect.provide(NodeServices.layer), Effect.scoped)
)
await writeFile(file, text)
console.log(`Wrote ${text.split("\n").length} lines to test/fixtures/schema.sql`)
