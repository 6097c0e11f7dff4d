import type { Effect, Schema } from "effect"

/**
 * A method of a service as a value: what goes in, what comes out, and every way it can fail. Signatures,
 * test doubles, the fault matrix and recordings are all derived from it, so that none of them can drift.
 */
export interface Method {
  readonly input: Schema.Top
  readonly output: Schema.Top
  /** A union of tagged reasons. */
  readonly failure: Schema.Top
}

export type Contract = { readonly [name: string]: Method }

/** The shape of a service that keeps `C`. */
export type Service<C extends Contract> = {
  readonly [M in keyof C]: (
    input: C[M]["input"]["Type"]
  ) => Effect.Effect<C[M]["output"]["Type"], C[M]["failure"]["Type"]>
}

export type Input<C extends Contract, M extends keyof C> = C[M]["input"]["Type"]
export type Output<C extends Contract, M extends keyof C> = C[M]["output"]["Type"]
export type Failure<C extends Contract, M extends keyof C> = C[M]["failure"]["Type"]
