import { randomUUID } from "node:crypto"
import { Deferred, Duration, Effect, Exit, Layer, Option, Schedule, Scope } from "effect"
import { cast } from "effect/Function"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import type { Fact } from "../../domain/Fact.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { CurrentPendingFacts } from "../../services/StepJournal.ts"
import * as EngineStore from "./engine/EngineStore.ts"
import * as Executions from "./engine/Executions.ts"
import * as Registration from "./engine/Registration.ts"
import * as Run from "./engine/Run.ts"
import * as Runner from "./engine/Runner.ts"
import type { StoreCall } from "./StoreCall.ts"

const { patiently } = Executions

export interface Options {
  /** How many executions may run here at once. */
  readonly slots: number
  /** Claims only these executions; any that are free when missing. */
  readonly only?: ReadonlyArray<string>
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

      const executions = yield* Executions.make({
        runnerId,
        engine: () => engine,
        ended: () => wake
      })
      const { registrations, runs, deferredState } = executions

      const runner = yield* Runner.make({
        runnerId,
        slots: options.slots,
        only: options.only,
        running: () => [...runs.keys()],
        workflows: () => [...registrations.keys()],
        claimed: (claimed) => Effect.asVoid(executions.adopt(claimed)),
        // In the background: it waits for the step to clean up, and ticks must go on.
        cancelled: (execution) => Effect.asVoid(Effect.forkIn(executions.interrupt(execution), engineScope)),
        leaseEnded: executions.stop("fenced", () => true)
      })
      wake = runner.wake

      const abandon = (instance: WorkflowEngine.WorkflowInstance["Service"], why: Run.Lost) =>
        Effect.suspend(() => {
          const run = runs.get(instance.executionId)
          if (run !== undefined) Run.lose(run, why)
          instance.abandoned = true
          // Tells an enclosing activity that this interrupt is on purpose, and not to be tried again.
          instance.suspended = true
          return Effect.interrupt
        })

      /** Inside a workflow an error abandons the run; outside of one the interface leaves only a defect. */
      const orAbandon = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A> =>
        Effect.catch(effect, (error) =>
          Effect.flatMap(Effect.serviceOption(WorkflowEngine.WorkflowInstance), (instance) =>
            Option.isSome(instance) ? abandon(instance.value, "unavailable") : Effect.die(error)
          )
        )

      /** The body, then its commit. A body may be interrupted, a commit may not: it decides what is true. */
      const runActivity = Effect.fnUntraced(function* (
        run: Run.Run,
        activity: Activity.Any,
        attempt: number
      ) {
        const outer = yield* WorkflowEngine.WorkflowInstance
        const instance = WorkflowEngine.WorkflowInstance.initial(outer.workflow, outer.executionId)
        instance.interrupted = outer.interrupted
        const facts: Array<Fact> = []
        return yield* Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const result: Workflow.Result<unknown, unknown> = yield* activity.executeEncoded.pipe(
              Workflow.intoResult,
              Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
              Effect.provideService(Activity.CurrentAttempt, attempt),
              Effect.provideService(CurrentPendingFacts, { add: (more) => facts.push(...more) }),
              restore
            )
            if (run.lost !== undefined) return yield* abandon(outer, run.lost)
            if (result._tag === "Suspended") return result
            const entry = { ...run.claim, name: activity.name, attempt }
            const commit = (it: Workflow.Result<unknown, unknown>, its: ReadonlyArray<Fact>) =>
              patiently(provideStore(EngineStore.commitActivity({ ...entry, result: it, facts: its })))
            // A result that the database refuses to hold would be refused for ever: the step dies of it instead.
            const refused = (why: string) =>
              new Workflow.Complete({ exit: Exit.die(new Error(`The result could not be stored: ${why}`)) })
            const [stored, committed] = yield* Effect.map(
              commit(result, facts),
              (ok) => [result, ok] as const
            ).pipe(
              Effect.catchTag("StoreConflict", (error) => {
                const instead = refused(error.message)
                return Effect.map(commit(instead, []), (ok) => [instead, ok] as const)
              }),
              Effect.catch(() => abandon(outer, "unavailable"))
            )
            if (!committed) return yield* abandon(outer, "fenced")
            run.activities.set(Run.activityKey(activity.name, attempt), stored)
            return stored
          })
        )
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
        let run = runs.get(executionId)
        if (run === undefined) {
          const answer = yield* registration.encodePayload(payload).pipe(
            Effect.flatMap((json) =>
              provideStore(
                EngineStore.start({
                  id: executionId,
                  workflow: workflow._tag,
                  payload: json,
                  parent: detached === true ? null : (parent?.executionId ?? null),
                  runner: runnerId,
                  running: [...runs.keys()]
                })
              )
            ),
            orAbandon
          )
          if (answer._tag === "Done" && answer.result !== null && !discard) {
            return yield* orAbandon(registration.decodeResult(answer.result))
          }
          if (answer._tag === "Claimed") run = yield* executions.adopt(answer.execution)
        }
        if (discard) return undefined
        const result = run === undefined ? undefined : yield* Deferred.await(run.done)
        return result ?? new Workflow.Suspended({})
      })

      const engine: WorkflowEngine.WorkflowEngine["Service"] = WorkflowEngine.makeUnsafe({
        register: Effect.fnUntraced(function* (workflow, execute) {
          const scope = Scope.makeUnsafe()
          registrations.set(workflow._tag, yield* Registration.make(workflow, execute, scope))
          yield* Effect.addFinalizer(
            Effect.fnUntraced(function* (exit) {
              registrations.delete(workflow._tag)
              yield* executions.stop("leaving", (run) => run.registration.workflow === workflow)
              yield* Scope.close(scope, exit)
            })
          )
          yield* runner.wake
        }),

        execute: (workflow, request) =>
          // Whether a result is answered depends on `discard`, which a conditional type cannot follow in here.
          cast(execute(workflow, request)),

        awaitComplete: (_workflow, executionId) =>
          EngineStore.poll({ execution: executionId }).pipe(
            provideStore,
            orAbandon,
            Effect.repeat({
              schedule: Schedule.spaced(Limits.executionPoll),
              until: ({ result }) => result !== null
            }),
            Effect.asVoid
          ),

        poll: (workflow, executionId) =>
          Effect.gen(function* () {
            const registration = registrations.get(workflow._tag)
            const { result } = yield* provideStore(EngineStore.poll({ execution: executionId }))
            if (result === null || registration === undefined) return Option.none()
            return Option.some(yield* registration.decodeResult(result))
          }).pipe(orAbandon),

        // Both kinds run the compensations: the runner that holds the execution stops it and replays it to do so.
        interrupt: (_workflow, executionId) => interrupt(executionId),
        interruptUnsafe: (_workflow, executionId) => interrupt(executionId),

        resume: (_workflow, executionId) =>
          EngineStore.resume({ execution: executionId }).pipe(
            provideStore,
            patiently,
            orAbandon,
            Effect.asVoid
          ),

        activityExecute: Effect.fnUntraced(function* (activity, attempt) {
          const instance = yield* WorkflowEngine.WorkflowInstance
          const run = runs.get(instance.executionId)
          if (run === undefined) return yield* abandon(instance, "fenced")
          if (run.lost !== undefined) return yield* abandon(instance, run.lost)
          const known = run.activities.get(Run.activityKey(activity.name, attempt))
          if (known !== undefined) return known
          // A cancelled run replays only to compensate. Compensations run once `interrupted` is set.
          if (run.interrupted && !instance.interrupted) return new Workflow.Suspended({})
          return yield* runActivity(run, activity, attempt)
        }),

        deferredResult: (deferred) =>
          Effect.map(WorkflowEngine.WorkflowInstance, (instance) =>
            Option.fromUndefinedOr(runs.get(instance.executionId)?.deferreds.get(deferred.name))
          ),

        deferredDone: Effect.fnUntraced(function* ({ executionId, deferredName, exit }) {
          yield* EngineStore.completeDeferred({ execution: executionId, name: deferredName, exit }).pipe(
            provideStore,
            patiently,
            orAbandon
          )
          const run = runs.get(executionId)
          if (run === undefined || run.deferreds.has(deferredName)) return
          run.deferreds.set(deferredName, exit)
          run.stale = true
          // Not awaited: a workflow that completes its own deferred cannot wait for itself to be woken.
          yield* Effect.forkIn(deferredState.deferredDone(executionId, deferredName), engineScope)
        }),

        scheduleClock: (_workflow, { executionId, clock }) =>
          EngineStore.scheduleClock({
            execution: executionId,
            name: clock.deferred.name,
            exit: Exit.void,
            ms: Math.ceil(Duration.toMillis(clock.duration))
          }).pipe(provideStore, patiently, orAbandon, Effect.asVoid)
      })

      const interrupt = (execution: string) =>
        EngineStore.requestInterrupt({ execution }).pipe(
          provideStore,
          patiently,
          orAbandon,
          Effect.andThen(executions.interrupt(execution))
        )

      return engine
    })
  )
