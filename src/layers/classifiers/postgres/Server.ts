import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import type { PostgresEvidence } from "./Evidence.ts"
import { isCommit, leavesTraces } from "./Operations.ts"
import { conclusionOf, stateRowOf, stateRows } from "./SqlState.ts"

/** PANIC in the languages that PostgreSQL speaks. */
const panic = /^(?:pan|пан|პანიკა|손상|比致命)/i
/** States that say nothing about whether a COMMIT went through: the connection ended around it. */
const endsConnection = /^(08|57P0[12])/
/** Found before anything ran: the statement was not understood, or not allowed. */
const beforeRunning = /^(0A|25|26|28|3D|42)/

/** The server said something; which rows apply depends on what it was asked. */
const aroundIt = (evidence: PostgresEvidence, operation: string): Conclusion<Tag> | undefined => {
  const { sqlstate, statement } = evidence
  if (endsConnection.test(sqlstate) && isCommit(operation, statement))
    return { tag: "OutcomeUnknown", reach: "unknown" }
  if (sqlstate !== "" && leavesTraces(statement) && !beforeRunning.test(sqlstate)) {
    return { tag: "PartlyDone", reach: "unknown" }
  }
  return undefined
}

/** COMMIT of a transaction that had failed answers ROLLBACK, and no error. */
const becameRollback = ({ command, statement, message }: PostgresEvidence, operation: string): boolean =>
  (/^rollback$/i.test(command) && isCommit(operation, statement)) ||
  /\bCOMMIT rolled back an aborted transaction\b/.test(message)

/** What the server itself says: SQLSTATE before words, since it is never translated. */
export const serverRules: ReadonlyArray<Rule<PostgresEvidence, Tag>> = [
  {
    id: "postgres.commit.became-rollback",
    when: (evidence, operation) =>
      becameRollback(evidence, operation) ? { tag: "TransactionRolledBack", reach: "refused" } : undefined
  },
  { id: "postgres.around", when: aroundIt },
  {
    id: "postgres.panic",
    when: (evidence) => {
      if (!panic.test(evidence.severity)) return undefined
      const row = stateRowOf(evidence)
      // The write-ahead log may or may not have got that far.
      return { tag: row?.tag === "DiskFull" ? "DiskFull" : "StorageFault", reach: "unknown" }
    }
  },
  ...stateRows.map((row) => ({
    id: row.id,
    when: (evidence: PostgresEvidence) => (stateRowOf(evidence) === row ? conclusionOf(row) : undefined)
  }))
]
