import { PgClient } from "@effect/sql-pg"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Environment from "../../layers/Environment.ts"
import * as Migrations from "../../layers/postgres/Migrations.ts"
import * as Settings from "../../layers/Settings.ts"

/** `moose migrate`: brings DATABASE_URL up to date. The embedded database does so by itself. */
export const migrate = Command.make(
  "migrate",
  {},
  Effect.fnUntraced(function* () {
    const { databaseUrl } = yield* Settings.Settings
    if (databaseUrl === undefined) {
      yield* Effect.void.pipe(Effect.provide(Environment.database))
      return yield* Console.log("The embedded database is up to date.")
    }
    const applied = yield* Migrations.run.pipe(Effect.provide(PgClient.layer({ url: databaseUrl })))
    yield* Console.log(
      applied.length === 0 ? "The database is up to date." : `Applied ${applied.join(", ")}.`
    )
  }, Effect.provide(Settings.layer))
).pipe(Command.withDescription("Bring the database up to date"))
