import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema } from "effect"
import { DurableClock, DurableDeferred, Workflow } from "effect/workflow"
import { StoreCall } from "../../../src/layers/postgres/StoreCall.ts"
import * as Harness from "./engine/Harness.ts"

const { call, inDatabase, journal, open, row, workflow } = Harness

const success = { _tag: "Success", value: null }

/** An execution of nobody's order that a runner of its own holds. */
const held = Effect.fnUntraced(function* (execution: string, parent: string | null = null) {
  const sql = yield* PgClient.PgClient
  yield* sql`insert into moose.executions (id, workflow, payload, parent) values (${execution}, 'W', '{}', ${parent})`
  const runner = `runner of ${execution}`
  const { claims } = yield* Harness.tickAs(runner, ["W"])
  return { execution, runner, fence: claims.find(({ id }) => id === execution)?.fence }
})

/** Says one thing, and before that is committed the other; goes on once the other waits or has come through. */
const crossing = Effect.fnUntraced(function* <A, E, R, B, E2, R2>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<B, E2, R2>
) {
  const sql = yield* PgClient.PgClient
  const said = yield* Deferred.make<void>()
  const commit = yield* Deferred.make<void>()
  const first = yield* one.pipe(
    Effect.tap(() => Deferred.succeed(said, undefined)),
    Effect.tap(() => Deferred.await(commit)),
    sql.withTransaction,
    Effect.forkChild
  )
  yield* Deferred.await(said)
  const second = yield* Effect.forkChild(other)
  const waiting = sql`select 1 from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  yield* Harness.eventually(waiting, (rows) => rows.length > 0 || second.pollUnsafe() !== undefined)
  yield* Deferred.succeed(commit, undefined)
  yield* Fiber.join(first)
  yield* Fiber.join(second)
})

describe("PostgresEngine wakes", () => {
  it.live("what is suspended at the very moment it could go on", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const suspend = (claim: object) => call("suspend_execution", { ...claim, deferredsSeen: 0 })

        const deferred = yield* held("deferred")
        const complete = call("complete_deferred", { execution: "deferred", name: "d", exit: success })
        yield* crossing(complete, suspend(deferred))
        assert.deepInclude(yield* row("deferred"), { state: "ready", owner: null })

        const late = yield* held("late")
        yield* crossing(
          suspend(late),
          call("complete_deferred", { execution: "late", name: "d", exit: success })
        )
        assert.deepInclude(yield* row("late"), { state: "ready" })

        const clock = yield* held("clock")
        yield* call("schedule_clock", { execution: "clock", name: "c", exit: success, ms: 0 })
        yield* crossing(Harness.tickAs("other", []), suspend(clock))
        assert.deepInclude(yield* row("clock"), { state: "ready" })

        const alarm = yield* held("alarm")
        yield* call("schedule_clock", { execution: "alarm", name: "c", exit: success, ms: 0 })
        yield* crossing(suspend(alarm), Harness.tickAs("other", []))
        yield* Harness.tickAs("other", [])
        assert.deepInclude(yield* row("alarm"), { state: "ready" })
        assert.deepStrictEqual(yield* sql`select name from moose.clocks`, [])

        const parent = yield* held("parent")
        const child = yield* held("child", "parent")
        yield* crossing(call("finish_execution", { ...child, result: success }), suspend(parent))
        assert.deepInclude(yield* row("parent"), { state: "ready" })

        const again = yield* held("again")
        yield* suspend(again)
        assert.deepInclude(yield* row("again"), { state: "suspended" })
      })
    )
  )

  it.live("with the word of whoever came first, here and elsewhere", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const Asks = Workflow.make("Asks", {
          payload: Harness.id,
          success: Schema.String,
          idempotencyKey: ({ id }) => id
        })
        const gate = DurableDeferred.make("gate", { success: Schema.String })
        const begun = yield* Harness.stop(log, "a")
        const a = yield* open()
        yield* a.register(Asks, () => Effect.andThen(begun.activity, DurableDeferred.await(gate)))
        const request = { executionId: "1", payload: { id: "1" } }
        yield* a.engine.execute(Asks, { ...request, discard: true })
        yield* begun.begun
        const elsewhere = call("complete_deferred", {
          execution: "1",
          name: "gate",
          exit: { _tag: "Success", value: "first" }
        })
        yield* elsewhere
        yield* a.engine.deferredDone(gate, {
          workflowName: "Asks",
          executionId: "1",
          deferredName: "gate",
          exit: Exit.succeed("second")
        })
        yield* begun.goOn
        assert.strictEqual(yield* a.engine.execute(Asks, request), "first")
        assert.deepStrictEqual(log.lines, ["a", "left a"])
        const nobody = yield* Effect.exit(
          a.engine.deferredDone(gate, {
            workflowName: "Asks",
            executionId: "nobody",
            deferredName: "gate",
            exit: Exit.succeed("x")
          })
        )
        assert.isTrue(Exit.hasDies(nobody))
      })
    )
  )

  it.live("a clock's sleeper once, and sets no clock again that has rung", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        const a = yield* open()
        yield* a.register(W, () =>
          Effect.gen(function* () {
            for (const name of ["one", "two", "three"]) {
              yield* DurableClock.sleep({ name, duration: "1 millis", inMemoryThreshold: 0 })
              yield* log.step(name)
            }
          })
        )
        yield* Harness.finish(a, W, "1")
        assert.deepStrictEqual(log.lines, ["one", "two", "three"])
        const again = { execution: "1", name: "DurableClock/one", exit: success, ms: 60_000 }
        yield* call("schedule_clock", again)
        assert.deepStrictEqual(yield* sql`select name from moose.clocks`, [])
        assert.deepInclude(yield* row("1"), { state: "done", fence: 4n })
      })
    )
  )
})

describe("PostgresEngine runs an execution once", () => {
  it.live("when it is asked for by name while it is being claimed", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        const a = yield* open({ slots: 200 })
        yield* a.register(W, ({ id }) => Effect.andThen(log.step(id), log.step(`${id} b`)))
        const one = Effect.fnUntraced(function* (id: string) {
          yield* sql`insert into moose.executions (id, workflow, payload)
            values (${id}, 'W', jsonb_build_object('id', ${id}::text))`
          yield* Effect.all([sql`select pg_notify('moose_work', ${id})`, Harness.finish(a, W, id)], {
            concurrency: 2
          })
        })
        const ids = Array.from({ length: 60 }, (_, n) => `e${n}`)
        yield* Effect.forEach(ids, one, { concurrency: 12 })
        assert.deepStrictEqual(log.lines.toSorted(), ids.flatMap((id) => [id, `${id} b`]).toSorted())
        const [most] = yield* sql<{ fence: string }>`select max(fence)::text as fence from moose.executions`
        assert.strictEqual(most?.fence, "1")
      })
    )
  )

  it.live("when a runner starts it that nobody has heard of yet", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const W = workflow("W")
        const store = yield* Harness.faulty((name) => (name === "runner_tick" ? "fail" : "work"))
        const b = yield* Harness.stop(log, "b")
        const a = yield* open({}, store)
        yield* a.register(W, () => b.activity)
        yield* Harness.begin(a, W, "1")
        yield* b.begun
        assert.deepStrictEqual((yield* Harness.tickAs("other", ["W"])).claims, [])
        yield* b.goOn
        assert.deepStrictEqual(yield* Harness.finish(a, W, "1"), Exit.void)
      })
    )
  )

  it.live("when its runner leaves while it is being claimed", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        const real = yield* StoreCall
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        let slow = false
        const store = StoreCall.of({
          call: (name, input) =>
            slow && name === "runner_tick"
              ? Deferred.succeed(asked, undefined).pipe(
                  Effect.andThen(Deferred.await(answer)),
                  Effect.andThen(real.call(name, input))
                )
              : real.call(name, input)
        })
        const a = yield* open({}, store)
        yield* a.register(W, ({ id }) => log.step(id))
        yield* Harness.finish(a, W, "before")
        slow = true
        yield* Deferred.await(asked)
        yield* sql`insert into moose.executions (id, workflow, payload) values ('1', 'W', '{"id":"1"}')`
        const closing = yield* Effect.forkChild(a.close)
        yield* Effect.sleep("1 second")
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(closing)
        assert.deepInclude(yield* row("1"), { state: "ready", owner: null, pause: 0 })
        assert.deepStrictEqual(yield* sql`select id from moose.runners`, [])
        assert.deepStrictEqual(log.lines, ["before"])
      })
    )
  )
})
