import { PgClient } from "@effect/sql-pg"
import { DateTime, Effect, Layer } from "effect"
import { ProjectId, Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project, type ProjectLimits } from "../../src/domain/Project.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import { Budget, type BudgetContract } from "../../src/services/Budget.ts"
import type { Input } from "../../src/services/Contract.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { order as anyOrder, project as anyProject } from "../support/World.ts"

/** A single connection: the clock that a test sets on it is the clock of every call. */
const client = Layer.unwrap(
  Effect.map(TestDatabase.TestDatabase, ({ url }) => PgClient.layer({ url, maxConnections: 1 }))
).pipe(Layer.provideMerge(TestDatabase.layer))

/** The store in a database of its own, whose clock stands where `setClock` put it. */
export const layer = Environment.store.pipe(Layer.provideMerge(client))

/** Puts moose.now() somewhere. */
export const setClock = Effect.fnUntraced(function* (iso: string) {
  const sql = yield* PgClient.PgClient
  yield* sql`select set_config('moose.now', ${iso}, false)`
})

export const usage = { inputTokens: 1, outputTokens: 1 }
export const dollars = (amount: number) => Usd.make(amount * 1_000_000)

let count = 0

export const putProject = Effect.fnUntraced(function* (
  limits: typeof ProjectLimits.Type,
  timeZone = "UTC",
  id = `project-${++count}`
) {
  const projects = yield* Projects
  return yield* projects.put(
    new Project({
      ...anyProject,
      id: ProjectId.make(id),
      limits,
      timeZone: DateTime.zoneMakeNamedUnsafe(timeZone)
    })
  )
})

export const submitOrder = Effect.fnUntraced(function* (project: ProjectId, maxUsd?: Usd) {
  const orders = yield* WorkOrders
  const id = WorkOrderId.make(`order-${++count}`)
  yield* orders.submit(
    new WorkOrder({ ...anyOrder, id, project, limits: maxUsd === undefined ? {} : { maxUsd } })
  )
  return id
})

export type Reserve = Input<typeof BudgetContract, "reserve">

/** Reserves for the order's first run; what is not said is the same every time, and the call is a new one. */
export const reserve = (
  workOrderId: WorkOrderId,
  amount: Usd,
  change: Partial<Omit<Reserve, "workOrderId" | "amount">> = {}
) =>
  Effect.flatMap(Budget, (budget) =>
    budget.reserve({
      workOrderId,
      run: Run.make(1),
      call: `generating/${++count}`,
      category: "generating",
      rule: "first",
      model: "gpt-5",
      amount,
      ...change
    })
  )

/** Everything that the ledger keeps, for comparing before and after. */
export const everything = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return {
    rows: yield* sql`select to_jsonb(c) as row from public.cost_tracking c order by id`,
    days: yield* sql`select to_jsonb(b) as row from moose.budget_days b order by project, day`,
    orders: yield* sql`select to_jsonb(o) as row from moose.order_spending o order by work_order`,
    escalations: yield* sql`select to_jsonb(e) as row from public.escalations e order by id`
  }
})
