import { assert } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import type { Fact } from "../../src/domain/Fact.ts"
import { ProjectId, Sha, WorkOrderId } from "../../src/domain/Ids.ts"
import { Outcome } from "../../src/domain/Outcome.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { Incidents } from "../../src/services/Incidents.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Resources } from "../../src/services/Resources.ts"
import { CurrentPendingFacts, StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { samples } from "../../src/testing/Samples.ts"
import {
  aFailedOrder,
  aProject,
  anOrder,
  commit,
  failureOf,
  moved,
  has,
  onEach,
  run,
  stores
} from "./OnEach.ts"

const nothing = { id: WorkOrderId.make("nothing") }
const sha = (letter: string) => Sha.make(letter.repeat(40))
const opened: Fact = { _tag: "PullRequestOpened", number: 4, url: "https://forge.invalid/o/r/pull/4" }
const prepared: Fact = {
  _tag: "BranchPrepared",
  branch: "moose/wo-x",
  baseSha: sha("a"),
  headSha: sha("b")
}

onEach("Projects", stores, (it) => {
  it.effect("are put, replaced, found and listed by their names", () =>
    Effect.gen(function* () {
      const projects = yield* Projects
      const first = yield* aProject()
      const second = yield* aProject()
      assert.deepStrictEqual(yield* projects.get({ id: first.id }), first)
      yield* aProject({ id: first.id, concurrency: 9 })
      assert.strictEqual((yield* projects.get({ id: first.id })).concurrency, 9)
      const ids = (yield* projects.list({})).map(({ id }) => id)
      assert.deepStrictEqual(ids, [first.id, second.id].toSorted())
    })
  )

  it.effect("that are not there are ProjectMissing", () =>
    Effect.gen(function* () {
      const projects = yield* Projects
      const missing = yield* Effect.flip(projects.get({ id: ProjectId.make("nowhere") }))
      has(missing, { _tag: "ProjectMissing", id: "nowhere" })
    })
  )
})

onEach("WorkOrders", stores, (it) => {
  it.effect("are stored once under their id, as they were submitted", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* anOrder({ metadata: { ticket: 7 }, filesInScope: ["src/"] })
      const view = yield* orders.get({ id: order.id })
      assert.deepStrictEqual(view.order, order)
      has(view, { status: "pending", run: 1, paused: false, disposition: null, failure: null })
      assert.isFalse((yield* orders.submit(order)).created)
      // Metadata is merged, and is not part of what is compared.
      assert.isFalse((yield* orders.submit(new WorkOrder({ ...order, metadata: {} }))).created)
      const refused = yield* Effect.flip(orders.submit(new WorkOrder({ ...order, title: "Another" })))
      assert.strictEqual(refused._tag, "StoreConflict")
      assert.include(refused.message, order.id)
    })
  )

  it.effect("of no project, and no orders, are named", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* anOrder()
      const nowhere = new WorkOrder({
        ...order,
        id: WorkOrderId.make(`${order.id}-x`),
        project: ProjectId.make("nowhere")
      })
      const noProject = yield* Effect.flip(orders.submit(nowhere))
      has(noProject, { _tag: "ProjectMissing", id: "nowhere" })
      const { id } = nothing
      const every = [
        orders.get({ id }),
        orders.mergeMetadata({ id, metadata: {} }),
        orders.cancel({ id, reason: "x" }),
        orders.retry({ id, by: "ada" }),
        orders.pause({ id, by: "ada" }),
        orders.resume({ id, by: "ada" }),
        orders.explain({ id }),
        orders.state({ id })
      ]
      for (const call of every) {
        has(yield* Effect.flip<unknown, object, never>(call), { _tag: "WorkOrderMissing", id })
      }
      assert.deepStrictEqual(yield* orders.timeline({ id, after: 0, limit: 10 }), [])
    })
  )

  it.effect("are listed newest first, by project and status, and no more than asked for", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { id: project } = yield* aProject()
      const [first, second, third] = [
        yield* anOrder({ project }),
        yield* anOrder({ project }),
        yield* anOrder({ project })
      ]
      yield* commit(second, ...moved("routing"))
      const ids = (asked: { readonly status?: "pending"; readonly limit: number }) =>
        Effect.map(orders.list({ project, ...asked }), (found) => found.map(({ order }) => order.id))
      assert.deepStrictEqual(yield* ids({ limit: 10 }), [third.id, second.id, first.id])
      assert.deepStrictEqual(yield* ids({ limit: 2 }), [third.id, second.id])
      assert.deepStrictEqual(yield* ids({ status: "pending", limit: 10 }), [third.id, first.id])
    })
  )

  it.effect("keep the metadata that is not named", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { id } = yield* anOrder({ metadata: { a: 1, b: 2 } })
      const merged = { a: 1, b: 3, c: null }
      assert.deepStrictEqual(yield* orders.mergeMetadata({ id, metadata: { b: 3, c: null } }), merged)
      assert.deepStrictEqual((yield* orders.get({ id })).order.metadata, merged)
    })
  )

  it.effect("that nobody has begun are cancelled at once, and only once; others are asked to stop", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { id } = yield* anOrder()
      assert.isTrue(yield* orders.cancel({ id, reason: "not needed" }))
      has(yield* orders.get({ id }), { status: "cancelled", disposition: "rolled_back" })
      assert.isFalse(yield* orders.cancel({ id, reason: "again" }))
      const begun = yield* anOrder()
      yield* commit(begun, ...moved("routing"))
      assert.isTrue(yield* orders.cancel({ id: begun.id, reason: "not needed", close: true }))
      const { cancelling } = yield* orders.get({ id: begun.id })
      assert.deepStrictEqual(cancelling, { reason: "not needed", close: true })
    })
  )

  it.effect("are paused and resumed, but not when they are over", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const { id } = yield* anOrder()
      assert.isTrue((yield* orders.pause({ id, by: "ada" })).paused)
      assert.isTrue((yield* orders.get({ id })).paused)
      assert.isFalse((yield* orders.resume({ id, by: "ada" })).paused)
      assert.isFalse((yield* orders.resume({ id, by: "ada" })).paused)
      yield* orders.cancel({ id, reason: "not needed" })
      const refused = yield* Effect.flip(orders.pause({ id, by: "ada" }))
      assert.strictEqual(refused._tag, "StoreConflict")
      assert.include(refused.message, "cancelled")
    })
  )

  it.effect("are tried again when they failed, from where they failed at the latest", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const fresh = yield* anOrder()
      assert.strictEqual(
        (yield* Effect.flip(orders.retry({ id: fresh.id, by: "ada" })))._tag,
        "StoreConflict"
      )
      const { id } = yield* aFailedOrder(samples.NoEligibleModel)
      const tooFar = yield* Effect.flip(orders.retry({ id, from: "tracking", by: "ada" }))
      assert.strictEqual(tooFar._tag, "StoreConflict")
      const again = yield* orders.retry({ id, by: "ada" })
      has(again, { run: 2, status: "pending", disposition: null })
      const twice = yield* Effect.flip(orders.retry({ id, by: "ada" }))
      assert.strictEqual(twice._tag, "StoreConflict")
    })
  )

  it.effect("are found by their pull request", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const repository = { owner: "o", name: `${(yield* aProject()).id}` }
      const { id: project } = yield* aProject({
        repository: { remoteUrl: "https://forge.invalid/o/r.git", forge: repository }
      })
      const order = yield* anOrder({ project })
      yield* commit(order, opened)
      const view = yield* orders.byPullRequest({ repository, number: 4 })
      assert.strictEqual(view.order.id, order.id)
      assert.deepStrictEqual(view.pullRequest, { number: 4, url: "https://forge.invalid/o/r/pull/4" })
      const missing = yield* Effect.flip(orders.byPullRequest({ repository, number: 5 }))
      has(missing, { _tag: "PullRequestUnrecorded", number: 5 })
    })
  )

  it.effect("have a timeline, a last failure and a state that facts make", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* aFailedOrder(samples.NoEligibleModel)
      const { id } = order
      const lines = yield* orders.timeline({ id, after: 0, limit: 50 })
      assert.deepStrictEqual(
        lines.flatMap(({ kind, step }) => (kind.startsWith("Step") ? [`${kind} ${step}`] : [])),
        ["StepStarted routing", "StepFailed routing"]
      )
      const [first] = lines
      const rest = yield* orders.timeline({ id, after: first?.seq ?? 0, limit: 1 })
      assert.deepStrictEqual(rest, lines.slice(1, 2))
      const { tag, message } = failureOf(order, samples.NoEligibleModel)
      const view = yield* orders.get({ id })
      has(view.failure, { step: "routing", tag, message })
      assert.deepStrictEqual(view.steps, [{ name: "routing", status: "failed", attempts: 1, ms: 5 }])
      const story = yield* orders.explain({ id })
      has(story.failure, { step: "routing", tag, message, times: 1 })
      assert.strictEqual(story.view.status, "routing_failed")
      yield* commit(order, prepared)
      has(yield* orders.state({ id }), {
        status: "routing_failed",
        branch: "moose/wo-x",
        headSha: sha("b"),
        pullRequest: null,
        resources: [],
        reservations: [],
        spent: Usd.make(0)
      })
    })
  )

  it.effect("have failures that are grouped by step, component and reason", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const since = DateTime.makeUnsafe(0)
      const first = yield* aFailedOrder(samples.ManagerRejected)
      const second = yield* aFailedOrder(samples.ManagerRejected)
      const [group, ...more] = yield* orders.errors({ since, tag: "ManagerRejected", step: "routing" })
      assert.deepStrictEqual(more, [])
      has(group, { component: "manager", times: 2, orders: 2, newestOrders: [second.id, first.id] })
      assert.deepStrictEqual(yield* orders.errors({ since, component: "git" }), [])
    })
  )

  it.effect("are stuck when they make no progress or grow too old, and are not over", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* anOrder()
      yield* commit(order, ...moved("routing"))
      const over = yield* aFailedOrder(samples.NoEligibleModel)
      const why = (noProgressMs: Readonly<Record<string, number>>, ageMs: number) =>
        Effect.map(orders.stuck({ noProgressMs, ageMs, limit: 50 }), (found) => {
          assert.isFalse(found.some(({ workOrderId }) => workOrderId === over.id))
          return found.flatMap((it) => (it.workOrderId === order.id ? [it.why] : []))
        })
      const longest = 1_000_000_000
      assert.deepStrictEqual(yield* why({ routing: longest }, longest), [])
      assert.deepStrictEqual(yield* why({ routing: 0 }, longest), ["progress"])
      assert.deepStrictEqual(yield* why({ generating: 0 }, longest), [])
      assert.include(yield* why({}, 0), "age")
    })
  )

  it.effect("have outcomes that are counted for their kind of work, once per run", () =>
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
      const { project } = order
      assert.deepStrictEqual(yield* orders.pastOutcomes({ project, kind: "auth" }), [
        { model: "gpt-5", succeeded: 1, failed: 0 }
      ])
      assert.deepStrictEqual(yield* orders.pastOutcomes({ project, kind: "bug" }), [])
    })
  )
})

onEach("Resources", stores, (it) => {
  it.effect("are intended, held, kept for a reason and released, oldest first", () =>
    Effect.gen(function* () {
      const resources = yield* Resources
      const order = yield* anOrder()
      const at = { workOrderId: order.id, run }
      const worktree = { kind: "worktree", name: "/w" } as const
      const branch = { kind: "branch", name: "moose/wo-x" } as const
      yield* resources.intend({ ...at, resources: [worktree, branch] })
      yield* resources.intend({ ...at, resources: [worktree] })
      const states = Effect.map(resources.list({ workOrderId: order.id }), (rows) =>
        rows.map((it) => [it.kind, it.state, it.evidence, it.reason])
      )
      assert.deepStrictEqual(yield* states, [
        ["worktree", "intended", null, null],
        ["branch", "intended", null, null]
      ])
      yield* commit(
        order,
        { _tag: "ResourceHeld", ...worktree, evidence: { sha: "a" } },
        { _tag: "ResourceHeld", ...branch, evidence: { sha: "b" } }
      )
      // What is held stays so, whatever is intended.
      yield* resources.intend({ ...at, resources: [worktree] })
      assert.deepStrictEqual(yield* states, [
        ["worktree", "held", { sha: "a" }, null],
        ["branch", "held", { sha: "b" }, null]
      ])
      yield* commit(
        order,
        { _tag: "ResourceReleased", ...worktree, evidence: { gone: true } },
        { _tag: "ResourcePreserved", ...branch, reason: "it was paid for" }
      )
      assert.deepStrictEqual(yield* states, [
        ["worktree", "released", { gone: true }, null],
        ["branch", "preserved", { sha: "b" }, "it was paid for"]
      ])
    })
  )
})

onEach("StepJournal", stores, (it) => {
  it.effect("commits all facts or none: an illegal move takes the others with it", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const order = yield* anOrder()
      const refused = yield* Effect.flip(commit(order, prepared, ...moved("applying")))
      assert.strictEqual(refused._tag, "StoreConflict")
      assert.include(refused.message, "from pending to applying")
      has(yield* orders.get({ id: order.id }), { status: "pending", branch: null })
      yield* commit(order, prepared, ...moved("routing", "generating"))
      has(yield* orders.get({ id: order.id }), {
        status: "generating",
        branch: "moose/wo-x"
      })
    })
  )

  it.effect("commits what is appended at once, unless an engine collects it", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const journal = yield* StepJournal
      const { id } = yield* anOrder()
      const status = Effect.map(orders.get({ id }), (view) => view.status)
      const collected: Array<Fact> = []
      const entry = { workOrderId: id, run, facts: moved("routing") }
      yield* Effect.provideService(journal.append(entry), CurrentPendingFacts, {
        add: (facts) => void collected.push(...facts)
      })
      assert.deepStrictEqual(collected, [...moved("routing")])
      assert.strictEqual(yield* status, "pending")
      yield* journal.append(entry)
      assert.strictEqual(yield* status, "routing")
    })
  )

  it.effect("refuses facts of an order that is not there", () =>
    Effect.gen(function* () {
      const journal = yield* StepJournal
      const entry = { workOrderId: nothing.id, run, facts: moved("routing") }
      assert.strictEqual((yield* Effect.flip(journal.commit(entry)))._tag, "StoreConflict")
    })
  )
})

onEach("Incidents", stores, (it) => {
  const parked = (dependency: string, resumeAt: DateTime.Utc): ReadonlyArray<Fact> => [
    ...moved("routing", "waiting"),
    {
      _tag: "Parked",
      step: "routing",
      dependency,
      tag: "ForgeFailed",
      message: `waits for ${dependency}`,
      cause: "502",
      resumeAt,
      incident: true
    }
  ]

  it.effect("keep orders away until it is time to look, and then let one look", () =>
    Effect.gen(function* () {
      const incidents = yield* Incidents
      const [one, other] = [yield* anOrder(), yield* anOrder()]
      const admit = (order: WorkOrder, ...dependencies: ReadonlyArray<string>) =>
        incidents.admit({ workOrderId: order.id, dependencies })
      assert.deepStrictEqual(yield* admit(one, "later", "now"), { probing: [] })

      const later = DateTime.makeUnsafe("2099-01-01T00:00:00Z")
      yield* commit(one, ...parked("later", later))
      const down = yield* Effect.flip(admit(other, "now", "later"))
      has(down, { _tag: "DependencyDown", dependency: "later", tag: "ForgeFailed", cause: "502" })
      assert.deepStrictEqual("resumeAt" in down ? down.resumeAt : null, later)
      // Other dependencies are well.
      assert.deepStrictEqual(yield* admit(other, "now"), { probing: [] })

      const third = yield* anOrder()
      yield* commit(third, ...parked("now", DateTime.makeUnsafe(0)))
      assert.deepStrictEqual(yield* admit(one, "now"), { probing: ["now"] })
      assert.deepStrictEqual(yield* admit(one, "now"), { probing: ["now"] })
      assert.strictEqual((yield* Effect.flip(admit(other, "now")))._tag, "DependencyDown")
      yield* commit(one, { _tag: "DependencyWorks", dependency: "now" })
      assert.deepStrictEqual(yield* admit(other, "now"), { probing: [] })
    })
  )
})
