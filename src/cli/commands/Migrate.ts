import { PgClient } from "@effect/sql-pg"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Environment from "../../layers/Environment.ts"
import * as Migrations from "../../layers/postgres/Migrations.ts"
import type { PutBack, Taken } from "../../layers/postgres/OldSystem.ts"
import * as Settings from "../../layers/Settings.ts"
import { UserError } from "../UserError.ts"

const takenLines = (taken: Taken, moved: boolean): ReadonlyArray<string> => {
  const listed = taken.tables.reduce((sum, table) => sum + table.listed, 0)
  if (!moved && taken.rows === 0) return []
  const there = taken.statuses.map(({ status, orders }) => `${orders} ${status}`).join(", ")
  const mapped = taken.tables.map((table) => `${table.mapped} ${table.name}`).join(", ")
  return [
    moved
      ? `The old system's tables are in the schema moose_old, as they were. Its work orders: ${there}.`
      : `${taken.rows} rows were new or had changed in the old system's tables.`,
    `Taken over: ${mapped}.`,
    ...(listed === 0
      ? []
      : [
          `${listed} rows are listed instead: select source, old_id, reason from moose.old_rows where target is null`
        ]),
    ...(taken.inFlight === 0
      ? []
      : [`${taken.inFlight} orders were in flight, and somebody has to decide: moose escalations list`]),
    ...(moved ? [`${taken.projectsOff} projects are off. How to go on: docs/rollout.md`] : [])
  ]
}

const broughtLines = ({ applied, moved, old }: Migrations.Brought): ReadonlyArray<string> => {
  const lines = [
    ...(applied.length === 0 ? [] : [`Applied ${applied.join(", ")}.`]),
    ...Option.match(old, { onNone: () => [], onSome: (taken) => takenLines(taken, moved) })
  ]
  return lines.length === 0 ? ["The database is up to date."] : lines
}

const backLines = ({ aside, written }: PutBack): ReadonlyArray<string> => {
  const rows = written.filter(({ rows }) => rows > 0).map(({ name, rows }) => `${rows} ${name}`)
  return [
    "The old system's tables are back in their places. Moose's own are in the schema moose_kept.",
    rows.length === 0 ? "Moose had changed nothing." : `Written into them: ${rows.join(", ")}.`,
    ...(aside.length === 0
      ? []
      : [`${aside.length} rows could not be written: select * from moose_kept.rows_kept_aside`]),
    "Forward again: moose migrate"
  ]
}

const say = (lines: ReadonlyArray<string>) =>
  Effect.forEach(lines, (line) => Console.log(line), { discard: true })

/** `moose migrate`: brings DATABASE_URL up to date. The embedded database does so by itself. */
export const migrate = Command.make(
  "migrate",
  {
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Do it, say what was done, and roll it back"),
      Flag.withDefault(false)
    ),
    back: Flag.Boolean("back").pipe(
      Flag.withDescription("Put the old system's tables back, with what Moose did since"),
      Flag.withDefault(false)
    ),
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("With --back: really"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ back, dryRun, yes }) {
    const { databaseUrl } = yield* Settings.Settings
    if (back && (dryRun || !yes)) {
      return yield* new UserError({
        problem: "--back takes Moose out of the database, and nothing was done yet",
        fix: "Read docs/rollout.md, stop the workers, then: moose migrate --back --yes"
      })
    }
    if (databaseUrl === undefined) {
      if (back || dryRun) {
        return yield* new UserError({
          problem: `${back ? "--back" : "--dry-run"} is for a database of your own, and DATABASE_URL is not set`,
          fix: "Set DATABASE_URL. The embedded database is brought up to date by itself."
        })
      }
      yield* Effect.void.pipe(Effect.provide(Environment.database))
      return yield* Console.log("The embedded database is up to date.")
    }
    const client = PgClient.layer({ url: databaseUrl })
    if (back) {
      return yield* Migrations.back.pipe(
        Effect.provide(client),
        Effect.catchTag("NotPutBack", ({ fix, problem }) => Effect.fail(new UserError({ problem, fix }))),
        Effect.flatMap((done) => say(backLines(done)))
      )
    }
    if (dryRun) {
      yield* say([
        "Nothing was changed. Without --dry-run:",
        ...broughtLines(yield* Effect.provide(Migrations.rehearse, client))
      ])
      return
    }
    yield* say(broughtLines(yield* Effect.provide(Migrations.bring, client)))
  }, Effect.provide(Settings.layer))
).pipe(Command.withDescription("Bring the database up to date"))
