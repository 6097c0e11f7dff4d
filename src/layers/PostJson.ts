import { Data, Duration, Effect, Layer, Option, Predicate, type Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { Limits } from "../domain/policies/Limits.ts"

/** A service that is asked with one JSON document and answers with one: the manager, the client manager. */

/** There was no answer. `again`: there may be one if it is asked once more. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{
  readonly excerpt: string
  readonly again: boolean
  /** It was waited for so long. */
  readonly timedOutMs?: number
  readonly cause?: unknown
}> {}

/** Statuses that are about the moment and not about the question. */
export const isPassing = (status: number): boolean =>
  status >= 500 || status === 408 || status === 425 || status === 429

export const isGood = (status: number): boolean => status >= 200 && status <= 299

/** What went wrong on the way; the errors of fetch say it in their causes only. */
const wordsOf = (error: Error): string => {
  const words: Array<string> = []
  let next: unknown = error
  for (let depth = 0; depth < Limits.classifiedCausesMax && Predicate.isError(next); depth++) {
    words.push(next.message)
    next = next.cause
  }
  return [...new Set(words)].filter((word) => word !== "").join(": ")
}

class TooLong extends Data.TaggedError("TooLong")<{ readonly message: string }> {}

/** The body as text, if it is not longer than such a service has reason to be. */
const readBody = ({ stream }: HttpClientResponse.HttpClientResponse, bytesMax: number) =>
  stream.pipe(
    Stream.runFoldEffect(
      () => ({ bytes: 0, chunks: new Array<Uint8Array>() }),
      ({ bytes, chunks }, chunk) => {
        chunks.push(chunk)
        const read = bytes + chunk.byteLength
        return read > bytesMax
          ? Effect.fail(new TooLong({ message: `the answer is longer than ${bytesMax} bytes` }))
          : Effect.succeed({ bytes: read, chunks })
      }
    ),
    Effect.map(({ chunks }) => Buffer.concat(chunks).toString("utf8")),
    // An answer without a body is an answer.
    Effect.catchReason("HttpClientError", "EmptyBodyError", () => Effect.succeed(""))
  )

/** The address without what must not be logged, and the header that its name and password become. */
const addressed = (url: URL) => {
  const { username, password } = url
  const address = new URL(url)
  address.username = ""
  address.password = ""
  const request = HttpClientRequest.post(address).pipe(HttpClientRequest.acceptJson)
  const decoded = (part: string) =>
    Option.getOrElse(Option.liftThrowable(decodeURIComponent)(part), () => part)
  return {
    operation: `POST ${address.origin}${address.pathname}`,
    request:
      username === "" ? request : HttpClientRequest.basicAuth(request, decoded(username), decoded(password))
  }
}

/** A redirected POST would arrive as a GET, so an answer that redirects is none. */
export const httpClient = FetchHttpClient.layer.pipe(
  Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
)

/**
 * The way to one service. Any status is an answer; NoAnswer is for what kept one from coming, within `timeout` and
 * `bytesMax`. A name and password in the address become an `Authorization` header.
 */
export const make = Effect.fnUntraced(function* <S extends Schema.Codec<unknown, unknown>>(options: {
  readonly url: URL
  readonly question: S
  readonly timeout: Duration.Duration
  readonly bytesMax: number
}) {
  const client = yield* HttpClient.HttpClient
  const { operation, request } = addressed(options.url)
  const body = HttpClientRequest.schemaBodyJson(options.question)
  const timedOutMs = Duration.toMillis(options.timeout)

  /** Sends one question and reads what comes back, whatever it is. */
  const ask = Effect.fnUntraced(function* (
    question: S["Type"],
    headers: Readonly<Record<string, string>> = {}
  ) {
    const filled = yield* body(HttpClientRequest.setHeaders(request, headers), question).pipe(
      Effect.mapError(
        (cause) => new NoAnswer({ excerpt: "the question cannot be written as JSON", again: false, cause })
      )
    )
    return yield* client.execute(filled).pipe(
      Effect.flatMap((response) =>
        Effect.map(readBody(response, options.bytesMax), (text) => ({
          status: response.status,
          headers: response.headers,
          body: text
        }))
      ),
      Effect.mapError(
        (cause) => new NoAnswer({ excerpt: wordsOf(cause), again: cause._tag !== "TooLong", cause })
      ),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () =>
          Effect.fail(
            new NoAnswer({
              excerpt: `no answer within ${Duration.format(options.timeout)}`,
              again: true,
              timedOutMs
            })
          )
      })
    )
  })
  return { operation, ask }
})
