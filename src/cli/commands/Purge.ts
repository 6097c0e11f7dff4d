import { Console, Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Retention from "../../layers/postgres/Retention.ts"
import * as Settings from "../../layers/Settings.ts"
import { printJson } from "../Report.ts"
import { UserError } from "../UserError.ts"

const defaultDays = Duration.toDays(Limits.retention)

/** `moose purge`: removes what is over and old, as workers do by themselves now and then. */
export const purge = Command.make(
  "purge",
  {
    days: Flag.Int("older-than-days").pipe(
      Flag.withDescription(`Keep what is younger than this (${defaultDays})`),
      Flag.withDefault(defaultDays)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ days, json }) {
    if (days < 1) {
      return yield* new UserError({
        problem: `--older-than-days is ${days}.`,
        fix: "Give a whole number of days, 1 or more."
      })
    }
    yield* Effect.gen(function* () {
      const gone = yield* Retention.purge(Duration.days(days))
      if (json) return yield* printJson(gone)
      yield* Console.log(
        `Removed what is over and older than ${days} days: ${gone.events} lines of timelines, ${gone.results} journaled results, ` +
          `${gone.replies} replies of models to programs, ${gone.executions} executions without an order, ${gone.batches} keys, ${gone.runners} runners. ` +
          "Orders, decisions, failures, money and outcomes stay."
      )
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Remove timelines and journals that are over and old"))
