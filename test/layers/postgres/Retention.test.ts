import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
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
})
