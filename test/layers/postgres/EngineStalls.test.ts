import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Escalations } from "../../../src/services/Escalations.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as Harness from "./engine/Harness.ts"

const { aProject, anOrder, call, endLeases, inDatabase, row, tickAs } = Harness

const pipeline = ["moose/Pipeline"]

/** One runner after the other holds the execution and is gone. */
const passOn = (...runners: ReadonlyArray<string>) =>
  Effect.forEach(
    runners,
    (runner) =>
      Effect.gen(function* () {
        const { claims } = yield* tickAs(runner, pipeline)
        assert.strictEqual(claims.length, 1, runner)
        yield* endLeases
      }),
    { discard: true }
  )

const theEscalation = Effect.gen(function* () {
  const escalations = yield* Escalations
  const [one, ...more] = yield* escalations.list({ status: "open", limit: 10 })
  assert.deepStrictEqual(more, [])
  return one === undefined ? assert.fail("nothing is escalated") : one
})

describe("an execution that its runners do not survive", () => {
  it.live("is put before a person after three of them, and goes on where it was", () =>
    inDatabase(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const escalations = yield* Escalations
        const { order, execution } = yield* anOrder(yield* aProject())
        yield* passOn("a", "b", "c")
        assert.deepStrictEqual((yield* tickAs("d", pipeline)).claims, [])
        assert.deepInclude(yield* row(execution), { state: "suspended", owner: null })
        assert.strictEqual((yield* orders.get({ id: order.id })).status, "needs_review")
        const { id, type, options } = yield* theEscalation
        assert.strictEqual(type, "stalled")
        assert.deepStrictEqual(
          options.map(({ option }) => option),
          ["retry", "abandon"]
        )
        assert.deepStrictEqual((yield* tickAs("e", pipeline)).claims, [])
        yield* escalations.resolve({ id, option: "retry", by: "ada" })
        assert.strictEqual((yield* tickAs("f", pipeline)).claims.length, 1)
        assert.strictEqual((yield* orders.get({ id: order.id })).status, "routing")
      })
    )
  )

  it.live("is brought to its end by a fourth where its order is over and only that has to be said", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const { order, execution } = yield* anOrder(yield* aProject())
        yield* passOn("a", "b")
        yield* sql`update work_orders set status = 'routing_failed', disposition = 'rolled_back' where id = ${order.id}`
        yield* passOn("c")
        assert.strictEqual((yield* tickAs("d", pipeline)).claims.length, 1)
        assert.deepInclude(yield* row(execution), { state: "running", owner: "d" })
        assert.deepStrictEqual(yield* sql`select id from escalations`, [])
      })
    )
  )

  it.live("counts from the beginning after each result", () =>
    inDatabase(
      Effect.gen(function* () {
        const { execution } = yield* anOrder(yield* aProject())
        yield* passOn("a", "b")
        yield* tickAs("c", pipeline)
        const { fence } = yield* row(execution)
        const done = { _tag: "Complete", exit: { _tag: "Success", value: null } }
        const claim = { execution, runner: "c", fence: Number(fence) }
        assert.isTrue(
          yield* call("commit_activity", { ...claim, name: "routing", attempt: 1, result: done, facts: [] })
        )
        yield* endLeases
        yield* passOn("d")
        assert.strictEqual((yield* tickAs("e", pipeline)).claims.length, 1)
      })
    )
  )

  it.live("can be cancelled all the same", () =>
    inDatabase(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const { order } = yield* anOrder(yield* aProject())
        yield* passOn("a", "b", "c")
        yield* tickAs("d", pipeline)
        const { id } = yield* theEscalation
        const escalations = yield* Escalations
        yield* escalations.resolve({ id, option: "abandon", by: "ada" })
        assert.strictEqual((yield* tickAs("e", pipeline)).claims.length, 1)
        assert.strictEqual((yield* orders.get({ id: order.id })).status, "routing")
      })
    )
  )
})

describe("an execution that other code began", () => {
  it.live("is left to newer code, and gone on with by code that can replay it", () =>
    inDatabase(
      Effect.gen(function* () {
        yield* anOrder(yield* aProject())
        yield* tickAs("new", pipeline, 8, { version: 2 })
        yield* endLeases
        assert.deepStrictEqual((yield* tickAs("old", pipeline, 8, { version: 1 })).claims, [])
        const { claims } = yield* tickAs("newer", pipeline, 8, { version: 3, replays: [2] })
        assert.strictEqual(claims.length, 1)
      })
    )
  )

  it.live("is put before a person by code that cannot, who may let it go on", () =>
    inDatabase(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const escalations = yield* Escalations
        const { order } = yield* anOrder(yield* aProject())
        yield* tickAs("old", pipeline, 8, { version: 1 })
        yield* endLeases
        assert.deepStrictEqual((yield* tickAs("new", pipeline, 8, { version: 2 })).claims, [])
        assert.strictEqual((yield* orders.get({ id: order.id })).status, "needs_review")
        const { id, type, context } = yield* theEscalation
        assert.strictEqual(type, "older_code")
        assert.include(String(context["message"]), "version 1")
        yield* escalations.resolve({ id, option: "retry", by: "ada" })
        assert.strictEqual((yield* tickAs("new", pipeline, 8, { version: 2 })).claims.length, 1)
      })
    )
  )
})
