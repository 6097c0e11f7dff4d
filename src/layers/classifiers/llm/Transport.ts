import { type Disturbance, disturbances, fits, nameUnknown } from "../http/Transport.ts"
import { conclude, type LlmRule } from "./Conclude.ts"

const ruleOf = (disturbance: Disturbance): LlmRule => ({
  id: disturbance.id,
  when: (answer) => {
    if (!fits(answer, disturbance)) return undefined
    const conclusion = conclude(disturbance.tag, disturbance.reach, answer)
    return disturbance.tag === "NetworkDns" && nameUnknown(answer)
      ? { ...conclusion, but: { category: "ambiguous" } }
      : conclusion
  }
})

/** No answer came: what the client says of the connection. */
export const transportRules: ReadonlyArray<LlmRule> = disturbances.map(ruleOf)
