import { Duration, Effect, Exit, Fiber, Layer, Option, Random, References } from "effect"
import { ProviderUnavailable } from "../../src/domain/errors/GenerationError.ts"
import { PipelineError } from "../../src/domain/errors/PipelineError.ts"
import { RateLimited } from "../../src/domain/errors/Reasons.ts"
import { Policies, type PolicyTables } from "../../src/domain/policies/Policies.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import type { ResourceKind } from "../../src/domain/Resource.ts"
import { Route } from "../../src/domain/Route.ts"
import { isSettled } from "../../src/domain/Status.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import * as pipeline from "../../src/pipeline.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { EditorTimedOut } from "../../src/domain/errors/ApplyError.ts"
import { verdictOf } from "../../src/layers/aider/Conclude.ts"
import { throughGateway } from "../../src/layers/aider/Through.ts"
import { Checks } from "../../src/services/Checks.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Manager } from "../../src/services/Manager.ts"
import { ModelGateway } from "../../src/services/ModelGateway.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { applying } from "../../src/steps/Applying.ts"
import { creatingPr } from "../../src/steps/CreatingPr.ts"
import { generating } from "../../src/steps/Generating.ts"
import * as RetryBudget from "../../src/steps/RetryBudget.ts"
import { routing } from "../../src/steps/Routing.ts"
import type { At } from "../../src/steps/StepContext.ts"
import { tracking } from "../../src/steps/Tracking.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Faults from "../../src/testing/Faults.ts"
import type { ErrorEvent } from "../../src/testing/memory/State.ts"
import { samples } from "../../src/testing/Samples.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import type { AnyService } from "../../src/testing/Services.ts"
import type { Case } from "./Case.ts"
import { wrongIn } from "./Failures.ts"
import type { DriverName } from "./Methods.ts"
import { type Observed, counted } from "./Observed.ts"

const evidence = { operation: "POST /chat/completions", excerpt: "as told" }

/** What the model and the checks do beside the fault. */
const script = (driver: DriverName): Layer.Layer<never, never, AnyService> => {
  const when = Faults.nth(1)
  const method = "ask"
  switch (driver) {
    case "order, check fails": {
      let answers = 0
      const counting = Layer.effect(
        Proposer,
        Effect.map(Proposer, ({ ask }) => ({
          ask: (input) => Effect.tap(ask(input), () => Effect.sync(() => void answers++))
        }))
      )
      const failing = Layer.effect(
        Checks,
        Effect.map(Checks, ({ run }) => ({
          run: (input) => Effect.suspend(() => (answers < 2 ? Effect.fail(samples.ChecksFailed) : run(input)))
        }))
      )
      return Layer.merge(counting, failing)
    }
    case "order, model refuses once": {
      const what = Faults.fail(new RateLimited({ service: "OpenAI", evidence }))
      return Faults.inject(Proposer, { method, what, when })
    }
    case "order, model fails once": {
      const what = Faults.loseReply(new ProviderUnavailable({ model: "gpt-5-mini", evidence }))
      return Faults.inject(Proposer, { method, what, when })
    }
    case "order, forge fails once": {
      const what = Faults.fail(samples.RemoteUnreachable)
      return Faults.inject(GitHub, { method: "createPullRequest", what, when })
    }
    case "order, model is slow":
      return Layer.effect(
        Proposer,
        Effect.map(Proposer, ({ ask }) => ({ ask: (input) => Effect.delay(ask(input), "50 seconds") }))
      )
    case "order, one model": {
      const [first] = Doubles.route.models
      const models = first === undefined ? [] : [first]
      const route = new Route({ models, reason: "there is one" })
      return Layer.succeed(Manager, { route: () => Effect.succeed(route) })
    }
    default:
      return Layer.empty
  }
}

/** As Aider does: what its model and the ledger said is read in the gateway's account, and its time is bounded. */
const askingEditor = ({ programs }: Doubles.Doubles) =>
  Layer.effect(
    CodeEditor,
    Effect.gen(function* () {
      const gateway = yield* ModelGateway
      const { ready, apply } = yield* CodeEditor
      return CodeEditor.of({
        ready,
        apply: Effect.fnUntraced(function* (input) {
          const { workOrderId, run, call, category, rule, model, timeoutMs } = input
          if (model === null) return yield* apply(input)
          const granted = { workOrderId, run, call, category, rule, model }
          const { account, used } = yield* throughGateway(gateway, granted, ({ id }) =>
            // On its own, as a process is.
            Effect.flatMap(Effect.forkDetach(programs.ask(id, Doubles.proposal.summary)), (program) =>
              Effect.timeoutOption(Fiber.await(program), timeoutMs)
            )
          )
          if (Option.isNone(used)) return yield* new EditorTimedOut({ editor: "aider", limitMs: timeoutMs })
          const verdict = verdictOf(account, model)
          return yield* verdict === undefined ? apply(input) : Effect.fail(verdict)
        })
      })
    })
  )

/** Faults of the gateway stand before it, and all others behind it. */
const withEditor = (it: Case, doubles: Doubles.Doubles, faulty: Layer.Layer<never, never, AnyService>) => {
  const editor = askingEditor(doubles)
  return it.method.startsWith("ModelGateway.")
    ? editor.pipe(Layer.provideMerge(faulty), Layer.provideMerge(doubles.gateway))
    : editor.pipe(Layer.provideMerge(doubles.gateway), Layer.provideMerge(faulty))
}

/** The five steps, of which the last is given another pull request than the fourth answered. */
const swapped = pipeline.make({
  error: PipelineError,
  steps: Effect.fnUntraced(function* (at: At) {
    const generated = yield* generating(at, yield* routing(at, undefined))
    const { change, proposal } = yield* applying(at, generated)
    const opened = yield* creatingPr(at, { proposal, change })
    const head = { branch: change.branch, sha: change.baseSha }
    const pullRequest = opened === null ? null : new PullRequest({ ...opened, head })
    return yield* tracking(at, { model: generated.model?.model ?? null, change, pullRequest })
  })
})

/** How far a case's clock goes: past the order's deadline, past the end of the fault, and what follows of it. */
const until = Duration.hours(12)
/** An order that has waited most of its day already: it has four hours and a half left, */
const submitted = Date.parse("2026-02-28T00:30:00Z")
/** one whose change has to be mended an hour, so that its time is spent before its attempts are, */
const submittedLongAgo = Date.parse("2026-02-27T21:00:00Z")
/** and the budget of the sample resets half an hour before that. */
const from = Date.parse("2026-02-28T20:00:00Z")

/** What is done about it, without what differs from run to run. */
const decisionOf = ({ decision, failure }: ErrorEvent, met: string | undefined): string => {
  const what = failure.tag === met ? "~" : failure.tag
  const done =
    decision === null
      ? "fails"
      : decision.startsWith("retry in")
        ? "retry"
        : (decision.split(":")[0] ?? decision)
  return `${failure.step} ${what} ${done}`
}

const dashed = (parts: ReadonlyArray<string>) => (parts.length === 0 ? "-" : parts.join(", "))

/** What really is there of what an order can hold. */
const isThere = ({ outside }: Doubles.Doubles): Readonly<Record<ResourceKind, boolean>> => ({
  worktree: outside.worktrees.size > 0,
  instruction_file: outside.instructions.size > 0,
  branch: outside.branches.size > 0,
  remote_branch: outside.remote.size > 1,
  pull_request: outside.pullRequests.length > 0
})

/** What has to hold however an order ends. */
const broken = (doubles: Doubles.Doubles): ReadonlyArray<string> => {
  const { state, outside } = doubles
  const row = state.orders.get(Doubles.at.workOrderId)
  if (row === undefined) return ["the order is gone"]
  const found: Array<string> = []
  const live = state.resources.filter(({ state: it }) => it !== "released")
  const has = (kind: string) => live.some((it) => it.kind === kind)
  for (const [kind, there] of Object.entries(isThere(doubles))) {
    if (there && !has(kind)) found.push(`${kind} is there, and no row says so`)
  }
  for (const { kind, state: it, reason } of live) {
    if (it === "preserved" && reason === null) found.push(`${kind} is kept for no reason`)
  }
  if (outside.pullRequests.length > 1) found.push(`${outside.pullRequests.length} pull requests`)
  if (row.status === "completed" && (row.pullRequest === null || state.outcomes.length !== 1)) {
    found.push("completed without evidence")
  }
  if (state.ledger.some((it) => it.state === "reserved")) found.push("a reservation is left open")
  if (!isSettled(row.status) && row.status !== "needs_review") found.push(`it ended ${row.status}`)
  if (row.disposition === "rollback_pending") found.push("it was never rolled back")
  const escalated = state.escalations.some(({ orders }) => orders.length > 0)
  const failed = row.status.endsWith("_failed")
  if (failed !== escalated && row.status !== "needs_review" && row.status !== "cancelled") {
    found.push(failed ? "nobody was told" : "somebody was told of an order that did not fail")
  }
  if (failed && !state.errorEvents.some(({ decision }) => decision === null)) {
    found.push("its failure has no row")
  }
  return found
}

/** Runs an order on doubles that meet the fault, and looks at everything that is left. */
export const drive = (it: Case, tables: PolicyTables | undefined): Observed => {
  const doubles = Doubles.make()
  const { state, services } = doubles
  let calls = 0
  const faulty = it
    .watch(() => {
      calls++
    })
    .pipe(Layer.provideMerge(it.fault), Layer.provideMerge(script(it.driver))) satisfies Layer.Layer<
    never,
    never,
    AnyService
  >
  const all = it.driver === "order, editor asks" ? withEditor(it, doubles, faulty) : faulty
  const cancel = Effect.sync(() => state.engine?.interrupt(Doubles.at.workOrderId, Doubles.at.run))
  const { layer, run } = it.driver === "order, another pull request" ? swapped : pipeline
  const mends = it.driver === "order, check fails"
  const submit = Effect.tap(doubles.submit(mends ? submittedLongAgo : submitted), (row) =>
    Effect.sync(() => {
      if (mends) row.order = new WorkOrder({ ...row.order, limits: { maxAttempts: 50 } })
    })
  )
  const order = Effect.andThen(submit, run(Doubles.at)).pipe(
    Effect.provide(
      layer.pipe(Layer.provideMerge(all), Layer.provideMerge(services), Layer.provideMerge(doubles.engine))
    ),
    Effect.provideService(Faults.CurrentInterrupter, cancel),
    Effect.provideService(RetryBudget.CurrentRetryBudget, RetryBudget.make()),
    tables === undefined ? (same) => same : Effect.provideService(Policies, tables)
  )
  const quiet = Effect.provideService(References.MinimumLogLevel, "None")
  const ended = Simulation.run(order.pipe(Random.withSeed(7), quiet), { from, until })
  // What a lost process leaves in the ledger is closed when its lease has ended.
  const left = state.ledger.filter((one) => one.state === "reserved").length
  Simulation.run(Effect.provide(ReservationSweep.sweep(), services).pipe(quiet), {
    from: from + Duration.toMillis(until),
    until: "1 minute"
  })

  const row = state.orders.get(Doubles.at.workOrderId)
  const disposition = row?.disposition === null || row === undefined ? "" : ` ${row.disposition}`
  const never = ended._tag === "None" && row?.status !== "needs_review" ? " (the run goes on)" : ""
  const tag = it.reason?._tag
  const attempts = Math.max(0, ...state.errorEvents.map(({ failure }) => failure.attempt))
  const parked = state.timeline.filter(({ kind }) => kind === "Parked").map(({ step }) => step ?? "")
  const waits = parked.map((step) => `${step} waits`)
  const asked = state.escalations.map(({ raised: { options, type, context } }) => {
    const names = options.map(({ option, recommended }) => (recommended ? `${option}!` : option)).join(" ")
    return type === "failure" ? `${String(context["decides"])}: ${names}` : `${type}: ${names}`
  })
  const kept = state.resources.flatMap((one) =>
    one.state === "released"
      ? []
      : [`${one.kind} ${one.state}${isThere(doubles)[one.kind] ? "" : " (not there)"}`]
  )
  const ledger = counted(state.ledger.map(({ state: now }) => now))
  const columns = [
    `${row?.status ?? "gone"}${disposition}${never}`,
    `${calls} ${calls === 1 ? "call" : "calls"}`,
    counted(state.errorEvents.map((event) => decisionOf(event, tag))),
    `attempt ${attempts}`,
    counted(waits),
    dashed(asked),
    dashed(kept),
    left > 0 ? `${ledger} (${left} left open)` : ledger
  ]
  const wrong = state.errorEvents.flatMap((event) => wrongIn(event, it))
  const died = Option.isSome(ended) && Exit.isFailure(ended.value) ? ["the runner itself failed"] : []
  return { columns, broken: [...new Set([...died, ...broken(doubles), ...wrong])] }
}
