import { Effect, Layer, Schedule } from "effect"
import { Limits } from "../domain/policies/Limits.ts"
import { Budget } from "../services/Budget.ts"
import { steadily } from "./Steadily.ts"

/**
 * Closes reservations whose owner is gone: their lease has ended, so the call may have been made, and counts as
 * spent. Answers how many there were.
 */
export const sweep = Effect.fn("ReservationSweep")(function* () {
  const budget = yield* Budget
  const closed = yield* budget.presumeExpired({ limit: Limits.reservationSweepMax })
  if (closed > 0) {
    yield* Effect.logWarning(`${closed} reservations whose owner is gone are presumed spent`)
  }
  return closed
})

/** Sweeps as long as the layer lives. A sweep that fails, hangs or breaks is left to the next one. */
export const layer = Layer.effectDiscard(
  steadily(sweep(), Limits.unattended, (cause) =>
    Effect.logWarning("Reservations could not be looked through", cause)
  ).pipe(Effect.repeat(Schedule.spaced(Limits.reservationSweep)), Effect.forkScoped)
)
