import { createServer } from "node:net"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, Redacted } from "effect"
import * as Migrations from "../../../src/layers/postgres/Migrations.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"
import * as TestDatabases from "../../support/TestDatabase.ts"

const database = Layer.merge(TestDatabases.layerEmpty, NodeServices.layer)

/** A folder with these files. */
const folder = Effect.fn(function* (files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-migrations-" })
  yield* Effect.forEach(Object.entries(files), ([name, text]) =>
    fs.writeFileString(`${directory}/${name}`, text)
  )
  return directory
})

const write = Effect.fn(function* (directory: string, name: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(`${directory}/${name}`, text)
})

const applied = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql<{ id: number; name: string }>`select id, name from moose.migrations order by id`
})

const exists = Effect.fn(function* (table: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ found: boolean }>`select to_regclass(${table}) is not null as found`
  return row?.found
})

const failureOf = (directory: string) =>
  Effect.flip(Migrations.runFrom(directory)).pipe(
    Effect.flatMap((error) => (error._tag === "MigrationFailed" ? Effect.succeed(error) : Effect.die(error)))
  )

const two = {
  "0001_schema.sql": `create schema moose;
    create function moose.twice(integer) returns integer language sql as $$ select $1 * 2; $$;
    create table public.things (id integer primary key, name text default ';');`,
  "0002_rows.sql": "insert into things values (moose.twice(21));\r\n-- done\r\n",
  "README.md": "not SQL"
}

describe("Migrations", () => {
  it.live("applies what is missing, once and in order", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const directory = yield* folder(two)
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), ["0001_schema.sql", "0002_rows.sql"])
      assert.deepStrictEqual(yield* sql`select id, name from things`, [{ id: 42, name: ";" }])
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), [])
      yield* write(directory, "0003_more.sql", "alter table things add column more integer")
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), ["0003_more.sql"])
      assert.deepStrictEqual(
        (yield* applied).map(({ id }) => id),
        [1, 2, 3]
      )
      const [table] = yield* sql<{ secured: boolean }>`
        select relrowsecurity as secured from pg_class where oid = 'moose.migrations'::regclass`
      assert.isTrue(table?.secured)
    }).pipe(Effect.provide(database))
  )

  it.live("takes different line endings for the same file", () =>
    Effect.gen(function* () {
      const directory = yield* folder(two)
      yield* Migrations.runFrom(directory)
      yield* write(directory, "0001_schema.sql", two["0001_schema.sql"].replaceAll("\n", "\r\n"))
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), [])
    }).pipe(Effect.provide(database))
  )

  it.live("leaves no trace of a file that fails, says where it did, and goes on once it is mended", () =>
    Effect.gen(function* () {
      const directory = yield* folder(two)
      yield* write(
        directory,
        "0002_rows.sql",
        "create table half ();\n\nset statement_timeout = '7s';\ninsert into things\n  values (nonsense);\nselect 1;"
      )
      const failure = yield* failureOf(directory)
      assert.strictEqual(failure.file, "0002_rows.sql")
      assert.strictEqual(failure.statement, 3)
      assert.strictEqual(failure.line, 5)
      assert.strictEqual(failure.evidence.sqlState, "42703")
      assert.include(failure.message, 'column "nonsense" does not exist')
      assert.isFalse(yield* exists("half"))
      assert.deepStrictEqual(yield* applied, [{ id: 1, name: "0001_schema.sql" }])
      yield* write(directory, "0002_rows.sql", "create table half ()")
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), ["0002_rows.sql"])
    }).pipe(Effect.provide(database))
  )

  it.live("reports a constraint that only the commit finds broken", () =>
    Effect.gen(function* () {
      const directory = yield* folder({
        "0001_late.sql": `create table a (id integer primary key);
          create table b (a integer references a deferrable initially deferred);
          insert into b values (1);`
      })
      const failure = yield* failureOf(directory)
      assert.strictEqual(failure.statement, null)
      assert.strictEqual(failure.evidence.sqlState, "23503")
      assert.isFalse(yield* exists("moose.migrations"))
    }).pipe(Effect.provide(database))
  )

  it.live("does not leave a file's settings behind on the connection", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const directory = yield* folder({
        "0001_dump.sql": "create table public.here ();\nset search_path = '';\nset lock_timeout = '1ms';"
      })
      yield* Migrations.runFrom(directory)
      const settings =
        yield* sql`select current_setting('search_path') as path, current_setting('lock_timeout') as lock`
      assert.deepStrictEqual(settings, [{ path: '"$user", public', lock: "0" }])
    }).pipe(Effect.provide(Layer.merge(oneConnection, NodeServices.layer)))
  )

  it.live("refuses an applied file that was changed, and touches nothing", () =>
    Effect.gen(function* () {
      const directory = yield* folder(two)
      yield* Migrations.runFrom(directory)
      yield* write(directory, "0001_schema.sql", `${two["0001_schema.sql"]} -- improved`)
      yield* write(directory, "0003_more.sql", "create table more ()")
      const failure = yield* failureOf(directory)
      assert.strictEqual(failure.file, "0001_schema.sql")
      assert.include(failure.message, "changed after it was applied")
      assert.isFalse(yield* exists("more"))
    }).pipe(Effect.provide(database))
  )

  it.live("refuses a database that is newer, and a file that comes too late", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* folder({ ...two, "0004_newest.sql": "create table newest ()" })
      yield* Migrations.runFrom(directory)
      yield* write(directory, "0003_late.sql", "create table late ()")
      const late = yield* failureOf(directory)
      assert.strictEqual(late.file, "0003_late.sql")
      yield* fs.remove(`${directory}/0003_late.sql`)
      yield* fs.remove(`${directory}/0004_newest.sql`)
      const older = yield* failureOf(directory)
      assert.strictEqual(older.file, "0004_newest.sql")
      assert.include(older.message, "use a newer one")
    }).pipe(Effect.provide(database))
  )

  it.live("refuses files that do not form an order", () =>
    Effect.gen(function* () {
      const twins = yield* failureOf(yield* folder({ "0001_a.sql": "select 1", "0001_b.sql": "select 1" }))
      assert.strictEqual(twins.file, "0001_b.sql")
      const strange = yield* failureOf(yield* folder({ "1_a.sql": "select 1" }))
      assert.strictEqual(strange.file, "1_a.sql")
      const missing = yield* failureOf("/nowhere/at/all")
      assert.strictEqual(missing.file, "/nowhere/at/all")
    }).pipe(Effect.provide(database))
  )

  it.live("applies each file once however many processes start at the same moment", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const directory = yield* folder({
        "0001_a.sql": "create table counted (id integer); select pg_sleep(0.05)",
        "0002_b.sql": "insert into counted values (1)",
        "0003_c.sql": "insert into counted values (2)"
      })
      const results = yield* Effect.all(
        [1, 2, 3, 4, 5].map(() =>
          // A client of its own each, as processes have.
          Effect.provide(Migrations.runFrom(directory), PgClient.layer({ url, maxConnections: 1 }), {
            local: true
          })
        ),
        { concurrency: "unbounded" }
      )
      assert.sameMembers(results.flat(), ["0001_a.sql", "0002_b.sql", "0003_c.sql"])
      const sql = yield* PgClient.PgClient
      assert.deepStrictEqual(yield* sql`select id from counted order by id`, [{ id: 1 }, { id: 2 }])
    }).pipe(Effect.provide(database))
  )

  it.live("gives the lock back when it is interrupted", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const directory = yield* folder({ "0001_slow.sql": "notify begun; select pg_sleep(20)" })
      const sql = yield* PgClient.PgClient
      const sleeps = yield* Deferred.make<void>()
      const migrating = yield* Effect.forkChild(
        Effect.provide(Migrations.runFrom(directory), PgClient.layer({ url, maxConnections: 1 }), {
          local: true
        })
      )
      yield* sql<{ sleeping: boolean }>`select exists (select from pg_stat_activity
          where datname = current_database() and wait_event = 'PgSleep') as sleeping`.pipe(
        Effect.repeat({ until: ([row]) => row?.sleeping === true }),
        Effect.andThen(Deferred.succeed(sleeps, undefined)),
        Effect.timeout("10 seconds")
      )
      yield* Deferred.await(sleeps)
      yield* Fiber.interrupt(migrating)
      yield* write(directory, "0001_slow.sql", "create table quick ()")
      assert.deepStrictEqual(yield* Migrations.runFrom(directory), ["0001_slow.sql"])
    }).pipe(Effect.provide(database))
  )

  it.live("is StoreUnavailable where nobody answers", () =>
    Effect.gen(function* () {
      const directory = yield* folder(two)
      const url = Redacted.make(`postgres://moose@127.0.0.1:${yield* closedPort}/moose`)
      const error = yield* Effect.flip(Effect.provide(Migrations.runFrom(directory), PgClient.layer({ url })))
      assert.strictEqual(error._tag, "StoreUnavailable")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

/** A database whose client has one connection, so that what is left behind on it is seen. */
const oneConnection = Layer.unwrap(
  Effect.map(TestDatabase, ({ url }) => PgClient.layer({ url, maxConnections: 1 }))
).pipe(Layer.provide(TestDatabases.layerEmpty))

const closedPort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const bound = server.address()
    const port = bound === null || typeof bound === "string" ? 0 : bound.port
    server.close(() => resume(Effect.succeed(port)))
  })
})
