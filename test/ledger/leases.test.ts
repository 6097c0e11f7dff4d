import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { DateTime, Effect, Option } from "effect"
import type { ProjectId } from "../../src/domain/Ids.ts"
import { leftOf } from "../../src/domain/BudgetStatus.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import { Budget } from "../../src/services/Budget.ts"
import * as Ledger from "./Ledger.ts"

const roomy = { dailyUsd: Ledger.dollars(100), workOrderUsd: Ledger.dollars(100) }
const reservedAt = "2026-02-03T12:00:00.000Z"
const withinLease = "2026-02-03T12:00:59.999Z"
const afterLease = "2026-02-03T12:01:00.001Z"

const statusOf = (project: ProjectId) =>
  Effect.gen(function* () {
    const budget = yield* Budget
    const [status] = yield* budget.status({ project })
    return Option.getOrThrow(Option.fromUndefinedOr(status))
  })

const gauge = (project: ProjectId) =>
  Effect.map(statusOf(project), ({ leakedReservations, oldestOpenSince, openReservations }) => ({
    open: openReservations,
    leaked: leakedReservations,
    oldest: oldestOpenSince === null ? null : DateTime.formatIso(oldestOpenSince)
  }))

/** An order with ten dollars reserved, whose owner was never heard of again. */
const abandoned = Effect.gen(function* () {
  yield* Ledger.setClock(reservedAt)
  const { id: project } = yield* Ledger.putProject(roomy)
  const order = yield* Ledger.submitOrder(project)
  return { project, order, reservation: yield* Ledger.reserve(order, Ledger.dollars(10)) }
})

const bill = { settlement: "bill", usage: Ledger.usage }

const escalationsOf = (project: ProjectId) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<{ type: string; occurrences: number; context: object }>`
      select type, occurrences, context from public.escalations where context->>'project' = ${project}`
  )

layer(Ledger.layer)("a reservation whose owner is gone", (it) => {
  it.effect("is presumed spent once its lease has ended, and the gauge shows it until then", () =>
    Effect.gen(function* () {
      const { order, project } = yield* abandoned
      assert.deepStrictEqual(yield* gauge(project), { open: 1, leaked: 0, oldest: reservedAt })
      yield* Ledger.setClock(withinLease)
      assert.strictEqual(yield* ReservationSweep.sweep(), 0)
      assert.deepStrictEqual(yield* gauge(project), { open: 1, leaked: 0, oldest: reservedAt })
      yield* Ledger.setClock(afterLease)
      assert.deepStrictEqual(yield* gauge(project), { open: 1, leaked: 1, oldest: reservedAt })
      assert.strictEqual(yield* ReservationSweep.sweep(), 1)
      assert.deepStrictEqual(yield* gauge(project), { open: 0, leaked: 0, oldest: null })
      const status = yield* statusOf(project)
      assert.strictEqual(status.presumed, Ledger.dollars(10))
      assert.strictEqual(leftOf(status), Ledger.dollars(90))
      const refused = yield* Effect.flip(Ledger.reserve(order, Ledger.dollars(91)))
      assert.strictEqual(refused._tag === "BudgetExceeded" ? refused.presumed : 0, Ledger.dollars(10))
    })
  )

  it.effect("is left alone as long as somebody renews it", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const { project, reservation } = yield* abandoned
      yield* Ledger.setClock(withinLease)
      yield* budget.renew(reservation)
      yield* Ledger.setClock(afterLease)
      assert.strictEqual(yield* ReservationSweep.sweep(), 0)
      assert.strictEqual((yield* gauge(project)).leaked, 0)
      yield* budget.cancel(reservation)
    })
  )

  it.effect("is closed by one of many sweeps at once", () =>
    Effect.gen(function* () {
      yield* abandoned
      yield* abandoned
      yield* Ledger.setClock(afterLease)
      const closed = yield* Effect.all([ReservationSweep.sweep(), ReservationSweep.sweep()], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(closed.toSorted(), [0, 2])
    })
  )

  it.effect("cannot be one that nobody knows the lease of", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { reservation } = yield* abandoned
      const forgotten = sql`update public.cost_tracking set lease_until = null where id = ${reservation.id}`
      assert.strictEqual((yield* Effect.flip(forgotten)).reason._tag, "ConstraintError")
    })
  )

  describe("and that was presumed", () => {
    const presumed = Effect.gen(function* () {
      const it = yield* abandoned
      yield* Ledger.setClock(afterLease)
      yield* ReservationSweep.sweep()
      return it
    })

    it.effect("is replaced by its bill when that comes after all", () =>
      Effect.gen(function* () {
        const budget = yield* Budget
        const { project, reservation } = yield* presumed
        yield* budget.settle({ ...bill, reservation, amount: Ledger.dollars(4) })
        const { overruns, presumed: left, settled } = yield* statusOf(project)
        assert.deepStrictEqual({ overruns, left, settled }, { overruns: 0, left: 0, settled: 4_000_000 })
        assert.deepStrictEqual(yield* escalationsOf(project), [])
      })
    )

    it.effect(
      "and whose bill is higher is charged in full, also beyond the limit, and put before a person",
      () =>
        Effect.gen(function* () {
          const budget = yield* Budget
          const { order, project, reservation } = yield* presumed
          yield* Ledger.reserve(order, Ledger.dollars(90))
          yield* budget.settle({ ...bill, reservation, amount: Ledger.dollars(14) })
          const status = yield* statusOf(project)
          assert.strictEqual(status.settled, Ledger.dollars(14))
          assert.strictEqual(status.presumed, 0)
          assert.strictEqual(status.overruns, 1)
          assert.strictEqual(status.overrun, Ledger.dollars(4))
          assert.strictEqual(leftOf(status), 0)
          const [escalation, ...more] = yield* escalationsOf(project)
          assert.deepStrictEqual(more, [])
          assert.deepInclude(escalation, { type: "budget_overrun", occurrences: 1 })
          assert.deepInclude(escalation?.context, {
            project,
            day: "2026-02-03",
            model: reservation.model,
            call: reservation.call,
            reservation: reservation.id,
            reserved: Ledger.dollars(10),
            settled: Ledger.dollars(14)
          })
          const refused = yield* Effect.flip(
            Ledger.reserve(order, Ledger.dollars(1), { category: "architect" })
          )
          assert.strictEqual(refused._tag, "BudgetExceeded")
        })
    )

    it.effect("is free again when it turns out not to have been spent", () =>
      Effect.gen(function* () {
        const budget = yield* Budget
        const { project, reservation } = yield* presumed
        yield* budget.cancel(reservation)
        assert.strictEqual(leftOf(yield* statusOf(project)), Ledger.dollars(100))
      })
    )
  })
})
