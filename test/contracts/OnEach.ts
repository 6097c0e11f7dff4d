import { type Vitest, assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Fact } from "../../src/domain/Fact.ts"
import { ProjectId, Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Failure } from "../../src/domain/errors/Failure.ts"
import type { Reason } from "../../src/domain/errors/PipelineError.ts"
import { meaningOf } from "../../src/domain/policies/Meaning.ts"
import { Project } from "../../src/domain/Project.ts"
import type { Status } from "../../src/domain/Status.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import type { Budget } from "../../src/services/Budget.ts"
import type { Escalations } from "../../src/services/Escalations.ts"
import type { Incidents } from "../../src/services/Incidents.ts"
import type { ModelReplies } from "../../src/services/ModelReplies.ts"
import { Projects } from "../../src/services/Projects.ts"
import type { Resources } from "../../src/services/Resources.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** The same assertions on a service's double and on its real layer, so that the double cannot drift. */
export const onEach = <R, E>(
  service: string,
  layers: Readonly<Record<string, Layer.Layer<R, E>>>,
  suite: (it: Vitest.MethodsNonLive<R>) => void
): void => {
  for (const [name, one] of Object.entries(layers)) {
    layer(one, { excludeTestServices: true })(`${service}, ${name}`, suite)
  }
}

/** Has these values, branded or not. */
export const has = (found: object | null | undefined, wanted: Readonly<Record<string, unknown>>): void =>
  assert.deepInclude<object>(found ?? {}, wanted)

const memory = Layer.unwrap(Effect.sync(() => Doubles.make().services))
const postgres = Environment.store.pipe(Layer.provide(TestDatabase.layer))
type Stored =
  | Budget
  | Escalations
  | Incidents
  | ModelReplies
  | Projects
  | Resources
  | StepJournal
  | WorkOrders
type Store = Layer.Layer<Stored, Layer.Error<typeof postgres>>

/** Whatever lives in the database. */
export const stores: Readonly<Record<string, Store>> = { "in memory": memory, "on Postgres": postgres }

export const run = Run.make(1)
let count = 0

/** A project that no other test has. */
export const aProject = Effect.fnUntraced(function* (change: Partial<Project> = {}) {
  const projects = yield* Projects
  return yield* projects.put(
    new Project({ ...Doubles.project, id: ProjectId.make(`project-${++count}`), ...change })
  )
})

/** An order that no other test has, stored and not begun. */
export const anOrder = Effect.fnUntraced(function* (change: Partial<WorkOrder> = {}) {
  const orders = yield* WorkOrders
  const project = change.project ?? (yield* aProject()).id
  const order = new WorkOrder({
    ...Doubles.order,
    id: WorkOrderId.make(`order-${++count}`),
    project,
    ...change
  })
  yield* orders.submit(order)
  return order
})

export const commit = Effect.fnUntraced(function* (order: WorkOrder, ...facts: ReadonlyArray<Fact>) {
  const journal = yield* StepJournal
  yield* journal.commit({ workOrderId: order.id, run, facts })
})

export const moved = (...to: ReadonlyArray<Status>): ReadonlyArray<Fact> =>
  to.map((status) => ({ _tag: "StatusMoved", to: status, disposition: null }))

/** What is said of a reason that was met in routing. */
export const failureOf = (order: WorkOrder, reason: Reason): Failure =>
  new Failure({
    workOrderId: order.id,
    run,
    step: "routing",
    component: "manager",
    attempt: 1,
    operation: "POST /route",
    tag: reason._tag,
    message: reason.message,
    ...meaningOf(reason),
    retryAfterMs: null,
    excerpt: "",
    causes: [],
    state: { unknown: "not asked" }
  })

/** An order that failed in routing, and was rolled back. */
export const aFailedOrder = Effect.fnUntraced(function* (reason: Reason) {
  const order = yield* anOrder()
  yield* commit(
    order,
    ...moved("routing"),
    { _tag: "StepStarted", step: "routing" },
    { _tag: "StepFailed", step: "routing", ms: 5, failure: failureOf(order, reason) },
    { _tag: "StatusMoved", to: "routing_failed", disposition: "rolled_back" }
  )
  return order
})
