import { DateTime, Option } from "effect"

const seconds = /^\d{1,9}(?:\.\d{1,6})?$/
/** An HTTP date begins with the day's name; anything else that a lenient date parser reads is not one. */
const httpDate = /^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?[, ]/i

const fromDate = (text: string, now: number): Option.Option<number> =>
  httpDate.test(text)
    ? DateTime.make(text).pipe(Option.map((date) => Math.max(0, DateTime.toEpochMillis(date) - now)))
    : Option.none()

/**
 * How long an answer asks us to wait, in whole milliseconds: `Retry-After` in seconds or as a date, or
 * `retry-after-ms`, which OpenAI sends beside it and is the more exact. None when it says nothing readable.
 */
export const retryAfterMs = (
  headers: { readonly get: (name: string) => string | null },
  now: number
): Option.Option<number> => {
  const exact = headers.get("retry-after-ms")?.trim() ?? ""
  if (seconds.test(exact)) return Option.some(Math.ceil(Number(exact)))
  const text = headers.get("retry-after")?.trim() ?? ""
  return seconds.test(text) ? Option.some(Math.ceil(Number(text) * 1000)) : fromDate(text, now)
}
