import { sharedConditions } from "../../../domain/failures/Condition.ts"
import { type Disturbance, disturbances, fits, nameUnknown } from "../http/Transport.ts"
import { type GitHubRule, isRead } from "./Conclude.ts"

const ruleOf = (disturbance: Disturbance): GitHubRule => ({
  id: disturbance.id,
  when: (answer, operation) => {
    if (!fits(answer, disturbance)) return undefined
    const { tag, reach } = disturbance
    if (tag === "NetworkDns" && nameUnknown(answer)) return { tag, reach, but: { category: "ambiguous" } }
    // Our own patience ended: the request may be running still, so reading back at once proves nothing.
    const mayRunOn = tag === "NetworkTimeout" && reach === "unknown" && !isRead(operation)
    return mayRunOn
      ? { tag: "OutcomeUnknown", reach, but: { hint: sharedConditions.OutcomeUnknown.hint } }
      : { tag, reach }
  }
})

/** No answer came: what the client says of the connection. */
export const transportRules: ReadonlyArray<GitHubRule> = disturbances.map(ruleOf)
