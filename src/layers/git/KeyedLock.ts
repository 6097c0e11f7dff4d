import { Effect, RcMap, Scope, Semaphore } from "effect"
import { whileHeld } from "../../services/Claim.ts"

/**
 * Runs an effect while nobody else in this process runs one under the same key; not at all where the run that asks
 * was lost while it waited for its turn.
 */
export type KeyedLock = <A, E, R>(key: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A lock per key that exists only while somebody uses it. */
export const make = Effect.gen(function* () {
  const locks = yield* RcMap.make({ lookup: (_key: string) => Semaphore.make(1) })
  const alone: KeyedLock = (key, effect) =>
    Effect.scopedWith((scope) =>
      RcMap.get(locks, key).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.flatMap((lock) => lock.withPermit(whileHeld(effect)))
      )
    )
  return alone
})
