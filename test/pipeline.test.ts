import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import type { ApplyError } from "../src/domain/errors/ApplyError.ts"
import { ChecksFailed, EditorRejectedEdits } from "../src/domain/errors/ApplyError.ts"
import type { GenerationError } from "../src/domain/errors/GenerationError.ts"
import {
  ModelNotFound,
  ProviderOverloaded,
  ProviderUnavailable,
  Refused
} from "../src/domain/errors/GenerationError.ts"
import type { PipelineError } from "../src/domain/errors/PipelineError.ts"
import type { PullRequestError } from "../src/domain/errors/PullRequestError.ts"
import { PullRequestExists, PushRejected } from "../src/domain/errors/PullRequestError.ts"
import {
  BudgetExceeded,
  GitFailed,
  RateLimited,
  RemoteUnreachable,
  StoreUnavailable
} from "../src/domain/errors/Reasons.ts"
import type { RoutingError } from "../src/domain/errors/RoutingError.ts"
import { NoEligibleModel } from "../src/domain/errors/RoutingError.ts"
import type { TrackingError } from "../src/domain/errors/TrackingError.ts"
import type { Fact } from "../src/domain/Fact.ts"
import { Sha, executionId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { retry } from "../src/domain/policies/Retry.ts"
import { Project } from "../src/domain/Project.ts"
import { PullRequest } from "../src/domain/PullRequest.ts"
import { Resource } from "../src/domain/Resource.ts"
import { Route } from "../src/domain/Route.ts"
import { stepNames } from "../src/domain/Status.ts"
import { Usd, zero } from "../src/domain/Usd.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import { Pipeline, run } from "../src/pipeline.ts"
import { Budget } from "../src/services/Budget.ts"
import { Checks } from "../src/services/Checks.ts"
import { CurrentClaim } from "../src/services/Claim.ts"
import { CodeEditor } from "../src/services/CodeEditor.ts"
import { GitHub } from "../src/services/GitHub.ts"
import { Manager } from "../src/services/Manager.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import { Workspace } from "../src/services/Workspace.ts"
import {
  World,
  at,
  baseSha,
  branch,
  headSha,
  order,
  project,
  proposal,
  pullRequest,
  reply,
  route
} from "./support/World.ts"

const evidence = { operation: "test", excerpt: "as told" }

/** Moves the clock until an effect ends, at most two days. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    for (let tens = 0; tens < 2 * 24 * 6 && fiber.pollUnsafe() === undefined; tens++) {
      yield* TestClock.adjust("10 minutes")
    }
    return yield* Fiber.join(fiber)
  })

/** Runs the order against a world, with some services replaced. */
const runIn = <R>(world: World, overrides?: Layer.Layer<R>) =>
  run(at).pipe(Effect.provide(world.layer(overrides)), inTime)

/** The real service of a world, but for some methods. */
const but = {
  workspace: (world: World, change: Partial<Workspace["Service"]>) =>
    Layer.effect(
      Workspace,
      Effect.map(Workspace, (real) => ({ ...real, ...change }))
    ).pipe(Layer.provide(world.layer())),
  github: (world: World, change: Partial<GitHub["Service"]>) =>
    Layer.effect(
      GitHub,
      Effect.map(GitHub, (real) => ({ ...real, ...change }))
    ).pipe(Layer.provide(world.layer()))
}

const failures = (world: World) => world.facts.filter((fact) => fact._tag === "StepFailed")
const lastMove = (world: World) => world.facts.filter((fact) => fact._tag === "StatusMoved").at(-1)
const started = (world: World) =>
  world.facts.flatMap((fact: Fact) => (fact._tag === "StepStarted" ? [fact.step] : []))

describe("a work order that goes well", () => {
  it.effect("takes the five steps in order and ends with evidence", () =>
    Effect.gen(function* () {
      const world = new World()
      const ended = yield* runIn(world)
      assert.strictEqual(ended._tag, "Completed")
      if (ended._tag !== "Completed") return
      assert.deepStrictEqual(ended.outcome.pullRequest, { number: 7, url: pullRequest.url })
      assert.strictEqual(ended.outcome.headSha, headSha)
      assert.strictEqual(ended.outcome.model, "gpt-5-mini")
      const succeeded = world.facts.flatMap((fact) => (fact._tag === "StepSucceeded" ? [fact.step] : []))
      assert.deepStrictEqual(succeeded, [...stepNames])
      // The first step is begun by the claim, each other one by the end of the one before.
      assert.deepStrictEqual(started(world), stepNames.slice(1))
      assert.strictEqual(world.status, "completed")
    })
  )

  it.effect("holds nothing afterwards but what is under review", () =>
    Effect.gen(function* () {
      const world = new World()
      yield* runIn(world)
      const states = [...world.resources.values()].map(({ kind, state }) => `${kind} ${state}`)
      assert.deepStrictEqual(states.sort(), [
        "branch released",
        "instruction_file released",
        "pull_request preserved",
        "remote_branch preserved",
        "worktree released"
      ])
      assert.deepStrictEqual([...world.reservations.values()], ["settled"])
    })
  )

  it.effect("runs once, however often it is executed", () =>
    Effect.gen(function* () {
      const world = new World()
      yield* Effect.gen(function* () {
        const first = yield* run(at)
        const second = yield* run(at)
        assert.deepStrictEqual(first, second)
      }).pipe(Effect.provide(world.layer()))
      assert.strictEqual(world.calls.filter((call) => call === "GitHub.createPullRequest").length, 1)
    })
  )

  it.effect("asks no model when the order brings its own proposal", () =>
    Effect.gen(function* () {
      const world = new World()
      world.order = new WorkOrder({ ...order, proposal })
      const noModels = Layer.succeed(Manager, {
        route: () => Effect.succeed(new Route({ models: [], reason: "the order brings its own proposal" }))
      })
      const ended = yield* runIn(world, noModels)
      assert.strictEqual(ended._tag, "Completed")
      assert.isFalse(world.calls.some((call) => call.startsWith("Proposer")))
      assert.isFalse(world.calls.includes("Budget.check"))
    })
  )

  it.effect("pushes nothing for a project in shadow, and keeps the change", () =>
    Effect.gen(function* () {
      const world = new World()
      world.project = new Project({ ...project, mode: "shadow" })
      const ended = yield* runIn(world)
      assert.strictEqual(ended._tag, "Completed")
      if (ended._tag !== "Completed") return
      assert.isNull(ended.outcome.pullRequest)
      assert.isFalse(world.calls.some((call) => call === "Workspace.push" || call.startsWith("GitHub")))
      assert.strictEqual(world.resources.get(`branch ${branch}`)?.state, "preserved")
    })
  )
})

describe("a step that fails", () => {
  it.effect("routing: nothing else is begun, and everything is rolled back", () =>
    Effect.gen(function* () {
      const world = new World()
      const reason = new NoEligibleModel({ kind: "bug", why: "no key is set" })
      const ended = yield* runIn(world, Layer.succeed(Manager, { route: () => Effect.fail(reason) }))
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error._tag, "RoutingError")
      assert.strictEqual(ended.error.reason._tag, "NoEligibleModel")
      assert.strictEqual(ended.error.failure.category, "configuration")
      assert.deepStrictEqual(world.calls, [])
      assert.deepStrictEqual(lastMove(world), {
        _tag: "StatusMoved",
        to: "routing_failed",
        disposition: "rolled_back"
      })
      assert.strictEqual(failures(world).length, 1)
    })
  )

  it.effect("applying: worktree and instruction file are gone before the failure counts", () =>
    Effect.gen(function* () {
      const world = new World()
      const reason = new EditorRejectedEdits({ edit: 1, path: "src/a.js", problem: "it occurs twice" })
      const ended = yield* runIn(
        world,
        Layer.succeed(CodeEditor, { ready: () => Effect.void, apply: () => Effect.fail(reason) })
      )
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error._tag, "ApplyError")
      assert.strictEqual(ended.error.failure.step, "applying")
      const order = world.tags()
      assert.isBelow(order.indexOf("ResourceReleased"), order.indexOf("StepFailed"))
      assert.deepStrictEqual(lastMove(world), {
        _tag: "StatusMoved",
        to: "aider_failed",
        disposition: "rolled_back"
      })
      assert.isFalse(world.calls.includes("Workspace.commit"))
    })
  )

  it.effect("creating_pr: the paid-for commit is kept", () =>
    Effect.gen(function* () {
      const world = new World()
      const push = () => Effect.fail(new PushRejected({ branch, evidence }))
      const ended = yield* runIn(world, but.workspace(world, { push }))
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error._tag, "PullRequestError")
      assert.strictEqual(world.resources.get(`branch ${branch}`)?.state, "preserved")
      assert.strictEqual(world.resources.get(`remote_branch ${branch}`)?.state, "released")
      assert.deepStrictEqual(lastMove(world), {
        _tag: "StatusMoved",
        to: "pr_failed",
        disposition: "preserved"
      })
    })
  )

  it.effect("a defect in a service is recorded as a bug of the step it happened in", () =>
    Effect.gen(function* () {
      const world = new World()
      const apply = () => Effect.die(new Error("cannot read properties of undefined"))
      const ended = yield* runIn(world, Layer.succeed(CodeEditor, { ready: () => Effect.void, apply }))
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "UnexpectedDefect")
      assert.strictEqual(ended.error.failure.severity, "critical")
      assert.include(ended.error.failure.excerpt, "cannot read properties")
      assert.include(ended.error.failure.stack, "pipeline.test.ts")
      assert.match(ended.error.failure.traceId ?? "", /^[0-9a-f]{32}$/)
      assert.strictEqual(world.status, "aider_failed")
    })
  )

  it.effect(
    "a defect that is no error is told as it is, and a result that the database refuses is no bug",
    () =>
      Effect.gen(function* () {
        const met = Effect.fnUntraced(function* (defect: unknown) {
          const world = new World()
          const apply = () => Effect.die(defect)
          const ended = yield* runIn(world, Layer.succeed(CodeEditor, { ready: () => Effect.void, apply }))
          return ended._tag === "Failed" ? ended.error.reason : assert.fail(ended._tag)
        })
        const thrown = yield* met("a bare word")
        assert.strictEqual(thrown._tag, "UnexpectedDefect")
        assert.include(thrown.message, "a bare word")
        const refused = Object.assign(new Error("permission denied for table outcome_vectors"), {
          name: "ResultRefused"
        })
        const result = yield* met(refused)
        assert.strictEqual(result._tag, "ResultRefused")
        assert.include(result.message, "permission denied for table outcome_vectors")
      })
  )

  it.effect("a failure is recorded without what the order held when the store does not say", () =>
    Effect.gen(function* () {
      const world = new World()
      const overrides = Layer.mergeAll(
        Layer.succeed(Manager, {
          route: () => Effect.fail(new NoEligibleModel({ kind: "bug", why: "no key is set" }))
        }),
        Layer.effect(
          WorkOrders,
          Effect.map(WorkOrders, (real) => ({
            ...real,
            state: () => Effect.fail(new StoreUnavailable({ evidence }))
          }))
        ).pipe(Layer.provide(world.layer()))
      )
      const ended = yield* runIn(world, overrides)
      if (ended._tag !== "Failed") return assert.fail(ended._tag)
      assert.strictEqual(ended.error.reason._tag, "NoEligibleModel")
      assert.deepStrictEqual(ended.error.failure.state, {
        unknown: "The database cannot be reached (test): as told"
      })
    })
  )

  it.effect("a change that changes nothing is a failure of its own", () =>
    Effect.gen(function* () {
      const world = new World()
      const ended = yield* runIn(world, but.workspace(world, { commit: () => Effect.succeed(null) }))
      if (ended._tag !== "Failed") return assert.fail(ended._tag)
      assert.strictEqual(ended.error.reason._tag, "NoChanges")
      assert.strictEqual(world.status, "aider_failed")
      assert.isFalse(world.calls.includes("Workspace.push"))
    })
  )

  it.effect("a worktree that cannot be removed keeps its row, and the order goes on", () =>
    Effect.gen(function* () {
      for (const closeWorktree of [
        () => Effect.succeed(false),
        () => Effect.fail(new GitFailed({ evidence })),
        () => Effect.never
      ]) {
        const world = new World()
        const ended = yield* runIn(world, but.workspace(world, { closeWorktree }))
        assert.strictEqual(ended._tag, "Completed")
        assert.strictEqual(world.resources.get("worktree /w/order-1-1")?.state, "intended")
        assert.strictEqual(world.resources.get("instruction_file /i/order-1-1.md")?.state, "released")
      }
    })
  )

  it.effect("a process that stood still begins nothing more, and removes nothing", () =>
    Effect.gen(function* () {
      const whole = new World()
      yield* runIn(whole)
      for (const place of new Set(whole.calls)) {
        const world = new World()
        // It goes on after this call, and others have the run by now.
        const isLost = Effect.sync(() => world.calls.includes(place))
        const claim = { proof: null, isLost, giveUp: Effect.interrupt }
        yield* Effect.exit(runIn(world)).pipe(Effect.provideService(CurrentClaim, claim))
        const after = world.calls.slice(world.calls.indexOf(place) + 1)
        // It may look, and keep the books of what it has paid for.
        const begun = after.filter(
          (call) => !/^(?:Budget|GitHub\.find|Workspace\.snapshot|Manager)/.test(call)
        )
        assert.deepStrictEqual(begun, [], place)
      }
    })
  )

  it.effect("a step that never ends is cut off at its limit", () =>
    Effect.gen(function* () {
      const world = new World()
      const snapshot = () => Effect.never
      const fiber = yield* Effect.forkChild(runIn(world, but.workspace(world, { snapshot })))
      yield* TestClock.adjust(Duration.sum(Limits.step.generating, Duration.seconds(1)))
      const ended = yield* Fiber.join(fiber)
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "TimedOut")
      assert.strictEqual(world.status, "generation_failed")
    })
  )
})

describe("models", () => {
  it.effect("one that is busy is asked again, then the next one; what surely cost nothing is cancelled", () =>
    Effect.gen(function* () {
      const world = new World()
      const ask: Proposer["Service"]["ask"] = ({ model }) =>
        model.model === "gpt-5-mini"
          ? Effect.fail(new RateLimited({ service: "OpenAI", evidence }))
          : Effect.succeed(reply)
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Completed")
      if (ended._tag !== "Completed") return
      assert.strictEqual(ended.outcome.model, "gpt-5")
      const states = [...world.reservations.values()]
      assert.strictEqual(
        states.filter((state) => state === "cancelled").length,
        1 + retry.generating.delays.length
      )
      assert.strictEqual(states.at(-1), "settled")
      const decisions = world.facts.flatMap((fact) => (fact._tag === "AttemptFailed" ? [fact.decision] : []))
      assert.strictEqual(decisions.at(-1), "next model: gpt-5")
      assert.isTrue(decisions.slice(0, -1).every((decision) => decision.startsWith("retry in")))
    })
  )

  it.effect("a wait that the provider asks for is kept, and never shortened", () =>
    Effect.gen(function* () {
      const world = new World()
      const asked: Array<number> = []
      const ask = () =>
        Effect.gen(function* () {
          asked.push(yield* Clock.currentTimeMillis)
          if (asked.length > 1) return reply
          return yield* new RateLimited({
            service: "OpenAI",
            evidence: { ...evidence, retryAfterMs: 45_000 }
          })
        })
      yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.isAtLeast((asked[1] ?? 0) - (asked[0] ?? 0), 45_000)
    })
  )

  it.effect("a call whose outcome is unknown is presumed spent, and an outage is waited out", () =>
    Effect.gen(function* () {
      const world = new World()
      const parked = () => world.facts.flatMap((fact) => (fact._tag === "Parked" ? [fact] : []))
      const ask = () =>
        Effect.suspend(() =>
          parked().length < 3
            ? Effect.fail(new ProviderUnavailable({ model: "gpt-5", evidence }))
            : Effect.succeed(reply)
        )
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Completed")
      const states = [...world.reservations.values()]
      assert.isTrue(states.slice(0, -1).every((state) => state === "presumed"))
      assert.deepStrictEqual(
        parked().map(({ dependency, incident }) => ({ dependency, incident })),
        Array.from({ length: 3 }, () => ({ dependency: "provider:openai", incident: true }))
      )
    })
  )

  it.effect("an outage that outlasts the order's deadline ends it", () =>
    Effect.gen(function* () {
      const world = new World()
      // The order was submitted at the beginning of time, so most of its day is over.
      yield* TestClock.setTime(Duration.toMillis(Limits.orderDeadline) - 3_600_000)
      const ask = () => Effect.fail(new ProviderUnavailable({ model: "gpt-5", evidence }))
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "ModelsExhausted")
      assert.strictEqual(ended.error.failure.causes.length, 2)
      assert.strictEqual(world.status, "generation_failed")
    })
  )

  it.effect("an answer that was cut off is asked for again, smaller, and both were paid for", () =>
    Effect.gen(function* () {
      const world = new World()
      const prompts: Array<string> = []
      const ask: Proposer["Service"]["ask"] = ({ prompt }) =>
        Effect.sync(() => {
          prompts.push(prompt)
          return prompts.length === 1 ? { ...reply, finish: "length" as const } : reply
        })
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Completed")
      assert.strictEqual(prompts.length, 2)
      assert.include(prompts[1], "cut off at the output limit")
      assert.deepStrictEqual([...world.reservations.values()], ["settled", "settled"])
    })
  )

  it.effect("a refusal is not repeated: the next model is asked", () =>
    Effect.gen(function* () {
      const world = new World()
      const asked: Array<string> = []
      const ask: Proposer["Service"]["ask"] = ({ model }) =>
        Effect.suspend(() => {
          asked.push(model.model)
          return asked.length === 1
            ? Effect.fail(new Refused({ model: model.model, evidence }))
            : Effect.succeed(reply)
        })
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Completed")
      assert.deepStrictEqual(asked, ["gpt-5-mini", "gpt-5"])
    })
  )

  it.effect("an answer that the provider itself withheld is a refusal, and was paid for", () =>
    Effect.gen(function* () {
      const world = new World()
      const ask = () => Effect.succeed({ ...reply, finish: "content-filter" as const })
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      if (ended._tag !== "Failed") return assert.fail(ended._tag)
      const { reason } = ended.error
      if (reason._tag !== "ModelsExhausted") return assert.fail(reason._tag)
      assert.deepStrictEqual(
        reason.failures.map(({ _tag }) => _tag),
        ["Refused", "Refused"]
      )
      assert.deepStrictEqual([...world.reservations.values()], ["settled", "settled"])
    })
  )

  it.effect("money that does not fit today is waited for until the limit resets", () =>
    Effect.gen(function* () {
      const world = new World()
      const resetsAt = DateTime.makeUnsafe(3_600_000)
      const exceeded = new BudgetExceeded({
        scope: "project_day",
        requested: Usd.make(100),
        limit: Usd.make(1_000),
        settled: Usd.make(950),
        reserved: zero,
        presumed: zero,
        resetsAt
      })
      const check = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        now < DateTime.toEpochMillis(resetsAt) ? Effect.fail(exceeded) : Effect.void
      )
      const budget = Layer.effect(
        Budget,
        Effect.map(Budget, (real) => ({ ...real, check: () => check }))
      ).pipe(Layer.provide(world.layer()))
      assert.strictEqual((yield* runIn(world, budget))._tag, "Completed")
      const parked = world.facts.flatMap((fact) => (fact._tag === "Parked" ? [fact] : []))
      assert.deepStrictEqual(
        parked.map(({ dependency, incident, tag }) => ({ dependency, incident, tag })),
        [{ dependency: "budget:sample", incident: false, tag: "BudgetExceeded" }]
      )
      assert.deepStrictEqual(parked[0]?.resumeAt, resetsAt)
    })
  )

  it.effect("a change that fails a check goes back to its model once, with the log", () =>
    Effect.gen(function* () {
      const world = new World()
      const check = { name: "npm test", command: ["npm", "test"] as const, timeoutMs: 1000 }
      world.project = new Project({ ...project, checks: [check] })
      const prompts: Array<string> = []
      const ask: Proposer["Service"]["ask"] = ({ prompt }) =>
        Effect.sync(() => {
          prompts.push(prompt)
          return reply
        })
      const failing = new ChecksFailed({ check: "npm test", log: "not ok 3 - adds up", evidence })
      const overrides = Layer.merge(
        Layer.succeed(Proposer, { ask }),
        Layer.succeed(Checks, { run: () => Effect.fail(failing) })
      )
      const ended = yield* runIn(world, overrides)
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "ChecksFailed")
      assert.strictEqual(prompts.length, 2)
      assert.include(prompts[1], "not ok 3 - adds up")
      assert.isFalse(world.calls.includes("Workspace.commit"))
    })
  )

  it.effect("an order whose own work keeps failing stops when its attempts are spent, and says so", () =>
    Effect.gen(function* () {
      const world = new World()
      world.order = new WorkOrder({ ...order, limits: { maxAttempts: 2 } })
      const ask = () => Effect.succeed({ ...reply, text: "no proposal" })
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Failed")
      assert.strictEqual(world.attemptsSpent, 2)
      assert.deepStrictEqual([...world.reservations.values()], ["settled", "settled"])
      const stopped = world.facts.find((fact) => fact._tag === "Decided" && fact.choice.startsWith("nothing"))
      assert.deepInclude(stopped, {
        step: "generating",
        reason: "its own work has failed 2 times, and may 2 times"
      })
    })
  )

  it.effect("an outage spends no attempts", () =>
    Effect.gen(function* () {
      const world = new World()
      world.order = new WorkOrder({ ...order, limits: { maxAttempts: 1 } })
      let calls = 0
      const ask: Proposer["Service"]["ask"] = ({ model: { model } }) =>
        Effect.suspend(() =>
          ++calls <= 3 ? Effect.fail(new ProviderOverloaded({ model, evidence })) : Effect.succeed(reply)
        )
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Completed")
      assert.strictEqual(world.attemptsSpent, 0)
      assert.strictEqual(calls, 4)
    })
  )

  it.effect("nothing is tried again after the order's deadline, whoever is to blame", () =>
    Effect.gen(function* () {
      const world = new World()
      let tried = 0
      const openWorktree = () =>
        Effect.suspend(() => {
          tried++
          return Effect.fail(new RemoteUnreachable({ remote: "r", evidence }))
        })
      yield* TestClock.adjust("25 hours")
      yield* runIn(world, but.workspace(world, { openWorktree }))
      assert.strictEqual(tried, 1)
      const stopped = world.facts.find((fact) => fact._tag === "Decided" && fact.choice.startsWith("nothing"))
      assert.deepInclude(stopped, { step: "applying", reason: "its deadline was 1970-01-02T00:00:00.000Z" })
    })
  )

  it.effect("a single model's failure is reported under its own name", () =>
    Effect.gen(function* () {
      const world = new World()
      const ask = () => Effect.fail(new ModelNotFound({ model: "gpt-5-mini", evidence }))
      const one = new Route({ models: route.models.slice(0, 1), reason: "one" })
      const overrides = Layer.merge(
        Layer.succeed(Proposer, { ask }),
        Layer.succeed(Manager, { route: () => Effect.succeed(one) })
      )
      const ended = yield* runIn(world, overrides)
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "ModelNotFound")
    })
  )

  it.effect("an answer that is no proposal was paid for all the same", () =>
    Effect.gen(function* () {
      const world = new World()
      const ask = () => Effect.succeed({ ...reply, text: "I would rather not." })
      const ended = yield* runIn(world, Layer.succeed(Proposer, { ask }))
      assert.strictEqual(ended._tag, "Failed")
      const states = [...world.reservations.values()]
      assert.deepStrictEqual(
        states,
        Array.from({ length: 2 * (1 + Limits.repairRoundsMax) }, () => "settled" as const)
      )
    })
  )
})

describe("the pull request", () => {
  it.effect("one that is there already is taken, and none is made", () =>
    Effect.gen(function* () {
      const world = new World()
      const findPullRequests = () => Effect.succeed([pullRequest])
      const ended = yield* runIn(world, but.github(world, { findPullRequests }))
      assert.strictEqual(ended._tag, "Completed")
      assert.isFalse(world.calls.includes("GitHub.createPullRequest"))
    })
  )

  it.effect("one whose reply was lost is found on a second look", () =>
    Effect.gen(function* () {
      const world = new World()
      let looks = 0
      const findPullRequests = () => Effect.sync(() => (looks++ === 0 ? [] : [pullRequest]))
      const createPullRequest = () => Effect.fail(new PullRequestExists({ branch, evidence }))
      const ended = yield* runIn(world, but.github(world, { findPullRequests, createPullRequest }))
      assert.strictEqual(ended._tag, "Completed")
      assert.strictEqual(looks, 2)
    })
  )

  it.effect("a branch that somebody else pushed to is left alone", () =>
    Effect.gen(function* () {
      const world = new World()
      world.remoteHead = Sha.make("c".repeat(40))
      const ended = yield* runIn(world)
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "HeadMoved")
      assert.isFalse(world.calls.includes("Workspace.push"))
      assert.strictEqual(world.resources.get(`remote_branch ${branch}`)?.state, "preserved")
    })
  )

  it.effect("of an order that is cancelled is kept, and told so; or closed where that was asked for", () =>
    Effect.gen(function* () {
      const cancelled = Effect.fnUntraced(function* (close: boolean) {
        const world = new World()
        const said: Array<string> = []
        world.cancelling = { reason: "not wanted any more", close }
        const stopped = but.github(world, {
          // It is open by now, and the step never ends.
          getPullRequest: () => Effect.never,
          findPullRequests: () =>
            Effect.sync(() => (world.calls.includes("GitHub.createPullRequest") ? [pullRequest] : [])),
          commentPullRequest: ({ body }) => Effect.sync(() => void said.push(body)),
          closePullRequest: () => Effect.succeed(new PullRequest({ ...pullRequest, state: "closed" }))
        })
        yield* Effect.gen(function* () {
          const engine = yield* WorkflowEngine.WorkflowEngine
          const fiber = yield* Effect.forkChild(run(at))
          yield* TestClock.adjust("1 second")
          yield* engine.interruptUnsafe(Pipeline, executionId(at.workOrderId, at.run))
          yield* Fiber.await(fiber)
        }).pipe(Effect.provide(world.layer(stopped)))
        return { said, state: world.resources.get(`pull_request ${branch}`)?.state, status: world.status }
      })
      const kept = yield* cancelled(false)
      assert.deepInclude(kept, { state: "preserved", status: "cancelled" })
      assert.include(kept.said[0], "was cancelled: not wanted any more. This pull request is kept.")
      const closed = yield* cancelled(true)
      assert.deepInclude(closed, { state: "released", status: "cancelled" })
      assert.include(closed.said[0], "This pull request is closed.")
    })
  )

  it.effect("a branch that holds our commit already is not pushed again", () =>
    Effect.gen(function* () {
      const world = new World()
      world.remoteHead = headSha
      const ended = yield* runIn(world)
      assert.strictEqual(ended._tag, "Completed")
      assert.isFalse(world.calls.includes("Workspace.push"))
    })
  )

  /** What an earlier run of the order left in the books. */
  const earlier = (kind: Resource["kind"], left: Resource["evidence"] = null) =>
    new Resource({ ...at, kind, name: branch, state: "held", host: "here", evidence: left, reason: null })
  const ended = (fields: Partial<PullRequest>) =>
    new PullRequest({ ...pullRequest, state: "closed", ...fields })

  /** Runs the order when an earlier run of it had opened a pull request that is now as `all` shows. */
  const runAgain = Effect.fnUntraced(function* (
    all: ReadonlyArray<PullRequest>,
    left?: Resource["evidence"]
  ) {
    const world = new World()
    world.resources.set(`pull_request ${branch}`, earlier("pull_request", left))
    const findPullRequests: GitHub["Service"]["findPullRequests"] = ({ state }) =>
      Effect.succeed(state === "all" ? all : all.filter((it) => it.state === "open"))
    const result = yield* runIn(world, but.github(world, { findPullRequests }))
    return { world, result }
  })

  it.effect("that a person has merged as it would be pushed now is the order's, and nothing is pushed", () =>
    Effect.gen(function* () {
      const { result, world } = yield* runAgain([ended({ merged: true })])
      assert.strictEqual(result._tag, "Completed")
      if (result._tag !== "Completed") return
      assert.deepStrictEqual(result.outcome.pullRequest, { number: 7, url: pullRequest.url })
      assert.isFalse(world.calls.includes("Workspace.push"))
      assert.isFalse(world.calls.includes("GitHub.createPullRequest"))
    })
  )

  it.effect("that a person has closed, or merged as something else, ends the order, by its number", () =>
    Effect.gen(function* () {
      const other = { branch, sha: Sha.make("c".repeat(40)) }
      for (const [all, merged] of [
        [[ended({})], false],
        [[ended({ merged: true, head: other })], true]
      ] as const) {
        const { result, world } = yield* runAgain(all)
        if (result._tag !== "Failed") return assert.fail(result._tag)
        const { reason } = result.error
        if (reason._tag !== "PullRequestEnded") return assert.fail(reason._tag)
        assert.deepInclude(reason, { number: 7, merged })
        assert.strictEqual(world.status, "pr_failed")
        assert.isFalse(world.calls.includes("Workspace.push"))
      }
    })
  )

  it.effect("that Moose itself has closed is nobody's decision: another one is opened", () =>
    Effect.gen(function* () {
      const { result, world } = yield* runAgain([ended({ number: 3 })], { closed: 3 })
      assert.strictEqual(result._tag, "Completed")
      assert.include(world.calls, "GitHub.createPullRequest")
    })
  )

  it.effect("that is open beside one that was closed is gone on with", () =>
    Effect.gen(function* () {
      const { result, world } = yield* runAgain([ended({ number: 3 }), pullRequest])
      assert.strictEqual(result._tag, "Completed")
      assert.isFalse(world.calls.includes("GitHub.createPullRequest"))
    })
  )

  it.effect("of a branch that an earlier attempt of ours left is made of this one's commit", () =>
    Effect.gen(function* () {
      const world = new World()
      const before = Sha.make("c".repeat(40))
      world.resources.set(`remote_branch ${branch}`, earlier("remote_branch", { sha: before }))
      // The doubles forget what a row's evidence was when it is announced again; the step has read it by then.
      world.remoteHead = before
      const result = yield* runIn(world)
      assert.strictEqual(result._tag, "Completed")
      assert.strictEqual(world.remoteHead, headSha)
    })
  )

  it.effect(
    "counts as pushed when the branch shows it, whatever the push said; and not when it does not",
    () =>
      Effect.gen(function* () {
        const lost = new World()
        const push = () =>
          Effect.suspend(() => {
            lost.remoteHead = headSha
            return Effect.fail(new PushRejected({ branch, evidence }))
          })
        assert.strictEqual((yield* runIn(lost, but.workspace(lost, { push })))._tag, "Completed")

        const silent = new World()
        const result = yield* runIn(silent, but.workspace(silent, { push: () => Effect.void }))
        if (result._tag !== "Failed") return assert.fail(result._tag)
        const { reason } = result.error
        if (reason._tag !== "PullRequestUnverified") return assert.fail(reason._tag)
        assert.deepInclude(reason, { expected: `${branch} at ${headSha}`, found: "no branch" })
      })
  )

  it.effect("one whose head is not our commit does not count", () =>
    Effect.gen(function* () {
      const world = new World()
      const other = new PullRequest({ ...pullRequest, head: { branch, sha: Sha.make("c".repeat(40)) } })
      const ended = yield* runIn(world, but.github(world, { getPullRequest: () => Effect.succeed(other) }))
      assert.strictEqual(ended._tag, "Failed")
      if (ended._tag !== "Failed") return
      assert.strictEqual(ended.error.reason._tag, "PullRequestUnverified")
    })
  )
})

describe("cancelling", () => {
  it.effect("stops the step at hand, removes what it holds and says so", () =>
    Effect.gen(function* () {
      const world = new World()
      const apply = () => Effect.never
      yield* Effect.gen(function* () {
        const engine = yield* WorkflowEngine.WorkflowEngine
        const fiber = yield* Effect.forkChild(run(at))
        yield* TestClock.adjust("1 second")
        assert.isTrue(world.calls.includes("Workspace.openWorktree"))
        yield* engine.interruptUnsafe(Pipeline, executionId(at.workOrderId, at.run))
        const ended = yield* Fiber.join(fiber)
        assert.strictEqual(ended._tag, "Cancelled")
      }).pipe(Effect.provide(world.layer(Layer.succeed(CodeEditor, { ready: () => Effect.void, apply }))))
      assert.isTrue(world.calls.includes("Workspace.closeWorktree"))
      assert.isTrue(world.calls.includes("Workspace.removeInstructions"))
      assert.deepStrictEqual(lastMove(world), {
        _tag: "StatusMoved",
        to: "cancelled",
        disposition: "rolled_back"
      })
    })
  )
})

describe("clean-up", () => {
  it.effect("what cannot be looked at is left to a person, and everything else is settled", () =>
    Effect.gen(function* () {
      const world = new World()
      const push = () => Effect.fail(new PushRejected({ branch, evidence }))
      const unreachable = new RemoteUnreachable({ remote: "https://forge.invalid", evidence })
      const remoteHead = ({ branch: name }: { readonly branch: string }) =>
        Effect.suspend(() =>
          failures(world).length > 0
            ? Effect.fail(unreachable)
            : Effect.succeed(name === order.baseBranch ? baseSha : null)
        )
      const ended = yield* runIn(world, but.workspace(world, { push, remoteHead }))
      assert.strictEqual(ended._tag, "Failed")
      assert.deepStrictEqual(lastMove(world), {
        _tag: "StatusMoved",
        to: "pr_failed",
        disposition: "manual_intervention_required"
      })
      assert.strictEqual(world.resources.get(`remote_branch ${branch}`)?.state, "intended")
      assert.strictEqual(world.resources.get(`branch ${branch}`)?.state, "preserved")
    })
  )

  it.effect("a bug in the clean-up itself does not hide how the order ended", () =>
    Effect.gen(function* () {
      const world = new World()
      const push = () => Effect.fail(new PushRejected({ branch, evidence }))
      const remoteHead = ({ branch: name }: { readonly branch: string }) =>
        Effect.suspend(() =>
          failures(world).length > 0
            ? Effect.die(new Error("oops"))
            : Effect.succeed(name === order.baseBranch ? baseSha : null)
        )
      const ended = yield* runIn(world, but.workspace(world, { push, remoteHead }))
      assert.strictEqual(ended._tag, "Failed")
      assert.strictEqual(world.disposition, "manual_intervention_required")
    })
  )
})

describe("types", () => {
  it("each step has an error of its own, and the runner has none left", () => {
    expectTypeOf<typeof Pipeline.errorSchema.Type>().toEqualTypeOf<PipelineError>()
    expectTypeOf<PipelineError["_tag"]>().toEqualTypeOf<
      | RoutingError["_tag"]
      | GenerationError["_tag"]
      | ApplyError["_tag"]
      | PullRequestError["_tag"]
      | TrackingError["_tag"]
    >()
    expectTypeOf<Effect.Error<ReturnType<typeof run>>>().toEqualTypeOf<never>()
  })
})
