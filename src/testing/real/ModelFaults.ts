import { Duration } from "effect"

/**
 * Faults of a model's provider, for a mock server that you bring along: `@copilotkit/aimock` answers in OpenAI's and
 * in Anthropic's protocol alike. Moose does not depend on it, and asks only for what is named here.
 */
export interface Mock {
  prependFixture(fixture: Fixture): unknown
}

export interface Fixture {
  readonly match: { readonly userMessage: string | RegExp; readonly predicate: () => boolean }
  readonly response:
    | { readonly content: string; readonly finishReason?: string; readonly usage?: Usage }
    | {
        readonly error: { readonly message: string; readonly type: string; readonly code?: string }
        readonly status: number
        readonly retryAfter?: number
      }
  readonly chunkSize?: number
  readonly truncateAfterChunks?: number
  readonly latency?: number
  readonly chaos?: { readonly malformedRate?: number; readonly disconnectRate?: number }
}

/** In the words of the protocol that is asked in. */
type Usage = Readonly<Record<string, number>>

export interface Options {
  /** The calls that meet the fault: those whose prompt has this in it. */
  readonly prompt: string | RegExp
  /** So many of them, then the mock answers as before; without it, all. */
  readonly times?: number
}

/** aimock wants its fixtures for itself, and each has a count of its own. */
const add = (mock: Mock, { prompt, times }: Options, fixture: Omit<Fixture, "match">) => {
  let left = times ?? Number.POSITIVE_INFINITY
  mock.prependFixture({ ...fixture, match: { userMessage: prompt, predicate: () => left-- > 0 } })
}

/** 429, with the wait that the provider asks for. */
export const rateLimited = (mock: Mock, options: Options & { readonly retryAfter: Duration.Input }): void =>
  add(mock, options, {
    response: {
      error: { message: "Rate limit reached", type: "rate_limit_error", code: "rate_limit_exceeded" },
      status: 429,
      retryAfter: Math.ceil(Duration.toSeconds(options.retryAfter))
    }
  })

/** 529: the provider has too much to do. */
export const overloaded = (mock: Mock, options: Options): void =>
  add(mock, options, {
    response: { error: { message: "Overloaded", type: "overloaded_error" }, status: 529 }
  })

/** The answer ends where the limit of tokens cut it off, and says so. */
export const truncated = (mock: Mock, options: Options & { readonly content: string }): void =>
  add(mock, options, {
    response: {
      content: options.content,
      finishReason: "length",
      usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
    }
  })

/** 200 with a body that is no JSON. */
export const malformed = (mock: Mock, options: Options): void =>
  add(mock, options, { response: { content: "" }, chaos: { malformedRate: 1 } })

/** The model answers in sound JSON of the protocol, and its text is not what was asked for. */
export const nonsense = (mock: Mock, options: Options & { readonly content: string }): void =>
  add(mock, options, {
    response: {
      content: options.content,
      usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
    }
  })

/** A streamed answer breaks off in the middle; of one that is not streamed not a byte arrives. */
export const brokenOff = (mock: Mock, options: Options & { readonly content: string }): void =>
  add(mock, options, {
    response: { content: options.content },
    chunkSize: 8,
    latency: 5,
    truncateAfterChunks: 3
  })
