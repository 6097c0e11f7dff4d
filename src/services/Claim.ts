import { Context, Effect } from "effect"

/** What the engine says of the run that a step belongs to: is it still this process's? */
export interface Claim {
  /** What the store can tell it by, where it is one that can be lost. */
  readonly proof: { readonly execution: string; readonly runner: string; readonly fence: number } | null
  /** Others may have taken the run over: this process stood still for longer than its lease. */
  readonly isLost: Effect.Effect<boolean>
  /** Ends what runs here, without a result and without compensating. */
  readonly giveUp: Effect.Effect<never>
}

/** Set by an engine whose runs can be taken over. */
export const CurrentClaim = Context.Reference<Claim>("moose/services/Claim/CurrentClaim", {
  defaultValue: () => ({ proof: null, isLost: Effect.succeed(false), giveUp: Effect.interrupt })
})

/**
 * Before anything that others can see: the database refuses what a lost claim writes, but nobody else can. A process
 * that stood still goes on in the middle of a step, and must not begin anything more for it.
 */
export const whileHeld = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.andThen(
    Effect.flatMap(CurrentClaim, ({ giveUp, isLost }) => Effect.when(giveUp, isLost)),
    effect
  )
