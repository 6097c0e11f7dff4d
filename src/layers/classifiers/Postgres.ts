import type { Classifier, Rule } from "../../domain/failures/Classified.ts"
import type { Tag as NodeTag } from "./node/Conditions.ts"
import { networkRules } from "./node/Network.ts"
import type { Thrown } from "./node/Thrown.ts"
import { driverRules, poolerRules } from "./postgres/Client.ts"
import { type Tag, conditions } from "./postgres/Conditions.ts"
import { EvidenceFromUnknown, type PostgresEvidence } from "./postgres/Evidence.ts"
import { isCommit, readsOnly } from "./postgres/Operations.ts"
import { programRules } from "./postgres/Programs.ts"
import { serverRules } from "./postgres/Server.ts"

/** What the network's rules are told of whatever changes nothing. */
const reading = "read"

/** The network's own rules, where neither the server nor a program said anything. */
const overTheNetwork = (rule: Rule<Thrown, NodeTag>): Rule<PostgresEvidence, Tag> => ({
  id: rule.id,
  when: (evidence, operation) => {
    if (evidence.sqlstate !== "" || evidence.program !== null) return undefined
    const conclusion = rule.when(
      evidence.thrown,
      readsOnly(operation, evidence.statement) ? reading : operation
    )
    return conclusion?.reach === "unknown" && isCommit(operation, evidence.statement)
      ? { tag: "OutcomeUnknown", reach: "unknown" }
      : conclusion
  }
})

/** Reads what PostgreSQL and what stands before it say: SQLSTATE, command tag, exit code; then a driver's or a pooler's words. */
export const classifier: Classifier<PostgresEvidence, Tag> = {
  system: "postgres",
  input: EvidenceFromUnknown,
  conditions,
  rules: [
    ...poolerRules,
    ...serverRules,
    ...programRules,
    ...networkRules((operation) => operation === reading).map(overTheNetwork),
    ...driverRules
  ],
  writes: (operation, { statement }) => !readsOnly(operation, statement)
}
