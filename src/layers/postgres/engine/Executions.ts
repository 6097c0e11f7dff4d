import { Context, Deferred, type Duration, Effect, Exit, Fiber, Result, type Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { type Claim, CurrentClaim } from "../../../services/Claim.ts"
import type { StoreCall } from "../StoreCall.ts"
import type * as Commits from "./Commits.ts"
import { type Ends, patiently, unstorable } from "./Ends.ts"
import * as EngineStore from "./EngineStore.ts"
import type { Registration } from "./Registration.ts"
import * as Run from "./Run.ts"

/** 1 s after the first claim, doubling to about a minute: an execution that cannot be stored does not spin. */
const pauseMs = (fence: number) => 1_000 * 2 ** Math.min(fence - 1, 6)

/** The executions that this process holds, and how each is run to its end. */
export const make = Effect.fnUntraced(function* (options: {
  readonly runnerId: string
  readonly engine: () => WorkflowEngine.WorkflowEngine["Service"]
  readonly commit: Commits.Commits
  readonly ends: Ends
  /** Nobody else can have taken over what runs here. */
  readonly isHeld: Effect.Effect<boolean>
  /** Called when a run has ended here: `done` when that is how its execution ended. */
  readonly ended: (execution: string, done: boolean) => Effect.Effect<void>
}) {
  const provideStore = Effect.provide(yield* Effect.context<StoreCall>())
  const registrations = new Map<string, Registration>()
  const runs = new Map<string, Run.Run>()

  /** True when a cancelled replay has come as far as it may, which is to where it would wait or fail to go on. */
  const isCancelled = (run: Run.Run, exit: Exit.Exit<unknown, unknown>) => {
    const { instance } = run
    if (!run.interrupted || instance.abandoned) return false
    const suspends = Context.get(instance.workflow.annotations, Workflow.SuspendOnFailure)
    return instance.suspended || (suspends && Exit.isFailure(exit))
  }

  /** An end that its schema refuses is a failure, and found out while there is still time to compensate. */
  const encodable = ({ registration }: Run.Run, exit: Exit.Exit<unknown, unknown>) =>
    registration
      .encodeResult(new Workflow.Complete({ exit }))
      .pipe(Effect.matchEffect({ onFailure: (error) => unstorable(error).exit, onSuccess: () => exit }))

  const claimOf = (run: Run.Run): Claim => ({
    proof: run.claim,
    isLost: Effect.map(options.isHeld, (held) => run.lost === "fenced" || !held),
    giveUp: Effect.suspend(() => Run.abandon(run, run.instance, "fenced"))
  })

  /** Runs the workflow's code once, replaying what is journaled. */
  const replay = (run: Run.Run) =>
    Effect.suspend(() => {
      const { registration, claim, payload } = run
      const instance = WorkflowEngine.WorkflowInstance.initial(registration.workflow, claim.execution)
      run.instance = instance
      run.bodyEnded = false
      run.stale = false
      return registration.execute(payload, claim.execution).pipe(
        Effect.exit,
        // Whatever the code makes of being stopped, a lost run has no end of its own to compensate for.
        Effect.flatMap((exit) => (run.lost === undefined ? encodable(run, exit) : Effect.interrupt)),
        Effect.onExit((exit) => {
          run.bodyEnded = true
          // A cancelled execution stops at its first step that is not journaled; its compensations run now.
          if (!isCancelled(run, exit)) return Effect.void
          instance.interrupted = true
          instance.suspended = false
          return Effect.withFiber((self) => Effect.interruptible(Fiber.interrupt(self)))
        }),
        Workflow.intoResult,
        Effect.provideService(WorkflowEngine.WorkflowEngine, options.engine()),
        Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
        Effect.provideService(Run.CurrentRun, run),
        Effect.provideService(CurrentClaim, claimOf(run)),
        (effect) =>
          Effect.withFiber((self) => {
            run.fiber = self
            return effect
          }),
        Effect.forkChild,
        Effect.flatMap(Fiber.await)
      )
    })

  /**
   * Stores the result; one that cannot be stored becomes a defect that says so. Answers what was stored; undefined when
   * nothing was, because the run is lost or has to be replayed.
   */
  const finish = (run: Run.Run, result: Workflow.Result<unknown, unknown>) => {
    const store = (it: Workflow.Result<unknown, unknown>) =>
      Effect.map(options.ends.end(run, it), (stored) => {
        if (!stored) Run.lose(run, "fenced")
        return stored ? it : undefined
      })
    return Effect.catchTag(store(result), ["SchemaError", "StoreConflict"], (error) =>
      // Whose end is refused, the last step's or the run's? The step's is tried by itself.
      Effect.flatMap(options.ends.unsaid(run), (journaled) =>
        journaled ? store(unstorable(error)) : Effect.succeed(undefined)
      )
    )
  }

  /** Gives an execution back. When even this cannot be stored, a tick finds that nobody runs it. */
  const giveBack = (claim: EngineStore.Claim, pause: number, stalled = false) =>
    EngineStore.abandon({ ...claim, pauseMs: pause, stalled }).pipe(
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
        Run.lose(run, "stalled")
      } else if (exit.value._tag === "Complete") {
        const finished = yield* Effect.result(finish(run, exit.value))
        if (Result.isSuccess(finished)) {
          if (finished.success !== undefined) return finished.success
          continue
        }
        yield* Effect.logError("A result could not be stored", finished.failure)
        Run.lose(run, "unavailable")
      } else if ((yield* options.ends.unsaid(run)) && !run.stale && !run.interrupted) {
        const waits = { _tag: "Suspended", ...run.claim, deferredsSeen: run.deferreds.size } as const
        const suspended = yield* Effect.result(patiently(options.commit(waits)))
        if (Result.isSuccess(suspended)) return undefined
        yield* Effect.logError("An execution could not be suspended", suspended.failure)
        Run.lose(run, "unavailable")
      }
    }
    return undefined
  })

  /**
   * Cannot be interrupted, so that a run always leaves its books in order; what it waits for can be, and the
   * rest is bounded. `previous` is what is left of an earlier run of the same execution.
   */
  const drive = (run: Run.Run, previous: Run.Run | undefined) =>
    Effect.gen(function* () {
      if (previous !== undefined) {
        if (previous.fiber !== undefined) yield* Fiber.interrupt(previous.fiber)
        yield* Deferred.await(previous.done)
      }
      const result = yield* driveToEnd(run)
      if (run.lost === "leaving" || run.lost === "stalled") yield* options.ends.unsaid(run)
      if (result === undefined && (run.lost === "unavailable" || run.lost === "stalled"))
        yield* giveBack(run.claim, pauseMs(run.claim.fence), run.lost === "stalled")
      if (result === undefined && run.lost === "leaving") yield* giveBack(run.claim, 0)
      return result
    }).pipe(
      Effect.annotateLogs({ execution: run.claim.execution }),
      Effect.onExit((exit) =>
        Effect.gen(function* () {
          if (runs.get(run.claim.execution) === run) runs.delete(run.claim.execution)
          const result = Exit.isSuccess(exit) ? exit.value : undefined
          yield* Deferred.succeed(run.done, result)
          yield* options.ended(run.claim.execution, result !== undefined)
        })
      ),
      Effect.updateContext<never, never>(() => run.registration.context)
    )

  const read = Effect.fnUntraced(
    function* (json: Schema.Json, registration: Registration) {
      const claimed = yield* EngineStore.readClaimed(json)
      const payload = yield* registration.decodePayload(claimed.payload)
      return Run.make(claimed, options.runnerId, registration, payload)
    },
    Effect.catchCause((cause) =>
      Effect.as(Effect.logError("An execution's journal cannot be read", cause), undefined)
    )
  )

  /** Takes over a claimed execution and runs it in the background; undefined when that is not possible here. */
  const adopt = Effect.fnUntraced(
    function* (json: Schema.Json) {
      const head = yield* EngineStore.readClaimedHead(json)
      const registration = registrations.get(head.workflow)
      const run = registration === undefined ? undefined : yield* read(json, registration)
      // Claimed while its workflow was leaving: nothing is wrong with it.
      const left = registration === undefined || registrations.get(head.workflow) !== registration
      if (run === undefined || left) {
        const claim = { execution: head.id, runner: options.runnerId, fence: head.fence }
        yield* giveBack(claim, left ? 0 : pauseMs(head.fence), !left)
        return undefined
      }
      const previous = runs.get(head.id)
      if (previous !== undefined) Run.lose(previous, "fenced")
      runs.set(head.id, run)
      yield* Effect.forkIn(drive(run, previous), registration.scope, {
        startImmediately: true,
        uninterruptible: true
      })
      return run
    },
    Effect.catchTag("SchemaError", (error) =>
      Effect.as(Effect.logError("A claim cannot be read", error), undefined)
    )
  )

  /** Ends the current replay at once; the next one knows that it is cancelled, and compensates. */
  const interrupt = (execution: string) =>
    Effect.suspend(() => {
      const run = runs.get(execution)
      if (run === undefined || run.interrupted) return Effect.void
      run.interrupted = true
      // Too late to change how this replay ends, but one that only waits is replayed.
      if (run.bodyEnded) return Effect.void
      run.stale = true
      run.instance.abandoned = true
      return run.fiber === undefined ? Effect.void : Fiber.interrupt(run.fiber)
    })

  /** Tells a run how a deferred was completed, and wakes it if it is waiting for just that. */
  const deferredDone = (execution: string, name: string, exit: Exit.Exit<unknown, unknown>) =>
    Effect.suspend(() => {
      const run = runs.get(execution)
      if (run === undefined || run.deferreds.has(name)) return Effect.void
      run.deferreds.set(name, exit)
      run.stale = true
      if (run.bodyEnded || run.fiber === undefined || !run.instance.awaitedDeferreds.has(name)) {
        return Effect.void
      }
      run.instance.suspended = true
      return Fiber.interrupt(run.fiber)
    })

  /** Stops runs here without a result and without compensating, and waits until they have cleaned up. */
  const stop = (why: Run.Lost, which: (run: Run.Run) => boolean) =>
    Effect.suspend(() => {
      const stopped = [...runs.values()].filter(which)
      for (const run of stopped) Run.lose(run, why)
      return Effect.andThen(
        Fiber.interruptAll(stopped.flatMap((run) => run.fiber ?? [])),
        Effect.forEach(stopped, (run) => Deferred.await(run.done), { discard: true })
      )
    })

  /** Waits until these runs have ended here, but no longer than `within`; in a fiber of its own, because whoever waits is being interrupted. */
  const quiet = (within: Duration.Duration, which: (run: Run.Run) => boolean) =>
    Effect.suspend(() =>
      Effect.forEach([...runs.values()].filter(which), (run) => Deferred.await(run.done), { discard: true })
    ).pipe(
      Effect.interruptible,
      Effect.timeoutOption(within),
      Effect.forkDetach,
      Effect.flatMap(Fiber.await),
      Effect.asVoid
    )

  return { registrations, runs, adopt, interrupt, deferredDone, stop, quiet }
})
