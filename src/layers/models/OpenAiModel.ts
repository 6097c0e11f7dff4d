import { type Duration, Effect, Layer, Redacted } from "effect"
import { LanguageModel } from "effect/ai"
import { redact } from "../../domain/errors/Evidence.ts"
import * as OpenAiClient from "./OpenAiClient.ts"
import * as OpenAiFailure from "./OpenAiFailure.ts"
import { reading } from "./OpenAiReading.ts"
import * as OpenAiRequest from "./OpenAiRequest.ts"
import * as ProviderModel from "./ProviderModel.ts"

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

/** A language model behind OpenAI's chat completions, as `ProviderModel` makes it. */
export const make = (options: Options): Effect.Effect<LanguageModel.LanguageModel> => {
  const { model, maxOutputTokens, timeout } = options
  const baseUrl = options.baseUrl ?? OpenAiRequest.openAiUrl
  const apiKey = Redacted.value(options.apiKey)
  const tokenLimit = options.tokenLimit ?? OpenAiRequest.tokenLimitOf(baseUrl)
  const client = () => OpenAiClient.make({ apiKey, baseUrl })
  return ProviderModel.make({
    name: "openai",
    module: "OpenAiModel",
    model,
    maxOutputTokens,
    url: redact(OpenAiRequest.urlOf(baseUrl)),
    apiKey,
    timeout,
    bodyOf: (asked) => OpenAiRequest.bodyOf({ model, maxOutputTokens, tokenLimit }, asked),
    ask: (body: OpenAiRequest.Body, signal) => client().chat.completions.create(body, { signal }),
    stream: (body, signal) =>
      client().chat.completions.create(
        { ...body, stream: true, stream_options: { include_usage: true } },
        { signal }
      ),
    reading,
    reasonOf: OpenAiFailure.reasonOf
  })
}

/** `make` as a layer. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
