import type { ModelChoice, Rates } from "../Route.ts"
import type { Usage } from "../Spending.ts"
import { type Usd, perMillionTokens } from "../Usd.ts"
import { Limits } from "./Limits.ts"

/** What applies to a request with so much input: the prices for long ones hold for all of its tokens. */
const ratesFor = ({ longContext = [], ...short }: ModelChoice, inputTokens: number): Rates =>
  longContext
    .toSorted((a, b) => b.aboveInputTokens - a.aboveInputTokens)
    .find(({ aboveInputTokens }) => inputTokens > aboveInputTokens) ?? short

const complete = ({
  inputPerMillion: input,
  outputPerMillion: output,
  cacheReadPerMillion: cacheRead = input,
  cacheWritePerMillion: cacheWrite = input,
  cacheWriteLongPerMillion: cacheWriteLong = cacheWrite
}: Rates) => ({ input, output, cacheRead, cacheWrite, cacheWriteLong })

/**
 * What a call cost, to the micro-dollar, rounded up once. Where the parts that went through the cache are more
 * than all of the input, the provider contradicts itself and the parts are what is paid.
 */
export const costOf = (model: ModelChoice, usage: Usage): Usd => {
  const {
    inputTokens,
    outputTokens,
    cacheReadTokens = 0,
    cacheWriteTokens = 0,
    cacheWriteLongTokens = 0
  } = usage
  const cached = cacheReadTokens + cacheWriteTokens + cacheWriteLongTokens
  const rates = complete(ratesFor(model, Math.max(inputTokens, cached)))
  return perMillionTokens(
    [rates.input, Math.max(0, inputTokens - cached)],
    [rates.cacheRead, cacheReadTokens],
    [rates.cacheWrite, cacheWriteTokens],
    [rates.cacheWriteLong, cacheWriteLongTokens],
    [rates.output, outputTokens]
  )
}

/**
 * An upper bound of the tokens that a text becomes as a request's input. No tokenizer in use makes more tokens
 * than the text has UTF-8 bytes; what the provider puts around the messages is `Limits.requestFramingTokens`.
 */
export const inputTokensUpperBound = (text: string): number =>
  new TextEncoder().encode(text).length + Limits.requestFramingTokens

/**
 * The dearest usage that a request can end in whose input has at most so many tokens: all of the input billed in
 * the dearest way there is, be it a write to the cache, and the whole output limit. Prices do not fall with the
 * length of a request, so nothing shorter costs more.
 */
export const dearestUsage = (model: ModelChoice, inputTokens: number): Usage => {
  const { input, cacheRead, cacheWrite, cacheWriteLong } = complete(ratesFor(model, inputTokens))
  const most = Math.max(input, cacheRead, cacheWrite, cacheWriteLong)
  const whole = { inputTokens, outputTokens: model.maxOutputTokens }
  if (most === input) return whole
  if (most === cacheRead) return { ...whole, cacheReadTokens: inputTokens }
  if (most === cacheWrite) return { ...whole, cacheWriteTokens: inputTokens }
  return { ...whole, cacheWriteLongTokens: inputTokens }
}

/** The most that a call can cost whose messages hold this text. */
export const worstCase = (model: ModelChoice, input: string): Usd =>
  costOf(model, dearestUsage(model, inputTokensUpperBound(input)))
