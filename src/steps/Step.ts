import { Clock, DateTime, Duration, Effect, Result, Schedule, type Schema } from "effect"
import { Activity } from "effect/workflow"
import type { Failure } from "../domain/errors/Failure.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import {
  type ProjectMissing,
  type StoreConflict,
  type StoreUnavailable,
  TimedOut,
  type UnexpectedDefect,
  type WorkOrderMissing
} from "../domain/errors/Reasons.ts"
import type { Fact } from "../domain/Fact.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { type StepName, afterStep, stepNames } from "../domain/Status.ts"
import { Projects } from "../services/Projects.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import * as Failures from "./Failures.ts"
import { type At, StepContext } from "./StepContext.ts"

/** What surrounding a step adds to the ways it can fail. */
export type AnyStep =
  | StoreUnavailable
  | StoreConflict
  | WorkOrderMissing
  | ProjectMissing
  | TimedOut
  | UnexpectedDefect

/** A step's error: whatever it is called, it has a reason. */
export type StepError = Schema.Constraint & { readonly Type: { readonly reason: Reason } }

/** One of the five steps: what it makes, how it fails, and what it does. */
export interface Definition<In, Out extends Schema.Constraint, Err extends StepError, R> {
  readonly name: StepName
  readonly success: Out
  readonly error: Err
  /** Makes the step's one error out of a reason. */
  readonly fail: (fields: {
    readonly reason: Err["Type"]["reason"] | AnyStep
    readonly failure: Failure
  }) => Err["Type"]
  readonly body: (input: In) => Effect.Effect<Out["Type"], Err["Type"]["reason"], R>
  /** One line for the timeline. */
  readonly summary: (output: Out["Type"]) => string
}

const load = Effect.fnUntraced(function* (at: At, step: StepName) {
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const view = yield* orders.get({ id: at.workOrderId })
  const project = yield* projects.get({ id: view.order.project })
  const submittedAt = Math.floor(DateTime.toEpochMillis(view.submittedAt) / 1000)
  return StepContext.of({ at, step, order: view.order, project, submittedAt })
})

const next = (step: StepName): ReadonlyArray<Fact> => {
  const following = stepNames[stepNames.indexOf(step) + 1]
  const moved: Fact = { _tag: "StatusMoved", to: afterStep[step].succeeded, disposition: null }
  return following === undefined ? [moved] : [moved, { _tag: "StepStarted", step: following }]
}

/**
 * Makes a durable step: bounded by `Limits.step`, its scope closed before its result counts, every way it can
 * end written to the journal together with that end. A defect in the body becomes UnexpectedDefect: a bug is
 * recorded like any failure, and does not poison the run. What interrupts it from outside passes through.
 */
export const make =
  <In, Out extends Schema.Constraint, Err extends StepError, R>(definition: Definition<In, Out, Err, R>) =>
  (at: At, input: In) => {
    const { name } = definition
    const limit = Limits.step[name]

    const body = Effect.gen(function* () {
      const context = yield* load(at, name)
      return yield* definition.body(input).pipe(Effect.provideService(StepContext, context), Effect.scoped)
    }).pipe(
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail(new TimedOut({ operation: name, limitMs: Duration.toMillis(limit) }))
      }),
      Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(name, defect)))
    )

    const execute = Effect.gen(function* () {
      const journal = yield* StepJournal
      const startedAt = yield* Clock.currentTimeMillis
      const outcome = yield* body.pipe(
        Effect.tap((output) =>
          Effect.gen(function* () {
            const ms = (yield* Clock.currentTimeMillis) - startedAt
            const summary = definition.summary(output)
            const succeeded: Fact = { _tag: "StepSucceeded", step: name, ms, summary }
            yield* journal.append({ ...at, facts: [succeeded, ...next(name)] })
          })
        ),
        Effect.result
      )
      if (Result.isSuccess(outcome)) return outcome.success

      const reason = outcome.failure
      const failure = yield* Failures.describe(at, name, reason)
      const ms = (yield* Clock.currentTimeMillis) - startedAt
      const facts: ReadonlyArray<Fact> = [
        { _tag: "StepFailed", step: name, ms, failure },
        { _tag: "StatusMoved", to: afterStep[name].failed, disposition: "rollback_pending" }
      ]
      // The error is journaled with the result even where its facts cannot be; compensation tries them again.
      yield* journal
        .append({ ...at, facts })
        .pipe(Effect.catch((error) => Effect.logError("A failure could not be recorded", error)))
      return yield* Effect.fail(definition.fail({ reason, failure }))
    }).pipe(Effect.annotateLogs({ workOrder: at.workOrderId, run: at.run, step: name }))

    return Activity.make({
      name,
      success: definition.success,
      error: definition.error,
      execute,
      // Interrupts from outside are the engine's to handle, and the body has none of its own.
      interruptRetryPolicy: Schedule.recurs(0)
    })
  }
