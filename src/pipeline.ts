import { Cause, Effect, Exit, Option, type Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { PipelineError } from "./domain/errors/PipelineError.ts"
import { executionId } from "./domain/Ids.ts"
import { Outcome } from "./domain/Outcome.ts"
import { applying } from "./steps/Applying.ts"
import { compensate } from "./steps/Compensate.ts"
import { creatingPr } from "./steps/CreatingPr.ts"
import { generating } from "./steps/Generating.ts"
import { routing } from "./steps/Routing.ts"
import { At } from "./steps/StepContext.ts"
import type { StepError } from "./steps/Surround.ts"
import { tracking } from "./steps/Tracking.ts"

/** How a run ended. */
export type Ended<E = PipelineError> =
  | { readonly _tag: "Completed"; readonly outcome: Outcome }
  | { readonly _tag: "Failed"; readonly error: E }
  | { readonly _tag: "Cancelled" }
  /** A bug: it is recorded like any failure, but nothing more precise can be said of it here. */
  | { readonly _tag: "Died"; readonly cause: Cause.Cause<E> }

/**
 * A work order becomes a pull request, durably: the workflow that a worker runs, and the runner around it, which
 * has no error left. Each step is journaled when it ends; a run that is taken over replays the journal. The same
 * run of the same order is the same execution. A process has one pipeline: this one, or one with other steps.
 */
export const make = <Err extends StepError & Schema.Top, R>(options: {
  /** Whatever the steps can end in. */
  readonly error: Err
  readonly steps: (at: At) => Effect.Effect<Outcome, Err["Type"], R>
}) => {
  const workflow = Workflow.make("moose/Pipeline", {
    payload: At,
    success: Outcome,
    error: options.error,
    idempotencyKey: ({ workOrderId, run }) => executionId(workOrderId, run)
  })

  const layer = workflow.toLayer(
    Effect.fnUntraced(function* (at) {
      // A compensation that cannot reach the store dies, which ends the run without a result: it is abandoned
      // by the engine, and compensates again when it is next claimed.
      yield* Workflow.addFinalizer((exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.orDie(compensate(at, exit.cause))
      )
      return yield* options.steps(at)
    })
  )

  /**
   * Runs one run of one order to its end, here or wherever it is already running. Whatever can go wrong has been
   * recorded by then, so nothing is left to fail with.
   */
  const run = Effect.fn("Pipeline.run")(function* (at: At) {
    const engine = yield* WorkflowEngine.WorkflowEngine
    const exit = yield* engine
      .execute(workflow, { executionId: executionId(at.workOrderId, at.run), payload: at })
      .pipe(Effect.exit)
    if (Exit.isSuccess(exit)) return { _tag: "Completed", outcome: exit.value } satisfies Ended<Err["Type"]>
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isSome(error)) return { _tag: "Failed", error: error.value } satisfies Ended<Err["Type"]>
    if (Cause.hasInterruptsOnly(exit.cause)) return { _tag: "Cancelled" } satisfies Ended<Err["Type"]>
    return { _tag: "Died", cause: exit.cause } satisfies Ended<Err["Type"]>
  })

  return { workflow, layer, run }
}

/** The five steps, in order. */
export const {
  workflow: Pipeline,
  layer,
  run
} = make({
  error: PipelineError,
  steps: Effect.fnUntraced(function* (at: At) {
    const route = yield* routing(at, undefined)
    const generated = yield* generating(at, route)
    const { change, proposal } = yield* applying(at, generated)
    const pullRequest = yield* creatingPr(at, { proposal, change })
    return yield* tracking(at, { model: generated.model?.model ?? null, change, pullRequest })
  })
})
