import { Effect, Layer, Schedule } from "effect"
import { Limits } from "../domain/policies/Limits.ts"
import { Budget } from "../services/Budget.ts"

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

/** Sweeps as long as the layer lives. A sweep that fails is left to the next one. */
export const layer = Layer.effectDiscard(
  sweep().pipe(
    Effect.catch((error) => Effect.logWarning("Reservations could not be looked through", error)),
    Effect.repeat(Schedule.spaced(Limits.reservationSweep)),
    Effect.forkScoped
  )
)
