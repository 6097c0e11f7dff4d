import { Option, Schema } from "effect"
import type { ModelChoice } from "../Route.ts"
import { Usd, UsdFromDecimal, add, perMillionTokens } from "../Usd.ts"
import type { Usage } from "../Spending.ts"

const usd = Schema.decodeSync(UsdFromDecimal)

interface PriceRow {
  readonly provider: ModelChoice["provider"]
  readonly model: string
  readonly inputPerMillion: Usd
  readonly outputPerMillion: Usd
  readonly maxOutputTokens: number
}

/**
 * Dollars per million tokens, as listed by OpenAI at https://platform.openai.com/docs/pricing on 2025-08-07.
 * A model that is missing here is refused (UnknownPrice), never counted as free.
 */
const rows: ReadonlyArray<PriceRow> = [
  {
    provider: "openai",
    model: "gpt-5",
    inputPerMillion: usd("1.25"),
    outputPerMillion: usd("10"),
    maxOutputTokens: 16_384
  },
  {
    provider: "openai",
    model: "gpt-5-mini",
    inputPerMillion: usd("0.25"),
    outputPerMillion: usd("2"),
    maxOutputTokens: 16_384
  },
  {
    provider: "openai",
    model: "gpt-4.1",
    inputPerMillion: usd("2"),
    outputPerMillion: usd("8"),
    maxOutputTokens: 16_384
  },
  {
    provider: "openai",
    model: "gpt-4.1-mini",
    inputPerMillion: usd("0.4"),
    outputPerMillion: usd("1.6"),
    maxOutputTokens: 16_384
  },
  {
    provider: "offline",
    model: "offline",
    inputPerMillion: usd("0"),
    outputPerMillion: usd("0"),
    maxOutputTokens: 16_384
  }
]

/** The price of a model, or none when it is not in the table. */
export const find = (provider: ModelChoice["provider"], model: string): Option.Option<ModelChoice> =>
  Option.fromUndefinedOr(rows.find((row) => row.provider === provider && row.model === model))

export const models = (provider: ModelChoice["provider"]): ReadonlyArray<ModelChoice> =>
  rows.filter((row) => row.provider === provider)

/** What a call cost. */
export const costOf = (model: ModelChoice, usage: Usage): Usd =>
  add(
    perMillionTokens(model.inputPerMillion, usage.inputTokens),
    perMillionTokens(model.outputPerMillion, usage.outputTokens)
  )

/** An upper bound of a text's tokens: no tokenizer in use makes more tokens than the text has UTF-8 bytes. */
export const tokensUpperBound = (text: string): number => new TextEncoder().encode(text).length

/** The most a call can cost: all of the input, and the whole output limit. */
export const worstCase = (model: ModelChoice, input: string): Usd =>
  costOf(model, { inputTokens: tokensUpperBound(input), outputTokens: model.maxOutputTokens })
