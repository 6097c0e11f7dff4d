import type { Response } from "effect/ai"
import * as Prices from "../../domain/policies/Prices.ts"
import type { ModelChoice } from "../../domain/Route.ts"
import type { Usage } from "../../domain/Spending.ts"
import type { ModelReply } from "../../services/Proposer.ts"

const finishes = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  "tool-calls": "other",
  error: "other",
  pause: "other",
  other: "other",
  unknown: "other"
} as const satisfies Record<Response.FinishReason, ModelReply["finish"]>

/** Why an answer ended, in our words. An answer that was cut or filtered is an answer: it was paid for. */
export const finishOf = (reason: Response.FinishReason): ModelReply["finish"] => finishes[reason]

/** What was used, as a provider says it, or as Effect does. */
interface Answered {
  readonly usage: Pick<Response.Usage, "inputTokens" | "outputTokens">
  readonly cacheWriteLongTokens?: number
}

/**
 * What a call used whose request is `input`. Where the provider does not say, it counts at the most it can have
 * cost, which for the output is the whole limit: hidden reasoning is paid for and is not in the text.
 */
export const usageOf = (model: ModelChoice, input: string, answered: Answered): Usage => {
  const { inputTokens, outputTokens } = answered.usage
  const { total, cacheRead, cacheWrite } = inputTokens
  const long = answered.cacheWriteLongTokens ?? 0
  const most = () => Prices.dearestUsage(model, Prices.inputTokensUpperBound(input))
  return {
    ...(total === undefined
      ? most()
      : {
          inputTokens: total,
          ...(cacheRead === undefined ? {} : { cacheReadTokens: cacheRead }),
          ...(cacheWrite === undefined ? {} : { cacheWriteTokens: Math.max(0, cacheWrite - long) }),
          ...(long === 0 ? {} : { cacheWriteLongTokens: long })
        }),
    outputTokens: outputTokens.total ?? most().outputTokens
  }
}
