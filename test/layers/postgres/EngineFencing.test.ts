import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fencing from "./engine/Fencing.ts"
import { inDatabase } from "./engine/Harness.ts"

/** Each test makes a claim, and loses it, for every call there is. */
const timeoutMs = 300_000

describe("a runner that was taken over from", () => {
  it.live(
    "writes nothing more, by whichever call",
    () =>
      inDatabase(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* Fencing.breaches("older"), [])
          // Nor does it help to know the number of the claim that came after its own.
          assert.deepStrictEqual(yield* Fencing.breaches("current"), [])
        })
      ),
    timeoutMs
  )

  it.live(
    "is seen to write by every call once the owner is not asked for",
    () =>
      inDatabase(
        Effect.gen(function* () {
          yield* Fencing.without(Fencing.owner)
          assert.deepStrictEqual(yield* Fencing.breaches("current"), Fencing.names)
          assert.deepStrictEqual(yield* Fencing.breaches("older"), [])
        })
      ),
    timeoutMs
  )

  it.live(
    "is seen to write by every call once neither owner nor number is asked for",
    () =>
      inDatabase(
        Effect.gen(function* () {
          yield* Fencing.without(Fencing.owner)
          yield* Fencing.without(Fencing.number)
          assert.deepStrictEqual(yield* Fencing.breaches("older"), Fencing.names)
        })
      ),
    timeoutMs
  )
})
