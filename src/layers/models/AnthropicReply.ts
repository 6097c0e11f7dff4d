import { Option, Schema } from "effect"
import type { Response } from "effect/ai"
import { Limits } from "../../domain/policies/Limits.ts"
import { ErrorDetail } from "./ProviderFailure.ts"
import type { Read } from "./Reading.ts"

/** What of Anthropic's messages is read, and what its parts mean. */

const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** An answer, or an event of a stream, that is an error all the same. */
export const ErrorReply = Schema.Struct({ type: Schema.Literal("error"), error: ErrorDetail })

export const Message = Schema.Struct({
  content: Schema.Array(Schema.Struct({ type: Schema.String, text: maybe(Schema.String) })),
  stop_reason: maybe(Schema.String),
  usage: Schema.optional(Schema.Unknown)
})

/** An event of a stream. Anthropic adds kinds of events without notice; what is not named here says nothing. */
export const Event = Schema.Struct({
  type: Schema.String,
  message: maybe(Schema.Struct({ usage: Schema.optional(Schema.Unknown) })),
  delta: maybe(Schema.Struct({ text: maybe(Schema.String), stop_reason: maybe(Schema.String) })),
  usage: Schema.optional(Schema.Unknown)
})

const Tokens = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: Limits.modelTokensMax })))

const Usage = Schema.Struct({
  input_tokens: maybe(Tokens),
  output_tokens: maybe(Tokens),
  cache_read_input_tokens: maybe(Tokens),
  cache_creation_input_tokens: maybe(Tokens),
  cache_creation: maybe(Schema.Struct({ ephemeral_1h_input_tokens: maybe(Tokens) }))
})
export type Usage = typeof Usage.Type

const decodeUsage = Schema.decodeUnknownOption(Usage)

/** What an answer or an event says was used, on top of what earlier events of the stream said. */
export const merged = (before: Usage, foreign: unknown): Usage =>
  Option.match(decodeUsage(foreign), {
    onNone: () => before,
    onSome: (usage) => ({
      input_tokens: usage.input_tokens ?? before.input_tokens,
      output_tokens: usage.output_tokens ?? before.output_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens ?? before.cache_read_input_tokens,
      cache_creation_input_tokens: usage.cache_creation_input_tokens ?? before.cache_creation_input_tokens,
      cache_creation: usage.cache_creation ?? before.cache_creation
    })
  })

const positive = (tokens: number): number | undefined => (tokens > 0 ? tokens : undefined)

/**
 * The tokens a call used. Anthropic's `input_tokens` leaves out what went through the cache, and ours does not. Zero
 * where there was something to count means that the server does not count.
 */
export const usageOf = (usage: Usage, text: string): Pick<Read, "usage" | "cacheWriteLongTokens"> => {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = usage
  const read = cache_read_input_tokens ?? undefined
  const written = cache_creation_input_tokens ?? undefined
  const long = usage.cache_creation?.ephemeral_1h_input_tokens ?? 0
  const total = (input_tokens ?? 0) + (read ?? 0) + (written ?? 0)
  return {
    usage: {
      inputTokens: {
        total: positive(total),
        uncached: input_tokens ?? undefined,
        cacheRead: read,
        cacheWrite: written
      },
      outputTokens: {
        total: text === "" ? (output_tokens ?? undefined) : positive(output_tokens ?? 0)
      }
    },
    ...(long > 0 ? { cacheWriteLongTokens: long } : {})
  }
}

/** Why the answer ended, in Effect's words. A refusal was paid for all the same. */
export const finishOf = (reason: string | null | undefined): Response.FinishReason => {
  switch (reason) {
    case "end_turn":
    case "stop_sequence":
      return "stop"
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length"
    case "refusal":
      return "content-filter"
    case "tool_use":
      return "tool-calls"
    case "pause_turn":
      return "pause"
    case null:
    case undefined:
      return "unknown"
    default:
      return "other"
  }
}
