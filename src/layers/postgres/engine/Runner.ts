import { hostname } from "node:os"
import { PgClient } from "@effect/sql-pg"
import { Cause, Clock, Duration, Effect, type Fiber, Option, Queue, type Schema, Semaphore } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import type { StoreCall } from "../StoreCall.ts"
import * as EngineStore from "./EngineStore.ts"

/** The version of the workflows' code, and the older ones whose executions it can go on with. */
export interface Code {
  readonly version: number
  readonly replays: ReadonlyArray<number>
}

export interface RunnerOptions {
  readonly runnerId: string
  /** How many executions may run here at once. */
  readonly slots: number
  readonly code: Code
  /** How long the executions are still this runner's when it does not renew its lease any more. */
  readonly lease: Duration.Duration
  /** Claims only these executions. */
  readonly only: ReadonlyArray<string> | undefined
  readonly running: () => ReadonlyArray<string>
  readonly workflows: () => ReadonlyArray<string>
  /** Called for each execution that is now ours. */
  readonly claimed: (claimed: Schema.Json) => Effect.Effect<void>
  /** Called, again and again until it ends, for each of ours that somebody wants cancelled. */
  readonly cancelled: (execution: string) => Effect.Effect<void>
  /** Called, again and again until it is renewed, while the lease has run out: all may belong to others now. */
  readonly leaseEnded: Effect.Effect<void>
}

export interface Runner {
  /** Looks for work now instead of at the next tick. */
  readonly wake: Effect.Effect<void>
  /** A run has ended here: looks for work now, if any was left for want of room or of a place in its project. */
  readonly freed: Effect.Effect<void>
  /** Nobody else can have taken over what runs here: the lease has not ended. */
  readonly isHeld: Effect.Effect<boolean>
  /** Waits for the call that may be claiming just now. */
  readonly settled: Effect.Effect<void>
  /**
   * Every call that may claim is made through this: one at a time, so that what a call says is running here
   * stays true until its claims run here too, and none once this runner has given back its work.
   */
  readonly claiming: <A, E, R>(
    call: (lease: EngineStore.Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /** From now on nothing that waits is claimed; the lease is kept for what runs. */
  readonly drain: Effect.Effect<void>
}

/** No more than a quarter of a lease that is shorter than usual. */
const within = (lease: Duration.Duration, usual: Duration.Duration) =>
  Duration.min(usual, Duration.times(lease, 1 / 4))

/**
 * Keeps this process's lease alive and claims work for it, every `Limits.runnerTick` and whenever Postgres
 * notifies that there is some. Notifications only make it faster: a lost one is caught by the next tick.
 */
export const make = Effect.fnUntraced(function* (options: RunnerOptions) {
  const provideStore = Effect.provide(yield* Effect.context<StoreCall>())
  const sql = yield* Effect.serviceOption(PgClient.PgClient)
  const clock = yield* Clock.Clock
  const wakeUps = yield* Queue.sliding<void>(1)
  const wake = Effect.asVoid(Queue.offer(wakeUps, undefined))
  const leaseMs = Duration.toMillis(options.lease)
  const tickEvery = within(options.lease, Limits.runnerTick)
  const renewEvery = within(options.lease, Limits.runnerRenew)
  const lease = {
    runner: options.runnerId,
    host: hostname(),
    processId: process.pid,
    leaseMs,
    ...options.code,
    stallsMax: Limits.executionStallsMax
  }
  let leaseEndsAt = (yield* Clock.currentTimeMillis) + leaseMs
  let renewAt = 0
  const turn = yield* Semaphore.make(1)
  let left = false
  let draining = false
  let someLeft = true

  const claiming: Runner["claiming"] = (call) =>
    Effect.gen(function* () {
      if (left) return yield* Effect.die(new Error("This runner has given back its work"))
      const before = yield* Clock.currentTimeMillis
      const renew = before >= renewAt
      const running = options.running()
      const room = draining ? 0 : Math.max(0, options.slots - running.length)
      const answer = yield* call({ ...lease, renew, running, room, workflows: options.workflows() })
      if (renew) {
        leaseEndsAt = before + leaseMs
        renewAt = before + Duration.toMillis(renewEvery)
      }
      return answer
    }).pipe(Effect.uninterruptible, turn.withPermit)

  /** Answers when to look again. */
  const tick = claiming((held) =>
    Effect.gen(function* () {
      const answer = yield* provideStore(EngineStore.tick({ ...held, only: options.only ?? null }))
      someLeft = answer.someLeft
      yield* Effect.forEach(answer.claims, options.claimed, { discard: true })
      return answer
    })
  ).pipe(
    Effect.tap(({ cancelled }) => Effect.forEach(cancelled, options.cancelled, { discard: true })),
    Effect.map(({ nextMs }) =>
      nextMs === null
        ? tickEvery
        : Duration.clamp(Duration.millis(nextMs), {
            minimum: Limits.runnerTickShortest,
            maximum: tickEvery
          })
    ),
    // Nobody would notice that a process has ceased to look for work.
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.as(Effect.logWarning("The runner could not look for work", cause), tickEvery)
    ),
    Effect.withSpan("Runner.tick")
  )

  const listen = (client: PgClient.PgClient) =>
    Effect.scoped(
      Effect.gen(function* () {
        const notifications = yield* client.listen("moose_work")
        // For what came before.
        yield* wake
        while (true) {
          yield* Queue.take(notifications)
          yield* wake
        }
      })
    ).pipe(Effect.catch((error) => Effect.logDebug("Listening for work ended; ticks go on", error)))

  yield* Effect.gen(function* () {
    let listener: Fiber.Fiber<void> | undefined
    while (true) {
      if (Option.isSome(sql) && (listener === undefined || listener.pollUnsafe() !== undefined)) {
        listener = yield* Effect.forkChild(listen(sql.value))
      }
      const next = yield* tick
      yield* Queue.take(wakeUps).pipe(Effect.timeoutOption(next))
    }
  }).pipe(Effect.forkScoped)

  // Beside the ticks, because one that hangs does not renew anything either.
  yield* Effect.gen(function* () {
    while (true) {
      const remaining = leaseEndsAt - (yield* Clock.currentTimeMillis)
      if (remaining <= 0) yield* options.leaseEnded
      yield* Effect.sleep(remaining > 0 ? remaining : tickEvery)
    }
  }).pipe(Effect.forkScoped)

  // Runs before the loops are interrupted, and after the runs have ended: they end with their own layer.
  yield* Effect.addFinalizer(() =>
    turn
      .withPermit(
        Effect.suspend(() => {
          left = true
          return provideStore(EngineStore.release({ runner: options.runnerId }))
        })
      )
      .pipe(Effect.catch((error) => Effect.logWarning("The runner could not give back its work", error)))
  )

  const runner: Runner = {
    wake,
    freed: Effect.suspend(() => (someLeft ? wake : Effect.void)),
    // By this clock: workflows have one that goes as the database's does.
    isHeld: Effect.sync(() => clock.currentTimeMillisUnsafe() < leaseEndsAt),
    settled: turn.withPermit(Effect.void),
    claiming,
    drain: Effect.sync(() => {
      draining = true
    })
  }
  return runner
})
