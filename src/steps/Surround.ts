import { Clock, Context, DateTime, Duration, Effect, Option, Result, Schedule, Schema } from "effect"
import { Activity, DurableClock, DurableDeferred } from "effect/workflow"
import type { Dependency } from "../domain/Dependency.ts"
import type { AnyReason, Failure } from "../domain/errors/Failure.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import { StoreUnavailable, TimedOut, everyStep } from "../domain/errors/Reasons.ts"
import type { Fact } from "../domain/Fact.ts"
import { Decision } from "../domain/Escalation.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { escalationOf } from "../domain/policies/Options.ts"
import { Policies, type PolicyTables, type Rules } from "../domain/policies/Policies.ts"
import { type StepName, afterStep, stepNames } from "../domain/Status.ts"
import { DependencyDown, Incidents } from "../services/Incidents.ts"
import { LastStep } from "../services/LastStep.ts"
import { Projects } from "../services/Projects.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import * as Allowance from "./Allowance.ts"
import * as Failures from "./Failures.ts"
import { Parked, parking, parkingBehind, parkingPaused, parkingUnread } from "./Parking.ts"
import { retrying } from "./Retrying.ts"
import { type At, StepContext } from "./StepContext.ts"

/** What surrounding a step adds to the ways it can fail. */
export const AnyStep = Schema.Union(everyStep)
export type AnyStep = typeof AnyStep.Type

/** A step's error: whatever it is called, it has a reason. */
export type StepError = Schema.Constraint & { readonly Type: { readonly reason: AnyReason } }

/** What every step says of itself. */
export interface Definition<In, Out extends Schema.Constraint, Why, R> {
  readonly output: Out
  /** What the step does. DependencyDown: it needs something now that has an incident, and waits for it. */
  readonly run: (input: In) => Effect.Effect<Out["Type"], Why | DependencyDown, R>
  /** One line for the timeline. */
  readonly summary: (output: Out["Type"]) => string
  /** What the step cannot do without. While one of them has an incident, the step waits instead of trying. */
  readonly needs?: (input: In, context: StepContext["Service"]) => ReadonlyArray<Dependency>
  /** Whose model the step may ask. */
  readonly provider?: (input: In) => Dependency | undefined
  /** Reasons that the body has repeated by itself. */
  readonly handled?: (reason: AnyReason) => boolean
}

/** A definition in its place: its name, its status, its one error and what it goes by. */
export interface Placed<In, Out extends Schema.Constraint, Err extends StepError, R> extends Definition<
  In,
  Out,
  Err["Type"]["reason"],
  R
> {
  readonly name: string
  readonly status: StepName
  readonly error: Err
  /** Makes the step's one error out of a reason. */
  readonly fail: (fields: {
    readonly reason: Err["Type"]["reason"] | AnyStep
    readonly failure: Failure
  }) => Err["Type"]
  readonly rules: (tables: PolicyTables) => Rules
}

/** A store that does not answer counts as down: so the order waits for it, instead of being held for ever. */
const answered = <A, E, R>(operation: string, call: Effect.Effect<A, E, R>) =>
  Effect.timeoutOrElse(call, {
    duration: Limits.unattended,
    orElse: () => {
      const excerpt = `it did not answer within ${Duration.toSeconds(Limits.unattended)} s`
      return Effect.fail(new StoreUnavailable({ evidence: Evidence.make({ operation, excerpt }) }))
    }
  })

const load = Effect.fnUntraced(function* (at: At) {
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const view = yield* orders.get({ id: at.workOrderId })
  const project = yield* projects.get({ id: view.order.project })
  const submittedAt = Math.floor(DateTime.toEpochMillis(view.submittedAt) / 1000)
  const { order, attemptsSpent } = view
  const allowance = Allowance.make({
    attemptsMax: order.limits.maxAttempts ?? Limits.orderAttempts,
    attemptsSpent,
    deadline: DateTime.toEpochMillis(view.countsFrom) + Duration.toMillis(Limits.orderDeadline)
  })
  return { order, project, submittedAt, allowance, paused: view.paused }
})

/** The order moves on to its next status, unless a step that somebody added follows under this one. */
const next = (status: StepName, added: string | undefined): ReadonlyArray<Fact> => {
  if (added !== undefined) return [{ _tag: "StepStarted", step: added }]
  const following = stepNames[stepNames.indexOf(status) + 1]
  const moved: Fact = { _tag: "StatusMoved", to: afterStep[status].succeeded, disposition: null }
  return following === undefined ? [moved] : [moved, { _tag: "StepStarted", step: following }]
}

/** The order stops here until somebody has decided. */
const Asked = Schema.TaggedStruct("Asked", { question: Schema.String })

const isParked = Schema.is(Parked)
const isAsked = Schema.is(Asked)
const isDependencyDown = Schema.is(DependencyDown)

/** A line for the decision log: the order stops for want of attempts or time. */
const stopped = (step: string, why: string): Fact => ({
  _tag: "Decided",
  step,
  choice: "nothing more is tried",
  reason: why,
  data: null
})

/** One round of a step: what it is given, and the waits before it, of which some were its own. */
export interface Round<In> {
  readonly at: At
  readonly input: In
  readonly following: string | undefined
  readonly waits: number
  readonly ownWaits: number
}

/**
 * What surrounds a step: it is repeated as its rules say, bounded by `Limits.step`, its scope closed before its
 * result counts; how it ends is written to the journal together with that end. A defect becomes
 * UnexpectedDefect: a bug is recorded like any failure, and does not poison the run. A failure that somebody
 * else is to blame for parks the order, and the step runs again when the wait is over. What interrupts it from
 * outside passes through. `following` is the added step that comes next under the same status.
 */
export const surround = <In, Out extends Schema.Constraint, Err extends StepError, R>(
  placed: Placed<In, Out, Err, R>
) => {
  const { name, status } = placed
  type Why = Err["Type"]["reason"] | AnyStep

  const Round = Context.Service<Round<In>>("moose/steps/Surround/Round")

  const roundOf = ({ at, input, following, waits, ownWaits }: Round<In>) => {
    const limit = Limits.step[status]
    const resumed: Fact = { _tag: "StatusMoved", to: status, disposition: null }

    const body = (context: StepContext["Service"], needs: ReadonlyArray<Dependency>) =>
      retrying<Out["Type"], Why | DependencyDown, R>({
        needs,
        provider: placed.provider?.(input),
        attempt: (attempt) =>
          Effect.suspend(() => {
            context.allowance.begin(attempt)
            return placed.run(input)
          }).pipe(
            Effect.provideService(StepContext, StepContext.of({ ...context, attempt })),
            Effect.scoped,
            Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(name, defect)))
          ),
        handled: (reason) => placed.handled?.(reason) === true
      }).pipe(
        Effect.timeoutOrElse({
          duration: limit,
          orElse: () => Effect.fail(new TimedOut({ operation: name, limitMs: Duration.toMillis(limit) }))
        })
      )

    /** The step to its end, or to a wait. */
    const round = Effect.fnUntraced(
      function* () {
        const journal = yield* StepJournal
        const incidents = yield* Incidents
        const rules = placed.rules(yield* Policies)
        const startedAt = yield* Clock.currentTimeMillis
        const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - startedAt)

        const describe = (reason: Why, context: StepContext["Service"] | undefined) =>
          Failures.describe(
            { at, step: status, attempt: context?.allowance.attempt() ?? 0 },
            reason,
            rules.meaningOf(reason)
          )

        const failed = Effect.fnUntraced(function* (reason: Why, context?: StepContext["Service"]) {
          const failure = yield* describe(reason, context)
          const exhausted = context?.allowance.exhausted()
          // An order that could not even be read is recorded and escalated by its compensation, which can.
          if (context === undefined) return yield* Effect.fail(placed.fail({ reason, failure }))
          const facts: ReadonlyArray<Fact> = [
            // A wait has no legal way to a failure but through its step.
            ...(waits > 0 ? [resumed] : []),
            ...(exhausted === undefined ? [] : [stopped(name, exhausted)]),
            { _tag: "StepFailed", step: name, ms: yield* elapsed, failure },
            { _tag: "StatusMoved", to: afterStep[status].failed, disposition: "rollback_pending" },
            {
              _tag: "Escalated",
              ...escalationOf(failure, reason, context.order, rules.recoveryOf(reason).decides)
            }
          ]
          // The error is journaled with the result even where its facts cannot be; compensation tries them again.
          yield* journal
            .append({ ...at, facts })
            .pipe(Effect.catch((error) => Effect.logError("A failure could not be recorded", error)))
          return yield* Effect.fail(placed.fail({ reason, failure }))
        })

        /** `failure` is what the order itself met; one that was only told of it met nothing. */
        const wait = (parked: Parked, failure?: Failure) => {
          const { step, dependency, tag, cause, resumeAt, incident, message } = parked
          const decided: Fact =
            failure === undefined
              ? { _tag: "Decided", step, choice: "wait", reason: cause, data: { dependency, tag } }
              : { _tag: "AttemptFailed", step, failure, decision: "wait" }
          const facts: ReadonlyArray<Fact> = [
            { _tag: "StatusMoved", to: "waiting", disposition: null },
            { _tag: "Parked", step, dependency, tag, message, cause, resumeAt, incident },
            decided
          ]
          return journal.append({ ...at, facts }).pipe(Effect.as(parked), Effect.catch(failed))
        }

        /** Somebody is asked how to go on: the order is suspended, and is not over. */
        const ask = Effect.fnUntraced(function* (reason: Why, context: StepContext["Service"]) {
          const question = `review/${name}/${waits + 1}`
          const failure = yield* describe(reason, context)
          const decision = "ask somebody how to go on"
          const facts: ReadonlyArray<Fact> = [
            { _tag: "AttemptFailed", step: name, failure, decision },
            { _tag: "StatusMoved", to: "needs_review", disposition: null },
            {
              _tag: "Escalated",
              ...escalationOf(failure, reason, context.order, rules.recoveryOf(reason).decides, question)
            }
          ]
          return yield* journal.append({ ...at, facts }).pipe(
            Effect.as(Asked.make({ question })),
            Effect.catch((error) => failed(error, context))
          )
        })

        const tryOnce = Effect.fnUntraced(function* (context: StepContext["Service"]) {
          const needs = placed.needs?.(input, context) ?? []
          if (waits > 0) {
            const facts: ReadonlyArray<Fact> = [resumed, { _tag: "StepStarted", step: name }]
            yield* answered("go on after a wait", journal.commit({ ...at, facts }))
          }
          const admission = incidents.admit({ workOrderId: at.workOrderId, dependencies: needs })
          const { probing } = yield* answered("look for incidents", admission)
          const output = yield* body(StepContext.of({ ...context, probing }), needs)
          const summary = placed.summary(output)
          const works = probing.map((dependency): Fact => ({ _tag: "DependencyWorks", dependency }))
          const succeeded: Fact = { _tag: "StepSucceeded", step: name, ms: yield* elapsed, summary }
          yield* journal.append({ ...at, facts: [...works, succeeded, ...next(status, following)] })
          return output
        })

        const loaded = yield* Effect.result(answered("read the order", load(at)))
        if (Result.isFailure(loaded)) {
          const parked = yield* parkingUnread(name, rules, loaded.failure, waits)
          if (Option.isNone(parked)) return yield* failed(loaded.failure)
          return yield* wait(parked.value, yield* describe(loaded.failure, undefined))
        }
        const { paused, ...found } = loaded.success
        if (paused) return yield* wait(yield* parkingPaused(name, at.workOrderId))
        const context = StepContext.of({
          ...found,
          at,
          step: status,
          name,
          rules,
          attempt: 1,
          waits,
          probing: []
        })
        return yield* tryOnce(context).pipe(
          Effect.catch((reason) =>
            Effect.gen(function* () {
              if (isDependencyDown(reason)) return yield* wait(yield* parkingBehind(name, reason))
              const parked = yield* parking(reason, ownWaits, placed.provider?.(input))
              if (Option.isSome(parked)) return yield* wait(parked.value, yield* describe(reason, context))
              const asks = rules.recoveryOf(reason).actions.includes("ask")
              return yield* asks ? ask(reason, context) : failed(reason, context)
            })
          ),
          Effect.provideService(StepContext, context)
        )
      },
      Effect.annotateLogs({ workOrder: at.workOrderId, run: at.run, step: name })
    )

    return round()
  }

  // Once for all rounds of all runs: what is made of a schema is kept with it, and a replay goes through each of them.
  const success = Schema.Union([Parked, Asked, placed.output])
  const activity = Activity.make<
    Round<In> | Effect.Services<ReturnType<typeof roundOf>>,
    typeof success,
    Err
  >({
    name,
    success,
    error: placed.error,
    execute: Effect.flatMap(Round, roundOf),
    // Interrupts from outside are the engine's to handle, and the body has none of its own.
    interruptRetryPolicy: Schedule.recurs(0),
    annotations: Context.make(LastStep, name === stepNames.at(-1))
  })

  /** Every round and every wait is an entry of the journal, so that a process that dies resumes in the middle. */
  return (at: At, input: In, following?: string) =>
    Effect.gen(function* () {
      let ownWaits = 0
      for (let waits = 0; ; waits++) {
        const ended = yield* activity.pipe(
          Effect.provideService(Round, { at, input, following, waits, ownWaits }),
          Effect.provideService(Activity.CurrentAttempt, waits + 1)
        )
        if (isAsked(ended)) {
          yield* DurableDeferred.await(DurableDeferred.make(ended.question, { success: Decision }))
          continue
        }
        if (!isParked(ended)) return ended
        if (!ended.behind) ownWaits++
        const ms = DateTime.toEpochMillis(ended.resumeAt) - (yield* Clock.currentTimeMillis)
        // A wait that is over needs no clock: a replay goes through hundreds without a word to the store.
        if (ms <= 0) continue
        yield* DurableClock.sleep({
          name: `${name}/${waits + 1}`,
          duration: ms,
          inMemoryThreshold: Duration.zero
        })
      }
    })
}
