import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Option, Schema } from "effect"
import { type SqlError, isSqlError } from "effect/sql/SqlError"
import type { StoreUnavailable } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { packageRoot } from "../PackageRoot.ts"
import { failure, lineOf, unavailable } from "./MigrationFailures.ts"
import { type Migration, MigrationFailed, read, refused } from "./MigrationFiles.ts"
import * as OldSystem from "./OldSystem.ts"

export { MigrationFailed }

type Sql = PgClient.PgClient

/** Any number that nobody else uses for an advisory lock: "moose" on a telephone's keys. */
const lockKey = 66673

/** Waits for another process that migrates, and bounds what the file itself waits for. Ends with the transaction. */
const lock = Effect.fnUntraced(
  function* (sql: Sql) {
    const timeout = `${Duration.toMillis(Limits.migrationLock)}ms`
    yield* sql`select set_config('lock_timeout', ${timeout}, true)`
    yield* sql`select pg_advisory_xact_lock(${lockKey}::bigint)`
  },
  Effect.mapError(unavailable("waiting for the migration lock"))
)

interface Applied {
  readonly id: number
  readonly name: string
  readonly checksum: string
}

const readApplied = Effect.fnUntraced(
  function* (sql: Sql) {
    // Not to_regclass: it remembers that a table was missing, also after waiting for the one who made it.
    const [table] = yield* sql<{ found: boolean }>`select exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'moose' and c.relname = 'migrations') as found`
    if (table?.found !== true) return []
    return yield* sql<Applied>`select id, name, checksum from moose.migrations order by id`
  },
  Effect.mapError(unavailable("reading moose.migrations"))
)

/** Is what the database has had a beginning of what this version would apply, letter by letter? */
const compare = (applied: ReadonlyArray<Applied>, migrations: ReadonlyArray<Migration>) => {
  const newest = Math.max(0, ...applied.map(({ id }) => id))
  for (const row of applied) {
    const file = migrations.find(({ id }) => id === row.id)
    if (file === undefined) {
      const known = Math.max(0, ...migrations.map(({ id }) => id))
      return Option.some(
        refused(
          row.name,
          `The database has migration ${row.id}, and this version of Moose knows none after ${known}: use a newer one`
        )
      )
    }
    if (file.checksum !== row.checksum) {
      return Option.some(
        refused(
          file.name,
          "It was changed after it was applied: restore it, and put the change into a new file"
        )
      )
    }
  }
  const late = migrations.find(({ id }) => id < newest && !applied.some((row) => row.id === id))
  return Option.map(Option.fromUndefinedOr(late), ({ name }) =>
    refused(name, `The database is past it already, at ${newest}: give it a higher number`)
  )
}

const apply = Effect.fnUntraced(function* (sql: Sql, migration: Migration) {
  const { id, name, checksum, statements } = migration
  for (const [index, statement] of statements.entries()) {
    const beginning = statement.text.slice(0, 60)
    yield* sql
      .unsafe(statement.text)
      .unprepared.pipe(
        Effect.mapError((error) => failure(name, index + 1, lineOf(statement, error), beginning)(error))
      )
  }
  // What a file sets for itself must not stay behind on a connection that goes back to the pool.
  const record = Effect.gen(function* () {
    yield* sql.unsafe("reset all").unprepared
    yield* sql`create schema if not exists moose`
    yield* sql`create table if not exists moose.migrations (
      id integer primary key, name text not null, checksum text not null, applied_at timestamptz not null
    )`
    yield* sql`alter table moose.migrations enable row level security`
    yield* sql`insert into moose.migrations (id, name, checksum, applied_at)
      values (${id}, ${name}, ${checksum}, clock_timestamp())`
  })
  yield* Effect.mapError(record, failure(name, null, null, "recording it in moose.migrations"))
})

/** One transaction: lock, look again, apply. False when it is applied already. */
const applyUnlessThere = Effect.fnUntraced(function* (
  sql: Sql,
  migration: Migration,
  migrations: ReadonlyArray<Migration>
) {
  yield* lock(sql)
  const applied = yield* readApplied(sql)
  const objection = compare(applied, migrations)
  if (Option.isSome(objection)) return yield* objection.value
  if (applied.some(({ id }) => id === migration.id)) return false
  yield* apply(sql, migration)
  return true
})

/** What was done to a database, or in a rehearsal would be. */
export interface Brought {
  /** The names of the files that were applied. */
  readonly applied: ReadonlyArray<string>
  /** The old system's tables were found, and moved to the schema moose_old. */
  readonly moved: boolean
  /** How the old system's rows stand here; none where there are none. */
  readonly old: Option.Option<OldSystem.Taken>
}

/** Whatever it asks of the old system's tables, in a transaction with the lock. */
const withOldTables = <A, E, R>(sql: Sql, effect: Effect.Effect<A, E | SqlError, R>) =>
  sql
    .withTransaction(Effect.andThen(lock(sql), effect))
    .pipe(
      Effect.catchIf(isSqlError, (error) =>
        Effect.fail(failure("the old system's tables", null, null, "moving or reading them")(error))
      )
    )

/** Nothing was there before: makes room. What comes back from an earlier time may be of a newer version. */
const prepare = Effect.fnUntraced(function* (sql: Sql, migrations: ReadonlyArray<Migration>) {
  if ((yield* readApplied(sql)).length > 0) return false
  const moved = yield* OldSystem.setAside(sql)
  const objection = compare(yield* readApplied(sql), migrations)
  if (Option.isSome(objection)) return yield* objection.value
  return moved
})

/** The same as `bring` for the files of another folder. */
export const bringFrom = Effect.fn("Migrations.bring")(function* (directory: string) {
  const sql = yield* PgClient.PgClient
  const migrations = yield* read(directory)
  const moved =
    (yield* readApplied(sql)).length === 0 && (yield* withOldTables(sql, prepare(sql, migrations)))
  const applied = yield* readApplied(sql)
  const objection = compare(applied, migrations)
  if (Option.isSome(objection)) return yield* objection.value
  const pending = migrations.filter(({ id }) => !applied.some((row) => row.id === id))
  const done = yield* Effect.filter(pending, (migration) =>
    sql
      .withTransaction(applyUnlessThere(sql, migration, migrations))
      .pipe(
        Effect.catchTag("SqlError", (error) =>
          Effect.fail(failure(migration.name, null, null, "committing the migration")(error))
        )
      )
  )
  const old = yield* withOldTables(sql, OldSystem.takeOver(sql))
  return { applied: done.map(({ name }) => name), moved, old } satisfies Brought
})

const directory = `${packageRoot}/migrations`

/**
 * Brings the database up to date with the files in `migrations/`, each in a transaction of its own, and takes over
 * what the old system's tables hold, if it has them. Processes that start at the same moment take turns.
 */
export const bring: Effect.Effect<Brought, MigrationFailed | StoreUnavailable, PgClient.PgClient> =
  bringFrom(directory)

/** What `bring` would do: it is done, and rolled back. Others wait for the tables meanwhile. */
export const rehearse: Effect.Effect<Brought, MigrationFailed | StoreUnavailable, PgClient.PgClient> =
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* sql
      .withTransaction(
        Effect.flatMap(bring, (brought) => Effect.fail({ _tag: "Rehearsed" as const, brought }))
      )
      .pipe(
        Effect.catchTags({
          Rehearsed: ({ brought }) => Effect.succeed(brought),
          SqlError: (error) => Effect.fail(failure("rehearsal", null, null, "rolling back")(error))
        })
      )
  })

/** Puts the old system's tables back, with what Moose did since, and all of Moose's own aside. */
export const back: Effect.Effect<
  OldSystem.PutBack,
  OldSystem.NotPutBack | MigrationFailed | StoreUnavailable,
  PgClient.PgClient
> = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* withOldTables(sql, OldSystem.putBack(sql))
})

/** The same as `run` for the files of another folder. */
export const runFrom = (directory: string) => Effect.map(bringFrom(directory), ({ applied }) => applied)

/** `bring`, answering the names of the files applied now. */
export const run = Effect.map(bring, ({ applied }) => applied)

/** The database has not the tables that this version works with; nothing was read or changed. */
export class NotMigrated extends Schema.TaggedError<NotMigrated>()("NotMigrated", {
  problem: Schema.String,
  fix: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** The same as `verify` for the files of another folder. */
export const verifyFrom = Effect.fn("Migrations.verify")(function* (directory: string) {
  const sql = yield* PgClient.PgClient
  const migrations = yield* read(directory)
  const applied = yield* readApplied(sql)
  const objection = compare(applied, migrations)
  if (Option.isSome(objection)) {
    return yield* new NotMigrated({
      problem: `The database is not of this version of Moose. ${objection.value.message}`,
      fix: "Use the version of Moose that ran `moose migrate` on it last, or another database."
    })
  }
  const missing = migrations.length - applied.length
  if (missing > 0) {
    return yield* new NotMigrated({
      problem:
        applied.length === 0
          ? "The database has no tables of Moose yet"
          : `The database is older than this version of Moose: ${missing} of ${migrations.length} migrations are missing`,
      fix: "Bring it up to date with: moose migrate"
    })
  }
})

/**
 * Is the database exactly what this version works with? Fails when it is older, newer or different, and
 * changes nothing.
 */
export const verify: Effect.Effect<
  void,
  NotMigrated | MigrationFailed | StoreUnavailable,
  PgClient.PgClient
> = verifyFrom(directory)

/** A database that is up to date before anything else uses it. */
export const layer = Layer.effectDiscard(run)
