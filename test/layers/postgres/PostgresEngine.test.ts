import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import { Activity, Workflow } from "effect/workflow"
import { Usd } from "../../../src/domain/Usd.ts"
import { Budget } from "../../../src/services/Budget.ts"
import { Resources } from "../../../src/services/Resources.ts"
import { StepJournal } from "../../../src/services/StepJournal.ts"
import * as Harness from "./engine/Harness.ts"

const { call, inDatabase, journal, open, row, workflow } = Harness

const success = { _tag: "Complete", exit: { _tag: "Success", value: null } }

/** An execution that somebody called `runner` holds. */
const held = Effect.fnUntraced(function* (runner: string) {
  const order = yield* Harness.anOrder(yield* Harness.aProject())
  const { claims } = yield* Harness.tickAs(runner, ["moose/Pipeline"])
  const fence = claims.find(({ id }) => id === order.execution)?.fence
  return { ...order, claim: { execution: order.execution, runner, fence } }
})

const events = Effect.fnUntraced(function* (order: string) {
  const sql = yield* PgClient.PgClient
  return yield* sql`select kind, message from work_order_events where work_order = ${order} order by seq`
})

describe("PostgresEngine commits", () => {
  it.live("a step's result and all of its facts at once", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const a = yield* open()
        yield* a.register(Harness.Pipeline, (at) =>
          Activity.make({
            name: "routing",
            execute: Effect.gen(function* () {
              const facts = yield* StepJournal
              const resources = yield* Resources
              const budget = yield* Budget
              yield* resources.intend({ ...at, resources: [{ kind: "branch", name: "moose/x" }] })
              const reservation = yield* budget.reserve({
                ...at,
                call: "generating/1",
                category: "generating",
                rule: "first",
                model: "gpt-5",
                amount: Usd.make(10)
              })
              const usage = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0 }
              yield* facts.append({
                ...at,
                facts: [
                  { _tag: "StatusMoved", to: "generating", disposition: null },
                  { _tag: "ResourceHeld", kind: "branch", name: "moose/x", evidence: { seen: true } },
                  { _tag: "CostSettled", reservation: reservation.id, amount: Usd.make(7), usage },
                  { _tag: "Decided", step: "routing", choice: "a", reason: "b", data: null }
                ]
              })
            }).pipe(Effect.orDie)
          })
        )
        const { order, at } = yield* Harness.anOrder(yield* Harness.aProject())
        yield* a.engine.execute(Harness.Pipeline, { executionId: `${order.id}/1`, payload: at })
        const seen = yield* sql<{ what: string; xmin: string }>`
          select 'result' as what, xmin::text from moose.activity_results
          union all select 'status ' || status, xmin::text from work_orders
          union all select 'event', xmin::text from work_order_events
            where kind = 'StatusMoved' and message = 'generating'
          union all select 'resource ' || state, xmin::text from resources
          union all select 'cost ' || state, xmin::text from cost_tracking
          union all select 'decision', xmin::text from decision_logs`
        assert.deepStrictEqual(
          seen.map(({ what }) => what),
          ["result", "status generating", "event", "resource held", "cost settled", "decision"]
        )
        assert.strictEqual(new Set(seen.map(({ xmin }) => xmin)).size, 1)
      })
    )
  )

  it.live("nothing by a runner whose execution somebody else has taken", () =>
    inDatabase(
      Effect.gen(function* () {
        const { claim, order } = yield* held("old")
        yield* Harness.endLeases
        const { claims } = yield* Harness.tickAs("new", ["moose/Pipeline"])
        assert.deepStrictEqual(claims, [{ id: claim.execution, fence: (claim.fence ?? 0) + 1 }])
        // Nor by the same runner under an older claim.
        yield* Harness.tickAs("new", ["moose/Pipeline"])
        const first = { ...claim, runner: "new", fence: (claim.fence ?? 0) + 1 }
        const before = [yield* row(claim.execution), yield* events(order.id)]
        const facts = [{ _tag: "Noted", step: "routing", message: "too late" }]
        const writes: ReadonlyArray<unknown> = yield* Effect.all([
          call("commit_activity", { ...claim, name: "x", attempt: 1, result: success, facts }),
          call("finish_execution", { ...claim, result: success }),
          call("suspend_execution", { ...claim, deferredsSeen: 0 }),
          call("abandon_execution", { ...claim, pauseMs: 1000 }),
          call("commit_activity", { ...first, name: "x", attempt: 1, result: success, facts }),
          call("finish_execution", { ...first, result: success }),
          call("suspend_execution", { ...first, deferredsSeen: 0 }),
          call("abandon_execution", { ...first, pauseMs: 1000 }),
          // Nor does it help to know the current claim's number.
          call("finish_execution", { ...claim, fence: (claim.fence ?? 0) + 2, result: success })
        ])
        assert.deepStrictEqual(
          writes,
          writes.map(() => false)
        )
        assert.deepStrictEqual([yield* row(claim.execution), yield* events(order.id)], before)
        const sql = yield* PgClient.PgClient
        assert.deepStrictEqual(yield* sql`select name from moose.activity_results`, [])
      })
    )
  )

  it.live("once, however often a lost reply makes it ask", () =>
    inDatabase(
      Effect.gen(function* () {
        const { claim, order } = yield* held("me")
        const facts = [{ _tag: "Noted", step: "routing", message: "once" }]
        const commit = call("commit_activity", { ...claim, name: "x", attempt: 1, result: success, facts })
        assert.deepStrictEqual(yield* Effect.all([commit, commit]), [true, true])
        const noted = (yield* events(order.id)).filter(({ message }) => message === "once")
        assert.strictEqual(noted.length, 1)
        const finish = call("finish_execution", { ...claim, result: success })
        assert.deepStrictEqual(yield* Effect.all([finish, finish]), [true, true])
        assert.isFalse(yield* call("finish_execution", { ...claim, fence: 99, result: success }))
        assert.isFalse(yield* commit)
      })
    )
  )

  it.live("what it can after failures and lost replies, and runs nothing twice for it", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const times = new Map<string, number>()
        const store = yield* Harness.faulty((name) => {
          const n = (times.get(name) ?? 0) + 1
          times.set(name, n)
          if (name === "runner_tick" || n % 3 === 0) return "work"
          return n % 3 === 1 ? "fail" : "lose the reply"
        })
        const W = workflow("W")
        const a = yield* open({}, store)
        yield* a.register(W, () => Effect.andThen(log.undoable("a"), log.undoable("b")))
        assert.deepStrictEqual(yield* Harness.finish(a, W, "1"), Exit.void)
        assert.deepStrictEqual(log.lines, ["a", "b"])
      })
    )
  )

  it.live("later what it cannot now: the run is given up without compensating, and claimed again", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        let broken = true
        const store = yield* Harness.faulty((name) =>
          broken && name === "commit_activity" ? "fail" : "work"
        )
        const W = workflow("W")
        const a = yield* open({}, store)
        yield* a.register(W, () =>
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() => log.note("scope"))
            yield* log.undoable("a")
            yield* Activity.make({ name: "outer", execute: log.step("inner") })
            yield* log.step("c")
          })
        )
        yield* Harness.begin(a, W, "1")
        yield* Harness.eventually(row("1"), ({ state }) => state === "ready")
        assert.deepStrictEqual(log.lines, ["a", "scope"])
        assert.deepInclude(yield* row("1"), { pause: 1 })
        // Whoever waits for it does not shorten the pause.
        const waiting = yield* Effect.forkChild(Harness.finish(a, W, "1"))
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(log.lines, ["a", "scope"])

        yield* call("resume_execution", { execution: "1" })
        yield* Harness.eventually(row("1"), ({ fence, state }) => fence === 2n && state === "ready")
        assert.deepInclude(yield* row("1"), { pause: 2 })
        yield* call("resume_execution", { execution: "1" })
        yield* Harness.eventually(row("1"), ({ fence, state }) => fence === 3n && state === "ready")
        assert.deepInclude(yield* row("1"), { pause: 4 })

        broken = false
        log.lines.length = 0
        yield* call("resume_execution", { execution: "1" })
        assert.deepStrictEqual(yield* Harness.joined(waiting), Exit.succeed(Exit.void))
        assert.deepStrictEqual(log.lines, ["a", "inner", "c", "scope"])
      })
    )
  )

  it.live("a defect in place of a result that Postgres cannot hold", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const a = yield* open()
        const Text = Workflow.make("Text", {
          payload: Harness.id,
          success: Schema.Unknown,
          idempotencyKey: ({ id }) => id
        })
        const bad = "a\u0000b"
        yield* a.register(Text, ({ id }) =>
          Effect.gen(function* () {
            yield* log.undoable(id)
            if (id === "workflow") return bad
            if (id === "function") return () => 1
            if (id === "defect")
              return yield* Activity.make({ name: "die", execute: Effect.die(new Error(bad)) })
            return yield* Activity.make({
              name: "text",
              success: Schema.String,
              execute: Effect.succeed(bad)
            })
          })
        )
        const exits = yield* Effect.forEach(["activity", "defect", "workflow", "function"], (id) =>
          Effect.exit(a.engine.execute(Text, { executionId: id, payload: { id } }))
        )
        for (const exit of exits) {
          assert.isTrue(Exit.hasDies(exit))
          assert.isTrue(
            Exit.isFailure(exit) &&
              String(Cause.squash(exit.cause)).includes("The result could not be stored")
          )
        }
        // What a workflow itself answers is stored after its scope has closed.
        assert.deepStrictEqual(log.lines, [
          "activity",
          "undo activity",
          "defect",
          "undo defect",
          "workflow",
          "function",
          "undo function"
        ])
        const unstorable = yield* Effect.exit(
          a.engine.execute(Text, { executionId: "x", payload: { id: bad } })
        )
        assert.isTrue(Exit.hasDies(unstorable))
      })
    )
  )

  it.live("and what is damaged in the journal stops nobody else", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const W = workflow("W")
        yield* sql`insert into moose.executions (id, workflow, payload, priority)
          values ('damaged', 'W', '{"id":"damaged"}', 9), ('payload', 'W', '{"id":7}', 9), ('good', 'W', '{"id":"good"}', 0)`
        yield* sql`insert into moose.activity_results (execution, name, attempt, result)
          values ('damaged', 'a', 1, '{"_tag":"Nonsense"}')`
        const a = yield* open()
        yield* a.register(W, ({ id }) => log.step(id))
        yield* Harness.finish(a, W, "good")
        assert.deepStrictEqual(log.lines, ["good"])
        yield* Harness.eventually(row("damaged"), ({ fence, state }) => fence > 0n && state === "ready")
        yield* Harness.eventually(row("payload"), ({ fence, state }) => fence > 0n && state === "ready")
        assert.isAtLeast((yield* row("damaged")).pause, 1)
      })
    )
  )
})
