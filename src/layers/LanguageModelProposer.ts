import { Cache, Cause, Duration, Effect, FileSystem, Layer, Match, Path } from "effect"
import type { AiError, LanguageModel } from "effect/ai"
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
import type { ModelChoice } from "../domain/Route.ts"
import type { Failure, Input } from "../services/Contract.ts"
import { type ModelReply, Proposer, type ProposerContract } from "../services/Proposer.ts"
import * as AnthropicModel from "./models/AnthropicModel.ts"
import * as ModelReason from "./models/ModelReason.ts"
import * as OfflineModel from "./models/OfflineModel.ts"
import * as OpenAiModel from "./models/OpenAiModel.ts"
import * as PaidUsage from "./models/PaidUsage.ts"
import * as Providers from "./models/Providers.ts"

export interface Options extends Providers.Providers {
  /** May the offline model be asked? */
  readonly offline: boolean
}

export type Reason = Failure<typeof ProposerContract, "ask">
type Ask = Input<typeof ProposerContract, "ask">

/** What the provider said, as evidence, and whether it called itself overloaded. */
const factsOf = (operation: string, error: AiError.AiError) => {
  const { reason } = error
  const description = "description" in reason ? reason.description : undefined
  const http = "http" in reason ? reason.http : undefined
  const status = http?.response?.status
  const { overloaded = false, ...met } = ModelReason.factsOf(reason)
  const evidence = Evidence.make({
    operation,
    excerpt: description ?? http?.body ?? reason.message,
    ...(status === undefined ? {} : { httpStatus: status }),
    ...met,
    cause: error
  })
  return { evidence, overloaded }
}

type Asked = Pick<ModelChoice, "provider" | "model">

/** The one place where an AiError becomes a reason of ours; a new reason of Effect's breaks the build here. */
export const translateFor =
  (choice: Asked, operation: string) =>
  (error: AiError.AiError): Reason => {
    const { evidence, overloaded } = factsOf(operation, error)
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
          if (constraint === ModelReason.contextLengthExceeded)
            return new ContextWindowExceeded({ model, evidence })
          if (constraint === ModelReason.modelNotFound) return new ModelNotFound({ model, evidence })
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

/** The same for a call of the model itself. */
export const translate = (choice: Asked) => translateFor(choice, Providers.operations[choice.provider])

const replyOf = (ask: Ask, response: LanguageModel.GenerateTextResponse<{}>): ModelReply => ({
  text: response.text,
  finish: PaidUsage.finishOf(response.finishReason),
  usage: PaidUsage.usageOf(ask.model, ask.system + ask.prompt, response)
})

const withoutOffline = (choice: ModelChoice): Reason =>
  new ModelNotFound({
    model: choice.model,
    evidence: Evidence.make({
      operation: Providers.operations[choice.provider],
      excerpt: "the offline model is switched off, because a real one is connected"
    })
  })

/** A proposer that asks Effect's language models, each call once and within `Limits.modelCall`. */
export const layer = (options: Options): Layer.Layer<Proposer, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Proposer,
    Effect.gen(function* () {
      const offline = yield* OfflineModel.make

      const open = (choice: ModelChoice): Effect.Effect<LanguageModel.LanguageModel, Reason> => {
        const { model, maxOutputTokens, provider } = choice
        const asked = { model, maxOutputTokens, timeout: Limits.modelCall }
        switch (provider) {
          case "offline":
            return options.offline ? Effect.succeed(offline) : Effect.fail(withoutOffline(choice))
          case "openai": {
            const at = Providers.connected(options, provider)
            return at === undefined
              ? Effect.fail(Providers.withoutKey(provider))
              : OpenAiModel.make({ ...at, ...asked })
          }
          case "anthropic": {
            const at = Providers.connected(options, provider)
            return at === undefined
              ? Effect.fail(Providers.withoutKey(provider))
              : AnthropicModel.make({ ...at, ...asked })
          }
        }
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
