import { Clock, Effect, type Duration, Result, Stream } from "effect"
import { AiError, LanguageModel, type Response, Telemetry } from "effect/ai"
import type * as ModelReason from "./ModelReason.ts"
import * as ProviderFailure from "./ProviderFailure.ts"
import type { Read, Reading } from "./Reading.ts"

/** A provider's official client, and what its protocol means. */
export interface Provider<Body> {
  readonly name: "openai" | "anthropic"
  /** Whose errors these are. */
  readonly module: string
  readonly model: string
  readonly maxOutputTokens: number
  /** Without what is secret in it. */
  readonly url: string
  readonly apiKey: string
  /** A whole answer, from the call to its last byte, streamed or not. */
  readonly timeout: Duration.Duration
  readonly bodyOf: (asked: LanguageModel.ProviderOptions) => Result.Result<Body, AiError.AiErrorReason>
  readonly ask: (body: Body, signal: AbortSignal) => Promise<unknown>
  readonly stream: (body: Body, signal: AbortSignal) => Promise<AsyncIterable<unknown>>
  readonly reading: Reading
  readonly reasonOf: (failure: unknown, request: ModelReason.Request) => AiError.AiErrorReason
}

type Method = "generateText" | "streamText"

const textId = "0"

const finishPart = ({ finish, usage }: Read) => ({ type: "finish", reason: finish, usage }) as const

/** What a failure is described with; the key is in nothing that is shown. */
export const concealing =
  (apiKey: string) =>
  (text: string): string =>
    apiKey === "" ? text : text.replaceAll(apiKey, "[redacted]")

/**
 * A language model behind one provider's protocol. Each call is one HTTP request, never repeated here;
 * interrupting the fiber aborts it. Fails with `AiError`, whose `metadata.provider` says what `Facts` names.
 */
export const make = <Body>(provider: Provider<Body>): Effect.Effect<LanguageModel.LanguageModel> => {
  const { url, timeout, reading } = provider
  const failWith = (method: Method, reason: AiError.AiErrorReason): AiError.AiError =>
    AiError.make({ module: provider.module, method, reason })

  const request = Effect.map(Clock.currentTimeMillis, (now): ModelReason.Request => ({
    url,
    now,
    conceal: concealing(provider.apiKey)
  }))
  const translated = (method: Method) => (failure: unknown) =>
    Effect.flatMap(request, (met) => Effect.fail(failWith(method, provider.reasonOf(failure, met))))
  const late = (method: Method) => Effect.fail(failWith(method, ProviderFailure.timedOut(timeout, url)))
  const orFail =
    (method: Method) =>
    <A>(result: Result.Result<A, AiError.AiErrorReason>): Effect.Effect<A, AiError.AiError> =>
      Effect.mapError(Effect.fromResult(result), (reason) => failWith(method, reason))
  const annotate = (asked: LanguageModel.ProviderOptions) =>
    Effect.sync(() =>
      Telemetry.addGenAIAnnotations(asked.span, {
        provider: { name: provider.name },
        operation: { name: "chat" },
        request: { model: provider.model, maxTokens: provider.maxOutputTokens }
      })
    )

  const generateText = Effect.fnUntraced(
    function* (asked: LanguageModel.ProviderOptions) {
      yield* annotate(asked)
      const body = yield* orFail("generateText")(provider.bodyOf(asked))
      const answer = yield* Effect.tryPromise({
        try: (signal) => provider.ask(body, signal),
        catch: (failure) => failure
      }).pipe(Effect.catch(translated("generateText")))
      const read = yield* orFail("generateText")(reading.whole(answer, yield* request))
      const parts: Array<Response.PartEncoded> = [{ type: "text", text: read.text }, finishPart(read)]
      return parts
    },
    Effect.timeoutOrElse({ duration: timeout, orElse: () => late("generateText") })
  )

  const streamText = (asked: LanguageModel.ProviderOptions) =>
    Effect.gen(function* () {
      yield* annotate(asked)
      const body = yield* orFail("streamText")(provider.bodyOf(asked))
      const abort = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      const met = yield* request
      const reader = reading.stream(met)
      const events = yield* Effect.tryPromise({
        try: () => provider.stream(body, abort.signal),
        catch: (failure) => failure
      }).pipe(Effect.catch(translated("streamText")))
      const deltas = Stream.fromAsyncIterable(events, (failure) =>
        failWith("streamText", provider.reasonOf(failure, met))
      ).pipe(
        Stream.mapEffect((event) => orFail("streamText")(reader.event(event))),
        Stream.filter((delta) => delta !== ""),
        Stream.map((delta): Response.StreamPartEncoded => ({ type: "text-delta", id: textId, delta }))
      )
      const end = Effect.map(
        Effect.suspend(() => orFail("streamText")(reader.end())),
        (read): ReadonlyArray<Response.StreamPartEncoded> => [
          { type: "text-end", id: textId },
          finishPart(read)
        ]
      )
      return Stream.succeed<Response.StreamPartEncoded>({ type: "text-start", id: textId }).pipe(
        Stream.concat(deltas),
        Stream.concat(Stream.fromIterableEffect(end))
      )
    }).pipe(Stream.unwrap, Stream.interruptWhen(Effect.andThen(Effect.sleep(timeout), late("streamText"))))

  return LanguageModel.make({ generateText, streamText })
}
