import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Limits } from "../../../../src/domain/policies/Limits.ts"
import { StoreUnavailable } from "../../../../src/domain/errors/Reasons.ts"
import * as DatabaseClock from "../../../../src/layers/postgres/engine/DatabaseClock.ts"
import { StoreCall } from "../../../../src/layers/postgres/StoreCall.ts"

const hour = Duration.toMillis(Duration.hours(1))

/** A database whose clock is `ahead`, and that takes so long to say so. */
const database = (state: { ahead: number; took: Duration.Duration; down?: boolean }) =>
  StoreCall.of({
    call: () =>
      Effect.gen(function* () {
        yield* Effect.sleep(state.took)
        const evidence = { operation: "moose.database_time", excerpt: "refused" }
        if (state.down === true) return yield* Effect.fail(new StoreUnavailable({ evidence }))
        return (yield* Clock.currentTimeMillis) + state.ahead
      })
  })

/** How far ahead of this process's clock the engine's is. */
const shift = Effect.fnUntraced(function* (clock: Clock.Clock) {
  return (yield* clock.currentTimeMillis) - (yield* Clock.currentTimeMillis)
})

const make = Effect.fnUntraced(function* (state: Parameters<typeof database>[0]) {
  const made = yield* Effect.forkChild(Effect.provideService(DatabaseClock.make, StoreCall, database(state)))
  yield* TestClock.adjust(Duration.times(state.took, 2))
  return yield* Fiber.join(made)
})

describe("DatabaseClock", () => {
  it.effect("follows the database, and comes back when it is put right", () =>
    Effect.gen(function* () {
      const state = { ahead: -6 * hour, took: Duration.millis(2), down: false }
      const clock = yield* make(state)
      assert.approximately(yield* shift(clock), -6 * hour, 2)
      // What it said last holds.
      state.down = true
      yield* TestClock.adjust(Duration.times(Limits.clockCompare, 2))
      assert.approximately(yield* shift(clock), -6 * hour, 2)
      state.down = false
      state.ahead = 3
      yield* TestClock.adjust(Duration.times(Limits.clockCompare, 2))
      assert.strictEqual(yield* shift(clock), 0)
    })
  )

  it.effect("is left as it is for what an answer that took long could explain", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* shift(yield* make({ ahead: 0, took: Duration.seconds(4) })), 0)
      assert.strictEqual(yield* shift(yield* make({ ahead: 500, took: Duration.millis(2) })), 0)
    })
  )
})
