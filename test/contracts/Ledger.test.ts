import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { WorkOrderId } from "../../src/domain/Ids.ts"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import type { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { Budget } from "../../src/services/Budget.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { aProject, anOrder, commit, has, onEach, run, stores } from "./OnEach.ts"

const limits = { dailyUsd: Usd.make(1000), workOrderUsd: Usd.make(600) }
const usage = { inputTokens: 10, outputTokens: 1 }

const anAffordableOrder = Effect.gen(function* () {
  const { id } = yield* aProject({ limits })
  return yield* anOrder({ project: id })
})

const callOf = ({ id }: WorkOrder, call: string, amount: number) =>
  ({
    workOrderId: id,
    run,
    call,
    category: "generating",
    model: "m",
    rule: "first",
    amount: Usd.make(amount)
  }) as const

const reserve = (order: WorkOrder, call: string, amount: number) =>
  Effect.flatMap(Budget, (budget) => budget.reserve(callOf(order, call, amount)))

/** What is settled, reserved and presumed in the project today. */
const sums = ({ project }: WorkOrder) =>
  Effect.flatMap(Budget, (budget) =>
    Effect.map(budget.status({ project }), ([row]) =>
      row === undefined ? [] : [row.settled, row.reserved, row.presumed].map(Number)
    )
  )

onEach("Budget", stores, (it) => {
  it.effect("refuses whole what does not fit, and says beside what", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const order = yield* anAffordableOrder
      yield* budget.check({ workOrderId: order.id, amount: Usd.make(600) })
      yield* reserve(order, "a", 400)
      const refused = yield* Effect.flip(reserve(order, "b", 201))
      has(refused, {
        _tag: "BudgetExceeded",
        scope: "work_order",
        limit: 600,
        requested: 201,
        settled: 0,
        reserved: 400,
        presumed: 0,
        resetsAt: null
      })
      const checked = yield* Effect.flip(budget.check({ workOrderId: order.id, amount: Usd.make(201) }))
      has(checked, { _tag: "BudgetExceeded", scope: "work_order" })
      yield* reserve(order, "b", 200)
      const other = yield* anOrder({ project: order.project })
      const ofTheDay = yield* Effect.flip(reserve(other, "a", 401))
      has(ofTheDay, { _tag: "BudgetExceeded", scope: "project_day", limit: 1000, reserved: 600 })
      assert.isTrue("resetsAt" in ofTheDay && ofTheDay.resetsAt !== null)
      assert.deepStrictEqual(yield* sums(order), [0, 600, 0])
    })
  )

  it.effect("settles a bill once, also one that is higher, and refuses another", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const order = yield* anAffordableOrder
      const reservation = yield* reserve(order, "a", 100)
      const bill = { reservation, settlement: "bill-1", amount: Usd.make(150), usage }
      yield* budget.settle(bill)
      yield* budget.settle(bill)
      assert.deepStrictEqual(yield* sums(order), [150, 0, 0])
      const another = yield* Effect.flip(budget.settle({ ...bill, settlement: "bill-2" }))
      has(another, { _tag: "LedgerConflict", problem: "settled" })
      const late = yield* Effect.flip(budget.cancel(reservation))
      has(late, { _tag: "LedgerConflict", problem: "settled" })
      assert.deepStrictEqual(yield* sums(order), [150, 0, 0])
      const [status] = yield* budget.status({ project: order.project })
      has(status, { overruns: 1, overrun: 50, openReservations: 0, limit: 1000 })
    })
  )

  it.effect("cancels and presumes once, and takes the bill of what was presumed", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const order = yield* anAffordableOrder
      const [unspent, unknown] = [yield* reserve(order, "a", 100), yield* reserve(order, "b", 200)]
      yield* budget.cancel(unspent)
      yield* budget.cancel(unspent)
      yield* budget.presume(unknown)
      yield* budget.presume(unknown)
      assert.deepStrictEqual(yield* sums(order), [0, 0, 200])
      const cancelled = yield* Effect.flip(budget.renew(unspent))
      has(cancelled, { _tag: "LedgerConflict", problem: "cancelled" })
      assert.strictEqual((yield* Effect.flip(budget.presume(unspent)))._tag, "LedgerConflict")
      yield* budget.settle({ reservation: unknown, settlement: "late", amount: Usd.make(30), usage })
      assert.deepStrictEqual(yield* sums(order), [30, 0, 0])
    })
  )

  it.effect("presumes what a lost attempt at the same call left open", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const order = yield* anAffordableOrder
      const lost = yield* reserve(order, "a", 100)
      const again = yield* reserve(order, "a", 100)
      assert.notStrictEqual(again.id, lost.id)
      yield* budget.renew(again)
      assert.deepStrictEqual(yield* sums(order), [0, 100, 100])
      // Its lease has not ended.
      assert.strictEqual(yield* budget.presumeExpired({ limit: 100 }), 0)
    })
  )

  it.effect("settles by the fact that comes with a journaled reply", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* anAffordableOrder
      const { id } = yield* reserve(order, "a", 100)
      yield* commit(order, { _tag: "CostSettled", reservation: id, amount: Usd.make(40), usage })
      assert.deepStrictEqual(yield* sums(order), [40, 0, 0])
      assert.strictEqual(Number((yield* orders.get({ id: order.id })).cost), 40)
    })
  )

  it.effect("knows no order and no reservation that is not there", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const order = yield* anAffordableOrder
      const nobody = yield* Effect.flip(
        budget.check({ workOrderId: WorkOrderId.make("nothing"), amount: Usd.make(1) })
      )
      has(nobody, { _tag: "LedgerConflict", problem: "work_order" })
      const real = yield* reserve(order, "a", 1)
      const ghost = { ...real, id: ReservationId.make("00000000-0000-0000-0000-000000000000") }
      for (const call of [budget.cancel(ghost), budget.presume(ghost), budget.renew(ghost)]) {
        has(yield* Effect.flip(call), { _tag: "LedgerConflict", problem: "reservation" })
      }
    })
  )
})
