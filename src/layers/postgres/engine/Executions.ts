import { Deferred, Effect, Exit, Fiber, Result, type Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import type { StoreConflict, StoreUnavailable } from "../../../domain/errors/Reasons.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import { StoreCall, storeRetrySchedule } from "../StoreCall.ts"
import * as EngineStore from "./EngineStore.ts"
import type { Registration } from "./Registration.ts"
import * as Run from "./Run.ts"

/** Longer than a store call's own attempts: what a step has produced is worth waiting for. */
export const patiently = <A>(effect: Effect.Effect<A, StoreUnavailable | StoreConflict>) =>
  Effect.retry(effect, {
    schedule: storeRetrySchedule(Limits.journalAttempts),
    while: (error) => error._tag === "StoreUnavailable"
  })

/** 1 s after the first claim, doubling to about a minute: an execution that cannot be stored does not spin. */
const pauseMs = (fence: number) => 1_000 * 2 ** Math.min(fence - 1, 6)

/** The executions that this process holds, and how each is run to its end. */
export const make = Effect.fnUntraced(function* (options: {
  readonly runnerId: string
  readonly engine: () => WorkflowEngine.WorkflowEngine["Service"]
  /** Called when a run has ended here, whichever way. */
  readonly ended: () => Effect.Effect<void>
}) {
  const provideStore = Effect.provide(yield* Effect.context<StoreCall>())
  const registrations = new Map<string, Registration>()
  const runs = new Map<string, Run.Run>()
  const deferredState = WorkflowEngine.makeDeferredState()

  /** Runs the workflow's code once, replaying what is journaled. */
  const replay = Effect.fnUntraced(function* (run: Run.Run) {
    const { registration, claim, payload } = run
    const instance = WorkflowEngine.WorkflowInstance.initial(registration.workflow, claim.execution)
    run.instance = instance
    run.stale = false
    const fiber = yield* registration.execute(payload, claim.execution).pipe(
      Effect.onExit(() => {
        // A cancelled execution stops at its first step that is not journaled; its compensations run now.
        if (!run.interrupted || !instance.suspended || instance.abandoned) return Effect.void
        instance.interrupted = true
        instance.suspended = false
        return Effect.withFiber((self) => Effect.interruptible(Fiber.interrupt(self)))
      }),
      Workflow.intoResult,
      Effect.provideService(WorkflowEngine.WorkflowEngine, options.engine()),
      (effect) => deferredState.trackRun(instance, effect),
      Effect.forkChild
    )
    run.fiber = fiber
    return yield* Fiber.await(fiber)
  })

  const finish = (run: Run.Run, result: Workflow.Result<unknown, unknown>) =>
    Effect.flatMap(run.registration.encodeResult(result), (json) =>
      patiently(provideStore(EngineStore.finish({ ...run.claim, result: json })))
    )

  /** Gives an execution back. When even this cannot be stored, a tick finds that nobody runs it. */
  const giveBack = (claim: EngineStore.Claim) =>
    EngineStore.abandon({ ...claim, pauseMs: pauseMs(claim.fence) }).pipe(
      provideStore,
      Effect.asVoid,
      Effect.catch((error) => Effect.logWarning("An execution could not be given back", error)),
      Effect.annotateLogs({ execution: claim.execution })
    )

  /** Replays until the execution ends, waits for something, or is lost. Answers its result, if it has one. */
  const driveToEnd = Effect.fnUntraced(function* (run: Run.Run) {
    while (run.lost === undefined) {
      const exit = yield* replay(run)
      if (run.lost !== undefined) break
      if (Exit.isFailure(exit)) {
        if (run.stale) continue
        yield* Effect.logError("A run stopped without a result", exit.cause)
        Run.lose(run, "unavailable")
      } else if (exit.value._tag === "Complete") {
        const finished = yield* Effect.result(finish(run, exit.value))
        if (Result.isSuccess(finished) && finished.success) return exit.value
        Run.lose(run, Result.isSuccess(finished) ? "fenced" : "unavailable")
      } else if (!run.stale && !run.interrupted) {
        const claim = { ...run.claim, deferredsSeen: run.deferreds.size }
        const suspended = yield* Effect.result(patiently(provideStore(EngineStore.suspend(claim))))
        if (Result.isSuccess(suspended)) return undefined
        Run.lose(run, "unavailable")
      }
    }
    return undefined
  })

  const drive = (run: Run.Run) =>
    Effect.gen(function* () {
      const result = yield* driveToEnd(run)
      if (run.lost === "unavailable") yield* giveBack(run.claim)
      return result
    }).pipe(
      Effect.annotateLogs({ execution: run.claim.execution }),
      Effect.onExit((exit) =>
        Effect.gen(function* () {
          if (runs.get(run.claim.execution) === run) runs.delete(run.claim.execution)
          yield* Deferred.succeed(run.done, Exit.isSuccess(exit) ? exit.value : undefined)
          yield* options.ended()
        })
      )
    )

  /** Takes over a claimed execution and runs it in the background; undefined when that is not possible here. */
  const adopt = Effect.fnUntraced(
    function* (json: Schema.Json) {
      const head = yield* EngineStore.readClaimedHead(json)
      const run = yield* Effect.gen(function* () {
        const claimed = yield* EngineStore.readClaimed(json)
        const registration = registrations.get(claimed.workflow)
        if (registration === undefined) return undefined
        const payload = yield* registration.decodePayload(claimed.payload)
        return Run.make(claimed, options.runnerId, registration, payload)
      }).pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logError("An execution's journal cannot be read", error), undefined)
        )
      )
      if (run === undefined) {
        yield* giveBack({ execution: head.id, runner: options.runnerId, fence: head.fence })
        return undefined
      }
      runs.set(head.id, run)
      yield* Effect.forkIn(drive(run), run.registration.scope)
      return run
    },
    Effect.catch((error) => Effect.as(Effect.logError("A claim cannot be read", error), undefined))
  )

  /** Ends the current replay at once; the next one knows that it is cancelled, and compensates. */
  const interrupt = (execution: string) =>
    Effect.suspend(() => {
      const run = runs.get(execution)
      if (run === undefined || run.interrupted) return Effect.void
      run.interrupted = true
      run.stale = true
      run.instance.abandoned = true
      return run.fiber === undefined ? Effect.void : Fiber.interrupt(run.fiber)
    })

  /** Stops runs here without a result and without compensating: they are not over. */
  const stop = (why: Run.Lost, which: (run: Run.Run) => boolean) =>
    Effect.suspend(() => {
      const stopped = [...runs.values()].filter(which)
      for (const run of stopped) Run.lose(run, why)
      return Fiber.interruptAll(stopped.flatMap((run) => run.fiber ?? []))
    })

  return { registrations, runs, deferredState, adopt, interrupt, stop }
})
