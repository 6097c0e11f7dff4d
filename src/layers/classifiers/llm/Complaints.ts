import { type Answer, hasCode, says } from "../http/Answer.ts"
import { complains, conclude, faultReach, type LlmRule, refusalReach } from "./Conclude.ts"
import { conditions } from "./Conditions.ts"
import { type Meaning, meanings } from "./Meanings.ts"
import { stopped } from "./Replies.ts"

/** Statuses that say the request is wrong as it is: words that it passes by itself are then only quoted in it. */
const wrongAsItIs: ReadonlyArray<number> = [400, 404, 405, 410, 413, 415, 422]
const wrongRequest =
  /^(?:invalid_request(?:_error)?|badrequesterror|bad_request|invalid_argument|invalidrequesterror)$/
const isWrongAsItIs = ({ tag }: Meaning, { status }: Answer): boolean =>
  status !== null && wrongAsItIs.includes(status) && conditions[tag].category === "transient"

/** By type or code, by status, by words: whichever of them says it. */
const applies = (meaning: Meaning, answer: Answer): boolean =>
  ((answer.status !== null && (meaning.statuses?.includes(answer.status) ?? false)) ||
    (meaning.codes !== undefined &&
      !(isWrongAsItIs(meaning, answer) && hasCode(answer, wrongRequest)) &&
      hasCode(answer, meaning.codes)) ||
    (meaning.words !== undefined && !isWrongAsItIs(meaning, answer) && says(answer, meaning.words))) &&
  !(meaning.unless?.(answer) ?? false)

const ruleOf = (meaning: Meaning): LlmRule => ({
  id: meaning.id,
  when: (answer) => {
    if (meaning.stops !== undefined && stopped(answer, meaning.stops)) {
      return conclude(meaning.tag, "happened", answer)
    }
    if (!complains(answer) || !applies(meaning, answer)) return undefined
    const reach = meaning.isFault === true ? faultReach(answer) : refusalReach(answer)
    const conclusion = conclude(meaning.tag, reach, answer)
    // A proxy that wants a password does not change its mind.
    return meaning.tag === "ProxyFailure"
      ? { ...conclusion, but: { category: "configuration", retryable: false } }
      : conclusion
  }
})

/** What the other side says is the matter. */
export const complaintRules: ReadonlyArray<LlmRule> = meanings.map(ruleOf)

/** What is left, by the hundreds of its status. */
export const statusRules: ReadonlyArray<LlmRule> = [
  {
    id: "status.other",
    when: (answer) =>
      answer.status === null || answer.status < 400
        ? undefined
        : answer.status < 500
          ? conclude("RequestRejected", "refused", answer)
          : conclude("ProviderServerError", faultReach(answer), answer)
  }
]
