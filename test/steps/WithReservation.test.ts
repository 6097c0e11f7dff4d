import { assert, describe, it } from "@effect/vitest"
import { Data, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { LedgerConflict, LedgerUnavailable } from "../../src/domain/errors/Reasons.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { Budget } from "../../src/services/Budget.ts"
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

  /** The ledger of a world, but for some of its answers; and what is told of reservations that stay open. */
  const withLedger = Effect.fnUntraced(function* (
    change: Partial<Budget["Service"]>,
    call: Effect.Effect<string, Failed>
  ) {
    const world = new World()
    const told: Array<string> = []
    const unclosed = (reason: LedgerUnavailable | LedgerConflict) =>
      Effect.sync(() => void told.push(reason.message))
    const ledger = Layer.effect(
      Budget,
      Effect.map(Budget, (real) => ({ ...real, ...change }))
    ).pipe(Layer.provide(world.services()))
    const paid = call.pipe(
      withReservation({ ...estimate, unclosed }),
      Effect.exit,
      Effect.provide(Layer.provideMerge(ledger, world.services()))
    )
    const fiber = yield* Effect.forkChild(paid)
    for (let times = 0; times < 40; times++) yield* TestClock.adjust("5 seconds")
    return { exit: yield* Fiber.join(fiber), told, world }
  })

  const evidence = { operation: "moose.presume", excerpt: "starting up" }
  const spent = Effect.fail(new Failed({ spent: true }))

  it.effect("whose reservation cannot be closed ends as it ended all the same, and that is told", () =>
    Effect.gen(function* () {
      const away = yield* withLedger(
        { presume: () => Effect.fail(new LedgerUnavailable({ evidence })) },
        spent
      )
      assert.deepStrictEqual(away.exit, Exit.fail(new Failed({ spent: true })))
      assert.deepStrictEqual(away.told, ["The ledger cannot be reached (moose.presume): starting up"])

      const broken = yield* withLedger({ presume: () => Effect.die(new TypeError("oops")) }, spent)
      assert.deepStrictEqual(broken.exit, Exit.fail(new Failed({ spent: true })))
      assert.deepStrictEqual(broken.told, ["The ledger refused (close a reservation): TypeError: oops"])
      const bare = yield* withLedger({ presume: () => Effect.die("a word") }, spent)
      assert.deepStrictEqual(bare.told, ["The ledger refused (close a reservation): a word"])
    })
  )

  it.effect("is closed by a ledger that comes back", () =>
    Effect.gen(function* () {
      let tries = 0
      const presume = () =>
        Effect.suspend(() => (++tries < 3 ? Effect.fail(new LedgerUnavailable({ evidence })) : Effect.void))
      const { told } = yield* withLedger({ presume }, spent)
      assert.deepStrictEqual([tries, told], [3, []])
    })
  )

  it.effect("goes on when its reservation cannot be renewed: its bill still counts", () =>
    Effect.gen(function* () {
      const long: Effect.Effect<string, Failed> = Effect.as(Effect.sleep("65 seconds"), "done")
      const renew = () => Effect.fail(new LedgerConflict({ problem: "presumed", evidence }))
      const { exit, world } = yield* withLedger({ renew }, long)
      assert.deepStrictEqual(exit, Exit.succeed("done"))
      assert.deepInclude(world.facts[0], { _tag: "CostSettled", amount: Usd.make(7) })
    })
  )
})
