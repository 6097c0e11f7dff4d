import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer, Result, Schema } from "effect"
import type { LedgerConflict } from "../../src/domain/errors/Reasons.ts"
import { ProjectId, Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as BudgetStore from "../../src/layers/postgres/BudgetStore.ts"
import { StoreCall } from "../../src/layers/postgres/StoreCall.ts"
import { Budget } from "../../src/services/Budget.ts"
import * as Ledger from "./Ledger.ts"

const bill = { settlement: "bill", amount: Ledger.dollars(1), usage: Ledger.usage }
const roomy = { dailyUsd: Ledger.dollars(100), workOrderUsd: Ledger.dollars(100) }

const anOrder = Effect.flatMap(Ledger.putProject(roomy), ({ id }) => Ledger.submitOrder(id))
const aReservation = Effect.flatMap(anOrder, (order) => Ledger.reserve(order, Ledger.dollars(10)))

/** Runs what must fail, and sees to it that the ledger is afterwards what it was before. */
const unchanged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Ledger.everything
    const error = yield* Effect.flip(effect)
    assert.deepStrictEqual(yield* Ledger.everything, before)
    return error
  })

const refuses = <A, R>(
  problem: LedgerConflict["problem"],
  effect: Effect.Effect<A, { readonly _tag: string }, R>
) =>
  Effect.map(unchanged(effect), (error) => {
    assert.deepStrictEqual(
      [error._tag, "problem" in error ? error.problem : null],
      ["LedgerConflict", problem]
    )
  })

const Said = Schema.Struct({ problem: Schema.String, message: Schema.String })

/** Calls past the types, and sees to it that the answer is a problem and nothing was changed. */
const rawProblem = Effect.fnUntraced(function* (name: string, input: unknown) {
  const store = yield* StoreCall
  const before = yield* Ledger.everything
  const answer = yield* store.call(name, input)
  assert.deepStrictEqual(yield* Ledger.everything, before)
  const { problem } = yield* Schema.decodeUnknownEffect(Said)(answer)
  return problem
})

const amounts = {
  "that is negative": -1,
  "that is not a number": "12",
  "that is NaN, which JSON says as null": null,
  "with a fraction": 0.5,
  "beyond what JSON carries exactly": 9_007_199_254_740_992,
  "beyond what Postgres can count": 1e300
}

layer(Ledger.layer)("the ledger refuses, and changes nothing:", (it) => {
  for (const [what, amount] of Object.entries(amounts)) {
    it.effect(`an amount ${what}`, () =>
      Effect.gen(function* () {
        const { id, workOrderId } = yield* aReservation
        const of = { workOrderId, amount }
        const call = { run: 1, call: "b/1", category: "routing", model: "m", owner: "test", leaseMs: 1000 }
        assert.strictEqual(
          yield* rawProblem("check_and_reserve_budget", { ...of, ...call, id: "new" }),
          "amount"
        )
        assert.strictEqual(yield* rawProblem("check_budget", of), "amount")
        const settlement = { settlement: "a", usage: Ledger.usage }
        assert.strictEqual(yield* rawProblem("settle_reservation", { ...of, ...settlement, id }), "amount")
      })
    )
  }

  it.effect("amounts that are none have no type to begin with", () =>
    Effect.sync(() => {
      for (const amount of [-1, NaN, Infinity, 0.5, 2 ** 53]) assert.throws(() => Usd.make(amount))
    })
  )

  it.effect("the most that can be said is still compared with the limit", () =>
    Effect.gen(function* () {
      const order = yield* anOrder
      const most = Usd.make(Number.MAX_SAFE_INTEGER)
      const error = yield* unchanged(Ledger.reserve(order, most))
      assert.deepInclude(error, { _tag: "BudgetExceeded", requested: most, limit: Ledger.dollars(100) })
    })
  )

  it.effect("an order, category or project that is not there", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const workOrderId = WorkOrderId.make("nobody")
      yield* refuses("work_order", Ledger.reserve(workOrderId, Ledger.dollars(1)))
      yield* refuses("work_order", budget.check({ workOrderId, amount: Ledger.dollars(1) }))
      const call = { run: 1, call: "b/1", model: "m", owner: "test", leaseMs: 1000, amount: 1, id: "new" }
      const of = { ...call, workOrderId: yield* anOrder }
      for (const category of ["bribes", null, 7]) {
        assert.strictEqual(yield* rawProblem("check_and_reserve_budget", { ...of, category }), "category")
      }
      assert.deepStrictEqual(yield* budget.status({ project: ProjectId.make("nowhere") }), [])
    })
  )

  it.effect("a reservation that is another order's, or nobody's", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const mine = yield* aReservation
      const foreign = { ...mine, workOrderId: yield* anOrder }
      const invented = { ...mine, id: ReservationId.make("invented") }
      for (const reservation of [foreign, invented]) {
        yield* refuses("reservation", budget.settle({ ...bill, reservation }))
        yield* refuses("reservation", budget.cancel(reservation))
        yield* refuses("reservation", budget.presume(reservation))
        yield* refuses("reservation", budget.renew(reservation))
      }
    })
  )

  it.effect("a second bill; the same one again is no second one", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const reservation = yield* aReservation
      yield* budget.settle({ ...bill, reservation })
      const before = yield* Ledger.everything
      yield* budget.settle({ ...bill, reservation })
      assert.deepStrictEqual(yield* Ledger.everything, before)
      yield* refuses("settled", budget.settle({ ...bill, reservation, settlement: "another" }))
      yield* refuses("settled", budget.cancel(reservation))
      yield* refuses("settled", budget.presume(reservation))
      yield* refuses("settled", budget.renew(reservation))
    })
  )

  it.effect("a bill for what was cancelled; to cancel again is nothing new", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const reservation = yield* aReservation
      yield* budget.cancel(reservation)
      const before = yield* Ledger.everything
      yield* budget.cancel(reservation)
      assert.deepStrictEqual(yield* Ledger.everything, before)
      yield* refuses("cancelled", budget.settle({ ...bill, reservation }))
      yield* refuses("cancelled", budget.presume(reservation))
      yield* refuses("cancelled", budget.renew(reservation))
    })
  )

  it.effect("to renew what is presumed spent", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const reservation = yield* aReservation
      yield* budget.presume(reservation)
      yield* refuses("presumed", budget.renew(reservation))
    })
  )

  it.effect("to open a closed reservation again, or to sweep less than nothing", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const store = yield* StoreCall
      const { id, workOrderId, ...reservation } = yield* aReservation
      yield* budget.presume({ ...reservation, id, workOrderId })
      const reopened = store.call("close_reservation", { id, workOrderId, state: "reserved" })
      assert.strictEqual((yield* unchanged(reopened))._tag, "StoreConflict")
      yield* refuses("answer", budget.presumeExpired({ limit: -1 }))
    })
  )

  it.effect("ten dollars when 95 of 100 are spent, to both who ask at once", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const { id: project } = yield* Ledger.putProject(roomy)
      const order = yield* Ledger.submitOrder(project)
      const spent = yield* Ledger.reserve(order, Ledger.dollars(95))
      yield* budget.settle({ ...bill, reservation: spent, amount: Ledger.dollars(95) })
      const others = [yield* Ledger.submitOrder(project), yield* Ledger.submitOrder(project)]
      const before = yield* Ledger.everything
      const answers = yield* Effect.forEach(
        others,
        (other) => Effect.result(Ledger.reserve(other, Ledger.dollars(10))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* Ledger.everything, before)
      for (const answer of answers) {
        if (Result.isSuccess(answer) || answer.failure._tag !== "BudgetExceeded") {
          return assert.fail("ten dollars in five")
        }
        assert.strictEqual(answer.failure.left, Ledger.dollars(5))
        assert.include(answer.failure.message, "so $5.000000 is left")
      }
    })
  )

  describe("who reserves together", () => {
    const inOneCall = BudgetStore.layerWith({ together: { most: 64, callsMax: 1 } })

    it.effect("is refused alone, whatever is wrong with it", () =>
      Effect.gen(function* () {
        const order = yield* anOrder
        const ask = (change: Parameters<typeof Ledger.reserve>[2]) =>
          Effect.result(Ledger.reserve(order, Ledger.dollars(1), change))
        const answers = yield* Effect.all(
          [ask({}), ask({}), ask({ run: Run.make(3_000_000_000) }), ask({ model: "nul \u0000" }), ask({})],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          answers.map((answer) => (Result.isSuccess(answer) ? "reserved" : answer.failure._tag)),
          ["reserved", "reserved", "LedgerConflict", "LedgerConflict", "reserved"]
        )
      }).pipe(Effect.provide(Layer.fresh(inOneCall)))
    )
  })
})
