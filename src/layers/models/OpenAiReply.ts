import { Option, Schema } from "effect"
import type { Response } from "effect/ai"
import { Limits } from "../../domain/policies/Limits.ts"
import { ErrorDetail } from "./ProviderFailure.ts"

/** What of OpenAI's chat completions is read, and what its parts mean. Compatible servers leave much of it out. */

const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** An answer with status 200 that is an error all the same; routers send these. */
export const ErrorReply = Schema.Struct({ error: ErrorDetail })

export const Completion = Schema.Struct({
  choices: Schema.NonEmptyArray(
    Schema.Struct({
      message: maybe(Schema.Struct({ content: maybe(Schema.String), refusal: maybe(Schema.String) })),
      finish_reason: maybe(Schema.String),
      error: maybe(ErrorDetail)
    })
  ),
  usage: Schema.optional(Schema.Unknown)
})

export const Chunk = Schema.Struct({
  choices: maybe(
    Schema.Array(
      Schema.Struct({
        delta: maybe(Schema.Struct({ content: maybe(Schema.String), refusal: maybe(Schema.String) })),
        finish_reason: maybe(Schema.String),
        error: maybe(ErrorDetail)
      })
    )
  ),
  usage: Schema.optional(Schema.Unknown)
})

const Tokens = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: Limits.modelTokensMax })))

const Usage = Schema.Struct({
  prompt_tokens: Tokens,
  completion_tokens: Tokens,
  total_tokens: maybe(Tokens),
  prompt_tokens_details: maybe(
    Schema.Struct({ cached_tokens: maybe(Tokens), cache_write_tokens: maybe(Tokens) })
  ),
  completion_tokens_details: maybe(Schema.Struct({ reasoning_tokens: maybe(Tokens) }))
})

const positive = (tokens: number): number | undefined => (tokens > 0 ? tokens : undefined)

/**
 * The tokens a call used; undefined where the answer does not say. Zero where there was something to count
 * means that the server does not count, so it is undefined too. Some servers leave hidden reasoning out of
 * `completion_tokens` and not out of `total_tokens`: the larger figure is what is paid.
 */
export const usageOf = (foreign: unknown, text: string): typeof Response.Usage.Encoded =>
  Option.match(Schema.decodeUnknownOption(Usage)(foreign), {
    onNone: () => ({ inputTokens: {}, outputTokens: {} }),
    onSome: (usage) => {
      const cached = usage.prompt_tokens_details?.cached_tokens ?? undefined
      const written = usage.prompt_tokens_details?.cache_write_tokens ?? undefined
      const reasoning = usage.completion_tokens_details?.reasoning_tokens ?? undefined
      const completion = Math.max(usage.completion_tokens, (usage.total_tokens ?? 0) - usage.prompt_tokens)
      return {
        inputTokens: {
          total: positive(usage.prompt_tokens),
          cacheRead: cached,
          cacheWrite: written,
          uncached:
            cached === undefined ? undefined : Math.max(0, usage.prompt_tokens - cached - (written ?? 0))
        },
        outputTokens: { total: text === "" ? completion : positive(completion), reasoning }
      }
    }
  })

/** Why the answer ended, in Effect's words. A refusal ends like a filtered answer: it was paid for all the same. */
export const finishOf = (reason: string | null | undefined, refused: boolean): Response.FinishReason => {
  if (refused) return "content-filter"
  switch (reason) {
    case "stop":
    case "length":
      return reason
    case "content_filter":
      return "content-filter"
    case "tool_calls":
    case "function_call":
      return "tool-calls"
    case null:
    case undefined:
      return "unknown"
    default:
      return "other"
  }
}
