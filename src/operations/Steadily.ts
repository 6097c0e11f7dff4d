import { Cause, type Duration, Effect } from "effect"

/**
 * What runs beside the pipeline goes on whatever happens to one round of it: a call that hangs is left after `within`,
 * and whatever it ends in, a bug included, is `otherwise`'s. Only an interrupt ends it: the process is leaving.
 */
export const steadily = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  within: Duration.Duration,
  otherwise: (cause: Cause.Cause<E | Cause.TimeoutError>) => Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E2, R | R2> =>
  effect.pipe(
    Effect.timeout(within),
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : otherwise(cause)))
  )
