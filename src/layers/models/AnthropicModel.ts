import { type Duration, Effect, Layer, Redacted } from "effect"
import { LanguageModel } from "effect/ai"
import { redact } from "../../domain/errors/Evidence.ts"
import * as AnthropicClient from "./AnthropicClient.ts"
import * as AnthropicFailure from "./AnthropicFailure.ts"
import { reading } from "./AnthropicReading.ts"
import * as AnthropicRequest from "./AnthropicRequest.ts"
import * as ProviderModel from "./ProviderModel.ts"

export interface Options {
  readonly apiKey: Redacted.Redacted<string>
  /** Any server that speaks Anthropic's messages, without `/v1`; Anthropic itself where it is missing. */
  readonly baseUrl?: string
  readonly model: string
  readonly maxOutputTokens: number
  /** A whole answer, from the call to its last byte, streamed or not. */
  readonly timeout: Duration.Duration
}

/** A language model behind Anthropic's messages, as `ProviderModel` makes it. */
export const make = (options: Options): Effect.Effect<LanguageModel.LanguageModel> => {
  const { model, maxOutputTokens, timeout } = options
  const baseUrl = options.baseUrl ?? AnthropicRequest.anthropicUrl
  const apiKey = Redacted.value(options.apiKey)
  const client = () => AnthropicClient.make({ apiKey, baseUrl })
  return ProviderModel.make({
    name: "anthropic",
    module: "AnthropicModel",
    model,
    maxOutputTokens,
    url: redact(AnthropicRequest.urlOf(baseUrl)),
    apiKey,
    timeout,
    bodyOf: (asked) => AnthropicRequest.bodyOf({ model, maxOutputTokens }, asked),
    ask: (body: AnthropicRequest.Body, signal) => client().messages.create(body, { signal }),
    stream: (body, signal) => client().messages.create({ ...body, stream: true }, { signal }),
    reading,
    reasonOf: AnthropicFailure.reasonOf
  })
}

/** `make` as a layer. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))
