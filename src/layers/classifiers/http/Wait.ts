import { DateTime, Option } from "effect"
import type { Answer } from "./Answer.ts"

const seconds = /^\d{1,9}(?:\.\d{1,6})?$/
/** Thu, 01 Jan 2026 00:00:30 GMT: a lenient date parser reads much that is not a date. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
/** More than this is no wait but a mistake, or the end of a contract. */
const waitMsMax = 31 * 24 * 3600 * 1000

/** The part of an answer that its headers' waits are read from. */
type Dated = Pick<Answer, "headers" | "now">

const dateMs = (text: string | undefined): number | undefined =>
  text !== undefined && httpDate.test(text)
    ? Option.getOrUndefined(Option.map(DateTime.make(text), DateTime.toEpochMillis))
    : undefined

const sensible = (ms: number | undefined): number | undefined =>
  ms !== undefined && Number.isFinite(ms) && ms <= waitMsMax ? Math.max(0, Math.ceil(ms)) : undefined

/** What dates are compared with: our clock where somebody looked at it, else the answer's own date. */
const nowMs = ({ now, headers }: Dated): number | undefined => now ?? dateMs(headers["date"])

/** `retry-after-ms`, which OpenAI sends and is the more exact, or `retry-after` in seconds or as a date. */
const fromRetryAfter = (answer: Dated): number | undefined => {
  const { headers } = answer
  const exact = (headers["retry-after-ms"] ?? "").trim()
  if (seconds.test(exact)) return Number(exact)
  const text = (headers["retry-after"] ?? "").trim()
  if (seconds.test(text)) return Number(text) * 1000
  const [then, now] = [dateMs(text), nowMs(answer)]
  return then === undefined || now === undefined ? undefined : then - now
}

/** GitHub's: UTC seconds at which the used-up quota is full again, cut to whole ones; one more is surely past it. */
const fromReset = (answer: Answer): number | undefined => {
  const { headers } = answer
  const reset = headers["x-ratelimit-reset"] ?? ""
  const now = nowMs(answer)
  if (headers["x-ratelimit-remaining"] !== "0" || !/^\d{1,11}$/.test(reset)) return undefined
  return now === undefined ? undefined : (Number(reset) + 1) * 1000 - now
}

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const asked =
  /(?:try again|retry|retrying|wait)(?: in| after)?:? ((?:\d+(?:\.\d+)?\s?(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?|d|days?)\s?)+)(?![a-z])/i
const part = /(\d+(?:\.\d+)?)\s?(ms|milli|s|m|h|d)/gi

/** "Please try again in 6ms", "7m12s", "Please retry after 26 seconds": mind the unit. */
const fromWords = ({ problems }: Answer): number | undefined => {
  for (const { message } of problems) {
    const text = asked.exec(message)?.[1]
    if (text === undefined) continue
    let total = 0
    for (const [, amount, unit = ""] of text.matchAll(part)) {
      const name = unit.toLowerCase() === "milli" ? "ms" : unit.toLowerCase()
      total += Number(amount) * (unitMs[name] ?? 0)
    }
    return total
  }
  return undefined
}

/** How long the answer asks to wait, in milliseconds; undefined when it does not say, or it cannot be computed from it. */
export const waitMs = (answer: Answer): number | undefined =>
  sensible(fromRetryAfter(answer) ?? fromReset(answer) ?? fromWords(answer))

/** The same by Retry-After alone, for an answer that no classifier reads. */
export const headersWaitMs = (answer: Dated): number | undefined => sensible(fromRetryAfter(answer))
