import { hostname } from "node:os"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Result } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { EditorRejectedEdits } from "../../../src/domain/errors/ApplyError.ts"
import { ModelNotFound } from "../../../src/domain/errors/GenerationError.ts"
import { Failure } from "../../../src/domain/errors/Failure.ts"
import type { Fact } from "../../../src/domain/Fact.ts"
import { ProjectId, Run, Sha, WorkOrderId } from "../../../src/domain/Ids.ts"
import { Outcome } from "../../../src/domain/Outcome.ts"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import { meaningOf } from "../../../src/domain/policies/Meaning.ts"
import type { Reason } from "../../../src/domain/errors/PipelineError.ts"
import { Project } from "../../../src/domain/Project.ts"
import { legalMoves } from "../../../src/domain/Status.ts"
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
const sha = (letter: string) => Sha.make(letter.repeat(40))
let count = 0

/** A fresh project with limits of its own. */
const aProject = (limits = { dailyUsd: Usd.make(100_000_000), workOrderUsd: Usd.make(100_000_000) }) =>
  Effect.gen(function* () {
    const projects = yield* Projects
    return yield* projects.put(
      new Project({ ...anyProject, id: ProjectId.make(`project-${++count}`), limits })
    )
  })

const anOrder = Effect.fnUntraced(function* (change: Partial<WorkOrder> = {}) {
  const orders = yield* WorkOrders
  const project = change.project ?? (yield* aProject()).id
  const order = new WorkOrder({ ...anyOrder, id: WorkOrderId.make(`order-${++count}`), project, ...change })
  yield* orders.submit(order)
  return order
})

const commit = Effect.fnUntraced(function* (order: WorkOrder, ...facts: ReadonlyArray<Fact>) {
  const journal = yield* StepJournal
  yield* journal.commit({ workOrderId: order.id, run, facts })
})

const moved = (
  ...to: ReadonlyArray<"routing" | "generating" | "applying" | "creating_pr" | "tracking" | "completed">
) => to.map((status): Fact => ({ _tag: "StatusMoved", to: status, disposition: null }))

const throughTheSteps = moved("routing", "generating", "applying", "creating_pr", "tracking")

layer(Environment.store.pipe(Layer.provideMerge(TestDatabase.layer)))("the store", (it) => {
  describe("work orders", () => {
    it.effect("come back as they were submitted", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const order = yield* anOrder({
          title: "Ünïcode, 'quotes' and \"more\"",
          acceptanceCriteria: ["a", "b"],
          filesInScope: ["src/", "README.md"],
          metadata: { ticket: 7, deep: { list: [null, true] } },
          limits: { maxUsd: Usd.make(1) }
        })
        const view = yield* orders.get({ id: order.id })
        assert.deepStrictEqual(view.order, order)
        assert.strictEqual(view.status, "pending")
        assert.strictEqual(view.run, 1)
        assert.deepStrictEqual(view.steps, [])
      })
    )

    it.effect("submitted again are the same order; with another body they are refused", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const order = yield* anOrder()
        assert.isFalse((yield* orders.submit(order)).created)
        const other = new WorkOrder({ ...order, title: "Something else" })
        const refused = yield* Effect.flip(orders.submit(other))
        assert.strictEqual(refused._tag, "StoreConflict")
        assert.include(refused.message, order.id)
      })
    )

    it.effect("submitted ten times at once are created once", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const { id: project } = yield* aProject()
        const order = new WorkOrder({ ...anyOrder, id: WorkOrderId.make("at-once"), project })
        const answers = yield* Effect.all(
          Array.from({ length: 10 }, () => orders.submit(order)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(answers.filter(({ created }) => created).length, 1)
        const sql = yield* PgClient.PgClient
        const rows = yield* sql`select id from moose.executions where work_order = ${order.id}`
        assert.strictEqual(rows.length, 1)
      })
    )

    it.effect("of a project that is not there, or that are not there, are named", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const missing = new WorkOrder({ ...anyOrder, project: ProjectId.make("nowhere") })
        const noProject = yield* Effect.flip(orders.submit(missing))
        assert.strictEqual(noProject._tag, "ProjectMissing")
        const noOrder = yield* Effect.flip(orders.get({ id: WorkOrderId.make("nothing") }))
        assert.strictEqual(noOrder._tag, "WorkOrderMissing")
        const noMerge = yield* Effect.flip(
          orders.mergeMetadata({ id: WorkOrderId.make("nothing"), metadata: {} })
        )
        assert.strictEqual(noMerge._tag, "WorkOrderMissing")
      })
    )

    it.effect("lose no metadata to concurrent writers", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const { id } = yield* anOrder()
        const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
        yield* Effect.forEach(keys, (key) => orders.mergeMetadata({ id, metadata: { [key]: key } }), {
          concurrency: "unbounded",
          discard: true
        })
        const { order } = yield* orders.get({ id })
        assert.deepStrictEqual(Object.keys(order.metadata).sort(), keys.sort())
      })
    )

    it.effect("that nobody has begun are cancelled at once, and only once", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const { id } = yield* anOrder()
        assert.isTrue(yield* orders.cancel({ id, reason: "not needed" }))
        assert.strictEqual((yield* orders.get({ id })).status, "cancelled")
        assert.isFalse(yield* orders.cancel({ id, reason: "again" }))
      })
    )
  })

  describe("status", () => {
    it.effect("the database knows exactly the moves that the code knows", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const rows = yield* sql<{ from: string; to: string }>`
          select from_status as from, to_status as to from moose.legal_moves`
        const stored = rows.map(({ from, to }) => `${from} -> ${to}`).sort()
        const known = Object.entries(legalMoves).flatMap(([from, targets]) =>
          targets.map((to) => `${from} -> ${to}`)
        )
        assert.deepStrictEqual(stored, known.sort())
      })
    )

    it.effect("an illegal move is refused, also by hand", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const order = yield* anOrder()
        const refused = yield* Effect.flip(commit(order, ...moved("applying")))
        assert.strictEqual(refused._tag, "StoreConflict")
        assert.include(refused.message, "from pending to applying")
        const byHand = yield* Effect.result(
          sql`update public.work_orders set status = 'tracking' where id = ${order.id}`
        )
        assert.isTrue(Result.isFailure(byHand))
      })
    )

    it.effect("completed needs a head and a pull request", () =>
      Effect.gen(function* () {
        const order = yield* anOrder()
        yield* commit(order, ...throughTheSteps)
        const refused = yield* Effect.flip(commit(order, ...moved("completed")))
        assert.strictEqual(refused._tag, "StoreConflict")
        assert.include(refused.message, "completed_has_evidence")
        yield* commit(
          order,
          { _tag: "BranchPrepared", branch: "moose/wo-x", baseSha: sha("a"), headSha: sha("b") },
          { _tag: "PullRequestOpened", number: 3, url: "https://forge.invalid/pull/3" },
          ...moved("completed")
        )
        const orders = yield* WorkOrders
        const view = yield* orders.get({ id: order.id })
        assert.strictEqual(view.status, "completed")
        assert.deepStrictEqual(view.pullRequest, { number: 3, url: "https://forge.invalid/pull/3" })
        assert.strictEqual(view.headSha, sha("b"))
      })
    )
  })

  describe("facts", () => {
    it.effect("a failure becomes a timeline entry, an error event and the order's last failure", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const sql = yield* PgClient.PgClient
        const order = yield* anOrder()
        const reason = new ModelNotFound({
          model: "m",
          evidence: { operation: "ask", excerpt: "no such model" }
        })
        const failure = new Failure({
          step: "generating",
          component: "provider",
          attempt: 1,
          operation: "ask",
          workOrderId: order.id,
          run,
          tag: reason._tag,
          message: reason.message,
          ...meaningOf(reason),
          retryAfterMs: null,
          excerpt: "no such model",
          causes: [],
          state: { unknown: "not asked" }
        })
        yield* commit(
          order,
          ...moved("routing", "generating"),
          { _tag: "StepStarted", step: "generating" },
          {
            _tag: "StepFailed",
            step: "generating",
            ms: 12,
            failure
          }
        )
        const view = yield* orders.get({ id: order.id })
        assert.strictEqual(view.failure?.tag, "ModelNotFound")
        assert.strictEqual(view.failure?.hint, meaningOf(reason).hint)
        assert.deepStrictEqual(view.steps, [{ name: "generating", status: "failed", attempts: 1, ms: 12 }])
        const rows = yield* sql<{
          tag: string
          category: string
          failure: { step: string; excerpt: string }
        }>`
          select tag, category, failure from public.error_events where work_order = ${order.id}`
        assert.strictEqual(rows.length, 1)
        assert.strictEqual(rows[0]?.category, "configuration")
        assert.strictEqual(rows[0]?.failure.excerpt, "no such model")
      })
    )

    it.effect("what an order holds, and the attempts that its own work has spent", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const resources = yield* Resources
        const budget = yield* Budget
        const order = yield* anOrder()
        const at = { workOrderId: order.id, run }
        const reservation = yield* budget.reserve({
          ...at,
          call: "generating/1",
          category: "generating",
          rule: "first",
          model: "m",
          amount: Usd.make(9)
        })
        yield* resources.intend({
          ...at,
          resources: [
            { kind: "worktree", name: "/w" },
            { kind: "branch", name: "moose/wo-x" }
          ]
        })
        const failed = (reason: Reason): Fact => ({
          _tag: "AttemptFailed",
          step: "generating",
          decision: "next model",
          failure: new Failure({
            ...at,
            step: "generating",
            component: "provider",
            attempt: 1,
            operation: "ask",
            tag: reason._tag,
            message: reason.message,
            ...meaningOf(reason),
            retryAfterMs: null,
            excerpt: "",
            causes: [],
            state: { unknown: "not asked" }
          })
        })
        yield* commit(
          order,
          ...moved("routing"),
          { _tag: "ResourceReleased", kind: "worktree", name: "/w", evidence: { gone: true } },
          { _tag: "BranchPrepared", branch: "moose/wo-x", baseSha: sha("a"), headSha: sha("b") },
          { _tag: "PullRequestOpened", number: 4, url: "https://forge.invalid/pull/4" },
          failed(samples.Refused),
          failed(samples.ProviderOverloaded)
        )
        assert.deepStrictEqual(yield* orders.state({ id: order.id }), {
          status: "routing",
          branch: "moose/wo-x",
          baseSha: sha("a"),
          headSha: sha("b"),
          pullRequest: { number: 4, url: "https://forge.invalid/pull/4" },
          resources: [{ kind: "branch", name: "moose/wo-x", state: "intended", host: hostname() }],
          reservations: [{ id: reservation.id, call: "generating/1", model: "m", amount: Usd.make(9) }],
          spent: Usd.make(9)
        })
        assert.strictEqual((yield* orders.get({ id: order.id })).attemptsSpent, 1)
      })
    )

    it.effect("an outcome is counted for routing, once per run", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const order = yield* anOrder({ kind: "auth" })
        const outcome = new Outcome({
          workOrderId: order.id,
          branch: "moose/wo-x",
          headSha: sha("b"),
          files: 1,
          insertions: 1,
          deletions: 0,
          pullRequest: { number: 1, url: "https://forge.invalid/pull/1" },
          model: "gpt-5",
          cost: Usd.make(5)
        })
        yield* commit(order, { _tag: "OutcomeRecorded", outcome }, { _tag: "OutcomeRecorded", outcome })
        assert.deepStrictEqual(yield* orders.pastOutcomes({ project: order.project, kind: "auth" }), [
          { model: "gpt-5", succeeded: 1, failed: 0 }
        ])
        assert.deepStrictEqual(yield* orders.pastOutcomes({ project: order.project, kind: "bug" }), [])
      })
    )

    it.effect("a model whose answer did not do is counted for routing; one that never answered is not", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const budget = yield* Budget
        const { id: project } = yield* aProject()
        const rejected = new EditorRejectedEdits({ edit: 1, path: "a", problem: "it does not occur" })
        const fails = Effect.fnUntraced(function* (answered: boolean) {
          const order = yield* anOrder({ project, kind: "auth" })
          const reservation = yield* budget.reserve({
            workOrderId: order.id,
            run,
            call: "generating/1",
            category: "generating",
            rule: "first",
            model: "gpt-5-mini",
            amount: Usd.make(10)
          })
          if (answered) {
            const usage = { inputTokens: 1, outputTokens: 1 }
            const amount = Usd.make(7)
            yield* commit(order, { _tag: "CostSettled", reservation: reservation.id, amount, usage })
          }
          const failure = new Failure({
            step: "applying",
            component: "provider",
            attempt: 1,
            operation: "edit",
            workOrderId: order.id,
            run,
            tag: rejected._tag,
            message: rejected.message,
            ...meaningOf(rejected),
            retryAfterMs: null,
            excerpt: "",
            causes: [],
            state: { unknown: "not asked" }
          })
          yield* commit(order, { _tag: "StepFailed", step: "applying", ms: 1, failure })
        })
        yield* fails(true)
        yield* fails(false)
        assert.deepStrictEqual(yield* orders.pastOutcomes({ project, kind: "auth" }), [
          { model: "gpt-5-mini", succeeded: 0, failed: 1 }
        ])
      })
    )

    it.effect("all of a batch is true, or none of it", () =>
      Effect.gen(function* () {
        const orders = yield* WorkOrders
        const order = yield* anOrder()
        yield* Effect.flip(
          commit(order, { _tag: "Noted", step: "routing", message: "first" }, ...moved("tracking"))
        )
        assert.deepStrictEqual(yield* orders.timeline({ id: order.id, after: 0, limit: 10 }), [])
      })
    )

    it.effect("of a batch share one transaction", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const resources = yield* Resources
        const order = yield* anOrder()
        yield* resources.intend({ workOrderId: order.id, run, resources: [{ kind: "branch", name: "b" }] })
        yield* commit(
          order,
          ...moved("routing"),
          { _tag: "ResourceHeld", kind: "branch", name: "b", evidence: { sha: sha("a") } },
          { _tag: "Decided", step: "routing", choice: "m", reason: "r", data: {} }
        )
        const rows = yield* sql<{ xmin: string }>`
          select xmin::text from public.work_orders where id = ${order.id}
          union select xmin::text from public.work_order_events where work_order = ${order.id}
          union select xmin::text from public.resources where work_order = ${order.id}
          union select xmin::text from public.decision_logs where work_order = ${order.id}`
        assert.strictEqual(rows.length, 1)
      })
    )
  })

  describe("resources", () => {
    it.effect("are intended, held, released or preserved, and a new intent begins again", () =>
      Effect.gen(function* () {
        const resources = yield* Resources
        const order = yield* anOrder()
        const owner = { workOrderId: order.id, run }
        const stateOf = Effect.map(resources.list({ workOrderId: order.id }), (rows) =>
          rows.map(({ kind, state, reason }) => [kind, state, reason])
        )
        yield* resources.intend({
          ...owner,
          resources: [
            { kind: "worktree", name: "/w" },
            { kind: "branch", name: "b" }
          ]
        })
        yield* commit(
          order,
          { _tag: "ResourceReleased", kind: "worktree", name: "/w", evidence: { gone: true } },
          { _tag: "ResourcePreserved", kind: "branch", name: "b", reason: "under review" }
        )
        assert.deepStrictEqual(yield* stateOf, [
          ["worktree", "released", null],
          ["branch", "preserved", "under review"]
        ])
        yield* resources.intend({ ...owner, resources: [{ kind: "worktree", name: "/w" }] })
        assert.deepStrictEqual((yield* stateOf)[0], ["worktree", "intended", null])
      })
    )
  })

  describe("budget", () => {
    const reserve = Effect.fnUntraced(function* (order: WorkOrder, call: string, dollars: number) {
      const budget = yield* Budget
      const amount = Usd.make(dollars * 1_000_000)
      return yield* budget.reserve({
        workOrderId: order.id,
        run,
        call,
        category: "generating",
        rule: "first",
        model: "gpt-5",
        amount
      })
    })

    it.effect(
      "of two requests for the last of it exactly one gets it, and the other learns the figures",
      () =>
        Effect.gen(function* () {
          const { id: project } = yield* aProject({
            dailyUsd: Usd.make(100_000_000),
            workOrderUsd: Usd.make(100_000_000)
          })
          const spent = yield* anOrder({ project })
          const reservation = yield* reserve(spent, "a/1", 95)
          yield* commit(spent, {
            _tag: "CostSettled",
            reservation: reservation.id,
            amount: reservation.amount,
            usage: { inputTokens: 1, outputTokens: 1 }
          })
          const one = yield* anOrder({ project })
          const two = yield* anOrder({ project })
          const answers = yield* Effect.all(
            [Effect.result(reserve(one, "a/1", 4)), Effect.result(reserve(two, "a/1", 4))],
            { concurrency: 2 }
          )
          const refused = answers.filter(Result.isFailure)
          assert.strictEqual(refused.length, 1)
          const failure = refused[0]?.failure
          assert.strictEqual(failure?._tag, "BudgetExceeded")
          if (failure?._tag !== "BudgetExceeded") return
          assert.strictEqual(failure.settled, 95_000_000)
          assert.strictEqual(failure.reserved, 4_000_000)
          assert.strictEqual(failure.limit, 100_000_000)
          assert.isNotNull(failure.resetsAt)
        })
    )

    it.effect(
      "a reservation that a lost attempt left open is presumed spent when the call is made again",
      () =>
        Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          const order = yield* anOrder()
          yield* reserve(order, "generating/1", 1)
          yield* reserve(order, "generating/1", 1)
          const rows = yield* sql<{ state: string }>`
          select state from public.cost_tracking where work_order = ${order.id} order by created_at`
          assert.deepStrictEqual(
            rows.map(({ state }) => state),
            ["presumed", "reserved"]
          )
          const orders = yield* WorkOrders
          assert.strictEqual((yield* orders.get({ id: order.id })).cost, 2_000_000)
        })
    )

    it.effect("the order's own limit is the tighter one, and cancelled money is free again", () =>
      Effect.gen(function* () {
        const budget = yield* Budget
        const order = yield* anOrder({ limits: { maxUsd: Usd.make(5_000_000) } })
        const reservation = yield* reserve(order, "a/1", 5)
        const refused = yield* Effect.flip(reserve(order, "a/2", 1))
        assert.strictEqual(refused._tag, "BudgetExceeded")
        if (refused._tag === "BudgetExceeded") assert.strictEqual(refused.scope, "work_order")
        yield* budget.cancel(reservation)
        yield* reserve(order, "a/2", 5)
      })
    )

    it.effect("resets at midnight of the project's own time zone", () =>
      Effect.gen(function* () {
        const projects = yield* Projects
        const timeZone = DateTime.zoneMakeNamedUnsafe("Asia/Tokyo")
        const limits = { dailyUsd: Usd.make(0), workOrderUsd: Usd.make(9_000_000) }
        const { id: project } = yield* projects.put(
          new Project({ ...anyProject, id: ProjectId.make("tokyo"), limits, timeZone })
        )
        const order = yield* anOrder({ project })
        const refused = yield* Effect.flip(reserve(order, "a/1", 1))
        assert.strictEqual(refused._tag, "BudgetExceeded")
        if (refused._tag !== "BudgetExceeded" || refused.resetsAt === null) return assert.fail("no reset")
        const there = DateTime.toParts(DateTime.setZone(refused.resetsAt, timeZone))
        assert.deepStrictEqual([there.hour, there.minute], [0, 0])
      })
    )
  })
})

const listing = Effect.gen(function* () {
  const orders = yield* WorkOrders
  return yield* Effect.flip(orders.list({ limit: 1 }))
})

it.effect("a database without our functions is a conflict that names its SQLSTATE", () =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql`drop schema moose cascade`
    const refused = yield* listing
    assert.strictEqual(refused._tag === "StoreConflict" ? refused.evidence.sqlState : "", "3F000")
  }).pipe(Effect.provide(Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))))
)

it.live("a database that drops every connection is StoreUnavailable, after a bounded number of tries", () =>
  Effect.gen(function* () {
    let tries = 0
    const dropped = new SqlError({
      reason: new ConnectionError({
        cause: new Error("read ECONNRESET"),
        message: "lost",
        operation: "query"
      })
    })
    const broken = Layer.effect(
      PgClient.PgClient,
      Effect.map(PgClient.PgClient, (real) =>
        Object.assign(() => Effect.suspend(() => (tries++, Effect.fail(dropped))), real)
      )
    )
    const refused = yield* listing.pipe(
      Effect.provide(Environment.store.pipe(Layer.provide(broken), Layer.provide(TestDatabase.layer)))
    )
    assert.strictEqual(refused._tag, "StoreUnavailable")
    assert.strictEqual(tries, Limits.storeAttempts)
  })
)
