import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { CurrentClaim } from "../../../src/services/Claim.ts"
import { Resources } from "../../../src/services/Resources.ts"
import * as Fencing from "./engine/Fencing.ts"
import * as Harness from "./engine/Harness.ts"

const { inDatabase } = Harness

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

  it.live("stops where its intent is refused, and the run's owner does not", () =>
    inDatabase(
      Effect.gen(function* () {
        const resources = yield* Resources
        const { at, execution } = yield* Harness.anOrder(yield* Harness.aProject())
        const claimed = yield* Harness.tickAs("old", ["moose/Pipeline"], 64)
        yield* Harness.endLeases
        const taken = yield* Harness.tickAs("new", ["moose/Pipeline"], 64)
        const as = (runner: string, { claims }: typeof taken) => {
          const fence = claims.find(({ id }) => id === execution)?.fence ?? 0
          const claim = {
            proof: { execution, runner, fence },
            isLost: Effect.succeed(false),
            giveUp: Effect.interrupt
          }
          return Effect.exit(
            resources
              .intend({ ...at, resources: [{ kind: "worktree", name: runner }] })
              .pipe(Effect.provideService(CurrentClaim, claim))
          )
        }
        assert.isTrue(Exit.hasInterrupts(yield* as("old", claimed)))
        assert.deepStrictEqual(yield* as("new", taken), Exit.void)
        const held = yield* resources.list({ workOrderId: at.workOrderId })
        assert.deepStrictEqual(
          held.map(({ name }) => name),
          ["new"]
        )
      })
    )
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
