import { randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Option, Schema } from "effect"
import type { BudgetExceeded, LedgerConflict, LedgerUnavailable } from "../../src/domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { type Reservation, ReservationId, SpendCategory } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { StoreCall } from "../../src/layers/postgres/StoreCall.ts"
import { Budget, BudgetContract } from "../../src/services/Budget.ts"
import * as Ledger from "./Ledger.ts"
import { type Answer, Model, type ModelOrder, type ModelProject } from "./Model.ts"

/*
 * Histories that nobody thought of, against a model that adds up a list: the same answers, the same gauge, and
 * counters that are always the sums of the raw rows.
 */

const index = Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
const small = Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
const settlement = Schema.Literals(["a", "b"])
/** Which order claims the reservation: its own, mostly. */
const foreign = Schema.Literals([false, false, false, false, true])

const reserving = {
  order: Schema.Literals([0, 1, 2, 3, 4, 5]),
  run: Schema.Literals([1, 2]),
  call: Schema.Literals(["a/1", "a/2", "a/3", "a/4"]),
  category: SpendCategory,
  model: Schema.Literals(["small", "large"]),
  amount: small
}

const Reserve = Schema.TaggedStruct("Reserve", reserving)
const Settle = Schema.TaggedStruct("Settle", { index, foreign, settlement, amount: small })
const Advance = Schema.TaggedStruct("Advance", {
  ms: Schema.Literals([999, 30_000, 61_000, 3_600_000, 6 * 3_600_000, 25 * 3_600_000])
})

const Command = Schema.Union([
  // Named more than once to come more often: a history is about what was reserved.
  Reserve,
  Reserve,
  Reserve,
  Reserve.mapFields((fields) => ({ ...fields, order: Schema.Literals([2, 3]) })),
  Reserve.mapFields((fields) => ({ ...fields, category: Schema.Literals(["generating"]) })),
  Settle,
  Settle.mapFields((fields) => ({ ...fields, foreign: Schema.Literals([false]) })),
  // As callers that come at the same moment do, in one call.
  Schema.TaggedStruct("ReserveTogether", { requests: Schema.Array(Schema.Struct(reserving)) }),
  Schema.TaggedStruct("ReserveTogether", {
    requests: Schema.Array(
      Schema.Struct({ ...reserving, amount: Schema.Literals([0, 1, 2]), run: Schema.Literals([1]) })
    )
  }),
  Schema.TaggedStruct("ReserveAgain", { index, amount: Schema.Literals(["same", "other"]) }),
  Schema.TaggedStruct("Illegal", {
    what: Schema.Literals(["negative", "fraction", "overflow", "text", "category", "order"])
  }),
  Schema.TaggedStruct("Cancel", { index, foreign }),
  Schema.TaggedStruct("Presume", { index, foreign }),
  Schema.TaggedStruct("Renew", { index, foreign }),
  Schema.TaggedStruct("PresumeExpired", { limit: Schema.Literals([0, 1, 2, 100]) }),
  Schema.TaggedStruct("Check", { order: reserving.order, amount: small }),
  Advance
])
type Command = typeof Command.Type

const usd = Usd.make
const leaseMs = Duration.toMillis(Limits.reservationLease)
/** A day begins twice, is 23 hours long, or is like any other. */
const starts = ["2026-11-01T03:30:00Z", "2026-03-28T22:30:00Z", "2026-07-01T12:00:00Z"] as const

const projects: ReadonlyArray<ModelProject> = [
  { id: "berlin", zone: "Europe/Berlin", limits: { dailyUsd: usd(12), workOrderUsd: usd(30) } },
  {
    id: "havana",
    zone: "America/Havana",
    limits: {
      dailyUsd: usd(20),
      workOrderUsd: usd(60),
      emergencyUsd: usd(15),
      modelDailyUsd: { small: usd(9) }
    }
  },
  { id: "utc", zone: "UTC", limits: { dailyUsd: usd(30), workOrderUsd: usd(14) } }
]

const illegal = {
  negative: { amount: -1 },
  fraction: { amount: 0.5 },
  overflow: { amount: 1e300 },
  text: { amount: "1" },
  category: { category: "bribes" },
  order: { workOrderId: "nobody" }
}
const problemOf = {
  negative: "amount",
  fraction: "amount",
  overflow: "amount",
  text: "amount",
  category: "category",
  order: "work_order"
}

const asAnswer = (error: BudgetExceeded | LedgerConflict | LedgerUnavailable): Answer => {
  if (error._tag === "LedgerUnavailable") assert.fail(error.message)
  if (error._tag === "LedgerConflict") return { _tag: "Conflict", problem: error.problem }
  const { limit, presumed, requested, reserved, resetsAt, scope, settled } = error
  const reset = resetsAt === null ? null : resetsAt.epochMilliseconds
  return {
    _tag: "Refused",
    scope,
    requested,
    limit,
    settled,
    reserved,
    presumed,
    resetsAt: reset === null ? null : new Date(reset).toISOString()
  }
}

const answerOf = <A, R>(effect: Effect.Effect<A, BudgetExceeded | LedgerConflict | LedgerUnavailable, R>) =>
  Effect.match(effect, { onSuccess: (): Answer => ({ _tag: "Done" }), onFailure: asAnswer })

/** Where the counters differ from the sums of the raw rows, or the rows from the limit. */
const wrong = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql`
    with raw as (
      select *, case state when 'settled' then settled_micros when 'cancelled' then 0 else reserved_micros end as counted
      from public.cost_tracking
    ), days as (
      select project, day,
        sum(counted) filter (where state = 'settled' and category <> 'architect') as settled,
        sum(counted) filter (where state = 'reserved' and category <> 'architect') as reserved,
        sum(counted) filter (where state = 'presumed' and category <> 'architect') as presumed,
        sum(counted) filter (where category = 'architect') as architect,
        sum(counted - overrun_or_none) filter (where category <> 'architect') as within
      from (select *, coalesce(overrun_micros, 0) as overrun_or_none from raw) r group by project, day
    ), orders as (
      select work_order, sum(counted) filter (where state = 'settled') as settled,
        sum(counted) filter (where state = 'reserved') as reserved,
        sum(counted) filter (where state = 'presumed') as presumed
      from raw group by work_order
    )
    select 'day' as what, project || ' ' || day as which from days full join moose.budget_days b using (project, day)
    where (coalesce(days.settled, 0), coalesce(days.reserved, 0), coalesce(days.presumed, 0), coalesce(days.architect, 0))
      is distinct from (coalesce(b.settled::numeric, 0), coalesce(b.reserved::numeric, 0), coalesce(b.presumed::numeric, 0),
                        coalesce(b.architect::numeric, 0))
    union all
    select 'order', work_order from orders full join moose.order_spending o using (work_order)
    where (coalesce(orders.settled, 0), coalesce(orders.reserved, 0), coalesce(orders.presumed, 0))
      is distinct from (coalesce(o.settled::numeric, 0), coalesce(o.reserved::numeric, 0), coalesce(o.presumed::numeric, 0))
    union all
    select 'limit', project || ' ' || day from days join public.projects p on p.id = project
    where within > (p.limits->>'dailyUsd')::bigint`
})

const amounts = {
  requested: Schema.Int,
  limit: Schema.Int,
  settled: Schema.Int,
  reserved: Schema.Int,
  presumed: Schema.Int
}
const readAnswers = Schema.decodeUnknownSync(
  Schema.Array(
    Schema.Union([
      Schema.Struct({ problem: Schema.String }),
      Schema.Struct({
        refused: Schema.NullOr(
          Schema.Struct({
            scope: Schema.Literals(["work_order", "project_day", "emergency", "model_day"]),
            ...amounts,
            resetsAt: Schema.NullOr(Schema.String)
          })
        )
      })
    ])
  )
)

const escalations = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ fingerprint: string; occurrences: number }>`
    select fingerprint, occurrences from public.escalations order by 1`
  return rows.map(({ fingerprint, occurrences }) => [fingerprint, occurrences])
})

const encodeStatus = Schema.encodeEffect(BudgetContract.status.output)

const prepare = Effect.gen(function* () {
  const orders: Array<ModelOrder> = []
  for (const project of projects) {
    const { id } = yield* Ledger.putProject(project.limits, project.zone, project.id)
    orders.push({ id: yield* Ledger.submitOrder(id), project })
    orders.push({ id: yield* Ledger.submitOrder(id, usd(10)), project, max: 10 })
  }
  return orders
})

const start = Effect.fnUntraced(function* (model: Model, iso: string) {
  const sql = yield* PgClient.PgClient
  yield* sql`delete from public.cost_tracking`
  assert.deepStrictEqual(yield* wrong, [], "after every row was deleted")
  yield* sql`truncate public.escalations, public.escalation_orders, moose.escalation_keys`
  model.now = Date.parse(iso)
})

/** What the ledger and the model answer to a command. */
const both = Effect.fnUntraced(function* (
  command: Command,
  model: Model,
  orders: ReadonlyArray<ModelOrder>,
  made: Array<Reservation>
) {
  const budget = yield* Budget
  const store = yield* StoreCall
  const orderAt = (at: number) => Option.getOrThrow(Option.fromUndefinedOr(orders[at % orders.length]))
  const claimed = (at: number, isForeign: boolean) => {
    const known = made[at % Math.max(made.length, 1)]
    const reservation: Reservation = known ?? {
      id: ReservationId.make("none"),
      workOrderId: WorkOrderId.make(orderAt(0).id),
      run: Run.make(1),
      call: "none",
      model: "small",
      category: "routing",
      amount: usd(0)
    }
    if (!isForeign) return reservation
    const other = orders.find(({ id }) => id !== reservation.workOrderId)
    return { ...reservation, workOrderId: WorkOrderId.make(other?.id ?? "") }
  }
  /** Past the types: what comes as JSON. */
  const rawTogether = (inputs: ReadonlyArray<object>) =>
    Effect.map(store.call("check_and_reserve_budgets", inputs), (answers) =>
      readAnswers(answers).map((answer): Answer => {
        if ("problem" in answer) return { _tag: "Conflict", problem: answer.problem }
        return answer.refused === null ? { _tag: "Done" } : { _tag: "Refused", ...answer.refused }
      })
    )
  const raw = (input: object) => Effect.map(rawTogether([input]), ([first]) => first)
  const rawInput = {
    id: "illegal",
    workOrderId: orderAt(0).id,
    run: 1,
    call: "a/9",
    category: "routing",
    model: "small",
    amount: 1,
    owner: "test",
    leaseMs: 1
  }

  switch (command._tag) {
    case "Advance":
      model.now += command.ms
      return undefined
    case "Check": {
      const order = orderAt(command.order)
      const workOrderId = WorkOrderId.make(order.id)
      return {
        ledger: yield* answerOf(budget.check({ workOrderId, amount: usd(command.amount) })),
        model: model.check(order, command.amount)
      }
    }
    case "Reserve": {
      const order = orderAt(command.order)
      const { amount, call, category, model: name, run } = command
      const input = { workOrderId: WorkOrderId.make(order.id), run: Run.make(run), call, category }
      const reserved = yield* Effect.result(
        budget.reserve({ ...input, model: name, rule: "first", amount: usd(amount) })
      )
      if (reserved._tag === "Success") made.push(reserved.success)
      const id = reserved._tag === "Success" ? reserved.success.id : "refused"
      return {
        ledger: reserved._tag === "Success" ? { _tag: "Done" } : asAnswer(reserved.failure),
        model: model.reserve({ id, order, run, call, category, model: name, amount })
      }
    }
    case "ReserveTogether": {
      const asked = command.requests.map((request, place) => ({
        ...request,
        id: ReservationId.make(randomUUID()),
        order: orderAt(request.order),
        place
      }))
      if (asked.length === 0) return undefined
      const ledger = yield* rawTogether(
        asked.map(({ order, place, ...request }) => ({
          ...request,
          workOrderId: order.id,
          owner: "test",
          // No two end in the same millisecond.
          leaseMs: leaseMs + place
        }))
      )
      const answers = asked.map(({ place, ...request }) => model.reserve(request, leaseMs + place))
      for (const [place, { order, run, ...request }] of asked.entries()) {
        if (ledger[place]?._tag !== "Done") continue
        made.push({
          ...request,
          workOrderId: WorkOrderId.make(order.id),
          run: Run.make(run),
          amount: usd(request.amount)
        })
      }
      return { ledger, model: answers }
    }
    case "ReserveAgain": {
      const known = made[command.index % Math.max(made.length, 1)]
      if (known === undefined) return undefined
      const amount = command.amount === "same" ? known.amount : known.amount + 1
      const order = Option.getOrThrow(
        Option.fromUndefinedOr(orders.find(({ id }) => id === known.workOrderId))
      )
      return {
        ledger: yield* raw({ ...rawInput, ...known, amount }),
        model: model.reserve({ ...known, order, amount })
      }
    }
    case "Illegal":
      return {
        ledger: yield* raw({ ...rawInput, ...illegal[command.what] }),
        model: { _tag: "Conflict", problem: problemOf[command.what] }
      }
    case "Settle": {
      const reservation = claimed(command.index, command.foreign)
      const { amount, settlement } = command
      return {
        ledger: yield* answerOf(
          budget.settle({ reservation, settlement, amount: usd(amount), usage: Ledger.usage })
        ),
        model: model.settle(reservation.id, reservation.workOrderId, settlement, amount)
      }
    }
    case "Cancel":
    case "Presume": {
      const reservation = claimed(command.index, command.foreign)
      const [close, state] =
        command._tag === "Cancel"
          ? ([budget.cancel, "cancelled"] as const)
          : ([budget.presume, "presumed"] as const)
      return {
        ledger: yield* answerOf(close(reservation)),
        model: model.close(reservation.id, reservation.workOrderId, state)
      }
    }
    case "Renew": {
      const reservation = claimed(command.index, command.foreign)
      return {
        ledger: yield* answerOf(budget.renew(reservation)),
        model: model.renew(reservation.id, reservation.workOrderId)
      }
    }
    case "PresumeExpired":
      return {
        ledger: { _tag: "Closed", count: yield* budget.presumeExpired({ limit: command.limit }) },
        model: model.presumeExpired(command.limit)
      }
  }
})

layer(Ledger.layer)("the ledger", (it) => {
  let orders: ReadonlyArray<ModelOrder> = []

  it.effect.prop(
    "answers as the model does, and counts what its rows say, in every history",
    {
      from: Arbitrary.schema(Schema.Literals(starts)),
      commands: Arbitrary.array(Arbitrary.schema(Command), { minLength: 1, maxLength: 80 })
    },
    ({ commands, from }) =>
      Effect.gen(function* () {
        const budget = yield* Budget
        if (orders.length === 0) orders = yield* prepare
        const model = new Model(leaseMs)
        const made: Array<Reservation> = []
        yield* start(model, from)
        for (const command of commands) {
          // No two leases end in the same millisecond, so that it is certain which ends first.
          model.now += 1
          yield* Ledger.setClock(new Date(model.now).toISOString())
          const answers = yield* both(command, model, orders, made)
          if (answers === undefined) continue
          const said = JSON.stringify(command)
          assert.deepStrictEqual(answers.ledger, answers.model, said)
          assert.deepStrictEqual(yield* wrong, [], said)
          const status = yield* Effect.flatMap(budget.status({}), encodeStatus)
          assert.deepStrictEqual(
            status,
            projects.map((project) => model.status(project)),
            said
          )
        }
        assert.deepStrictEqual(yield* escalations, [...model.escalations].toSorted())
      }),
    { arbitrary: { runs: 60, size: 80 }, timeout: 300_000 }
  )
})
