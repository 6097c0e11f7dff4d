import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Cause, DateTime, Deferred, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import { Project } from "../../../src/domain/Project.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import type { At } from "../../../src/steps/StepContext.ts"
import * as Harness from "./engine/Harness.ts"

const { anOrder, aProject, inDatabase, journal, open, row, workflow } = Harness

const finished = Effect.flatMap(
  PgClient.PgClient,
  (sql) => sql<{ id: string }>`select id from moose.executions where state = 'done' order by id`
)

/** Runs orders, and keeps count of how many of a project run at once. */
const counting = () => {
  const began: Array<string> = []
  const now = new Map<string, number>()
  const most = new Map<string, number>()
  const run = (at: At) =>
    Activity.make({
      name: "routing",
      execute: Effect.gen(function* () {
        const orders = yield* WorkOrders
        const projects = yield* Projects
        const { order } = yield* Effect.orDie(orders.get({ id: at.workOrderId }))
        const { concurrency } = yield* Effect.orDie(projects.get({ id: order.project }))
        began.push(at.workOrderId)
        const running = (now.get(order.project) ?? 0) + 1
        now.set(order.project, running)
        most.set(order.project, Math.max(running, most.get(order.project) ?? 0))
        // Stays until as many have met as may, and a little longer for one too many.
        yield* Harness.until(() => (most.get(order.project) ?? 0) >= concurrency)
        yield* Effect.sleep("250 millis")
        now.set(order.project, (now.get(order.project) ?? 0) - 1)
      })
    })
  return { began, most, run }
}

describe("PostgresEngine claims", () => {
  it.live("by priority, then by age", () =>
    inDatabase(
      Effect.gen(function* () {
        const seen = counting()
        const project = yield* aProject({ concurrency: 1 })
        const ids: Array<string> = []
        for (const priority of [0, 5, 0, 9, 5]) ids.push((yield* anOrder(project, { priority })).order.id)
        const a = yield* open({ slots: 1 })
        yield* a.register(Harness.Pipeline, seen.run)
        yield* Harness.eventually(finished, (rows) => rows.length === 5)
        assert.deepStrictEqual(
          seen.began,
          [3, 1, 4, 0, 2].map((index) => ids[index])
        )
      })
    )
  )

  it.live("nothing before it is to begin", () =>
    inDatabase(
      Effect.gen(function* () {
        const project = yield* Harness.aProject()
        const now = yield* DateTime.now
        const late = yield* Harness.anOrder(project, {
          priority: 9,
          startAt: DateTime.add(now, { hours: 1 })
        })
        const early = yield* Harness.anOrder(project, { startAt: DateTime.subtract(now, { hours: 1 }) })
        const ids = ({ claims }: Effect.Success<ReturnType<typeof Harness.tickAs>>) =>
          claims.map(({ id }) => id)
        assert.deepStrictEqual(ids(yield* Harness.tickAs("a", ["moose/Pipeline"])), [early.execution])
        const orders = yield* WorkOrders
        const { order } = yield* orders.get({ id: late.order.id })
        assert.deepStrictEqual(order.startAt, late.order.startAt)
        const sql = yield* PgClient.PgClient
        yield* sql`update moose.executions set available_at = moose.now() where id = ${late.execution}`
        assert.deepStrictEqual(ids(yield* Harness.tickAs("b", ["moose/Pipeline"])), [late.execution])
      })
    )
  )

  it.live("no more of a project than it allows, with two engines claiming at once", () =>
    inDatabase(
      Effect.gen(function* () {
        const seen = counting()
        const two = yield* aProject({ concurrency: 2 })
        const three = yield* aProject({ concurrency: 3 })
        for (let n = 0; n < 12; n++) yield* Effect.all([anOrder(two), anOrder(three)])
        const engines = yield* Effect.all([open(), open()])
        yield* Effect.all(
          engines.map((it) => it.register(Harness.Pipeline, seen.run)),
          { concurrency: 2 }
        )
        yield* Harness.eventually(finished, (rows) => rows.length === 24)
        assert.deepStrictEqual([seen.most.get(two.id), seen.most.get(three.id)], [2, 3])
        assert.strictEqual(seen.began.length, 24)
        assert.strictEqual(new Set(seen.began).size, 24)
      })
    )
  )

  it.live("an order of one project behind hundreds of another that has no room", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const full = yield* aProject({ concurrency: 1 })
        const [first] = [yield* anOrder(full, { priority: 9 })]
        yield* sql`insert into work_orders (id, project, kind, title, description, acceptance_criteria, files_in_scope,
                                            base_branch, priority, limits, metadata, body_hash)
          select 'many-' || n, project, kind, title, description, acceptance_criteria, files_in_scope,
                 base_branch, priority, limits, metadata, body_hash
          from work_orders w, generate_series(1, 250) n where w.id = ${first?.order.id ?? ""}`
        yield* sql`insert into moose.executions (id, workflow, payload, work_order, run, priority)
          select id || '/1', 'moose/Pipeline', '{}', id, 1, 9 from work_orders where id like 'many-%'`
        const behind = yield* anOrder(yield* aProject())
        const { claims } = yield* Harness.tickAs("me", ["moose/Pipeline"], 4)
        assert.deepStrictEqual(
          claims.map(({ id }) => id),
          [first?.execution, behind.execution]
        )
      })
    )
  )

  it.live("what a dead runner held even where the project has no room left by now", () =>
    inDatabase(
      Effect.gen(function* () {
        const projects = yield* Projects
        const project = yield* aProject({ concurrency: 2 })
        const orders = yield* Effect.all([
          anOrder(project),
          anOrder(project),
          anOrder(project, { priority: 9 })
        ])
        const held = (yield* Harness.tickAs("old", ["moose/Pipeline"])).claims.map(({ id }) => id)
        assert.deepStrictEqual(held, [orders[2].execution, orders[0].execution])
        yield* projects.put(new Project({ ...project, concurrency: 1 }))
        yield* Harness.endLeases
        const { claims } = yield* Harness.tickAs("new", ["moose/Pipeline"])
        assert.deepStrictEqual(
          claims.map(({ id }) => id),
          held
        )
      })
    )
  )

  it.live("nothing new of a project that is off, but what is cancelled there", () =>
    inDatabase(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const projects = yield* Projects
        const log = journal()
        const off = yield* aProject({ mode: "off" })
        const other = yield* aProject()
        const waits = yield* anOrder(off, { priority: 9 })
        const goes = yield* anOrder(other)
        const a = yield* open()
        yield* a.register(Harness.Pipeline, ({ workOrderId }) =>
          Effect.gen(function* () {
            yield* log.undoable(workOrderId)
            if (workOrderId === goes.order.id) return
            return yield* Effect.never
          })
        )
        // Not even for one who asks for it by name.
        const asked = yield* Effect.forkChild(
          Effect.exit(a.engine.execute(Harness.Pipeline, { executionId: waits.execution, payload: waits.at }))
        )
        yield* Harness.eventually(finished, (rows) => rows.length === 1)
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(log.lines, [goes.order.id])
        assert.deepInclude(yield* row(waits.execution), { state: "ready", fence: 0n })
        yield* projects.put(new Project({ ...off, mode: "on" }))
        yield* Harness.until(() => log.lines.length === 2)
        yield* projects.put(new Project({ ...off, mode: "off" }))
        yield* a.close
        assert.deepInclude(yield* row(waits.execution), { state: "ready" })
        yield* Fiber.interrupt(asked)

        const b = yield* open()
        yield* b.register(Harness.Pipeline, ({ workOrderId }) =>
          Effect.andThen(log.undoable(workOrderId), log.step("never"))
        )
        yield* Effect.sleep("2 seconds")
        assert.deepInclude(yield* row(waits.execution), { state: "ready" })
        assert.isTrue(yield* orders.cancel({ id: waits.order.id, reason: "no" }))
        yield* Harness.eventually(finished, (rows) => rows.length === 2)
        assert.deepStrictEqual(log.lines, [goes.order.id, waits.order.id, `undo ${waits.order.id}`])
      })
    )
  )

  it.live("only what it was told to", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const project = yield* aProject()
        const other = yield* anOrder(project, { priority: 9 })
        const mine = yield* anOrder(project)
        const a = yield* open({ only: [mine.execution] })
        yield* a.register(Harness.Pipeline, ({ workOrderId }) => log.step(workOrderId))
        yield* Harness.eventually(finished, (rows) => rows.length === 1)
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(log.lines, [mine.order.id])
        assert.deepInclude(yield* row(other.execution), { state: "ready", fence: 0n })
      })
    )
  )

  it.live("200 executions at 32 in flight by two engines, each once, and keeps nothing", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        yield* sql`insert into moose.executions (id, workflow, payload)
          select 'e' || n, 'W', jsonb_build_object('id', 'e' || n) from generate_series(1, 200) n`
        const engines = yield* Effect.all([open({ slots: 16 }), open({ slots: 16 })])
        for (const it of engines) {
          yield* it.register(W, ({ id }) =>
            Effect.gen(function* () {
              yield* log.step(`${id} a`)
              yield* Effect.yieldNow
              yield* log.step(`${id} b`)
            })
          )
        }
        yield* Harness.eventually(finished, (rows) => rows.length === 200)
        assert.strictEqual(log.lines.length, 400)
        assert.strictEqual(new Set(log.lines).size, 400)
        const [most] = yield* sql<{ fence: string }>`select max(fence)::text as fence from moose.executions`
        assert.strictEqual(most?.fence, "1")
        for (const it of engines) yield* it.close
        // Every connection of the pool can be had: none is kept by a listener or a fiber that goes on.
        yield* Effect.all(
          Array.from({ length: 10 }, () => sql`select pg_sleep(0.01)`),
          { concurrency: 10 }
        )
        const listening = yield* sql`select pid from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`
        assert.deepStrictEqual(listening, [])
      })
    )
  )

  it.live("work when its listening connection was lost", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        const a = yield* open()
        yield* a.register(W, ({ id }) => log.step(id))
        const insert = (name: string) => sql`
          insert into moose.executions (id, workflow, payload) values (${name}, 'W', jsonb_build_object('id', ${name}::text))`
        const listeners = sql<{ ended: boolean }>`
          select pg_terminate_backend(pid) as ended from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`
        yield* Harness.eventually(listeners, (rows) => rows.length === 1)
        yield* insert("1")
        yield* Harness.until(() => log.count("1") === 1)
        // And it listens again.
        yield* Harness.eventually(listeners, (rows) => rows.length === 1)
        yield* insert("2")
        yield* Harness.until(() => log.count("2") === 1)
        assert.deepStrictEqual(log.lines, ["1", "2"])
      })
    )
  )
})

describe("PostgresEngine cancels", () => {
  const W = workflow("W")

  const interrupted = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

  it.live("what runs, which stops at once, cleans up and compensates once", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const b = yield* Harness.stop(log, "b")
        const [here, there] = yield* Effect.all([open(), open()])
        yield* here.register(W, () => Effect.andThen(log.undoable("a"), b.activity))
        yield* Harness.begin(here, W, "1")
        yield* b.begun
        // Said by a process that does not run it.
        yield* there.engine.interrupt(W, "1")
        yield* there.engine.interrupt(W, "1")
        assert.isTrue(interrupted(yield* Harness.finish(here, W, "1")))
        assert.deepStrictEqual(log.lines, ["a", "b", "left b", "undo a"])
        assert.deepInclude(yield* row("1"), { state: "done", fence: 1n })
      })
    )
  )

  it.live("what is ready and what is suspended", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const a = yield* open()
        yield* sql`insert into moose.executions (id, workflow, payload, available_at)
          values ('ready', 'W', '{"id":"ready"}', moose.now() + interval '1 hour')`
        yield* a.register(W, ({ id }) =>
          Effect.gen(function* () {
            yield* log.undoable(id)
            yield* Workflow.suspend(yield* WorkflowEngine.WorkflowInstance)
          })
        )
        yield* Harness.begin(a, W, "waits")
        yield* Harness.eventually(row("waits"), ({ state }) => state === "suspended")
        yield* a.engine.interrupt(W, "waits")
        yield* a.engine.interrupt(W, "ready")
        yield* Harness.eventually(finished, (rows) => rows.length === 2)
        assert.deepStrictEqual(log.lines, ["waits", "undo waits"])
        assert.isTrue(interrupted(yield* Harness.finish(a, W, "ready")))
      })
    )
  )

  it.live("nothing that has ended, and no compensation that is under way", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const Fails = Workflow.make("Fails", {
          payload: Harness.id,
          error: Schema.String,
          idempotencyKey: ({ id }) => id
        })
        const a = yield* open()
        yield* a.register(Fails, () =>
          Effect.gen(function* () {
            yield* log.undoable("a")
            yield* log.undoable("b")
            yield* log.step("c").pipe(
              Workflow.withCompensation(() =>
                Effect.gen(function* () {
                  yield* Deferred.succeed(begun, undefined)
                  yield* Deferred.await(goOn)
                  yield* log.note("undo c")
                })
              )
            )
            return yield* Effect.fail("as it must")
          })
        )
        const request = { executionId: "1", payload: { id: "1" } }
        const running = yield* Effect.forkChild(Effect.exit(a.engine.execute(Fails, request)))
        yield* Deferred.await(begun)
        yield* a.engine.interrupt(Fails, "1")
        yield* Deferred.succeed(goOn, undefined)
        assert.deepStrictEqual(yield* Fiber.join(running), Exit.fail("as it must"))
        assert.deepStrictEqual(log.lines, ["a", "b", "c", "undo c", "undo b", "undo a"])
        yield* a.engine.interrupt(Fails, "1")
        assert.deepStrictEqual(yield* Effect.exit(a.engine.execute(Fails, request)), Exit.fail("as it must"))
        assert.strictEqual(log.lines.length, 6)
      })
    )
  )

  it.live("an order that nobody has begun, for whom there is no result to wait for", () =>
    inDatabase(
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const { order, at, execution } = yield* anOrder(yield* aProject({ mode: "off" }))
        const a = yield* open()
        yield* a.register(Harness.Pipeline, () => Effect.void)
        const request = { executionId: execution, payload: at }
        const waiting = yield* Effect.forkChild(Effect.exit(a.engine.execute(Harness.Pipeline, request)))
        yield* orders.cancel({ id: order.id, reason: "no" })
        assert.isTrue(interrupted(yield* Fiber.join(waiting)))
        const result = yield* a.engine.poll(Harness.Pipeline, execution)
        assert.isTrue(
          Option.isSome(result) && result.value._tag === "Complete" && interrupted(result.value.exit)
        )
      })
    )
  )
})
