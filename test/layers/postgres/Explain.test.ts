import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { explained } from "../../../src/cli/Explained.ts"
import { storyText } from "../../../src/cli/StoryWords.ts"
import { Failure } from "../../../src/domain/errors/Failure.ts"
import type { Reason } from "../../../src/domain/errors/PipelineError.ts"
import type { Fact } from "../../../src/domain/Fact.ts"
import { ProjectId, Run, Sha, WorkOrderId, branchName, quarantineRef } from "../../../src/domain/Ids.ts"
import { componentOf } from "../../../src/domain/policies/Component.ts"
import { meaningOf } from "../../../src/domain/policies/Meaning.ts"
import { Project } from "../../../src/domain/Project.ts"
import type { StepName } from "../../../src/domain/Status.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { WorkOrder } from "../../../src/domain/WorkOrder.ts"
import * as Environment from "../../../src/layers/Environment.ts"
import { Budget } from "../../../src/services/Budget.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { Resources } from "../../../src/services/Resources.ts"
import { StepJournal } from "../../../src/services/StepJournal.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import { samples } from "../../../src/testing/Samples.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { order as anyOrder, project as anyProject } from "../../support/World.ts"

const run = Run.make(1)
const sha = Sha.make("c".repeat(40))
let count = 0

const anOrder = Effect.gen(function* () {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  const project = yield* projects.put(new Project({ ...anyProject, id: ProjectId.make(`p-${++count}`) }))
  const order = new WorkOrder({ ...anyOrder, id: WorkOrderId.make(`o-${count}`), project: project.id })
  yield* orders.submit(order)
  return order
})

const commit = Effect.fnUntraced(function* (order: WorkOrder, ...facts: ReadonlyArray<Fact>) {
  const journal = yield* StepJournal
  yield* journal.commit({ workOrderId: order.id, run, facts })
})

const failureOf = (order: WorkOrder, step: StepName, reason: Reason) =>
  new Failure({
    step,
    component: componentOf(reason),
    attempt: 1,
    operation: "evidence" in reason ? reason.evidence.operation : step,
    workOrderId: order.id,
    run,
    tag: reason._tag,
    message: reason.message,
    ...meaningOf(reason),
    retryAfterMs: null,
    excerpt: "evidence" in reason ? reason.evidence.excerpt : "",
    causes:
      reason._tag === "ModelsExhausted"
        ? reason.failures.map(({ _tag, message }) => ({ tag: _tag, message }))
        : [],
    state: { unknown: "not asked" }
  })

const begins = (...steps: ReadonlyArray<StepName>): ReadonlyArray<Fact> =>
  steps.flatMap((step): ReadonlyArray<Fact> => [
    { _tag: "StatusMoved", to: step, disposition: null },
    { _tag: "StepStarted", step }
  ])

const fails = (order: WorkOrder, step: StepName, reason: Reason): Fact => ({
  _tag: "StepFailed",
  step,
  ms: 5,
  failure: failureOf(order, step, reason)
})

const attemptFails = (order: WorkOrder, step: StepName, reason: Reason): Fact => ({
  _tag: "AttemptFailed",
  step,
  failure: failureOf(order, step, reason),
  decision: "retry in 10.0 s"
})

const spend = Effect.fnUntraced(function* (order: WorkOrder, call: string, dollars: number) {
  const budget = yield* Budget
  return yield* budget.reserve({
    workOrderId: order.id,
    run,
    call,
    category: "generating",
    rule: "first",
    model: "gpt-5",
    amount: Usd.make(dollars * 1_000_000)
  })
})

const told = Effect.fnUntraced(function* ({ id }: WorkOrder) {
  const orders = yield* WorkOrders
  const answer = explained(yield* orders.explain({ id }))
  return { answer, text: storyText(answer) }
})

layer(Environment.store.pipe(Layer.provideMerge(TestDatabase.layer)))("explaining", (it) => {
  describe("an order", () => {
    it.effect("that is not there is missing", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const missing = yield* Effect.flip(orders.explain({ id: WorkOrderId.make("nothing") }))
        assert.strictEqual(missing._tag, "WorkOrderMissing")
      })
    )

    it.effect("that nobody has begun says what it waits for", () =>
      Effect.gen(function* () {
        const projects = yield* Projects
        const order = yield* anOrder
        const { answer, text } = yield* told(order)
        assert.deepStrictEqual(
          [answer.step, answer.why, answer.next.commands],
          [null, null, ["moose worker"]]
        )
        assert.deepStrictEqual(answer.cost, {
          spentUsd: "0.000000",
          reservedUsd: "0.000000",
          wastedUsd: "0.000000"
        })
        assert.include(text, "it has not begun")
        yield* projects.put(new Project({ ...anyProject, id: order.project, mode: "off" }))
        const off = yield* told(order)
        assert.deepStrictEqual(off.answer.next.commands, [`moose project set ${order.project} --mode on`])
      })
    )

    it.effect("that runs after a failed attempt says so, and wastes nothing yet", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const order = yield* anOrder
        yield* commit(order, ...begins("routing", "generating"))
        const reservation = yield* spend(order, "generating/1", 1)
        const budget = yield* Budget
        yield* budget.presume(reservation)
        yield* commit(order, attemptFails(order, "generating", samples.ProviderOverloaded))
        yield* sql`insert into moose.runners (id, host, process_id, lease_until)
          values (${order.id}, 'box', 42, moose.now() + interval '1 minute')`
        yield* sql`update moose.executions set state = 'running', owner = ${order.id} where work_order = ${order.id}`
        const { answer, text } = yield* told(order)
        assert.deepStrictEqual([answer.status, answer.step], ["generating", "generating"])
        assert.strictEqual(answer.why?.reason, "ProviderOverloaded")
        assert.strictEqual(answer.why?.excerpt, samples.ProviderOverloaded.evidence.excerpt)
        assert.deepStrictEqual([answer.cost.spentUsd, answer.cost.wastedUsd], ["1.000000", "0.000000"])
        assert.deepStrictEqual(answer.did.attempts[0], {
          step: "routing",
          begun: 1,
          status: "running",
          failures: 0
        })
        assert.strictEqual(answer.did.attempts[1]?.failures, 1)
        // The failure and what was decided about it are one line.
        assert.deepStrictEqual(
          answer.did.history.map(({ what }) => what.slice(0, 15)),
          ["retry in 10.0 s"]
        )
        assert.include(text, "process 42 on box")
        assert.match(answer.next.hint, /being worked on/)
        yield* sql`update moose.runners set lease_until = moose.now() - interval '1 minute' where id = ${order.id}`
        assert.deepStrictEqual((yield* told(order)).answer.next.commands, ["moose worker"])
        yield* sql`delete from moose.runners`
      })
    )

    it.effect("that waits says for what, until when, and how many others do", () =>
      Effect.gen(function* () {
        const orders = [yield* anOrder, yield* anOrder]
        const resumeAt = DateTime.makeUnsafe("2099-03-01T10:00:00Z")
        for (const order of orders) {
          yield* commit(
            order,
            ...begins("routing", "generating"),
            { _tag: "StatusMoved", to: "waiting", disposition: null },
            {
              _tag: "Parked",
              step: "generating",
              dependency: "provider:test",
              tag: "ProviderOverloaded",
              message: "waits for provider:test",
              cause: "it is overloaded",
              resumeAt,
              incident: true
            },
            {
              _tag: "Decided",
              step: "generating",
              choice: "wait",
              reason: "it is overloaded",
              data: { tag: "ProviderOverloaded" }
            }
          )
        }
        const [first = yield* anOrder] = orders
        const { answer, text } = yield* told(first)
        assert.deepStrictEqual([answer.status, answer.step], ["waiting", "generating"])
        assert.deepStrictEqual(
          [answer.why?.reason, answer.why?.message],
          ["ProviderOverloaded", "it is overloaded"]
        )
        assert.strictEqual(answer.waitsFor?.until, "2099-03-01T10:00:00.000Z")
        assert.strictEqual(answer.waitsFor?.incident?.ordersWaiting, 2)
        assert.strictEqual(answer.did.waits, 1)
        assert.include(text, "Waits for provider:test.")
        assert.deepStrictEqual(answer.next.commands, [
          "moose doctor",
          "moose errors --reason ProviderOverloaded --since 24h"
        ])
      })
    )

    it.effect("that failed says why, what is left of it, and what was wasted", () =>
      Effect.gen(function* () {
        const resources = yield* Resources
        const order = yield* anOrder
        const owner = { workOrderId: order.id, run }
        const branch = branchName(order.id)
        yield* commit(order, ...begins("routing", "generating"))
        const paid = yield* spend(order, "generating/1", 1)
        yield* spend(order, "generating/2", 0.5)
        yield* commit(order, {
          _tag: "CostSettled",
          reservation: paid.id,
          amount: Usd.make(700_000),
          usage: { inputTokens: 1, outputTokens: 1 }
        })
        yield* resources.intend({
          ...owner,
          resources: [
            { kind: "branch", name: branch },
            { kind: "worktree", name: "/w/1" }
          ]
        })
        yield* commit(
          order,
          ...begins("applying"),
          attemptFails(order, "applying", samples.EditorTimedOut),
          fails(order, "applying", samples.EditorTimedOut),
          { _tag: "StatusMoved", to: "aider_failed", disposition: "rollback_pending" },
          { _tag: "ResourceReleased", kind: "branch", name: branch, evidence: { quarantined: sha } },
          { _tag: "StatusMoved", to: "aider_failed", disposition: "manual_intervention_required" }
        )
        const { answer, text } = yield* told(order)
        assert.deepStrictEqual([answer.status, answer.step], ["aider_failed", "applying"])
        assert.strictEqual(answer.why?.message, samples.EditorTimedOut.message)
        assert.strictEqual(answer.since.timesFailed, 2)
        const [left] = answer.state.things
        assert.deepStrictEqual(left?.quarantine, { ref: quarantineRef(order.id, run), sha })
        assert.deepStrictEqual(
          answer.state.ledger.map(({ state, usd }) => [state, usd]),
          [
            ["reserved", "0.500000"],
            ["settled", "0.700000"]
          ]
        )
        assert.deepStrictEqual([answer.cost.spentUsd, answer.cost.wastedUsd], ["0.700000", "0.700000"])
        assert.include(answer.next.hint, "worktree /w/1")
        assert.include(text, quarantineRef(order.id, run))
        assert.include(text, "pull request:  none was made")
        assert.include(text, "not all of it could be cleaned up")
      })
    )

    it.effect("that completed has nothing wrong with it, and wasted nothing", () =>
      Effect.gen(function* () {
        const order = yield* anOrder
        const branch = branchName(order.id)
        const url = "https://forge.invalid/o/r/pull/7"
        yield* commit(order, ...begins("routing", "generating"))
        yield* spend(order, "generating/1", 1).pipe(
          Effect.flatMap(({ id, amount }) =>
            commit(order, {
              _tag: "CostSettled",
              reservation: id,
              amount,
              usage: { inputTokens: 1, outputTokens: 1 }
            })
          )
        )
        yield* commit(
          order,
          ...begins("applying"),
          { _tag: "BranchPrepared", branch, baseSha: sha, headSha: sha },
          ...begins("creating_pr"),
          { _tag: "PullRequestOpened", number: 7, url },
          ...begins("tracking"),
          { _tag: "StatusMoved", to: "completed", disposition: null }
        )
        const { answer, text } = yield* told(order)
        assert.deepStrictEqual([answer.status, answer.step, answer.why], ["completed", null, null])
        assert.deepStrictEqual([answer.cost.spentUsd, answer.cost.wastedUsd], ["1.000000", "0.000000"])
        assert.include(answer.next.hint, url)
        assert.include(text, "Nothing has gone wrong.")
      })
    )

    it.effect("is explained although an older version recorded its failure", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const order = yield* anOrder
        yield* commit(order, ...begins("routing"), {
          _tag: "StatusMoved",
          to: "routing_failed",
          disposition: "rolled_back"
        })
        yield* sql`insert into public.error_events (work_order, run, step, tag, category, severity, failure)
          values (${order.id}, 1, 'gone', 'Forgotten', 'odd', 'odd', '{}')`
        const { answer } = yield* told(order)
        assert.deepStrictEqual([answer.step, answer.why?.reason], [null, "Forgotten"])
        assert.strictEqual(answer.state.disposition, "rolled_back")
        yield* sql`delete from public.error_events where tag = 'Forgotten'`
      })
    )
  })

  it.effect("failures are counted by step and reason, with the orders that met them", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const sql = yield* PgClient.PgClient
      yield* sql`delete from public.error_events`
      const met = [yield* anOrder, yield* anOrder]
      for (const order of met) {
        yield* commit(
          order,
          ...begins("routing", "generating"),
          attemptFails(order, "generating", samples.RateLimited),
          fails(order, "generating", samples.RateLimited)
        )
      }
      const [one = yield* anOrder] = met
      yield* commit(one, fails(one, "creating_pr", samples.RateLimited))
      yield* sql`update public.error_events set at = moose.now() - interval '3 days' where id = (
        select min(id) from public.error_events)`

      // The database's clock, not the test's.
      const since = DateTime.subtract(DateTime.nowUnsafe(), { hours: 1 })
      const groups = yield* orders.errors({ since })
      assert.deepStrictEqual(
        groups.map(({ step, tag, times, orders: count }) => [step, tag, times, count]),
        [
          ["creating_pr", "RateLimited", 1, 1],
          ["generating", "RateLimited", 3, 2]
        ]
      )
      const generating = groups[1]
      assert.deepStrictEqual(generating?.newestOrders, met.map(({ id }) => id).toReversed())
      assert.strictEqual(generating?.hint, meaningOf(samples.RateLimited).hint)
      const age =
        DateTime.toEpochMillis(generating?.lastAt ?? since) -
        DateTime.toEpochMillis(generating?.firstAt ?? since)
      assert.isAbove(age, 2 * 24 * 3_600_000)
      const some = yield* orders.errors({
        since: DateTime.makeUnsafe(0),
        step: "generating",
        tag: "RateLimited"
      })
      assert.deepStrictEqual(
        some.map(({ times }) => times),
        [4]
      )
      assert.deepStrictEqual(yield* orders.errors({ since: DateTime.makeUnsafe(0), tag: "DiskFull" }), [])
      const ofForge = yield* orders.errors({ since: DateTime.makeUnsafe(0), component: "forge" })
      assert.deepStrictEqual(ofForge.length, 2)
      assert.deepStrictEqual(yield* orders.errors({ since: DateTime.makeUnsafe(0), component: "git" }), [])
    })
  )
})
