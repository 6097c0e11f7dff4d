import { randomUUID } from "node:crypto"
import { Deferred, Duration, Effect, Exit, Layer, Option, type Schema, Scope } from "effect"
import { cast } from "effect/Function"
import { Workflow, WorkflowEngine } from "effect/workflow"
import type { StoreConflict, StoreUnavailable } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Activities from "./engine/Activities.ts"
import * as Commits from "./engine/Commits.ts"
import * as DatabaseClock from "./engine/DatabaseClock.ts"
import * as Ends from "./engine/Ends.ts"
import * as EngineStore from "./engine/EngineStore.ts"
import * as Executions from "./engine/Executions.ts"
import * as Registration from "./engine/Registration.ts"
import * as Run from "./engine/Run.ts"
import * as Runner from "./engine/Runner.ts"
import * as Waiting from "./engine/Waiting.ts"
import type { StoreCall } from "./StoreCall.ts"
import * as Together from "./Together.ts"

const { abandon } = Run
const { patiently } = Ends

/**
 * Raise it when a step's name, order or result changes, so that executions which older code began are not replayed by
 * code that reads their journal otherwise; name the versions it can still go on with.
 */
const pipelineCode: Runner.Code = { version: 1, replays: [] }

/** What came of starting an execution: it runs here, it is done (null: without a result), or neither. */
interface Begun {
  readonly run: Run.Run | undefined
  readonly done: Schema.Json | undefined
}

const nowhere: Begun = { run: undefined, done: undefined }

export interface Options {
  /** How many executions may run here at once. */
  readonly slots: number
  /** Claims only these executions; any that are free when missing. */
  readonly only?: ReadonlyArray<string>
  /** After so long without a sign of life others take over what runs here; `Limits.runnerLease` when missing. */
  readonly lease?: Duration.Duration
  /** Of the workflows that are registered; the pipeline's own when missing. */
  readonly code?: Runner.Code
  /** How long steps that are under way may take to end when the layer is closed, before they are handed over; not at all when missing. */
  readonly drain?: Duration.Duration
}

/**
 * Durable executions in Postgres. A step's end is one commit: its result, and every fact the step appended
 * to its StepJournal. An execution belongs to one runner at a time, whose lease is one row; what a runner
 * without a current claim writes is refused.
 *
 * `Encoded` has no error channel, and a defect would be journaled as a final result. So when the store does
 * not answer within bounds, the run is abandoned here, without a result, and claimed again later.
 */
export const layer = (options: Options) =>
  Layer.effect(
    WorkflowEngine.WorkflowEngine,
    Effect.gen(function* () {
      const engineScope = yield* Effect.scope
      const provideStore = Effect.provide(yield* Effect.context<StoreCall>())
      const runnerId = randomUUID()
      let wake: Effect.Effect<void> = Effect.void
      let freed: Effect.Effect<void> = Effect.void
      let isHeld: Effect.Effect<boolean> = Effect.succeed(true)

      let draining = false
      const commit = yield* Commits.make
      const ends = Ends.make(commit)
      const waiting: Waiting.Waiting = yield* Waiting.make((execution) => executions.runs.has(execution))
      const executions = yield* Executions.make({
        runnerId,
        engine: () => engine,
        commit,
        ends,
        isHeld: Effect.suspend(() => isHeld),
        ended: (execution, done) => (done ? Effect.andThen(waiting.done(execution), freed) : wake)
      })
      const { registrations, runs } = executions

      const runner = yield* Runner.make({
        runnerId,
        slots: options.slots,
        only: options.only,
        lease: options.lease ?? Limits.runnerLease,
        code: options.code ?? pipelineCode,
        running: () => [...runs.keys()],
        workflows: () => [...registrations.keys()],
        claimed: (claimed) => Effect.asVoid(executions.adopt(claimed)),
        // In the background: it waits for the step to clean up, and ticks must go on.
        cancelled: (execution) => Effect.asVoid(Effect.forkIn(executions.interrupt(execution), engineScope)),
        leaseEnded: executions.stop("fenced", () => true)
      })
      wake = runner.wake
      freed = runner.freed
      isHeld = runner.isHeld
      const activities = Activities.make(ends)
      const clock = yield* DatabaseClock.make

      /**
       * Inside a workflow, a store that does not answer abandons the run. What will not pass is a defect, and
       * so is everything outside of one, where the interface leaves nothing else.
       */
      const orAbandon = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
        Effect.catch(effect, (error) =>
          Effect.gen(function* () {
            const run = yield* Run.CurrentRun
            const instance = yield* Effect.serviceOption(WorkflowEngine.WorkflowInstance)
            if (run === undefined || Option.isNone(instance) || error._tag !== "StoreUnavailable") {
              return yield* Effect.die(error)
            }
            return yield* abandon(run, instance.value, "unavailable")
          })
        )

      /**
       * Inside a workflow, what waits for the run's end is committed before anything else is asked for; the code is ended
       * where it has gone on with a result that was refused, to be replayed with what is journaled instead.
       */
      const saidBefore = Effect.gen(function* () {
        const run = yield* Run.CurrentRun
        if (run?.unsaid === undefined || (yield* ends.unsaid(run))) return
        if (run.lost !== undefined) return yield* abandon(run, run.instance, run.lost)
        run.instance.suspended = true
        return yield* Effect.interrupt
      })

      const begun = Effect.fnUntraced(function* (answer: EngineStore.Started): Effect.fn.Return<Begun> {
        if (answer._tag === "Claimed")
          return { run: yield* executions.adopt(answer.execution), done: undefined }
        return { run: undefined, done: answer._tag === "Done" ? answer.result : undefined }
      })

      const startAbsent = (starts: ReadonlyArray<EngineStore.Start>) =>
        runner.claiming((lease) =>
          Effect.gen(function* () {
            const answers = yield* EngineStore.start({ ...lease, starts })
            return yield* Effect.forEach(answers, begun)
          })
        )

      /** Starts what nobody has started yet; who comes at the same moment shares a commit. */
      const start = yield* Together.make({
        most: Limits.commitsTogether,
        callsMax: 1,
        together: Effect.fnUntraced(function* (starts: ReadonlyArray<EngineStore.Start>) {
          // A tick that heard of their submission may just be claiming them.
          yield* runner.settled
          const here = starts.map(({ id }) => runs.get(id))
          const absent = starts.filter((_, index) => here[index] === undefined)
          const answers = absent.length === 0 ? [] : yield* startAbsent(absent)
          const next = answers.values()
          return here.map((run): Begun =>
            run === undefined ? (next.next().value ?? nowhere) : { run, done: undefined }
          )
        }),
        isOneCallers: (error: StoreUnavailable | StoreConflict) => error._tag === "StoreConflict"
      })

      const execute = Effect.fnUntraced(function* (
        workflow: Workflow.Any,
        request: Parameters<WorkflowEngine.Encoded["execute"]>[1]
      ) {
        const { executionId, payload, discard, parent, detached } = request
        const registration = registrations.get(workflow._tag)
        if (registration === undefined) {
          return yield* Effect.die(new Error(`Workflow ${workflow._tag} is not registered`))
        }
        yield* saidBefore
        let run = runs.get(executionId)
        if (run === undefined) {
          const json = yield* orAbandon(registration.encodePayload(payload))
          const started = yield* start({
            id: executionId,
            workflow: workflow._tag,
            payload: json,
            parent: detached === true ? null : (parent?.executionId ?? null)
          }).pipe(patiently, orAbandon)
          if (started.done !== undefined && !discard)
            return yield* orAbandon(ended(registration, started.done))
          run = started.run ?? runs.get(executionId)
        }
        if (discard) return undefined
        const result = run === undefined ? undefined : yield* Deferred.await(run.done)
        return result ?? new Workflow.Suspended({})
      })

      /** An execution that is done without a result was cancelled before anybody held it. */
      const ended = (registration: Registration.Registration, result: Schema.Json) =>
        result === null
          ? Effect.succeed(new Workflow.Complete({ exit: Exit.interrupt() }))
          : registration.decodeResult(result)

      const engine: WorkflowEngine.WorkflowEngine["Service"] = WorkflowEngine.makeUnsafe({
        register: Effect.fnUntraced(function* (workflow, execute) {
          const scope = Scope.makeUnsafe()
          const registration = yield* Registration.make(workflow, execute, scope, clock)
          registrations.set(workflow._tag, registration)
          yield* Effect.addFinalizer(
            Effect.fnUntraced(function* (exit) {
              const its = (run: Run.Run) => run.registration === registration
              if (options.drain !== undefined) {
                draining = true
                yield* runner.drain
                yield* executions.quiet(options.drain, its)
              }
              if (registrations.get(workflow._tag) === registration) registrations.delete(workflow._tag)
              yield* executions.stop("leaving", its)
              yield* Scope.close(scope, exit)
            })
          )
          yield* runner.wake
        }),

        execute: (workflow, request) =>
          // Whether a result is answered depends on `discard`, which a conditional type cannot follow in here.
          cast(execute(workflow, request)),

        awaitComplete: (_workflow, executionId) => waiting.forDone(executionId),

        poll: (workflow, executionId) =>
          Effect.gen(function* () {
            const registration = registrations.get(workflow._tag)
            const { state, result } = yield* provideStore(EngineStore.poll({ execution: executionId }))
            if (state === "suspended") return Option.some(new Workflow.Suspended({}))
            if (state !== "done" || registration === undefined) return Option.none()
            return Option.some(yield* ended(registration, result))
          }).pipe(orAbandon),

        // Both kinds run the compensations: the runner that holds the execution stops it and replays it to do so.
        interrupt: (_workflow, executionId) => interrupt(executionId),
        interruptUnsafe: (_workflow, executionId) => interrupt(executionId),

        resume: (_workflow, executionId) =>
          Effect.andThen(
            saidBefore,
            EngineStore.resume({ execution: executionId }).pipe(
              provideStore,
              patiently,
              orAbandon,
              Effect.asVoid
            )
          ),

        activityExecute: Effect.fnUntraced(function* (activity, attempt) {
          const instance = yield* WorkflowEngine.WorkflowInstance
          const run = yield* Run.CurrentRun
          if (run === undefined) {
            return yield* Effect.die(
              new Error(`Activity ${activity.name} is not in a workflow that runs here`)
            )
          }
          if (run.lost !== undefined) return yield* abandon(run, instance, run.lost)
          const known = run.activities.get(Run.activityKey(activity.name, attempt))
          if (known !== undefined) return known
          // A cancelled run replays only to compensate. Compensations run once `interrupted` is set.
          if (run.interrupted && !instance.interrupted) return new Workflow.Suspended({})
          // No new step begins here any more; what one is in the middle of, and what is undone, goes on.
          if (draining && instance === run.instance && !run.bodyEnded)
            return yield* abandon(run, instance, "leaving")
          yield* saidBefore
          return yield* activities.run(run, activity, attempt)
        }),

        deferredResult: (deferred) =>
          Effect.andThen(
            saidBefore,
            Effect.map(Run.CurrentRun, (run) => Option.fromUndefinedOr(run?.deferreds.get(deferred.name)))
          ),

        deferredDone: Effect.fnUntraced(function* ({ executionId, deferredName, exit }) {
          yield* saidBefore
          const first = yield* EngineStore.completeDeferred({
            execution: executionId,
            name: deferredName,
            exit
          }).pipe(provideStore, patiently, orAbandon)
          // Not awaited: a workflow that completes its own deferred cannot wait for itself to be woken.
          yield* Effect.forkIn(executions.deferredDone(executionId, deferredName, first), engineScope, {
            startImmediately: true
          })
        }),

        scheduleClock: (_workflow, { executionId, clock }) =>
          EngineStore.scheduleClock({
            execution: executionId,
            name: clock.deferred.name,
            // Not `Exit.void`, whose value JSON would drop.
            exit: Exit.succeed(null),
            ms: Math.ceil(Duration.toMillis(clock.duration))
          }).pipe(
            provideStore,
            patiently,
            orAbandon,
            (scheduled) => Effect.andThen(saidBefore, scheduled),
            Effect.asVoid
          )
      })

      const interrupt = (execution: string) =>
        Effect.andThen(
          saidBefore,
          EngineStore.requestInterrupt({ execution }).pipe(
            provideStore,
            patiently,
            orAbandon,
            Effect.andThen(executions.interrupt(execution))
          )
        )

      return engine
    })
  )
