import { Schema } from "effect"
import { Usd } from "./Usd.ts"

/** One model that may be asked, and what a million tokens cost there. */
export const ModelChoice = Schema.Struct({
  provider: Schema.Literals(["openai", "offline"]),
  model: Schema.NonEmptyString,
  maxOutputTokens: Schema.Int,
  inputPerMillion: Usd,
  outputPerMillion: Usd
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
