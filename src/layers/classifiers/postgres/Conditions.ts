import { type ConditionRow, sharedConditions } from "../../../domain/failures/Condition.ts"
import { conditions as nodeConditions } from "../node/Conditions.ts"

const row = (
  category: ConditionRow["category"],
  blame: ConditionRow["blame"],
  severity: ConditionRow["severity"],
  retryable: boolean,
  hint: string
): ConditionRow => ({ category, blame, severity, retryable, hint })

const connection = {
  // Met elsewhere, too, but here it is known what does not answer.
  NetworkUnreachable: {
    ...sharedConditions.NetworkUnreachable,
    hint: "Check that the database is up and reachable, then try again."
  },
  InvalidRequest: {
    ...nodeConditions.InvalidRequest,
    hint: "Check the database's address: it, or the call itself, is wrong."
  },
  DatabaseConnectionLost: row(
    "transient",
    "platform",
    "medium",
    true,
    "The connection broke. Read back what happened, then repeat on a new one."
  ),
  DatabaseStarting: row(
    "transient",
    "platform",
    "medium",
    true,
    "The database starts or stops: wait, then connect again."
  ),
  DatabaseRestarting: row(
    "transient",
    "platform",
    "medium",
    true,
    "The database was restarted. Connect again, and read back what was in flight."
  ),
  TooManyConnections: row(
    "transient",
    "platform",
    "medium",
    true,
    "All connections are taken: wait, close leaked ones, or use the pooler's transaction mode."
  ),
  ProtocolViolation: row(
    "permanent",
    "platform",
    "high",
    false,
    "Client, pooler and server do not understand each other: check their versions and the pooler's mode."
  ),
  PreparedStatementLost: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "Prepared statements do not go with this pooler mode: turn them off, or use session mode."
  )
} as const

const work = {
  SerializationFailure: row(
    "transient",
    "platform",
    "low",
    true,
    "Repeat the whole transaction from its first statement."
  ),
  DeadlockDetected: row(
    "transient",
    "platform",
    "low",
    true,
    "Repeat the whole transaction, and take locks in one order."
  ),
  LockNotAvailable: row(
    "transient",
    "platform",
    "low",
    true,
    "Something else holds it: repeat, then look for a long transaction."
  ),
  StatementTimeout: row(
    "transient",
    "platform",
    "medium",
    true,
    "It took too long and was rolled back: repeat, then look at its plan."
  ),
  CachedPlanStale: row(
    "transient",
    "platform",
    "low",
    true,
    "The table changed under a prepared statement: repeat on a new connection."
  ),
  QueryCancelled: row(
    "permanent",
    "platform",
    "low",
    false,
    "Someone cancelled it on purpose: ask before repeating."
  ),
  TransactionAborted: row(
    "permanent",
    "platform",
    "medium",
    false,
    "A consequence: look for the first error of this transaction."
  ),
  TransactionRolledBack: row(
    "permanent",
    "platform",
    "high",
    false,
    "COMMIT answered ROLLBACK: nothing was stored. Look for the first error of this transaction."
  ),
  IdleInTransactionTimeout: row(
    "permanent",
    "platform",
    "medium",
    false,
    "A transaction was held open over something slow: take that out of it."
  ),
  PartlyDone: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "This statement keeps a part of its work when it fails: look at what is there before repeating."
  )
} as const

const content = {
  UniqueViolation: row(
    "permanent",
    "platform",
    "medium",
    false,
    "It is there already. If it is our own key, the earlier attempt was stored: read the row."
  ),
  ConstraintViolation: row(
    "permanent",
    "platform",
    "high",
    false,
    "The data breaks a rule of the table: correct it, or the order of writes."
  ),
  InvalidData: row(
    "permanent",
    "platform",
    "high",
    false,
    "A value does not fit its type or its place: correct it."
  ),
  RaisedByFunction: row(
    "permanent",
    "platform",
    "medium",
    false,
    "A function refused; its message tells why."
  ),
  RowNotFound: row("permanent", "platform", "low", false, "There is no such row, or it may not be seen."),
  RowNotUnique: row(
    "permanent",
    "platform",
    "medium",
    false,
    "More rows than one were found: narrow the filter."
  ),
  InvalidStatement: row("permanent", "platform", "high", false, "The statement itself is wrong: correct it."),
  AlreadyExists: row(
    "permanent",
    "platform",
    "medium",
    false,
    "It exists already: look whether the migration was applied before."
  )
} as const

const setup = {
  SchemaMismatch: row(
    "configuration",
    "configuration",
    "high",
    false,
    "The database is not the one this version expects: run the migrations, check its name."
  ),
  RlsViolation: row(
    "configuration",
    "configuration",
    "high",
    false,
    "Row-level security said no: check the policy and the role."
  ),
  ReadOnlyDatabase: row(
    "configuration",
    "configuration",
    "high",
    false,
    "This is a replica, or the database was made read-only: connect to the primary, check the plan."
  ),
  ServerMisconfigured: row(
    "configuration",
    "configuration",
    "high",
    false,
    "The server's own settings or files do not let it: its message names which."
  ),
  AlreadyRunning: row(
    "configuration",
    "platform",
    "medium",
    false,
    "A server runs on these files already: use it, or stop it."
  ),
  InternalError: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "The server met something it did not expect: look at its log and at what is stored."
  ),
  MigrationFailed: row(
    "permanent",
    "platform",
    "high",
    false,
    "The script stopped. Statements before it stay unless it ran in one transaction: look what is there."
  ),
  MigrationPartlyApplied: row(
    "permanent",
    "platform",
    "critical",
    false,
    "A statement failed and the next ones still ran: set ON_ERROR_STOP, and repair by hand."
  )
} as const

/** Conditions a database can be in, and those of the network and machine between us and it. */
export const conditions = {
  ...sharedConditions,
  ...nodeConditions,
  ...connection,
  ...work,
  ...content,
  ...setup
} satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
