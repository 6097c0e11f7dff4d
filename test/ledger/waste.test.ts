import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { ProjectId, Run, type WorkOrderId } from "../../src/domain/Ids.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { Budget } from "../../src/services/Budget.ts"
import * as Ledger from "./Ledger.ts"

/* What was spent on nothing, and how fast money goes. */

const pay = Effect.fnUntraced(function* (
  order: WorkOrderId,
  amount: Usd,
  change: Parameters<typeof Ledger.reserve>[2] = {}
) {
  const budget = yield* Budget
  const reservation = yield* Ledger.reserve(order, Ledger.dollars(5), change)
  yield* budget.settle({ reservation, settlement: "bill", amount, usage: Ledger.usage })
})

/** An order that ended like this, whatever the pipeline would have done. */
const ended = Effect.fnUntraced(function* (order: WorkOrderId, status: string, tag: string | null) {
  const sql = yield* PgClient.PgClient
  yield* sql`alter table public.work_orders disable trigger legal_move`
  yield* sql`update public.work_orders set status = ${status}, last_failure = ${sql.json({ tag })} where id = ${order}`
  yield* sql`alter table public.work_orders enable trigger legal_move`
})

const statusOf = (project: ProjectId) =>
  Effect.flatMap(Budget, (budget) =>
    Effect.map(budget.status({ project }), ([only]) => only ?? assert.fail("there is no such project"))
  )

layer(Ledger.layer)("money that was spent", (it) => {
  describe("on an order that ended without a pull request", () => {
    it.effect("is wasted, by what ended it, by whom was paid and by the rule that allowed it", () =>
      Effect.gen(function* () {
        yield* Ledger.setClock("2026-05-01T10:00:00Z")
        const { id: project } = yield* Ledger.putProject({
          dailyUsd: Ledger.dollars(100),
          workOrderUsd: Ledger.dollars(50)
        })
        const failed = yield* Ledger.submitOrder(project)
        yield* pay(failed, Ledger.dollars(2))
        yield* pay(failed, Ledger.dollars(1), { rule: "repair", category: "repair" })
        yield* ended(failed, "aider_failed", "ChecksFailed")
        const cancelled = yield* Ledger.submitOrder(project)
        yield* pay(cancelled, Ledger.dollars(3), { model: "gpt-5-mini" })
        yield* ended(cancelled, "cancelled", null)
        const open = yield* Ledger.submitOrder(project)
        yield* pay(open, Ledger.dollars(4))

        const status = yield* statusOf(project)
        assert.strictEqual(status.settled, Ledger.dollars(10))
        assert.strictEqual(status.wasted, Ledger.dollars(6))
        assert.deepStrictEqual(status.waste, [
          { reason: "Cancelled", model: "gpt-5-mini", rule: "first", calls: 1, amount: Ledger.dollars(3) },
          { reason: "ChecksFailed", model: "gpt-5", rule: "first", calls: 1, amount: Ledger.dollars(2) },
          { reason: "ChecksFailed", model: "gpt-5", rule: "repair", calls: 1, amount: Ledger.dollars(1) }
        ])
        assert.deepStrictEqual(
          status.models.map(({ model, calls, spent }) => [model, calls, spent]),
          [
            ["gpt-5", 3, Ledger.dollars(7)],
            ["gpt-5-mini", 1, Ledger.dollars(3)]
          ]
        )
      })
    )
  })

  it.effect("in the last hour is the burn, architect spend apart", () =>
    Effect.gen(function* () {
      const { id: project } = yield* Ledger.putProject({
        dailyUsd: Ledger.dollars(100),
        workOrderUsd: Ledger.dollars(50)
      })
      const order = yield* Ledger.submitOrder(project)
      yield* Ledger.setClock("2026-05-02T10:00:00Z")
      yield* pay(order, Ledger.dollars(2))
      yield* Ledger.setClock("2026-05-02T11:30:00Z")
      yield* pay(order, Ledger.dollars(3))
      yield* pay(order, Ledger.dollars(1), { category: "architect" })
      const status = yield* statusOf(project)
      assert.strictEqual(status.burnPerHour, Ledger.dollars(3))
      assert.deepStrictEqual([status.settled, status.architect], [Ledger.dollars(5), Ledger.dollars(1)])
    })
  )

  it.effect("on one model does not go beyond the model's own limit", () =>
    Effect.gen(function* () {
      const { id: project } = yield* Ledger.putProject({
        dailyUsd: Ledger.dollars(100),
        workOrderUsd: Ledger.dollars(50),
        modelDailyUsd: { "gpt-5": Ledger.dollars(6) }
      })
      const order = yield* Ledger.submitOrder(project)
      yield* pay(order, Ledger.dollars(4))
      const refused = yield* Effect.flip(Ledger.reserve(order, Ledger.dollars(3)))
      assert.deepInclude(refused, { _tag: "BudgetExceeded", scope: "model_day", model: "gpt-5" })
      yield* Ledger.reserve(order, Ledger.dollars(3), { model: "gpt-5-mini", run: Run.make(2) })
      // Nor do those that come at the same moment: the first ones are asked for alone, the others together.
      const amounts = [0, 0, 1, 1, 1, 1].map(Ledger.dollars)
      const answers = yield* Effect.all(
        amounts.map((amount) => Effect.exit(Ledger.reserve(order, amount))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(Exit.isSuccess), [true, true, true, true, false, false])
    })
  )
})
