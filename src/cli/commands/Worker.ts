import { Duration, Effect, Layer, Logger } from "effect"
import { Command } from "effect/cli"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"

/**
 * `moose worker`: runs whatever is queued until it is stopped. Then it claims nothing more, lets the steps under way
 * come to their ends for up to `Limits.workerDrain`, and hands the orders over to whichever worker is next.
 */
export const worker = Command.make(
  "worker",
  {},
  Effect.fnUntraced(
    function* () {
      yield* Effect.logInfo("The worker is ready")
      yield* Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.logWarning(
            `The worker stops: it claims nothing more, and hands over what it holds after the step under way, within ${Duration.toSeconds(Limits.workerDrain)} s`
          )
        )
      )
    },
    Effect.provide(
      Environment.worker({ drain: Limits.workerDrain }).pipe(
        Layer.provide(Environment.everything),
        Layer.provide(Settings.layer),
        Layer.provideMerge(Logger.layer([Logger.consoleJson]))
      )
    )
  )
).pipe(Command.withDescription("Run queued work orders until stopped"))
