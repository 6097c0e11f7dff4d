import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { WorkOrderId } from "../../../src/domain/Ids.ts"
import * as Retention from "../../../src/layers/postgres/Retention.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as Harness from "./engine/Harness.ts"

const { inDatabase } = Harness

describe("what is over and old", () => {
  it.live("is removed, and nothing else", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const orders = yield* WorkOrders
        const project = yield* Harness.aProject()
        const over = yield* Harness.anOrder(project)
        const young = yield* Harness.anOrder(project)
        yield* orders.cancel({ id: over.order.id, reason: "not needed" })
        yield* orders.cancel({ id: young.order.id, reason: "not needed" })
        yield* sql`update work_order_events set at = at - interval '31 days' where work_order = ${over.order.id}`
        yield* sql`update work_orders set updated_at = updated_at - interval '31 days' where id = ${over.order.id}`
        yield* sql`insert into moose.executions (id, workflow, payload, state, created_at, parent) values
          ('old', 'W', '{}', 'done', moose.now() - interval '31 days', null),
          ('child', 'W', '{}', 'done', moose.now() - interval '31 days', 'waits'),
          ('waits', 'W', '{}', 'suspended', moose.now() - interval '31 days', null),
          ('young', 'W', '{}', 'done', moose.now(), null)`
        yield* sql`insert into moose.activity_results (execution, name, attempt, result, at) values
          ('old', 'a', 1, '{}', moose.now() - interval '31 days')`
        const timeline = ({ order: { id } }: typeof over) => orders.timeline({ id, after: 0, limit: 9 })
        assert.isAbove((yield* timeline(over)).length, 0)

        const gone = yield* Retention.purge(Duration.days(30))
        assert.deepInclude(gone, { executions: 1, results: 0, runners: 0 })
        assert.isAbove(gone.events, 0)
        assert.deepStrictEqual(yield* timeline(over), [])
        assert.isAbove((yield* timeline(young)).length, 0)
        assert.strictEqual((yield* orders.get({ id: over.order.id })).status, "cancelled")
        assert.deepStrictEqual(
          yield* sql`select id from moose.executions where work_order is null order by id`,
          [{ id: "child" }, { id: "waits" }, { id: "young" }]
        )
        assert.deepStrictEqual(yield* sql`select name from moose.activity_results`, [])
        assert.deepInclude(yield* Retention.purge(Duration.days(30)), { events: 0, executions: 0 })
      })
    )
  )

  it.live("takes what programs bought in a run with it, unless a retry could still ask for it", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const project = yield* Harness.aProject()
        for (const name of ["cancelled", "failed", "retried", "running"]) {
          yield* Harness.anOrder(project, { id: WorkOrderId.make(name) })
        }
        yield* sql`alter table public.work_orders disable trigger legal_move`
        yield* sql`update public.work_orders set status = 'cancelled' where id = 'cancelled'`
        yield* sql`update public.work_orders set status = 'aider_failed' where id in ('failed', 'retried')`
        yield* sql`update public.work_orders set status = 'applying' where id = 'running'`
        yield* sql`update moose.executions set state = 'done' where work_order <> 'running'`
        yield* sql`select moose.start_run('retried', 'applying', 'test')`
        yield* sql`
          insert into moose.model_replies (work_order, run, call, request, ordinal, reservation, model, finish, usage, amount,
                                           content_type, body, created_at)
          select w.id, 1, 'editor', repeat('a', 64), old.days, 'r', 'm', 'stop', '{}', 1, 'application/json', '{}',
                 moose.now() - make_interval(days => old.days)
          from public.work_orders w cross join (values (31), (29)) old (days)`
        const replies = sql<{ work_order: string; ordinal: number }>`
          select work_order, ordinal from moose.model_replies order by work_order, ordinal`

        assert.deepInclude(yield* Retention.purge(Duration.days(30)), { replies: 2 })
        const kept = (yield* replies).map((row) => `${row.work_order} ${row.ordinal}`)
        assert.deepStrictEqual(kept, [
          "cancelled 29",
          "failed 29",
          "failed 31",
          "retried 29",
          "running 29",
          "running 31"
        ])
        assert.deepInclude(yield* Retention.purge(Duration.days(30)), { replies: 0 })
      })
    )
  )
})
