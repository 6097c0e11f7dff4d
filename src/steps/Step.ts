import { Clock, DateTime, Duration, Effect, Option, Result, Schedule, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import type { Dependency } from "../domain/Dependency.ts"
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
import { Incidents } from "../services/Incidents.ts"
import { Projects } from "../services/Projects.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import * as Failures from "./Failures.ts"
import { Parked, parking } from "./Parking.ts"
import { retrying } from "./Retrying.ts"
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
  /** What the step cannot do without. While one of them has an incident, the step waits instead of trying. */
  readonly needs?: (input: In, context: StepContext["Service"]) => ReadonlyArray<Dependency>
  /** Reasons that the body has repeated by itself. */
  readonly handled?: (reason: Reason) => boolean
}

const load = Effect.fnUntraced(function* (at: At, step: StepName, waits: number) {
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const view = yield* orders.get({ id: at.workOrderId })
  const project = yield* projects.get({ id: view.order.project })
  const submittedAt = Math.floor(DateTime.toEpochMillis(view.submittedAt) / 1000)
  return StepContext.of({ at, step, attempt: 1, waits, order: view.order, project, submittedAt })
})

const next = (step: StepName): ReadonlyArray<Fact> => {
  const following = stepNames[stepNames.indexOf(step) + 1]
  const moved: Fact = { _tag: "StatusMoved", to: afterStep[step].succeeded, disposition: null }
  return following === undefined ? [moved] : [moved, { _tag: "StepStarted", step: following }]
}

const isParked = Schema.is(Parked)

const provider = (needs: ReadonlyArray<Dependency>) => needs.find((it) => it.startsWith("provider:"))

/**
 * Makes a durable step. Its body is repeated as the tables say, bounded by `Limits.step`, its scope closed
 * before its result counts; how it ends is written to the journal together with that end. A defect becomes
 * UnexpectedDefect: a bug is recorded like any failure, and does not poison the run. A failure that somebody
 * else is to blame for parks the order, and the step runs again when the wait is over. What interrupts it from
 * outside passes through.
 */
export const make =
  <In, Out extends Schema.Constraint, Err extends StepError, R>(definition: Definition<In, Out, Err, R>) =>
  (at: At, input: In) => {
    const { name } = definition
    const limit = Limits.step[name]
    type Why = Err["Type"]["reason"] | AnyStep

    const body = (context: StepContext["Service"], needs: ReadonlyArray<Dependency>) =>
      retrying<Out["Type"], Why, R>({
        key: needs[0] ?? name,
        attempt: (attempt) =>
          definition.body(input).pipe(
            Effect.provideService(StepContext, StepContext.of({ ...context, attempt })),
            Effect.scoped,
            Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(name, defect)))
          ),
        handled: (reason) => definition.handled?.(reason) === true
      }).pipe(
        Effect.timeoutOrElse({
          duration: limit,
          orElse: () => Effect.fail(new TimedOut({ operation: name, limitMs: Duration.toMillis(limit) }))
        })
      )

    /** One round: the step to its end, or to a wait. `waits` counts the waits before it. */
    const round = Effect.fnUntraced(
      function* (waits: number) {
        const journal = yield* StepJournal
        const incidents = yield* Incidents
        const startedAt = yield* Clock.currentTimeMillis
        const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - startedAt)

        const failed = Effect.fnUntraced(function* (reason: Why) {
          const failure = yield* Failures.describe(at, name, reason)
          const facts: ReadonlyArray<Fact> = [
            { _tag: "StepFailed", step: name, ms: yield* elapsed, failure },
            { _tag: "StatusMoved", to: afterStep[name].failed, disposition: "rollback_pending" }
          ]
          // The error is journaled with the result even where its facts cannot be; compensation tries them again.
          yield* journal
            .append({ ...at, facts })
            .pipe(Effect.catch((error) => Effect.logError("A failure could not be recorded", error)))
          return yield* Effect.fail(definition.fail({ reason, failure }))
        })

        const wait = (parked: Parked) => {
          const { step, dependency, tag, cause, resumeAt, incident, message } = parked
          const facts: ReadonlyArray<Fact> = [
            { _tag: "StatusMoved", to: "waiting", disposition: null },
            { _tag: "Parked", step, dependency, tag, message, resumeAt, incident },
            { _tag: "Decided", step, choice: "wait", reason: cause, data: { dependency, tag } }
          ]
          return journal.append({ ...at, facts }).pipe(Effect.as(parked), Effect.catch(failed))
        }

        const tryOnce = Effect.fnUntraced(function* (context: StepContext["Service"]) {
          const needs = definition.needs?.(input, context) ?? []
          if (waits > 0) {
            const facts: ReadonlyArray<Fact> = [
              { _tag: "StatusMoved", to: name, disposition: null },
              { _tag: "StepStarted", step: name }
            ]
            yield* journal.commit({ ...at, facts })
          }
          const { probing } = yield* incidents.admit({ workOrderId: at.workOrderId, dependencies: needs })
          const output = yield* body(context, needs)
          const summary = definition.summary(output)
          const works = probing.map((dependency): Fact => ({ _tag: "DependencyWorks", dependency }))
          const succeeded: Fact = { _tag: "StepSucceeded", step: name, ms: yield* elapsed, summary }
          yield* journal.append({ ...at, facts: [...works, succeeded, ...next(name)] })
          return output
        })

        const loaded = yield* Effect.result(load(at, name, waits))
        if (Result.isFailure(loaded)) return yield* failed(loaded.failure)
        const context = loaded.success
        return yield* tryOnce(context).pipe(
          Effect.catch((reason) =>
            Effect.gen(function* () {
              if (reason._tag === "DependencyDown") {
                const { dependency, tag, cause, resumeAt } = reason
                return yield* wait(
                  new Parked({ step: name, dependency, tag, cause, resumeAt, incident: true })
                )
              }
              const parked = yield* parking(reason, waits, provider(definition.needs?.(input, context) ?? []))
              return yield* Option.isSome(parked) ? wait(parked.value) : failed(reason)
            })
          ),
          Effect.provideService(StepContext, context)
        )
      },
      Effect.annotateLogs({ workOrder: at.workOrderId, run: at.run, step: name })
    )

    const success = Schema.Union([Parked, definition.success])
    const activity = (waits: number) =>
      Activity.make<Effect.Services<ReturnType<typeof round>>, typeof success, Err>({
        name,
        success,
        error: definition.error,
        execute: round(waits),
        // Interrupts from outside are the engine's to handle, and the body has none of its own.
        interruptRetryPolicy: Schedule.recurs(0)
      }).pipe(Effect.provideService(Activity.CurrentAttempt, waits + 1))

    /** Every round and every wait is an entry of the journal, so that a process that dies resumes in the middle. */
    return Effect.gen(function* () {
      for (let waits = 0; ; waits++) {
        const ended = yield* activity(waits)
        if (!isParked(ended)) return ended
        const ms = DateTime.toEpochMillis(ended.resumeAt) - (yield* Clock.currentTimeMillis)
        yield* DurableClock.sleep({
          name: `${name}/${waits + 1}`,
          duration: Math.max(1, ms),
          inMemoryThreshold: Duration.zero
        })
      }
    })
  }
