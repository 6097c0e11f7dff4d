import { Effect, Option, Schema } from "effect"
import { ModelChoice, Provider, type Rates } from "../Route.ts"
import { Usd, UsdFromDecimal } from "../Usd.ts"
import { Limits } from "./Limits.ts"
import table from "./prices.json" with { type: "json" }

/** Beyond this a price is a slip of the pen, and the sum of a call might leave the safe integers. */
const dearest = Usd.make(10_000_000_000)

const Price = UsdFromDecimal.pipe(
  Schema.check(
    Schema.isLessThanOrEqualTo(dearest, { message: "must be at most 10000 dollars per million tokens" })
  )
)

const Tokens = Schema.Int.pipe(
  Schema.check(
    Schema.isBetween(
      { minimum: 1, maximum: Limits.modelTokensMax },
      { message: `must be a whole number of tokens, 1 to ${Limits.modelTokensMax}` }
    )
  )
)

/** Dollars per million tokens, as providers list them: "1.25". */
const prices = {
  input: Price,
  output: Price,
  cacheRead: Schema.optionalKey(Price),
  cacheWrite: Schema.optionalKey(Price),
  cacheWriteLong: Schema.optionalKey(Price)
}
const Prices = Schema.Struct(prices)
type Prices = typeof Prices.Type

const isDay = (text: string): boolean => {
  const at = Date.parse(`${text}T00:00:00Z`)
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

const Line = Schema.Struct({
  provider: Provider,
  model: Schema.NonEmptyString,
  /** May the built-in rules choose it by themselves? If not, it is asked where MOOSE_MODEL or a manager names it. */
  automatic: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  ...prices,
  longContext: Schema.optionalKey(Schema.Array(Schema.Struct({ aboveInputTokens: Tokens, ...prices }))),
  contextWindow: Tokens,
  maxOutputTokens: Tokens,
  source: Schema.String.pipe(
    Schema.check(Schema.isPattern(/^[^<\s]/, { message: "must say where the prices are published" }))
  ),
  asOf: Schema.String.pipe(
    Schema.check(
      Schema.makeFilter((text) =>
        isDay(text) ? undefined : "must be the day of the prices, such as 2026-01-31"
      )
    )
  )
})
type Line = typeof Line.Type

const kinds = ["input", "output", "cacheRead", "cacheWrite", "cacheWriteLong"] as const

/** What each kind of token costs, said or not. */
const complete = ({
  input,
  output,
  cacheRead = input,
  cacheWrite = input,
  cacheWriteLong = cacheWrite
}: Prices): Record<(typeof kinds)[number], Usd> => ({ input, output, cacheRead, cacheWrite, cacheWriteLong })

/** A paid model that costs nothing would be asked without limit. */
const freeOfCharge = (line: Line): ReadonlyArray<Schema.FilterIssue> =>
  line.provider === "offline"
    ? []
    : kinds.flatMap((kind) =>
        line[kind] === 0
          ? [{ path: [kind], issue: "must be more than 0: only the offline model costs nothing" }]
          : []
      )

/**
 * A longer request that costs less would make a shorter one's price no bound of it, so prices that fall with
 * the length are refused. No provider lists any.
 */
const falling = ({ longContext = [], ...short }: Line): ReadonlyArray<Schema.FilterIssue> =>
  longContext.flatMap((tier, index) => {
    const before = longContext[index - 1]
    const was = complete(before ?? short)
    const is = complete(tier)
    return [
      ...(tier.aboveInputTokens <= (before?.aboveInputTokens ?? 0)
        ? [{ path: ["longContext", index, "aboveInputTokens"], issue: "must rise from one to the next" }]
        : []),
      ...kinds
        .filter((kind) => is[kind] < was[kind])
        .map((kind) => ({
          path: ["longContext", index, kind],
          issue: "must not be below the price of shorter requests"
        }))
    ]
  })

const CheckedLine = Line.pipe(
  Schema.check(Schema.makeFilter((line) => [...freeOfCharge(line), ...falling(line)]))
)

const Lines = Schema.Array(CheckedLine).pipe(
  Schema.check(
    Schema.makeFilter((lines) =>
      lines.flatMap(({ provider, model }, index) =>
        lines.findIndex((other) => other.provider === provider && other.model === model) < index
          ? [{ path: [index, "model"], issue: `${provider}/${model} is there twice` }]
          : []
      )
    )
  )
)

/** A model with its prices, and where they come from. */
export interface PriceRow {
  readonly choice: ModelChoice
  readonly automatic: boolean
  /** How many tokens the model takes in and gives out in one request, together. */
  readonly contextWindow: number
  readonly source: string
  /** The day on which the source said so, 2026-01-31. */
  readonly asOf: string
}

export interface PriceTable {
  readonly rows: ReadonlyArray<PriceRow>
  /** The file whose rows went before ours, and how many they are. */
  readonly override?: { readonly file: string; readonly rows: number }
}

const ratesOf = ({ input, output, cacheRead, cacheWrite, cacheWriteLong }: Prices): Rates => ({
  inputPerMillion: input,
  outputPerMillion: output,
  ...(cacheRead === undefined ? {} : { cacheReadPerMillion: cacheRead }),
  ...(cacheWrite === undefined ? {} : { cacheWritePerMillion: cacheWrite }),
  ...(cacheWriteLong === undefined ? {} : { cacheWriteLongPerMillion: cacheWriteLong })
})

const rowOf = (line: Line): PriceRow => ({
  choice: {
    provider: line.provider,
    model: line.model,
    maxOutputTokens: Math.min(line.maxOutputTokens, Limits.requestOutputTokensMax),
    ...ratesOf(line),
    ...(line.longContext === undefined
      ? {}
      : {
          longContext: line.longContext.map((tier) => ({
            aboveInputTokens: tier.aboveInputTokens,
            ...ratesOf(tier)
          }))
        })
  },
  automatic: line.automatic,
  contextWindow: line.contextWindow,
  source: line.source,
  asOf: line.asOf
})

const strict = { errors: "all", onExcessProperty: "error" } as const
const decodeLines = Schema.decodeUnknownEffect(Lines, strict)

/** The rows of a JSON value in the format of prices.json; a field that is missing, wrong or unknown is named. */
export const decode = (json: unknown): Effect.Effect<ReadonlyArray<PriceRow>, Schema.SchemaError> =>
  Effect.map(decodeLines(json), (lines) => lines.map(rowOf))

/** The prices in prices.json: each row names its source and its day. */
export const builtIn: PriceTable = { rows: Schema.decodeUnknownSync(Lines, strict)(table).map(rowOf) }

const isSame = (a: PriceRow, b: PriceRow): boolean =>
  a.choice.provider === b.choice.provider && a.choice.model === b.choice.model

/** A table in which the rows of a file replace ours of the same provider and model, as a whole. */
export const overridden = (by: PriceTable, file: string, rows: ReadonlyArray<PriceRow>): PriceTable => ({
  rows: [...rows, ...by.rows.filter((ours) => !rows.some((theirs) => isSame(ours, theirs)))],
  override: { file, rows: rows.length }
})

/** The price of a model; none when it is not in the table, and then it may not be asked. */
export const find = ({ rows }: PriceTable, provider: Provider, model: string): Option.Option<ModelChoice> =>
  Option.fromUndefinedOr(
    rows.find(({ choice }) => choice.provider === provider && choice.model === model)?.choice
  )

/** All models of a provider that have a price. */
export const models = ({ rows }: PriceTable, provider: Provider): ReadonlyArray<ModelChoice> =>
  rows.flatMap(({ choice }) => (choice.provider === provider ? [choice] : []))

/** Those of them that the built-in rules may choose by themselves. */
export const automatic = ({ rows }: PriceTable, provider: Provider): ReadonlyArray<ModelChoice> =>
  rows.flatMap((row) => (row.choice.provider === provider && row.automatic ? [row.choice] : []))

const dollars = "<dollars per million tokens>"

/** The line to add for a model without a price. It is refused until everything in it is filled in. */
export const lineFor = (provider: Provider, model: string): string =>
  JSON.stringify({
    provider,
    model,
    input: dollars,
    output: dollars,
    contextWindow: 0,
    maxOutputTokens: 0,
    source: "<address of the price list>",
    asOf: "<its day>"
  })
