import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import { type Answer, hasCode, says } from "../http/Answer.ts"
import { at, listOf } from "../http/Json.ts"
import { waitMs } from "../http/Wait.ts"
import { conditions, type Tag } from "./Conditions.ts"

export type LlmRule = Rule<Answer, Tag>

/**
 * Whether it happened is only ever a question of money here, so a passing failure stays a passing one when some
 * of it may have been billed: nothing is left behind that a repeat could collide with.
 */
export const conclude = (tag: Tag, reach: Reach, answer: Answer): Conclusion<Tag> => {
  const passes = conditions[tag].category === "transient"
  return {
    tag,
    reach,
    ...(passes ? { retryAfterMs: waitMs(answer) } : {}),
    ...(passes && reach !== "refused" ? { but: { category: "transient" } } : {})
  }
}

const generated = (document: unknown): boolean =>
  listOf(at(document, "choices")).some((choice) =>
    [at(choice, "message", "content"), at(choice, "delta", "content"), at(choice, "text")].some(
      (text) => typeof text === "string" && text !== ""
    )
  ) || Number(at(document, "usage", "completion_tokens") ?? at(document, "usage", "output_tokens") ?? 0) > 0

/**
 * How far a call had got that the provider turned down: once a stream has begun, or text has come, tokens were
 * generated; before that a refusal costs nothing.
 */
export const refusalReach = ({ stream, documents }: Answer): Reach =>
  stream || documents.some(generated) ? "unknown" : "refused"

/** Somebody between us and the model gave up waiting for one that was at work. */
const lateStatuses: ReadonlyArray<number> = [408, 499, 502, 504]
const brokenOff =
  /time(?:d )?[ -]?out|disconnect|\bEOF\b|\breset\b|hang up|connection (?:was )?(?:closed|lost|aborted)|did not respond/i
const isProvidersOwn = ({ documents, problems }: Answer): boolean =>
  documents.length > 0 && problems.some(({ codes, message }) => codes.length > 0 || message !== "")

/**
 * The same for a fault on the way: only what the provider itself says of a request that it did not answer counts
 * as refused. A gateway's page, an empty body or a timeout tell nothing of what was generated behind it.
 */
export const faultReach = (answer: Answer): Reach => {
  const { status, documents } = answer
  if (refusalReach(answer) === "unknown" || !isProvidersOwn(answer)) return "unknown"
  if (documents.some((document) => at(document, "status") === "failed")) return "unknown"
  if (hasCode(answer, /timeout|deadline|modelerror|modelstream/) || says(answer, brokenOff)) return "unknown"
  return status !== null && (lateStatuses.includes(status) || (status > 504 && status !== 529))
    ? "unknown"
    : "refused"
}

/** Has the other side complained of anything: by its status, or in the body of a good answer? */
export const complains = (answer: Answer): boolean =>
  (answer.status !== null && answer.status >= 300) ||
  answer.problems.some(({ codes, message }) => codes.length > 0 || message !== "")
