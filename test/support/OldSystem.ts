import { readFile } from "node:fs/promises"
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import * as SqlStatements from "../../src/layers/postgres/SqlStatements.ts"

/** The old system's tables, in the order in which their rows are taken over. */
export const tables = [
  "projects",
  "work_orders",
  "cost_tracking",
  "outcome_vectors",
  "decision_logs",
  "escalations"
] as const

/** Runs a script, as psql would. */
export const script = Effect.fn(function* (text: string) {
  const sql = yield* PgClient.PgClient
  yield* Effect.forEach(SqlStatements.split(text), (statement) => sql.unsafe(statement.text).unprepared)
})

const fixture = (name: string) =>
  Effect.promise(() => readFile(new URL(`../fixtures/old-system/${name}`, import.meta.url), "utf8"))

/** Makes the database of the old system, with all that it holds. */
export const load = Effect.gen(function* () {
  yield* script(yield* fixture("schema.sql"))
  yield* script(yield* fixture("rows.sql"))
})

export const count = Effect.fn(function* (query: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql.unsafe<{ count: number }>(`select count(*)::integer as count from ${query}`)
    .unprepared
  return row?.count
})

/** Every row of the tables, and what they are made of, in one text for each; the same wherever they are. */
export const contents = Effect.fn(function* (schema: "public" | "moose_old") {
  const sql = yield* PgClient.PgClient
  return yield* Effect.forEach(tables, (table) =>
    Effect.gen(function* () {
      const rows = yield* sql.unsafe<{ row: string }>(
        `select to_jsonb(t)::text as row from ${schema}.${table} t order by id::text`
      ).unprepared
      const made = yield* sql.unsafe<{ part: string }>(
        `select pg_get_constraintdef(oid) as part from pg_constraint where conrelid = '${schema}.${table}'::regclass
         union all select pg_get_indexdef(indexrelid) from pg_index where indrelid = '${schema}.${table}'::regclass
         union all select pg_get_triggerdef(oid) from pg_trigger where tgrelid = '${schema}.${table}'::regclass and not tgisinternal
         union all select policyname || qual from pg_policies where schemaname = '${schema}' and tablename = '${table}'
         union all select 'rls ' || relrowsecurity from pg_class where oid = '${schema}.${table}'::regclass
         order by 1`
      ).unprepared
      return {
        table,
        rows: rows.map(({ row }) => row),
        made: made.map(({ part }) =>
          part.replaceAll(`${schema}.`, "").replaceAll(/(?<=REFERENCES |ON )\w+\./g, "")
        )
      }
    })
  )
})
