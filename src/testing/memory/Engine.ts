import { Clock, Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, type Scope } from "effect"
import { cast } from "effect/Function"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { ResultRefused } from "../../domain/errors/Reasons.ts"
import type { Fact } from "../../domain/Fact.ts"
import { type Run, type WorkOrderId, executionId } from "../../domain/Ids.ts"
import { type StepName, stepNames } from "../../domain/Status.ts"
import { CurrentPendingFacts } from "../../services/StepJournal.ts"
import { applyFacts } from "./Facts.ts"
import type { State } from "./State.ts"

type Result = Workflow.Result<unknown, unknown>
type Instance = WorkflowEngine.WorkflowInstance["Service"]

interface Registration {
  readonly workflow: Workflow.Any
  readonly execute: (
    payload: object,
    executionId: string
  ) => Effect.Effect<unknown, unknown, WorkflowEngine.WorkflowInstance | WorkflowEngine.WorkflowEngine>
  readonly scope: Scope.Scope
}

/** One replay of an execution. As long as it is the execution's newest it may write, and no other may. */
interface Claim {
  lost: boolean
}

/** The claim that workflow code runs under: what is left of an older one may still run. */
const CurrentClaim = Context.Reference<Claim | undefined>("moose/testing/memory/Engine/CurrentClaim", {
  defaultValue: () => undefined
})

/** One execution: what is durable about it, and the replay that is under way. */
interface Execution {
  readonly id: string
  readonly at: { readonly workOrderId: WorkOrderId; readonly run: Run } | undefined
  readonly payload: object
  readonly activities: Map<string, Result>
  readonly deferreds: Map<string, Exit.Exit<unknown, unknown>>
  readonly done: Deferred.Deferred<Result>
  claims: number
  claim: Claim | undefined
  instance: Instance | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  bodyEnded: boolean
  interrupted: boolean
  stale: boolean
  wake: Deferred.Deferred<void>
}

/** As the durable engine pauses: 1 s after the first claim, doubling to about a minute. */
const pause = (claims: number) => Duration.seconds(2 ** Math.min(claims - 1, 6))

const unstorable = (message: string): Result => {
  const excerpt = `The result could not be stored: ${message}`
  const evidence = Evidence.make({ operation: "storing a result", excerpt })
  return new Workflow.Complete({ exit: Exit.die(new ResultRefused({ evidence })) })
}

const stepOf = (activity: string): string => activity.split("/")[0] ?? activity

/**
 * The durable engine's behaviour in memory, for workflows whose executions are runs of orders: a step's facts
 * are applied with its result, or not at all; a result that the store cannot take abandons the run, which is
 * replayed after a pause; so is a run whose compensation cannot reach the store; a cancelled run replays to
 * compensate; of one that somebody else has claimed meanwhile nothing more is taken. Nothing survives the process. Time is the Clock's, so that a test moves it.
 */
export const layer = (state: State) =>
  Layer.effect(
    WorkflowEngine.WorkflowEngine,
    Effect.gen(function* () {
      const engineScope = yield* Effect.scope
      const context = yield* Effect.context<never>()
      const registrations = new Map<string, Registration>()
      const executions = new Map<string, Execution>()
      const clocks = new Set<string>()

      const findBy = (workOrderId: WorkOrderId, run: Run) => {
        const id = executionId(workOrderId, run)
        return { workOrderId, run, id }
      }

      const make = (id: string, payload: object): Execution => {
        const order = [...state.orders.values()].find((row) => executionId(row.order.id, row.run) === id)
        const execution: Execution = {
          id,
          at: order === undefined ? undefined : { workOrderId: order.order.id, run: order.run },
          payload,
          activities: new Map(),
          deferreds: new Map(),
          done: Deferred.makeUnsafe(),
          claims: 0,
          claim: undefined,
          instance: undefined,
          fiber: undefined,
          bodyEnded: false,
          interrupted: false,
          stale: false,
          wake: Deferred.makeUnsafe()
        }
        executions.set(id, execution)
        return execution
      }

      const abandon = (claim: Claim, instance: Instance) =>
        Effect.suspend(() => {
          claim.lost = true
          instance.abandoned = true
          instance.suspended = true
          return Effect.interrupt
        })

      /** Facts and result in one commit; undefined when the store does not take them: now, or from this claim. */
      const commit = Effect.fnUntraced(function* (
        execution: Execution,
        claim: Claim,
        key: string,
        result: Result,
        facts: ReadonlyArray<Fact>
      ) {
        const now = yield* Clock.currentTimeMillis
        if (now < state.downUntil || execution.claim !== claim) return undefined
        const { at } = execution
        const applied = at === undefined ? Effect.void : applyFacts(state, at, facts, now)
        const stored = yield* applied.pipe(
          Effect.as(result),
          Effect.catch((error) => Effect.succeed(unstorable(error.message)))
        )
        execution.activities.set(key, stored)
        return stored
      })

      const runActivity = Effect.fnUntraced(function* (
        execution: Execution,
        claim: Claim,
        activity: Activity.Any,
        attempt: number,
        outer: Instance
      ) {
        const instance = WorkflowEngine.WorkflowInstance.initial(outer.workflow, outer.executionId)
        instance.interrupted = outer.interrupted
        const facts: Array<Fact> = []
        return yield* Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const result: Result = yield* activity.executeEncoded.pipe(
              Workflow.intoResult,
              Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
              Effect.provideService(Activity.CurrentAttempt, attempt),
              Effect.provideService(CurrentPendingFacts, { add: (more) => facts.push(...more) }),
              restore
            )
            if (claim.lost) return yield* abandon(claim, outer)
            if (result._tag === "Suspended") return result
            const stored = yield* commit(execution, claim, `${activity.name}/${attempt}`, result, facts)
            return stored ?? (yield* abandon(claim, outer))
          })
        )
      })

      const replay = (execution: Execution, registration: Registration, claim: Claim) =>
        Effect.suspend(() => {
          const instance = WorkflowEngine.WorkflowInstance.initial(registration.workflow, execution.id)
          Object.assign(execution, { claim, instance, bodyEnded: false, stale: false })
          execution.claims += 1
          return registration.execute(execution.payload, execution.id).pipe(
            Effect.exit,
            Effect.flatMap((exit) => (claim.lost ? Effect.interrupt : exit)),
            Effect.onExit((exit) => {
              if (execution.claim !== claim) return Effect.void
              execution.bodyEnded = true
              const suspends = Context.get(instance.workflow.annotations, Workflow.SuspendOnFailure)
              const ends = instance.suspended || (suspends && Exit.isFailure(exit))
              if (!execution.interrupted || instance.abandoned || !ends) return Effect.void
              instance.interrupted = true
              instance.suspended = false
              return Effect.withFiber((self) => Effect.interruptible(Fiber.interrupt(self)))
            }),
            Workflow.intoResult,
            Effect.provideService(WorkflowEngine.WorkflowEngine, engine),
            Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
            Effect.provideService(CurrentClaim, claim),
            (effect) =>
              Effect.withFiber((self) => {
                execution.fiber = self
                return effect
              }),
            Effect.forkChild,
            Effect.flatMap(Fiber.await)
          )
        })

      const drive = Effect.fnUntraced(function* (execution: Execution, registration: Registration) {
        for (;;) {
          const claim: Claim = { lost: false }
          const exit = yield* replay(execution, registration, claim)
          // Taken over meanwhile: how it ends is for the new holder to say.
          if (execution.claim !== claim) return
          if (Exit.isSuccess(exit) && !claim.lost) {
            if (exit.value._tag === "Complete") {
              yield* Deferred.succeed(execution.done, exit.value)
              return
            }
            if (!execution.stale && !execution.interrupted) yield* Deferred.await(execution.wake)
            execution.wake = Deferred.makeUnsafe()
          } else if (!execution.stale) {
            yield* Effect.sleep(pause(execution.claims))
          }
        }
      })

      const wake = (execution: Execution) => Effect.asVoid(Deferred.succeed(execution.wake, undefined))

      const interrupt = (id: string) =>
        Effect.suspend(() => {
          const execution = executions.get(id)
          if (execution === undefined || execution.interrupted) return Effect.void
          execution.interrupted = true
          if (execution.bodyEnded || execution.instance === undefined) return wake(execution)
          execution.stale = true
          execution.instance.abandoned = true
          return execution.fiber === undefined
            ? wake(execution)
            : Effect.andThen(Fiber.interrupt(execution.fiber), wake(execution))
        })

      const deferredDone = (id: string, name: string, exit: Exit.Exit<unknown, unknown>) =>
        Effect.suspend(() => {
          const execution = executions.get(id)
          if (execution === undefined || execution.deferreds.has(name)) return Effect.void
          execution.deferreds.set(name, exit)
          execution.stale = true
          const { fiber, instance, bodyEnded } = execution
          if (!bodyEnded && fiber !== undefined && instance?.awaitedDeferreds.has(name) === true) {
            instance.suspended = true
            return Effect.andThen(Fiber.interrupt(fiber), wake(execution))
          }
          return wake(execution)
        })

      /** Another holder replays it from its journal, and the last one is not told: it is in the middle of a step. */
      const claimAgain = (execution: Execution | undefined) => {
        const { bodyEnded, instance } = execution ?? {}
        const registration = instance === undefined ? undefined : registrations.get(instance.workflow._tag)
        return execution === undefined || registration === undefined || bodyEnded === true
          ? Effect.void
          : drive(execution, registration)
      }

      const background = <A>(effect: Effect.Effect<A>) =>
        void Effect.runForkWith(context)(Effect.forkIn(effect, engineScope))
      state.engine = {
        interrupt: (workOrderId, run) => background(interrupt(findBy(workOrderId, run).id)),
        decided: (workOrderId, run, question, decision) =>
          background(deferredDone(findBy(workOrderId, run).id, question, Exit.succeed(decision))),
        claimAgain: (workOrderId, run) =>
          background(claimAgain(executions.get(executionId(workOrderId, run)))),
        takeOver: (workOrderId, from, to, step) => {
          const last = executions.get(executionId(workOrderId, from))
          const kept: ReadonlyArray<string> = stepNames.slice(
            0,
            stepNames.findIndex((name: StepName) => name === step)
          )
          const next = make(executionId(workOrderId, to), { workOrderId, run: to })
          for (const [key, result] of last?.activities ?? []) {
            if (kept.includes(stepOf(key))) next.activities.set(key, result)
          }
          for (const [name, exit] of last?.deferreds ?? []) {
            if (kept.some((it) => name.includes(`${it}/`))) next.deferreds.set(name, exit)
          }
        }
      }

      /** What the claim of a new order does: it leaves the queue, and its first step begins. */
      const begin = Effect.fnUntraced(function* (execution: Execution) {
        const { at } = execution
        const now = yield* Clock.currentTimeMillis
        if (at === undefined || state.orders.get(at.workOrderId)?.status !== "pending") return
        const facts: ReadonlyArray<Fact> = [
          { _tag: "StatusMoved", to: "routing", disposition: null },
          { _tag: "StepStarted", step: "routing" }
        ]
        yield* Effect.ignore(applyFacts(state, at, facts, now))
      })

      const execute = Effect.fnUntraced(function* (
        workflow: Workflow.Any,
        request: Parameters<WorkflowEngine.Encoded["execute"]>[1]
      ) {
        const { executionId: id, payload, discard } = request
        const registration = registrations.get(workflow._tag)
        if (registration === undefined) {
          return yield* Effect.die(new Error(`Workflow ${workflow._tag} is not registered`))
        }
        const execution = executions.get(id) ?? make(id, payload)
        if (execution.claims === 0) {
          yield* begin(execution)
          yield* Effect.forkIn(drive(execution, registration), engineScope, { startImmediately: true })
        }
        return discard ? undefined : yield* Deferred.await(execution.done)
      })

      const engine: WorkflowEngine.WorkflowEngine["Service"] = WorkflowEngine.makeUnsafe({
        register: Effect.fnUntraced(function* (workflow, run) {
          registrations.set(workflow._tag, { workflow, execute: run, scope: yield* Effect.scope })
        }),
        // Whether a result is answered depends on `discard`, which a conditional type cannot follow in here.
        execute: (workflow, request) => cast(execute(workflow, request)),
        poll: (_workflow, id) =>
          Effect.suspend(() => {
            const execution = executions.get(id)
            return execution === undefined || !Deferred.isDoneUnsafe(execution.done)
              ? Effect.succeedNone
              : Effect.asSome(Deferred.await(execution.done))
          }),
        interrupt: (_workflow, id) => interrupt(id),
        interruptUnsafe: (_workflow, id) => interrupt(id),
        resume: (_workflow, id) =>
          Effect.suspend(() => {
            const execution = executions.get(id)
            return execution === undefined ? Effect.void : wake(execution)
          }),
        activityExecute: Effect.fnUntraced(function* (activity, attempt) {
          const instance = yield* WorkflowEngine.WorkflowInstance
          const execution = executions.get(instance.executionId)
          if (execution === undefined) {
            return yield* Effect.die(new Error(`Activity ${activity.name} is in no execution`))
          }
          const claim = yield* CurrentClaim
          if (claim === undefined) {
            return yield* Effect.die(new Error(`Activity ${activity.name} is in no replay`))
          }
          if (claim.lost) return yield* abandon(claim, instance)
          const known = execution.activities.get(`${activity.name}/${attempt}`)
          if (known !== undefined) return known
          // A cancelled run replays only to compensate.
          if (execution.interrupted && !instance.interrupted) return new Workflow.Suspended({})
          return yield* runActivity(execution, claim, activity, attempt, instance)
        }),
        deferredResult: Effect.fnUntraced(function* (deferred) {
          const { executionId: id } = yield* WorkflowEngine.WorkflowInstance
          return Option.fromUndefinedOr(executions.get(id)?.deferreds.get(deferred.name))
        }),
        deferredDone: ({ executionId: id, deferredName, exit }) =>
          Effect.asVoid(
            Effect.forkIn(deferredDone(id, deferredName, exit), engineScope, { startImmediately: true })
          ),
        scheduleClock: (_workflow, { executionId: id, clock }) =>
          Effect.suspend(() => {
            const key = `${id}/${clock.deferred.name}`
            if (clocks.has(key)) return Effect.void
            clocks.add(key)
            return deferredDone(id, clock.deferred.name, Exit.succeed(null)).pipe(
              Effect.delay(clock.duration),
              Effect.forkIn(engineScope),
              Effect.asVoid
            )
          })
      })
      return engine
    })
  )
