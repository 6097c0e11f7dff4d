import { Schema } from "effect"
import { Usd } from "./Usd.ts"

/** Whose models there are prices for. Which of them can be asked is the layers' business. */
export const Provider = Schema.Literals(["openai", "anthropic", "offline"])
export type Provider = typeof Provider.Type

/** What a million tokens cost. Input from or to the provider's cache costs what other input does where nothing is said. */
export const Rates = Schema.Struct({
  inputPerMillion: Usd,
  outputPerMillion: Usd,
  cacheReadPerMillion: Schema.optionalKey(Usd),
  cacheWritePerMillion: Schema.optionalKey(Usd),
  /** Kept for longer than the provider keeps by itself; as `cacheWritePerMillion` where nothing is said. */
  cacheWriteLongPerMillion: Schema.optionalKey(Usd)
})
export type Rates = typeof Rates.Type

/** One model that may be asked, and what a million tokens cost there. */
export const ModelChoice = Schema.Struct({
  provider: Provider,
  model: Schema.NonEmptyString,
  /** The longest answer that a request asks for; the model itself may know a higher limit. */
  maxOutputTokens: Schema.Int,
  ...Rates.fields,
  /** What all tokens of a request cost when its input has more than `aboveInputTokens`; the highest that applies. */
  longContext: Schema.optionalKey(
    Schema.Array(Schema.Struct({ aboveInputTokens: Schema.Int, ...Rates.fields }))
  )
})
export type ModelChoice = typeof ModelChoice.Type

/** Which models to ask, best first, and why. Empty when the order brings its own proposal. */
export class Route extends Schema.Class<Route>("Route")({
  models: Schema.Array(ModelChoice),
  reason: Schema.String
}) {}

/** How often a model's changes for one kind of work ended in a verified pull request. */
export const PastOutcome = Schema.Struct({
  model: Schema.String,
  succeeded: Schema.Int,
  failed: Schema.Int
})
export type PastOutcome = typeof PastOutcome.Type
