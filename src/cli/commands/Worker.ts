import { Effect, Layer, Logger } from "effect"
import { Command } from "effect/cli"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"

/** `moose worker`: runs whatever is queued until it is stopped; what it holds then, another one takes over. */
export const worker = Command.make(
  "worker",
  {},
  Effect.fnUntraced(
    function* () {
      yield* Effect.logInfo("The worker is ready")
      yield* Effect.never
    },
    Effect.provide(
      Environment.worker().pipe(
        Layer.provide(Environment.everything),
        Layer.provide(Settings.layer),
        Layer.provideMerge(Logger.layer([Logger.consoleJson]))
      )
    )
  )
).pipe(Command.withDescription("Run queued work orders until stopped"))
