import { Clock, Duration, Effect, Schedule, Schema } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import * as ShiftedClock from "../../ShiftedClock.ts"
import { storeFunction } from "../StoreCall.ts"

const skewMs = Duration.toMillis(Limits.clockSkew)

const databaseTime = storeFunction("database_time", Schema.Struct({}), Schema.Int)

/**
 * This process's clock, put right by the database's where they differ by `Limits.clockSkew` or more. Waits, deadlines
 * and resets are compared with what the database stores, which other processes read too: a worker whose clock is off
 * by hours would wait for hours, or give orders up. Looked at now and then; as long as the database does not answer,
 * what it said last holds.
 */
export const make = Effect.gen(function* () {
  const real = yield* Clock.Clock
  let shiftMs = 0
  const compare = Effect.gen(function* () {
    const before = yield* real.currentTimeMillis
    const there = yield* databaseTime({})
    const after = yield* real.currentTimeMillis
    const ahead = there - (before + after) / 2
    // An answer that took long says less: it may have been given at any moment in between.
    const doubtMs = skewMs + (after - before) / 2
    if (Math.abs(ahead - shiftMs) < doubtMs) return
    shiftMs = Math.abs(ahead) < doubtMs ? 0 : Math.round(ahead)
    yield* Effect.logWarning(`This machine's clock is ${-shiftMs} ms ahead of the database's, which counts`)
  }).pipe(Effect.catch((error) => Effect.logWarning("The database's clock could not be looked at", error)))
  yield* compare
  yield* Effect.forkScoped(Effect.repeat(compare, Schedule.spaced(Limits.clockCompare)))
  return ShiftedClock.make(real, () => shiftMs)
})
