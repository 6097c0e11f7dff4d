import { Cache, Cause, Duration, Effect, FileSystem, Layer, Match, Path, Redacted } from "effect"
import { AiError, type LanguageModel, type Response } from "effect/ai"
import * as Evidence from "../domain/errors/Evidence.ts"
import {
  ContextWindowExceeded,
  ModelNotFound,
  ProviderOverloaded,
  ProviderUnavailable,
  QuotaExhausted,
  Refused,
  RequestRejected
} from "../domain/errors/GenerationError.ts"
import { AuthenticationFailed, RateLimited, TimedOut } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import * as Prices from "../domain/policies/Prices.ts"
import type { ModelChoice } from "../domain/Route.ts"
import type { Usage } from "../domain/Spending.ts"
import type { Failure, Input } from "../services/Contract.ts"
import { type ModelReply, Proposer, type ProposerContract } from "../services/Proposer.ts"
import * as OfflineModel from "./models/OfflineModel.ts"
import * as OpenAiReason from "./models/OpenAiReason.ts"
import * as OpenAiModel from "./models/OpenAiModel.ts"
import type * as OpenAiRequest from "./models/OpenAiRequest.ts"

export interface Options {
  /** OpenAI, or any server that speaks its chat completions. */
  readonly openai?: {
    readonly apiKey: Redacted.Redacted<string>
    readonly baseUrl?: string
    readonly tokenLimit?: OpenAiRequest.TokenLimit
  }
  /** May the offline model be asked? */
  readonly offline: boolean
}

type Reason = Failure<typeof ProposerContract, "ask">
type Ask = Input<typeof ProposerContract, "ask">

const operations: Record<ModelChoice["provider"], string> = {
  openai: "POST /chat/completions",
  anthropic: "POST /v1/messages",
  offline: "read fixtures/demo/replies"
}

/** What the provider said, as evidence, and whether it called itself overloaded. */
const factsOf = (choice: ModelChoice, error: AiError.AiError) => {
  const { reason } = error
  const description = "description" in reason ? reason.description : undefined
  const http = "http" in reason ? reason.http : undefined
  const status = http?.response?.status
  const { overloaded = false, ...met } = OpenAiReason.factsOf(reason)
  const evidence = Evidence.make({
    operation: operations[choice.provider],
    excerpt: description ?? http?.body ?? reason.message,
    ...(status === undefined ? {} : { httpStatus: status }),
    ...met,
    cause: error
  })
  return { evidence, overloaded }
}

/** The one place where an AiError becomes a reason of ours; a new reason of Effect's breaks the build here. */
export const translate =
  (choice: ModelChoice) =>
  (error: AiError.AiError): Reason => {
    const { evidence, overloaded } = factsOf(choice, error)
    const { model, provider: service } = choice
    const rejected = () => new RequestRejected({ model, evidence })
    const unavailable = () => new ProviderUnavailable({ model, evidence })
    return Match.value(error.reason).pipe(
      Match.tagsExhaustive({
        RateLimitError: () => new RateLimited({ service, evidence }),
        QuotaExhaustedError: () => new QuotaExhausted({ model, evidence }),
        AuthenticationError: () => new AuthenticationFailed({ service, evidence }),
        ContentPolicyError: () => new Refused({ model, evidence }),
        InvalidRequestError: ({ constraint }) => {
          if (constraint === OpenAiReason.contextLengthExceeded)
            return new ContextWindowExceeded({ model, evidence })
          if (constraint === OpenAiReason.modelNotFound) return new ModelNotFound({ model, evidence })
          return rejected()
        },
        InternalProviderError: () =>
          overloaded ? new ProviderOverloaded({ model, evidence }) : unavailable(),
        NetworkError: ({ reason, cause }) => {
          if (Cause.isTimeoutError(cause))
            return new TimedOut({
              operation: `asking ${model}`,
              limitMs: Duration.toMillis(Limits.modelCall)
            })
          return reason === "TransportError" ? unavailable() : rejected()
        },
        InvalidResponseError: unavailable,
        InvalidOutputError: unavailable,
        StructuredOutputError: unavailable,
        UnknownError: unavailable,
        UnsupportedSchemaError: rejected,
        InvalidUserInputError: rejected,
        ToolNotFoundError: rejected,
        ToolParameterValidationError: rejected,
        InvalidToolResultError: rejected,
        ToolResultEncodingError: rejected,
        ToolConfigurationError: rejected,
        ToolkitRequiredError: rejected
      })
    )
  }

const finishes = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  "tool-calls": "other",
  error: "other",
  pause: "other",
  other: "other",
  unknown: "other"
} as const

/**
 * An answer that was cut or filtered is an answer: it was paid for. Where the provider does not say what was
 * used, the call counts at the most it can have cost, which for the output is the whole limit: hidden
 * reasoning is paid for and is not in the text.
 */
const usageOf = (ask: Ask, { inputTokens, outputTokens }: Response.Usage): Usage => {
  const { total, cacheRead, cacheWrite } = inputTokens
  const most = Prices.dearestUsage(ask.model, Prices.inputTokensUpperBound(ask.system + ask.prompt))
  return {
    ...(total === undefined
      ? most
      : {
          inputTokens: total,
          ...(cacheRead === undefined ? {} : { cacheReadTokens: cacheRead }),
          ...(cacheWrite === undefined ? {} : { cacheWriteTokens: cacheWrite })
        }),
    outputTokens: outputTokens.total ?? most.outputTokens
  }
}

const replyOf = (ask: Ask, response: LanguageModel.GenerateTextResponse<{}>): ModelReply => ({
  text: response.text,
  finish: finishes[response.finishReason],
  usage: usageOf(ask, response.usage)
})

const absent = (choice: ModelChoice, excerpt: string) =>
  Evidence.make({ operation: operations[choice.provider], excerpt })

const withoutKey = (choice: ModelChoice): Reason =>
  new AuthenticationFailed({
    service: choice.provider,
    evidence: absent(choice, "no key is set; set OPENAI_API_KEY")
  })

const withoutOffline = (choice: ModelChoice): Reason =>
  new ModelNotFound({
    model: choice.model,
    evidence: absent(choice, "the offline model is switched off, because a real one is connected")
  })

const withoutAnthropic = (choice: ModelChoice): Reason =>
  new ModelNotFound({
    model: choice.model,
    evidence: absent(choice, "Moose has a price for it, and no connection to Anthropic yet")
  })

/** A proposer that asks Effect's language models, each call once and within `Limits.modelCall`. */
export const layer = (options: Options): Layer.Layer<Proposer, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Proposer,
    Effect.gen(function* () {
      const offline = yield* OfflineModel.make

      const open = (choice: ModelChoice): Effect.Effect<LanguageModel.LanguageModel, Reason> => {
        if (choice.provider === "offline")
          return options.offline ? Effect.succeed(offline) : Effect.fail(withoutOffline(choice))
        if (choice.provider === "anthropic") return Effect.fail(withoutAnthropic(choice))
        if (options.openai === undefined || Redacted.value(options.openai.apiKey).trim() === "")
          return Effect.fail(withoutKey(choice))
        const { model, maxOutputTokens } = choice
        return OpenAiModel.make({ ...options.openai, model, maxOutputTokens, timeout: Limits.modelCall })
      }
      // Keyed by the whole choice: the same model with another output limit is another model.
      const models = yield* Cache.make({ lookup: open, capacity: Limits.modelsReadyMax })

      const ask = Effect.fn("Proposer.ask")(function* (input: Ask) {
        const { model: choice, system, prompt } = input
        const model = yield* Cache.get(models, choice)
        const response = yield* model
          .generateText({
            prompt: [
              { role: "system", content: system },
              { role: "user", content: prompt }
            ]
          })
          .pipe(Effect.mapError(translate(choice)))
        return replyOf(input, response)
      })

      return Proposer.of({ ask })
    })
  )
