import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Layer, Schedule } from "effect"
import { EditorCrashed } from "../src/domain/errors/ApplyError.ts"
import { EscalationId } from "../src/domain/Escalation.ts"
import { Run, WorkOrderId } from "../src/domain/Ids.ts"
import { Policies } from "../src/domain/policies/Policies.ts"
import { zero } from "../src/domain/Usd.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as PostgresEngine from "../src/layers/postgres/PostgresEngine.ts"
import * as pipeline from "../src/pipeline.ts"
import { CodeEditor } from "../src/services/CodeEditor.ts"
import { Escalations } from "../src/services/Escalations.ts"
import { Projects } from "../src/services/Projects.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import * as Outside from "./support/Outside.ts"
import { hurriedPolicies } from "./support/Hurried.ts"
import * as TestDatabase from "./support/TestDatabase.ts"
import { order, project, reply } from "./support/World.ts"

/* What somebody can do with an order by hand, on the durable engine and a real PostgreSQL. */

const id = WorkOrderId.make("order-1")

/** A model that counts how often it is asked and can be kept waiting, and an editor that can crash. */
const makeTools = Effect.gen(function* () {
  const gate = yield* Latch.make(true)
  const seen = { asked: 0, edited: 0, crashes: false }
  const layer = Layer.mergeAll(
    Layer.succeed(Proposer, {
      ask: () =>
        Effect.andThen(
          Effect.sync(() => void seen.asked++),
          Effect.as(gate.await, reply)
        )
    }),
    Layer.succeed(CodeEditor, {
      ready: () => Effect.void,
      apply: () =>
        Effect.suspend(() => {
          seen.edited++
          return seen.crashes
            ? Effect.fail(
                new EditorCrashed({ editor: "e", evidence: { operation: "edit", excerpt: "boom" } })
              )
            : Effect.succeed(["src/a.js"])
        })
    })
  )
  return { gate, seen, layer }
})

const worker = <R>(tools: Layer.Layer<R>) =>
  pipeline.layer.pipe(
    Layer.provideMerge(PostgresEngine.layer({ slots: 4 })),
    Layer.provide(tools),
    Layer.provide(Outside.layer),
    Layer.provide(Layer.succeed(Policies, hurriedPolicies))
  )

const database = Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))

const submit = Effect.gen(function* () {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(project)
  yield* orders.submit(new WorkOrder({ ...order, id }))
})

const view = Effect.flatMap(WorkOrders, (orders) => orders.get({ id }))

/** Asks again and again, and lets the runners look for work meanwhile, until it holds; at most 50 seconds. */
const until = <A, E, R>(what: string, look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* Effect.andThen(sql`select pg_notify('moose_work', '')`, look).pipe(
      Effect.flatMap((seen) => (holds(seen) ? Effect.succeed(seen) : Effect.fail(`not yet: ${what}`))),
      Effect.retry(Schedule.spaced("10 millis").pipe(Schedule.upTo({ duration: "150 seconds" })))
    )
  })

const is = (status: string) =>
  until(`it is ${status}`, view, (it) => it.status === status && it.disposition !== "rollback_pending")

describe("an order that failed", () => {
  it.live("is tried again where it failed, or at an earlier step, and only pays for what it does again", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { seen, layer } = yield* makeTools
      seen.crashes = true
      yield* submit
      yield* Effect.gen(function* () {
        yield* is("aider_failed")
        const edited = seen.edited
        const again = yield* orders.retry({ id, by: "ada" })
        assert.strictEqual(again.run, 2)
        yield* until("it has failed again", view, (it) => it.run === 2 && it.status === "aider_failed")
        yield* is("aider_failed")
        assert.strictEqual(seen.asked, 1)
        assert.isAbove(seen.edited, edited)

        const tooFar = yield* Effect.flip(orders.retry({ id, by: "ada", from: "tracking" }))
        assert.include(tooFar.message, "cannot begin at tracking: applying has not been done yet")

        seen.crashes = false
        yield* orders.retry({ id, by: "ada", from: "generating" })
        const done = yield* is("completed")
        assert.strictEqual(done.run, 3)
        assert.strictEqual(seen.asked, 2)
        const over = yield* Effect.flip(orders.retry({ id, by: "ada" }))
        assert.include(over.message, "only one that failed or was cancelled")
      }).pipe(Effect.provide(worker(layer)))
    }).pipe(Effect.provide(database))
  )
})

describe("an escalation that somebody made by hand", () => {
  it.live("names no step: its order is tried again where it failed", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const { seen, layer } = yield* makeTools
      seen.crashes = true
      yield* submit
      yield* Effect.gen(function* () {
        yield* is("aider_failed")
        const raised = yield* escalations.raise({
          key: "by hand",
          type: "question",
          severity: "low",
          fingerprint: "by hand",
          context: { message: "is the editor well again?" },
          options: [{ option: "retry", label: "it is", usd: zero, recommended: true }],
          defaultOption: null,
          workOrderId: id,
          run: Run.make(1)
        })
        seen.crashes = false
        yield* escalations.resolve({ id: raised, option: "retry", by: "ada" })
        assert.strictEqual((yield* is("completed")).run, 2)
        assert.strictEqual(seen.asked, 1)
        const lines = yield* Effect.flatMap(WorkOrders, (it) => it.timeline({ id, after: 0, limit: 200 }))
        assert.deepStrictEqual(
          lines.filter(({ kind }) => kind === "RunStarted").map(({ step }) => step),
          ["applying"]
        )
      }).pipe(Effect.provide(worker(layer)))
    }).pipe(Effect.provide(database))
  )

  it.live("cannot have an order begin at a step that there is not", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const escalations = yield* Escalations
      const { seen, layer } = yield* makeTools
      seen.crashes = true
      yield* submit
      yield* is("aider_failed").pipe(Effect.provide(worker(layer)))
      const [row] = yield* sql<{ id: number }>`
        select moose.raise_escalation(jsonb_build_object('key', 'k', 'type', 'question', 'severity', 'low',
          'fingerprint', 'f', 'context', '{}'::jsonb, 'defaultOption', null, 'workOrderId', ${id}::text, 'run', 1,
          'options', '[{"option":"retry","label":"again","usd":0,"recommended":true,"step":"aplying"}]'::jsonb)) as id`
      const refused = yield* Effect.flip(
        escalations.resolve({ id: EscalationId.make(row?.id ?? 0), option: "retry", by: "ada" })
      )
      assert.strictEqual(refused._tag, "StoreConflict")
      assert.include(refused.message, "work order order-1 cannot begin at aplying: there is no such step")
      assert.deepInclude(yield* view, { run: Run.make(1), status: "aider_failed" })
    }).pipe(Effect.provide(database))
  )
})

describe("an order that is paused", () => {
  it.live("is not begun, and goes on when it is resumed", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { seen, layer } = yield* makeTools
      yield* submit
      yield* orders.pause({ id, by: "ada" })
      yield* Effect.gen(function* () {
        // Another order that is done shows that the worker has looked.
        yield* orders.submit(new WorkOrder({ ...order, id: WorkOrderId.make("order-2") }))
        const other = Effect.flatMap(WorkOrders, (it) => it.get({ id: WorkOrderId.make("order-2") }))
        yield* until("the other is done", other, ({ status }) => status === "completed")
        assert.strictEqual((yield* view).status, "pending")
        assert.strictEqual(seen.asked, 1)
        yield* orders.resume({ id, by: "ada" })
        assert.isFalse((yield* is("completed")).paused)
      }).pipe(Effect.provide(worker(layer)))
    }).pipe(Effect.provide(database))
  )

  it.live("ends the step that it is in, and waits before the next one", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { gate, seen, layer } = yield* makeTools
      yield* gate.close
      yield* submit
      yield* Effect.gen(function* () {
        yield* until(
          "the model is asked",
          Effect.sync(() => seen.asked),
          (asked) => asked === 1
        )
        yield* orders.pause({ id, by: "ada" })
        yield* gate.open
        yield* is("waiting")
        const { waiting } = yield* orders.explain({ id })
        assert.strictEqual(waiting?.for, `pause:${id}`)
        assert.strictEqual(seen.edited, 0)
        yield* orders.resume({ id, by: "ada" })
        yield* is("completed")
        assert.strictEqual(seen.asked, 1)
      }).pipe(Effect.provide(worker(layer)))
    }).pipe(Effect.provide(database))
  )
})

describe("an order that is cancelled", () => {
  it.live("says why, and can be tried again", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { gate, seen, layer } = yield* makeTools
      yield* gate.close
      yield* submit
      yield* Effect.gen(function* () {
        yield* until(
          "the model is asked",
          Effect.sync(() => seen.asked),
          (asked) => asked === 1
        )
        assert.isTrue(yield* orders.cancel({ id, reason: "not wanted any more" }))
        yield* is("cancelled")
        const events = yield* orders.timeline({ id, after: 0, limit: 100 })
        assert.isTrue(events.some(({ message }) => message === "not wanted any more"))
        yield* gate.open
        yield* orders.retry({ id, by: "ada" })
        yield* is("completed")
      }).pipe(Effect.provide(worker(layer)))
    }).pipe(Effect.provide(database))
  )
})
