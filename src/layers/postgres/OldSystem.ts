import { Effect, Option, Schema } from "effect"
import type { PgClient } from "@effect/sql-pg"
import { refused } from "./MigrationFiles.ts"

type Sql = PgClient.PgClient

/** What Moose's migrations make in the schema public. A test compares; whoever adds a table there adds it here. */
export const publicRelations = [
  "projects",
  "work_orders",
  "work_order_events",
  "error_events",
  "decision_logs",
  "resources",
  "cost_tracking",
  "outcome_vectors",
  "incidents",
  "escalations",
  "escalation_orders",
  "spending",
  "wasted_spend",
  "spend_by_day",
  "open_reservations",
  "budget_today"
] as const

interface Shape {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  /** At least one of each of these. */
  readonly oneOf: ReadonlyArray<string>
  readonly optional: boolean
}

/** By what the old system's tables are told from somebody else's of the same name. */
const shapes: ReadonlyArray<Shape> = [
  { name: "work_orders", columns: ["id", "title", "status", "created_at"], oneOf: [], optional: false },
  {
    name: "escalations",
    columns: ["id", "work_order_id", "type", "status", "context", "resolution_options"],
    oneOf: [],
    optional: false
  },
  {
    name: "cost_tracking",
    columns: ["id", "work_order_id", "created_at"],
    oneOf: ["cost_usd", "cost", "total_cost", "amount_usd", "amount"],
    optional: false
  },
  {
    name: "outcome_vectors",
    columns: ["id", "work_order_id"],
    oneOf: ["model", "model_name", "model_used"],
    optional: false
  },
  { name: "decision_logs", columns: ["id", "work_order_id"], oneOf: [], optional: false },
  { name: "projects", columns: ["id"], oneOf: ["name", "slug"], optional: true }
]

/** The old system's own, which would work on Moose's tables if it were found beside them. */
const oldFunction = "check_and_reserve_budget"

/** The tables cannot be put back now; nothing was changed. */
export class NotPutBack extends Schema.TaggedError<NotPutBack>()("NotPutBack", {
  problem: Schema.String,
  fix: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

const refusal = (name: string, why: string) =>
  refused(
    `public.${name}`,
    `It is in the way of Moose's own, and is not the old system's: ${why}. Nothing was changed`
  )

interface Found {
  readonly name: string
  readonly kind: string
  readonly columns: ReadonlyArray<string>
  /** Its rows are told apart by `id`. */
  readonly keyed: boolean
}

const look = (sql: Sql) =>
  sql<Found>`select c.relname as name, c.relkind::text as kind,
      array(select a.attname::text from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      exists (select from pg_catalog.pg_index i
              join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and a.attnum = i.indkey[0] and a.attnotnull
              where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indnkeyatts = 1) as keyed
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and c.relname in ${sql.in([...publicRelations])}
    order by c.relname`

/** What is not as the old system has it; none when it may be its table. */
const difference = (shape: Shape, found: Found): Option.Option<string> => {
  const missing = shape.columns.find((column) => !found.columns.includes(column))
  if (found.kind !== "r" && found.kind !== "p") return Option.some("it is no table")
  if (missing !== undefined) return Option.some(`it has no column ${missing}`)
  if (!found.keyed) return Option.some("its rows are not told apart by id")
  if (shape.oneOf.length > 0 && !shape.oneOf.some((column) => found.columns.includes(column))) {
    return Option.some(`it has none of the columns ${shape.oneOf.join(", ")}`)
  }
  return Option.none()
}

/** The names of the old system's tables in public, all or none; whatever else is in the way is refused. */
const recognise = Effect.fnUntraced(function* (sql: Sql) {
  const inTheWay = yield* look(sql)
  const first = inTheWay[0]
  if (first === undefined) return []
  for (const found of inTheWay) {
    const shape = shapes.find(({ name }) => name === found.name)
    if (shape === undefined) return yield* refusal(found.name, "the old system has none of that name")
    const different = difference(shape, found)
    if (Option.isSome(different)) return yield* refusal(found.name, different.value)
  }
  const missing = shapes.find(
    ({ name, optional }) => !optional && !inTheWay.some((found) => found.name === name)
  )
  if (missing !== undefined) return yield* refusal(first.name, `there is no table ${missing.name} beside it`)
  return inTheWay.map(({ name }) => name)
})

const schemaExists = Effect.fnUntraced(function* (sql: Sql, schema: string) {
  const [row] = yield* sql<{ found: boolean }>`select exists (
    select from pg_catalog.pg_namespace where nspname = ${schema}) as found`
  return row?.found === true
})

/** Tables keep their rows, indexes, constraints, policies and triggers, and whoever refers to them still does. */
const moveTable = (sql: Sql, name: string, from: string, to: string) =>
  sql`alter table if exists ${sql(from)}.${sql(name)} set schema ${sql(to)}`

/** In whichever versions there are. */
const moveFunction = Effect.fnUntraced(function* (sql: Sql, from: string, to: string) {
  const found = yield* sql<{ signature: string }>`select
      format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as signature
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = ${from} and p.proname = ${oldFunction} and p.prokind = 'f' order by 1`
  yield* Effect.forEach(found, ({ signature }) => sql.unsafe(`alter function ${signature} set schema ${to}`))
})

/**
 * Makes room for Moose's tables: those of the old system move to the schema moose_old, as they are. What Moose had
 * before it went back comes back. Answers whether there was an old system. To be called in a transaction, on a
 * database that Moose has no tables in.
 */
export const setAside = Effect.fnUntraced(function* (sql: Sql) {
  const tables = yield* recognise(sql)
  const kept = yield* schemaExists(sql, "moose_kept")
  if (tables.length === 0) {
    if (!kept) return false
    return yield* refused(
      "schema moose_kept",
      "It holds what Moose had before it went back, but the old system's tables are gone: restore them, or drop it"
    )
  }
  if (yield* schemaExists(sql, "moose_old")) {
    return yield* refused(
      "schema moose_old",
      "It is there already, and the old system's tables are in public, too"
    )
  }
  yield* sql`create schema moose_old`
  yield* moveFunction(sql, "public", "moose_old")
  yield* Effect.forEach(tables, (name) => moveTable(sql, name, "public", "moose_old"))
  if (kept) {
    yield* sql`alter schema moose_kept rename to moose`
    yield* Effect.forEach(publicRelations, (name) => moveTable(sql, name, "moose", "public"))
    yield* sql`select moose.take_over_old_rows()`
    yield* sql`update moose.old_rows set mapped = mapped - 'back' where mapped ? 'back'`
  }
  return true
})

/** How many rows of each old table stand here, and how many are listed with the reason why they do not. */
export interface Taken {
  /** New there, or changed, since they were taken over last. */
  readonly rows: number
  readonly tables: ReadonlyArray<{ readonly name: string; readonly mapped: number; readonly listed: number }>
  readonly statuses: ReadonlyArray<{ readonly status: string; readonly orders: number }>
  /** Open escalations of orders that were in flight. */
  readonly inFlight: number
  readonly projectsOff: number
}

/** Takes over what is new in moose_old; none when there is none. To be called in a transaction. */
export const takeOver = Effect.fnUntraced(function* (sql: Sql) {
  const [there] = yield* sql<{ found: boolean }>`select to_regclass('moose_old.work_orders') is not null
    and to_regproc('moose.take_over_old_rows') is not null as found`
  if (there?.found !== true) return Option.none<Taken>()
  const [taken] = yield* sql<{ rows: number }>`select moose.take_over_old_rows() as rows`
  const tables = yield* sql<Taken["tables"][number]>`select source as name, count(target)::integer as mapped,
      (count(*) - count(target))::integer as listed
    from moose.old_rows where origin = 'old' group by source order by min(taken_at), source`
  const statuses = yield* sql<
    Taken["statuses"][number]
  >`select t.status::text as status, count(*)::integer as orders
    from moose_old.work_orders t group by 1 order by 1`
  const [open] = yield* sql<{ count: number }>`select count(*)::integer as count from public.escalations
    where type = 'old_in_flight' and status = 'open'`
  const [off] = yield* sql<{
    count: number
  }>`select count(*)::integer as count from public.projects where mode = 'off'`
  return Option.some<Taken>({
    rows: taken?.rows ?? 0,
    tables,
    statuses,
    inFlight: open?.count ?? 0,
    projectsOff: off?.count ?? 0
  })
})

/** How many rows of each old table Moose's work went into, and how many could not be written. */
export interface PutBack {
  readonly written: ReadonlyArray<{ readonly name: string; readonly rows: number }>
  readonly aside: ReadonlyArray<{ readonly source: string; readonly id: string; readonly reason: string }>
}

/**
 * The way back: what Moose did since is written into the old tables, those get their places back, and everything of
 * Moose's stays aside in the schema moose_kept. To be called in a transaction.
 */
export const putBack = Effect.fnUntraced(function* (sql: Sql) {
  const [there] = yield* sql<{ old: boolean; able: boolean }>`select
    to_regclass('moose_old.work_orders') is not null as old, to_regproc('moose.put_back_old_rows') is not null as able`
  if (there?.old !== true || !there.able) {
    return yield* new NotPutBack({
      problem: "There is nothing to go back to: the database has no old tables in the schema moose_old",
      fix: "They are there after `moose migrate` on the old system's database, until somebody drops them."
    })
  }
  if (yield* schemaExists(sql, "moose_kept")) {
    return yield* new NotPutBack({
      problem: "The schema moose_kept is there already",
      fix: "See what it holds, then rename or drop it."
    })
  }
  // Nobody claims anything from here on.
  yield* sql`lock table moose.executions, moose.runners in access exclusive mode`
  const [busy] = yield* sql<{ running: number; workers: number }>`select
    (select count(*) from moose.executions where state = 'running')::integer as running,
    (select count(*) from moose.runners where lease_until > moose.now())::integer as workers`
  if (busy === undefined || busy.running > 0 || busy.workers > 0) {
    return yield* new NotPutBack({
      problem: `Moose is at work: ${busy?.running} executions run, ${busy?.workers} workers are there`,
      fix: "Stop the workers (SIGTERM lets them give back what they hold), wait a minute, and try again."
    })
  }
  const written = yield* sql<PutBack["written"][number]>`select key as name, value::text::integer as rows
    from jsonb_each(moose.put_back_old_rows()) where key <> 'kept aside' order by key`
  const aside = yield* sql<PutBack["aside"][number]>`select source, id, reason from moose.rows_kept_aside
    order by source, id`
  const tables = yield* sql<{ name: string }>`select c.relname as name
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'moose_old' and c.relkind in ('r', 'p') and c.relname in ${sql.in(shapes.map(({ name }) => name))}`
  yield* Effect.forEach(publicRelations, (name) => moveTable(sql, name, "public", "moose"))
  yield* sql`alter schema moose rename to moose_kept`
  yield* Effect.forEach(tables, ({ name }) => moveTable(sql, name, "moose_old", "public"))
  yield* moveFunction(sql, "moose_old", "public")
  // Refused when somebody else has put something there.
  yield* sql`drop schema moose_old`
  return { written, aside } satisfies PutBack
})
