import { Clock, Duration, Effect, Redacted } from "effect"
import { AiError } from "effect/ai"
import { TimedOut } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { translateFor } from "../LanguageModelProposer.ts"
import * as AnthropicClient from "./AnthropicClient.ts"
import * as AnthropicFailure from "./AnthropicFailure.ts"
import * as AnthropicRequest from "./AnthropicRequest.ts"
import type * as ModelReason from "./ModelReason.ts"
import * as OpenAiClient from "./OpenAiClient.ts"
import * as OpenAiFailure from "./OpenAiFailure.ts"
import * as OpenAiRequest from "./OpenAiRequest.ts"
import { type Providers, type RealProvider, connected, withoutKey } from "./Providers.ts"
import { concealing } from "./ProviderModel.ts"

interface Listing {
  readonly apiKey: string
  readonly url: string
  readonly list: (signal: AbortSignal) => Promise<ReadonlyArray<string>>
  readonly reasonOf: (failure: unknown, request: ModelReason.Request) => AiError.AiErrorReason
}

const listingOf = (providers: Providers, provider: RealProvider): Listing | undefined => {
  switch (provider) {
    case "openai": {
      const at = connected(providers, provider)
      if (at === undefined) return undefined
      const apiKey = Redacted.value(at.apiKey)
      const baseUrl = at.baseUrl ?? OpenAiRequest.openAiUrl
      return {
        apiKey,
        url: `${baseUrl}/models`,
        list: async (signal) =>
          (await OpenAiClient.make({ apiKey, baseUrl }).models.list({ signal })).data.map(({ id }) => id),
        reasonOf: OpenAiFailure.reasonOf
      }
    }
    case "anthropic": {
      const at = connected(providers, provider)
      if (at === undefined) return undefined
      const apiKey = Redacted.value(at.apiKey)
      const baseUrl = at.baseUrl ?? AnthropicRequest.anthropicUrl
      return {
        apiKey,
        url: `${baseUrl}/v1/models`,
        list: async (signal) =>
          (await AnthropicClient.make({ apiKey, baseUrl }).models.list({}, { signal })).data.map(
            ({ id }) => id
          ),
        reasonOf: AnthropicFailure.reasonOf
      }
    }
  }
}

/**
 * The models that a provider lists for our key, on its first page: a call that costs nothing, and that a wrong key
 * does not get through. Fails as a call of a model would.
 */
export const models = Effect.fn("Keys.models")(function* (providers: Providers, provider: RealProvider) {
  const listing = listingOf(providers, provider)
  if (listing === undefined) return yield* withoutKey(provider)
  return yield* Effect.tryPromise({ try: listing.list, catch: (failure) => failure }).pipe(
    Effect.catch((failure) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const request = { url: listing.url, now, conceal: concealing(listing.apiKey) }
        const reason = listing.reasonOf(failure, request)
        const error = AiError.make({ module: "Keys", method: "models", reason })
        return Effect.fail(translateFor({ provider, model: `${provider}'s list` }, "GET /models")(error))
      })
    ),
    Effect.timeoutOrElse({
      duration: Limits.keyCheck,
      orElse: () =>
        Effect.fail(
          new TimedOut({
            operation: `asking ${provider} for its models`,
            limitMs: Duration.toMillis(Limits.keyCheck)
          })
        )
    })
  )
})
