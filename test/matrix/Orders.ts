import { Effect, Exit, Layer, Option, Random, References } from "effect"
import { ProviderUnavailable } from "../../src/domain/errors/GenerationError.ts"
import { RateLimited } from "../../src/domain/errors/Reasons.ts"
import { Policies, type PolicyTables } from "../../src/domain/policies/Policies.ts"
import type { ResourceKind } from "../../src/domain/Resource.ts"
import { isSettled } from "../../src/domain/Status.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import * as pipeline from "../../src/pipeline.ts"
import { Checks } from "../../src/services/Checks.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import * as RetryBudget from "../../src/steps/RetryBudget.ts"
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
const script = (driver: DriverName): Layer.Layer<never, never, Proposer | Checks> => {
  const when = Faults.nth(1)
  const method = "ask"
  switch (driver) {
    case "order, check fails once":
      return Faults.inject(Checks, { method: "run", what: Faults.fail(samples.ChecksFailed), when })
    case "order, model refuses once": {
      const what = Faults.fail(new RateLimited({ service: "OpenAI", evidence }))
      return Faults.inject(Proposer, { method, what, when })
    }
    case "order, model fails once": {
      const what = Faults.loseReply(new ProviderUnavailable({ model: "gpt-5-mini", evidence }))
      return Faults.inject(Proposer, { method, what, when })
    }
    case "order, model is slow":
      return Layer.effect(
        Proposer,
        Effect.map(Proposer, ({ ask }) => ({ ask: (input) => Effect.delay(ask(input), "50 seconds") }))
      )
    default:
      return Layer.empty
  }
}

/** How far a case's clock goes: past the order's deadline, past the end of the fault, and what follows of it. */
const until = "12 hours"
/** An order that has waited most of its day already: it has four hours and a half left, */
const submitted = Date.parse("2026-02-28T00:30:00Z")
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
  const cancel = Effect.sync(() => state.engine?.interrupt(Doubles.at.workOrderId, Doubles.at.run))
  let left = 0
  const order = Effect.andThen(doubles.submit(submitted), pipeline.run(Doubles.at)).pipe(
    Effect.provide(
      pipeline.layer.pipe(
        Layer.provideMerge(faulty),
        Layer.provideMerge(services),
        Layer.provideMerge(doubles.engine)
      )
    ),
    Effect.provideService(Faults.CurrentInterrupter, cancel),
    Effect.provideService(RetryBudget.CurrentRetryBudget, RetryBudget.make()),
    tables === undefined ? (same) => same : Effect.provideService(Policies, tables)
  )
  // What a lost process leaves in the ledger is closed when its lease has ended.
  const swept = Effect.gen(function* () {
    left = state.ledger.filter((one) => one.state === "reserved").length
    yield* Effect.sleep("2 minutes")
    yield* ReservationSweep.sweep()
  }).pipe(Effect.provide(services))
  const quiet = Effect.provideService(References.MinimumLogLevel, "None")
  const ended = Simulation.run(Effect.andThen(order, swept).pipe(Random.withSeed(7), quiet), { from, until })

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
