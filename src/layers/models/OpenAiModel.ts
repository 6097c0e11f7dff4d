import { Clock, Duration, Effect, Layer, Option, Redacted, Result, Schema, Stream } from "effect"
import { AiError, LanguageModel, type Response, Telemetry } from "effect/ai"
import { redact } from "../../domain/errors/Evidence.ts"
import * as OpenAiClient from "./OpenAiClient.ts"
import * as OpenAiFailure from "./OpenAiFailure.ts"
import * as OpenAiReason from "./OpenAiReason.ts"
import * as OpenAiReply from "./OpenAiReply.ts"
import * as OpenAiRequest from "./OpenAiRequest.ts"

export interface Options {
  readonly apiKey: Redacted.Redacted<string>
  /** Any server that speaks OpenAI's chat completions, up to and with `/v1`; OpenAI itself where it is missing. */
  readonly baseUrl?: string
  readonly model: string
  readonly maxOutputTokens: number
  /** A whole answer, from the call to its last byte, streamed or not. */
  readonly timeout: Duration.Duration
  /**
   * How the request names its output limit. OpenAI's reasoning models accept only `max_completion_tokens`,
   * many compatible servers only know `max_tokens`; the default is what the base URL suggests.
   */
  readonly tokenLimit?: OpenAiRequest.TokenLimit
}

type Method = "generateText" | "streamText"

const failWith = (method: Method, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "OpenAiModel", method, reason })

const decodeError = Schema.decodeUnknownOption(OpenAiReply.ErrorReply)
const decodeCompletion = Schema.decodeUnknownResult(OpenAiReply.Completion)
const decodeChunk = Schema.decodeUnknownResult(OpenAiReply.Chunk)

/** The parts of one whole answer. */
const partsOf = (
  foreign: unknown,
  request: OpenAiReason.Request
): Result.Result<Array<Response.PartEncoded>, AiError.AiErrorReason> => {
  const error = decodeError(foreign)
  if (Option.isSome(error))
    return Result.fail(OpenAiFailure.reasonOfDetail(error.value.error, JSON.stringify(foreign), request))
  const completion = decodeCompletion(foreign)
  if (Result.isFailure(completion))
    return Result.fail(OpenAiFailure.unreadable(completion.failure.message, request))
  const { choices, usage } = completion.success
  const [{ message, finish_reason, error: failed }] = choices
  if (failed) return Result.fail(OpenAiFailure.reasonOfDetail(failed, JSON.stringify(foreign), request))
  const refusal = message?.refusal || undefined
  const text = message?.content || refusal || ""
  return Result.succeed([
    { type: "text", text },
    {
      type: "finish",
      reason: OpenAiReply.finishOf(finish_reason, refusal !== undefined),
      usage: OpenAiReply.usageOf(usage, text)
    }
  ])
}

const textId = "0"

/** Collects what a stream says about the answer as a whole, and turns its chunks into parts. */
const streamReader = (request: OpenAiReason.Request) => {
  let text = ""
  let refused = false
  let finish: string | undefined
  let usage: unknown
  return {
    parts: (foreign: unknown): Result.Result<Array<Response.StreamPartEncoded>, AiError.AiErrorReason> => {
      const chunk = decodeChunk(foreign)
      if (Result.isFailure(chunk))
        return Result.fail(OpenAiFailure.unreadable(chunk.failure.message, request))
      usage = chunk.success.usage ?? usage
      const choice = chunk.success.choices?.[0]
      if (choice?.error)
        return Result.fail(
          OpenAiFailure.reasonOfDetail(choice.error, `data: ${JSON.stringify(foreign)}`, request)
        )
      finish = choice?.finish_reason ?? finish
      refused = refused || Boolean(choice?.delta?.refusal)
      const delta = choice?.delta?.content || choice?.delta?.refusal || ""
      text += delta
      return Result.succeed(delta === "" ? [] : [{ type: "text-delta", id: textId, delta }])
    },
    /** A connection that closes cleanly but early looks like an end; only a finish reason is one. */
    end: (): Result.Result<Array<Response.StreamPartEncoded>, AiError.AiErrorReason> =>
      finish === undefined
        ? Result.fail(OpenAiFailure.unreadable("the stream ended before the answer did", request))
        : Result.succeed([
            { type: "text-end", id: textId },
            {
              type: "finish",
              reason: OpenAiReply.finishOf(finish, refused),
              usage: OpenAiReply.usageOf(usage, text)
            }
          ])
  }
}

const annotate = (options: Options, asked: LanguageModel.ProviderOptions) =>
  Effect.sync(() =>
    Telemetry.addGenAIAnnotations(asked.span, {
      provider: { name: "openai" },
      operation: { name: "chat" },
      request: { model: options.model, maxTokens: options.maxOutputTokens }
    })
  )

/**
 * A language model behind OpenAI's chat completions. Each call is one HTTP request, never repeated here;
 * interrupting the fiber aborts it. Fails with `AiError`, whose `metadata.openai` says what `Facts` names.
 */
export const make = (options: Options): Effect.Effect<LanguageModel.LanguageModel> => {
  const baseUrl = options.baseUrl ?? OpenAiRequest.openAiUrl
  const url = redact(`${baseUrl.replace(/\/$/, "")}/chat/completions`)
  const apiKey = Redacted.value(options.apiKey)
  const wanted = {
    model: options.model,
    maxOutputTokens: options.maxOutputTokens,
    tokenLimit: options.tokenLimit ?? OpenAiRequest.tokenLimitOf(baseUrl)
  }

  const request = Effect.map(Clock.currentTimeMillis, (now): OpenAiReason.Request => ({
    url,
    now,
    conceal: (text) => (apiKey === "" ? text : text.replaceAll(apiKey, "[redacted]"))
  }))
  const translated = (method: Method) => (failure: unknown) =>
    Effect.flatMap(request, (met) => Effect.fail(failWith(method, OpenAiFailure.reasonOf(failure, met))))
  const late = (method: Method) => Effect.fail(failWith(method, OpenAiFailure.timedOut(options.timeout, url)))
  const orFail =
    (method: Method) =>
    <A>(result: Result.Result<A, AiError.AiErrorReason>): Effect.Effect<A, AiError.AiError> =>
      Effect.mapError(Effect.fromResult(result), (reason) => failWith(method, reason))

  const generateText = Effect.fnUntraced(
    function* (asked: LanguageModel.ProviderOptions) {
      yield* annotate(options, asked)
      const body = yield* orFail("generateText")(OpenAiRequest.bodyOf(wanted, asked))
      const answer = yield* Effect.tryPromise({
        try: (signal): Promise<unknown> =>
          OpenAiClient.make({ apiKey, baseUrl }).chat.completions.create(body, { signal }),
        catch: (failure) => failure
      }).pipe(Effect.catch(translated("generateText")))
      return yield* orFail("generateText")(partsOf(answer, yield* request))
    },
    Effect.timeoutOrElse({ duration: options.timeout, orElse: () => late("generateText") })
  )

  const streamText = (asked: LanguageModel.ProviderOptions) =>
    Effect.gen(function* () {
      yield* annotate(options, asked)
      const body = yield* orFail("streamText")(OpenAiRequest.bodyOf(wanted, asked))
      const abort = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      const met = yield* request
      const reader = streamReader(met)
      const chunks = yield* Effect.tryPromise({
        try: (): Promise<AsyncIterable<unknown>> =>
          OpenAiClient.make({ apiKey, baseUrl }).chat.completions.create(
            { ...body, stream: true, stream_options: { include_usage: true } },
            { signal: abort.signal }
          ),
        catch: (failure) => failure
      }).pipe(Effect.catch(translated("streamText")))
      return Stream.fromAsyncIterable(chunks, (failure) =>
        failWith("streamText", OpenAiFailure.reasonOf(failure, met))
      ).pipe(
        Stream.mapEffect((chunk) => orFail("streamText")(reader.parts(chunk))),
        Stream.concat(Stream.fromEffect(Effect.suspend(() => orFail("streamText")(reader.end())))),
        Stream.flattenIterable,
        (parts) =>
          Stream.concat(Stream.succeed<Response.StreamPartEncoded>({ type: "text-start", id: textId }), parts)
      )
    }).pipe(
      Stream.unwrap,
      Stream.interruptWhen(Effect.andThen(Effect.sleep(options.timeout), late("streamText")))
    )

  return LanguageModel.make({ generateText, streamText })
}

/** `make` as a layer. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
