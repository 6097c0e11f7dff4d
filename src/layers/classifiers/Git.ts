import type { Classifier, Rule } from "../../domain/failures/Classified.ts"
import { Ended, seen } from "./command/Ended.ts"
import { textRules } from "./command/TextRule.ts"
import { changes, refusalsCutShort, shapes } from "./git/Changes.ts"
import { type Tag, conditions } from "./git/Conditions.ts"
import { http } from "./git/Http.ts"
import { fetchesMidway, operationName, overTheWire, writes } from "./git/Operations.ts"
import { endings, machine, nesting } from "./git/Process.ts"
import { pushRefusals, pushTookEffect } from "./git/Push.ts"
import { addresses, asksToWait, connecting, hostWords, identity, onTheWay } from "./git/Remote.ts"
import { names, repository } from "./git/Repository.ts"
import { inEnglish, ownInEnglish } from "./git/Words.ts"

const text = textRules(operationName, inEnglish)
const own = textRules(operationName, ownInEnglish)
/** Only of operations that may have talked to somebody, which is not the first thing all of them do. */
const wired = (rules: ReadonlyArray<Rule<Ended, Tag>>): ReadonlyArray<Rule<Ended, Tag>> =>
  rules.map(({ id, when }) => ({
    id,
    when: (input, raw) => {
      const facts = { operation: operationName(raw), text: seen(input).text }
      const conclusion = overTheWire(facts) ? when(input, raw) : undefined
      return conclusion?.reach === "refused" && fetchesMidway(facts)
        ? { ...conclusion, reach: "unknown" }
        : conclusion
    }
  }))

/**
 * First what the remote said it did, then how the process ended, what was refused
 * and why, this machine, the host, its address and the way there, and last the words of local commands.
 */
export const rules: ReadonlyArray<Rule<Ended, Tag>> = [
  ...pushTookEffect,
  ...endings,
  ...text(nesting),
  ...pushRefusals,
  ...text(machine),
  ...wired([asksToWait, ...text(hostWords), ...http, ...text(identity), ...text(addresses)]),
  ...own(repository),
  ...own(changes),
  ...own(names),
  ...wired([...text(connecting), ...text(onTheWay)]),
  refusalsCutShort,
  ...shapes
]

/** Failures of git commands. */
export const classifier: Classifier<Ended, Tag> = { system: "git", input: Ended, conditions, rules, writes }
