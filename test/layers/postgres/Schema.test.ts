import { readFile } from "node:fs/promises"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { dump } from "../../../scripts/SchemaDump.ts"
import * as Migrations from "../../../src/layers/postgres/Migrations.ts"
import { publicRelations } from "../../../src/layers/postgres/OldSystem.ts"
import * as OldSystem from "../../support/OldSystem.ts"
import * as TestDatabases from "../../support/TestDatabase.ts"

const snapshot = Effect.promise(() => readFile(new URL("../../fixtures/schema.sql", import.meta.url), "utf8"))
const rewrite = "npm run schema:snapshot writes test/fixtures/schema.sql again"

describe("the schema after all migrations", () => {
  it.live("is the snapshot's", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* dump, yield* snapshot, rewrite)
    }).pipe(Effect.provide(TestDatabases.layer))
  )

  it.live("is the same on the old system's database, also after going back and forward again", () =>
    Effect.gen(function* () {
      yield* OldSystem.load
      yield* Migrations.bring
      const expected = yield* snapshot
      assert.strictEqual(yield* dump, expected, rewrite)
      yield* Migrations.back
      yield* Migrations.bring
      assert.strictEqual(yield* dump, expected)
    }).pipe(Effect.provide(Layer.merge(TestDatabases.layerEmpty, NodeServices.layer)))
  )

  it.live("has in public what is made room for, and nothing of that name elsewhere", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const found = yield* sql<{ schema: string; name: string }>`
        select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('moose', 'public') and c.relkind in ('r', 'p', 'v', 'm')`
      const names = (schema: string) => found.filter((it) => it.schema === schema).map(({ name }) => name)
      assert.sameMembers(names("public"), [...publicRelations])
      assert.notIncludeMembers(names("moose"), [...publicRelations])
      // The way back moves them into one schema.
      const indexes = yield* sql`select relname from pg_class where relkind in ('i', 'S')
        and relnamespace in ('moose'::regnamespace, 'public'::regnamespace) group by 1 having count(*) > 1`
      assert.deepStrictEqual(indexes, [])
      const functions = yield* sql`select proname from pg_proc where pronamespace = 'public'::regnamespace`
      assert.deepStrictEqual(functions, [])
    }).pipe(Effect.provide(TestDatabases.layer))
  )
})
