import { assert, describe, it } from "@effect/vitest"
import { Data, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { withReservation } from "../../src/steps/WithReservation.ts"
import { World, at } from "../support/World.ts"

class Failed extends Data.TaggedError("Failed")<{ readonly spent: boolean }> {}

const usage = { inputTokens: 10, outputTokens: 1 }

const estimate = {
  at,
  call: "generating/1",
  category: "generating" as const,
  model: "gpt-5",
  rule: "first" as const,
  amount: Usd.make(100),
  bill: (_reply: string) => ({ amount: Usd.make(7), usage }),
  surelyUnspent: ({ spent }: Failed) => !spent,
  unclosed: () => Effect.void
}

/** Makes a call in a world of its own, and answers what became of the money. */
const paying = (call: Effect.Effect<string, Failed>) =>
  Effect.gen(function* () {
    const world = new World()
    const exit = yield* call.pipe(withReservation(estimate), Effect.exit, Effect.provide(world.services()))
    return { world, exit, money: [...world.reservations.values()] }
  })

describe("a paid call", () => {
  it.effect("is settled from the usage of its reply", () =>
    Effect.gen(function* () {
      const { world, exit, money } = yield* paying(Effect.succeed("done"))
      assert.deepStrictEqual(exit, Exit.succeed("done"))
      assert.deepStrictEqual(money, ["settled"])
      assert.deepInclude(world.facts[0], { _tag: "CostSettled", amount: Usd.make(7), usage })
    })
  )

  it.effect("that surely cost nothing is cancelled; one that nobody knows of counts as spent", () =>
    Effect.gen(function* () {
      const unspent = yield* paying(Effect.fail(new Failed({ spent: false })))
      assert.deepStrictEqual(unspent.money, ["cancelled"])
      const unknown = yield* paying(Effect.fail(new Failed({ spent: true })))
      assert.deepStrictEqual(unknown.money, ["presumed"])
      const died = yield* paying(Effect.die(new Error("a bug")))
      assert.deepStrictEqual(died.money, ["presumed"])
    })
  )

  it.effect("that is interrupted on its way counts as spent", () =>
    Effect.gen(function* () {
      const world = new World()
      const left = yield* Deferred.make<void>()
      const call: Effect.Effect<string, Failed> = Effect.andThen(
        Deferred.succeed(left, undefined),
        Effect.never
      )
      const fiber = yield* Effect.forkChild(
        call.pipe(withReservation(estimate), Effect.provide(world.services()))
      )
      yield* Deferred.await(left)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([...world.reservations.values()], ["presumed"])
    })
  )

  it.effect("keeps its reservation as long as it is under way, and no longer", () =>
    Effect.gen(function* () {
      const world = new World()
      const renewed = () => world.calls.filter((name) => name.startsWith("Budget.renew")).length
      const call: Effect.Effect<string, Failed> = Effect.as(Effect.sleep("65 seconds"), "done")
      const fiber = yield* Effect.forkChild(
        call.pipe(withReservation(estimate), Effect.provide(world.services()))
      )
      for (let times = 0; times < 13; times++) yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(renewed(), 3)
      yield* TestClock.adjust(Limits.reservationLease)
      assert.strictEqual(renewed(), 3)
    })
  )
})
