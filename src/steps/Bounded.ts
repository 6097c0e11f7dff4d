import { Deferred, type Duration, Effect } from "effect"
import { Limits } from "../domain/policies/Limits.ts"

/**
 * Ends waiting for a call within `Limits.unattended`, also where nothing may be interrupted: in what closes a
 * reservation, removes a worktree or cleans up after a run. Every layer ends its own calls earlier; one that does not
 * must not hold the order for ever. What is left of such a call goes on by itself.
 */
export const bounded = <A, E, R, E2>(
  call: Effect.Effect<A, E, R>,
  late: (limit: Duration.Duration) => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.gen(function* () {
    const limit = Limits.unattended
    const answer = Deferred.makeUnsafe<A, E | E2>()
    // Made only where it comes to that: an error with its evidence is dear, and nearly every call ends in time.
    const giveUp = Effect.suspend(() => Deferred.fail(answer, late(limit)))
    const timer = yield* Effect.forkDetach(Effect.delay(giveUp, limit))
    yield* Effect.forkDetach(Deferred.into(call, answer), { startImmediately: true })
    return yield* Effect.ensuring(
      Deferred.await(answer),
      Effect.sync(() => timer.interruptUnsafe())
    )
  })
