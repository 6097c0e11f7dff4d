import { Redacted } from "effect"
import { AuthenticationFailed } from "../../domain/errors/Reasons.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import type { Provider } from "../../domain/Route.ts"
import type * as OpenAiRequest from "./OpenAiRequest.ts"

/** Where real models are, and who pays for them. */
export interface Providers {
  /** OpenAI, or any server that speaks its chat completions. */
  readonly openai?: {
    readonly apiKey: Redacted.Redacted<string>
    readonly baseUrl?: string
    readonly tokenLimit?: OpenAiRequest.TokenLimit
  }
  /** Anthropic, or any server that speaks its messages. */
  readonly anthropic?: { readonly apiKey: Redacted.Redacted<string>; readonly baseUrl?: string }
}

export type RealProvider = keyof Providers

/** What is done at a provider, in the evidence of its failures. */
export const operations: Record<Provider, string> = {
  openai: "POST /chat/completions",
  anthropic: "POST /v1/messages",
  offline: "read fixtures/demo/replies"
}

export const keyVariables: Record<RealProvider, string> = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY"
}

/** A provider without a key is not connected; neither is one whose key is blank. */
export const connected = <P extends RealProvider>(
  providers: Providers,
  provider: P
): NonNullable<Providers[P]> | undefined => {
  const found = providers[provider]
  return found === undefined || Redacted.value(found.apiKey).trim() === "" ? undefined : found
}

/** Why a model of a provider that is not connected cannot be asked. */
export const withoutKey = (provider: RealProvider): AuthenticationFailed =>
  new AuthenticationFailed({
    service: provider,
    evidence: Evidence.make({
      operation: operations[provider],
      excerpt: `no key is set; set ${keyVariables[provider]}`
    })
  })

const all: ReadonlyArray<RealProvider> = ["openai", "anthropic"]

/** Those that a key is set for. */
export const connectedOf = (providers: Providers): ReadonlyArray<RealProvider> =>
  all.filter((provider) => connected(providers, provider) !== undefined)
