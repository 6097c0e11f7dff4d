import { hostname } from "node:os"
import { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect, Fiber, Option, Queue, type Schema } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import type { StoreCall } from "../StoreCall.ts"
import * as EngineStore from "./EngineStore.ts"

export interface RunnerOptions {
  readonly runnerId: string
  /** How many executions may run here at once. */
  readonly slots: number
  /** Claims only these executions. */
  readonly only: ReadonlyArray<string> | undefined
  readonly running: () => ReadonlyArray<string>
  readonly workflows: () => ReadonlyArray<string>
  /** Called for each execution that is now ours. */
  readonly claimed: (claimed: Schema.Json) => Effect.Effect<void>
  /** Called, again and again until it ends, for each of ours that somebody wants cancelled. */
  readonly cancelled: (execution: string) => Effect.Effect<void>
  /** Called when the lease could not be renewed in time: everything may belong to others by now. */
  readonly leaseEnded: Effect.Effect<void>
}

export interface Runner {
  /** Looks for work now instead of at the next tick. */
  readonly wake: Effect.Effect<void>
}

/**
 * Keeps this process's lease alive and claims work for it, every `Limits.runnerTick` and whenever Postgres
 * notifies that there is some. Notifications only make it faster: a lost one is caught by the next tick.
 */
export const make = Effect.fnUntraced(function* (options: RunnerOptions) {
  const provideStore = Effect.provide(yield* Effect.context<StoreCall>())
  const sql = yield* Effect.serviceOption(PgClient.PgClient)
  const wakeUps = yield* Queue.sliding<void>(1)
  const wake = Effect.asVoid(Queue.offer(wakeUps, undefined))
  const leaseMs = Duration.toMillis(Limits.runnerLease)
  let leaseEndsAt = Number.POSITIVE_INFINITY

  const tick = Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const running = options.running()
    const answer = yield* provideStore(
      EngineStore.tick({
        runner: options.runnerId,
        host: hostname(),
        processId: process.pid,
        leaseMs,
        room: Math.max(0, options.slots - running.length),
        running,
        only: options.only ?? null,
        workflows: options.workflows()
      })
    )
    leaseEndsAt = before + leaseMs
    yield* Effect.forEach(answer.claims, options.claimed, { discard: true })
    yield* Effect.forEach(answer.cancelled, options.cancelled, { discard: true })
  }).pipe(
    Effect.catch((error) =>
      Effect.gen(function* () {
        yield* Effect.logWarning("The runner could not reach the store", error)
        if ((yield* Clock.currentTimeMillis) > leaseEndsAt) yield* options.leaseEnded
      })
    ),
    Effect.withSpan("Runner.tick")
  )

  const listen = (client: PgClient.PgClient) =>
    Effect.scoped(
      Effect.gen(function* () {
        const notifications = yield* client.listen("moose_work")
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
      yield* tick
      yield* Queue.take(wakeUps).pipe(Effect.timeoutOption(Limits.runnerTick))
    }
  }).pipe(Effect.forkScoped)

  // Runs before the loop is interrupted, and after the runs have ended: they end with their own layer.
  yield* Effect.addFinalizer(() =>
    provideStore(EngineStore.release({ runner: options.runnerId })).pipe(
      Effect.catch((error) => Effect.logWarning("The runner could not give back its work", error))
    )
  )

  const runner: Runner = { wake }
  return runner
})
