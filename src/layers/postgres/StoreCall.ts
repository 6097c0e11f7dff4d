import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Option, Schedule, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { StoreConflict, StoreUnavailable } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { met, storeReason } from "./StoreFailures.ts"

/** The row that was asked for does not exist. Callers that have a name for it translate this one. */
export class StoreMissing extends Schema.TaggedError<StoreMissing>()("StoreMissing", {
  what: Schema.String
}) {
  override get message() {
    return this.what
  }
}

export type StoreFailure = StoreUnavailable | StoreConflict | StoreMissing

/**
 * Calls a function of the schema `moose`: one JSON value in, one out. The only thing a transport has to
 * offer (the wire protocol here, PostgREST elsewhere), since every state change is a function in Postgres.
 * Every function may be called again with the same input after a lost reply, so a call is repeated while
 * the failure may pass, `Limits.storeAttempts` times in all.
 */
export class StoreCall extends Context.Service<
  StoreCall,
  { readonly call: (name: string, input: unknown) => Effect.Effect<unknown, StoreFailure> }
>()("moose/layers/postgres/StoreCall") {}

/** First longer, never longer than `Limits.storeRetryLongest`, with jitter, `attempts` times in all. */
const retrySchedule = (attempts: number) =>
  Schedule.exponential(Limits.storeRetryFirst, 2).pipe(
    (grows) => Schedule.min([grows, Schedule.spaced(Limits.storeRetryLongest)]),
    Schedule.jittered,
    Schedule.upTo({ times: attempts - 1 })
  )

/**
 * Repeats what meets an unavailable store, `attempts` times in all. Nearly every call succeeds at once, and pays for
 * nothing but being looked at.
 */
export const repeating = (attempts: number) => {
  const schedule = retrySchedule(attempts)
  return <A, E extends { readonly _tag: string }, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.catch(effect, (error) => {
      if (error._tag !== "StoreUnavailable") return Effect.fail(error)
      let met = false
      return Effect.suspend(() => {
        if (met) return effect
        met = true
        return Effect.fail(error)
      }).pipe(Effect.retry({ schedule, while: ({ _tag }) => _tag === "StoreUnavailable" }))
    })
}

const ServerError = Schema.Struct({ code: Schema.String, message: Schema.String })
const readServerError = Schema.decodeUnknownOption(ServerError)

/** Refusals of our own functions, which no classifier knows better: MO404, MO409. */
const ours = /^MO/

const translate = (name: string, error: SqlError): StoreFailure => {
  const operation = `moose.${name}`
  const { cause } = error.reason
  const server = Option.getOrUndefined(readServerError(cause))
  const evidence = Evidence.make({
    operation,
    excerpt: server?.message ?? `${error.message}: ${String(cause)}`,
    ...(server === undefined ? {} : { sqlState: server.code })
  })
  if (server?.code === "MO404") return new StoreMissing({ what: server.message })
  if (server !== undefined && ours.test(server.code)) {
    return new StoreConflict({ conflict: server.message, evidence })
  }
  const found = met(cause)
  return storeReason(operation, found.standing, { ...evidence, ...found.evidence })
}

const repeated = repeating(Limits.storeAttempts)

/** Calls over PostgreSQL's wire protocol. */
export const layerPg = Layer.effect(
  StoreCall,
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const call = Effect.fn("StoreCall.call")((name: string, input: unknown) =>
      sql<{ result: unknown }>`select ${sql.literal(`moose.${name}`)}(${sql.json(input)}) as result`.pipe(
        Effect.map((rows) => rows[0]?.result),
        Effect.mapError((error) => translate(name, error)),
        // A connection may be gone without either end having noticed.
        Effect.timeoutOrElse({
          duration: Limits.storeCall,
          orElse: () =>
            Effect.fail(
              new StoreUnavailable({
                evidence: Evidence.make({
                  operation: `moose.${name}`,
                  excerpt: "The database did not answer in time"
                })
              })
            )
        }),
        repeated
      )
    )
    return StoreCall.of({ call })
  })
)

/** The function's own answer when the row it was asked about is not there. */
type WhenMissing<I, E> = (input: I, what: string) => E

const conflict = (operation: string, what: string) =>
  new StoreConflict({ conflict: what, evidence: Evidence.make({ operation, excerpt: what }) })

/**
 * A store function as a typed effect: input encoded, output decoded. An answer that does not decode (a row
 * written by hand, or by another version) is StoreConflict, naming the field; so is a missing row, unless
 * `whenMissing` has a better name for it.
 */
export const storeFunction = <
  I extends Schema.Codec<unknown, unknown>,
  O extends Schema.Codec<unknown, unknown>,
  E = never
>(
  name: string,
  input: I,
  output: O,
  whenMissing?: WhenMissing<I["Type"], E>
) => {
  const operation = `moose.${name}`
  const encode = Schema.encodeEffect(Schema.toCodecJson(input))
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(output))
  const unexpected = (what: string) => (error: Schema.SchemaError) =>
    conflict(operation, `${what} of ${operation} is not what this version expects: ${error.message}`)
  return (value: I["Type"]): Effect.Effect<O["Type"], E | StoreUnavailable | StoreConflict, StoreCall> =>
    Effect.gen(function* () {
      const store = yield* StoreCall
      const encoded = yield* Effect.mapError(encode(value), unexpected("The input"))
      const answer = yield* Effect.catchTag(store.call(name, encoded), "StoreMissing", ({ what }) =>
        Effect.fail(whenMissing === undefined ? conflict(operation, what) : whenMissing(value, what))
      )
      return yield* Effect.mapError(decode(answer), unexpected("The answer"))
    })
}
