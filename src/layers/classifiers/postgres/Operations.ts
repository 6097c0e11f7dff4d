/** What a statement or an operation can do, as far as its words tell. */

const ending = /^\s*(?:commit|end)\b/i
const reading =
  /^(?:pg_dump\w*|pg_isready|pg_verifybackup|select\w*|read\w*|get|count|connect\w*|ping|listen|show|explain|begin|start transaction|rollback|health|subscribe)\b/i
/** Reads tables and nothing more: no function is called but the harmless, nothing is stored. */
const plainSelect = /^\s*(?:select|show|table|values)\b(?!.*\binto\b)/is
const calls =
  /\b(?!(?:count|sum|min|max|avg|coalesce|now|in|as|values|and|or|not|where|on|any|all|exists|lower|upper|from|join|by|over|filter)\b)[a-z_][\w.]*\s*\(/i
const ofSession = /^\s*(?:begin|start\s+transaction|rollback|savepoint|listen|set|discard)\b/i
/** These leave something behind although they fail, or commit on their way. */
const piecemeal =
  /^\s*(?:call\b|do\b|vacuum\b|reindex\b|cluster\b|(?:create|drop|reindex)\b.*\bconcurrently\b|alter\b.*\bconcurrently\b|(?:create|drop)\s+(?:database|tablespace)\b)/is

/** Is it the end of a transaction? A lost reply leaves the outcome open, and repeating COMMIT does not help. */
export const isCommit = (operation: string, statement: string): boolean =>
  ending.test(operation) || ending.test(statement)

/** The statement knows better than the operation's name, where it is there. */
export const readsOnly = (operation: string, statement: string): boolean =>
  statement === ""
    ? reading.test(operation.trim())
    : ofSession.test(statement) || (plainSelect.test(statement) && !calls.test(statement))

/** May a part of the statement's work stay although it fails? */
export const leavesTraces = (statement: string): boolean => piecemeal.test(statement)
