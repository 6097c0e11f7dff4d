import type { Result } from "effect"
import type { AiError, Response } from "effect/ai"
import type * as ModelReason from "./ModelReason.ts"

/** A whole answer that was paid for. */
export interface Read {
  readonly text: string
  readonly finish: Response.FinishReason
  readonly usage: typeof Response.Usage.Encoded
  /** The part of what was written to the cache that is kept for longer, at a price of its own. */
  readonly cacheWriteLongTokens?: number
}

type Failing<A> = Result.Result<A, AiError.AiErrorReason>

/** Reads one stream of events: what each adds to the text, and the whole at its end. */
export interface StreamReader {
  readonly event: (foreign: unknown) => Failing<string>
  /** A connection that closes cleanly but early looks like an end; only a finish reason is one. */
  readonly end: () => Failing<Read>
}

/** What one provider's protocol means, from JSON that nobody has looked at yet. */
export interface Reading {
  readonly whole: (foreign: unknown, request: ModelReason.Request) => Failing<Read>
  readonly stream: (request: ModelReason.Request) => StreamReader
}
