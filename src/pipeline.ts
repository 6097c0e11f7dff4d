import { Cause, Effect, Exit, Option } from "effect"
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
import { tracking } from "./steps/Tracking.ts"

/** A work order becomes a pull request, durably. The same run of the same order is the same execution. */
export const Pipeline = Workflow.make("moose/Pipeline", {
  payload: At,
  success: Outcome,
  error: PipelineError,
  idempotencyKey: ({ workOrderId, run }) => executionId(workOrderId, run)
})

/** The five steps, in order. Each is journaled when it ends; a run that is taken over replays the journal. */
export const layer = Pipeline.toLayer(
  Effect.fnUntraced(function* (at) {
    // A compensation that cannot reach the store dies, which ends the run without a result: it is abandoned
    // by the engine, and compensates again when it is next claimed.
    yield* Workflow.addFinalizer((exit) =>
      Exit.isSuccess(exit) ? Effect.void : Effect.orDie(compensate(at, exit.cause))
    )
    const route = yield* routing(at, undefined)
    const generated = yield* generating(at, route)
    const { change, proposal } = yield* applying(at, generated)
    const pullRequest = yield* creatingPr(at, { proposal, change })
    return yield* tracking(at, { model: generated.model?.model ?? null, change, pullRequest })
  })
)

/** How a run ended. */
export type Ended =
  | { readonly _tag: "Completed"; readonly outcome: Outcome }
  | { readonly _tag: "Failed"; readonly error: PipelineError }
  | { readonly _tag: "Cancelled" }
  /** A bug: it is recorded like any failure, but nothing more precise can be said of it here. */
  | { readonly _tag: "Died"; readonly cause: Cause.Cause<PipelineError> }

/**
 * Runs one run of one order to its end, here or wherever it is already running. Whatever can go wrong has been
 * recorded by then, so nothing is left to fail with.
 */
export const run = Effect.fn("Pipeline.run")(function* (at: At) {
  const engine = yield* WorkflowEngine.WorkflowEngine
  const exit = yield* engine
    .execute(Pipeline, { executionId: executionId(at.workOrderId, at.run), payload: at })
    .pipe(Effect.exit)
  if (Exit.isSuccess(exit)) return { _tag: "Completed", outcome: exit.value } satisfies Ended
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isSome(error)) return { _tag: "Failed", error: error.value } satisfies Ended
  if (Cause.hasInterruptsOnly(exit.cause)) return { _tag: "Cancelled" } satisfies Ended
  return { _tag: "Died", cause: exit.cause } satisfies Ended
})
