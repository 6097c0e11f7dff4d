import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Fact } from "../../src/domain/Fact.ts"
import { Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as FileSpool from "../../src/layers/FileSpool.ts"
import * as StuckWatch from "../../src/operations/StuckWatch.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { Projects } from "../../src/services/Projects.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { order, project } from "../support/World.ts"

const database = Environment.store.pipe(
  Layer.provideMerge(TestDatabase.layer),
  Layer.merge(FileSpool.layer({ directory: "/nowhere" })),
  Layer.provide(NodeServices.layer)
)

const submit = Effect.fnUntraced(function* (id: string, mode: Project["mode"] = "on") {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(new Project({ ...project, mode }))
  const workOrderId = WorkOrderId.make(id)
  yield* orders.submit(new WorkOrder({ ...order, id: workOrderId }))
  return workOrderId
})

const commit = Effect.fnUntraced(function* (workOrderId: WorkOrderId, ...facts: ReadonlyArray<Fact>) {
  const journal = yield* StepJournal
  yield* journal.commit({ workOrderId, run: Run.make(1), facts })
})
const moved = (...statuses: ReadonlyArray<"routing" | "generating" | "applying" | "waiting">) =>
  statuses.map((to): Fact => ({ _tag: "StatusMoved", to, disposition: null }))

/** As if all that is known of the order had happened so much earlier. */
const age = Effect.fnUntraced(function* (id: WorkOrderId, by: string) {
  const sql = yield* PgClient.PgClient
  yield* sql`update public.work_orders set created_at = created_at - ${by}::interval, resume_at = resume_at - ${by}::interval
             where id = ${id}`
  yield* sql`update public.work_order_events set at = at - ${by}::interval where work_order = ${id}`
})

const open = Effect.flatMap(Escalations, (escalations) => escalations.list({ status: "open", limit: 50 }))

describe("StuckWatch", () => {
  it.live("tells of a step without progress past its limit, and not before", () =>
    Effect.gen(function* () {
      const slow = yield* submit("slow")
      const quick = yield* submit("quick")
      yield* commit(slow, ...moved("routing", "generating"))
      yield* commit(quick, ...moved("routing", "generating"))
      // The step may take a quarter of an hour, and ends itself then.
      yield* age(slow, "18 minutes")
      yield* age(quick, "14 minutes")
      assert.strictEqual(yield* StuckWatch.watch(), 1)
      const [told] = yield* open
      assert.deepInclude(told?.context, { why: "progress", status: "generating", tag: "Stuck" })
      assert.deepStrictEqual(
        told?.orders.map(({ workOrderId }) => workOrderId),
        [slow]
      )
    }).pipe(Effect.provide(database))
  )

  it.live(
    "tells of a standstill once, of the next one again, and again when a decision changed nothing",
    () =>
      Effect.gen(function* () {
        const escalations = yield* Escalations
        const id = yield* submit("again")
        yield* commit(id, ...moved("routing"))
        yield* age(id, "1 hour")
        assert.strictEqual(yield* StuckWatch.watch(), 1)
        // That it was told of is no progress.
        yield* age(id, "1 hour")
        assert.strictEqual(yield* StuckWatch.watch(), 0)
        yield* commit(id, ...moved("generating"))
        assert.strictEqual(yield* StuckWatch.watch(), 0)
        yield* age(id, "1 hour")
        assert.strictEqual(yield* StuckWatch.watch(), 1)
        const [told] = yield* open
        assert.strictEqual(told?.occurrences, 2)
        if (told === undefined) return
        yield* escalations.resolve({ id: told.id, option: "acknowledge", by: "ada" })
        assert.strictEqual(yield* StuckWatch.watch(), 0)
        yield* age(id, "1 hour")
        assert.strictEqual(yield* StuckWatch.watch(), 1)
        assert.strictEqual((yield* open).length, 1)
      }).pipe(Effect.provide(database))
  )

  it.live("leaves a wait the time it was given, and a decision to whoever was asked", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const id = yield* submit("waits")
      yield* commit(id, ...moved("routing", "waiting"))
      yield* sql`update public.work_orders set resume_at = moose.now() + interval '3 hours' where id = ${id}`
      yield* age(id, "2 hours")
      assert.strictEqual(yield* StuckWatch.watch(), 0)
      yield* age(id, "2 hours")
      assert.strictEqual(yield* StuckWatch.watch(), 1)
    }).pipe(Effect.provide(database))
  )

  it.live("tells of clean-up that does not end, whatever the status says; what is over is over", () =>
    Effect.gen(function* () {
      const failing = yield* submit("failing")
      const over = yield* submit("over")
      const failed = (disposition: "rollback_pending" | "rolled_back"): Fact => ({
        _tag: "StatusMoved",
        to: "routing_failed",
        disposition
      })
      yield* commit(failing, ...moved("routing"), failed("rollback_pending"))
      yield* commit(over, ...moved("routing"), failed("rollback_pending"), failed("rolled_back"))
      yield* age(failing, "2 days")
      yield* age(over, "2 days")
      assert.isAbove(yield* StuckWatch.watch(), 0)
      const told = yield* open
      assert.deepStrictEqual(
        told.flatMap(({ orders }) => orders.map(({ workOrderId }) => workOrderId)),
        [failing]
      )
    }).pipe(Effect.provide(database))
  )

  it.live("makes one escalation of all the orders of a project that is switched off", () =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c"]) yield* age(yield* submit(name, "off"), "25 hours")
      assert.strictEqual(yield* StuckWatch.watch(), 3)
      const told = yield* open
      assert.deepStrictEqual(
        told.map(({ fingerprint, ordersCount }) => ({ fingerprint, ordersCount })),
        [{ fingerprint: `stuck/project/${project.id}`, ordersCount: 3 }]
      )
    }).pipe(Effect.provide(database))
  )

  it.live(
    "does not answer for somebody who was asked: a suspended order stays so when it is acknowledged",
    () =>
      Effect.gen(function* () {
        const escalations = yield* Escalations
        const orders = yield* WorkOrders
        const id = yield* submit("asked")
        yield* commit(id, ...moved("routing"), { _tag: "StatusMoved", to: "needs_review", disposition: null })
        yield* age(id, "25 hours")
        assert.strictEqual(yield* StuckWatch.watch(), 1)
        const [told] = yield* open
        if (told === undefined) return assert.fail("nobody was told")
        yield* escalations.resolve({ id: told.id, option: "acknowledge", by: "ada" })
        assert.strictEqual((yield* orders.get({ id })).status, "needs_review")
        yield* age(id, "25 hours")
        assert.strictEqual(yield* StuckWatch.watch(), 1)
        const [again] = yield* open
        if (again === undefined) return assert.fail("nobody was told")
        yield* escalations.resolve({ id: again.id, option: "abandon", by: "ada" })
        assert.strictEqual((yield* orders.get({ id })).status, "cancelled")
      }).pipe(Effect.provide(database))
  )
})
