import type { Conclusion, Reach } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"

/** What the server said, whoever passed it on. */
export interface ServerError {
  readonly sqlstate: string
  readonly message: string
  readonly routine: string
  /** It surely comes from the server: drivers and libraries have codes of five characters too. */
  readonly sure: boolean
  /** Its severity is more than that of an error: it ended the connection, whatever had been done. */
  readonly ended: boolean
}

/** SQLSTATEs with one meaning, from narrow to wide. An ERROR undoes its statement, so most reach nothing. */
export interface StateRow {
  readonly id: string
  readonly states: RegExp
  readonly tag: Tag
  readonly reach?: Reach
  readonly also?: (error: ServerError) => boolean
  readonly but?: Conclusion["but"]
}

/** "due to user request" in the languages that PostgreSQL speaks: all name the user, no timeout does. */
const namesUser =
  /\buser\b|benutzer|usuario|usuário|utilisateur|utente|användar|użytkownik|kullanıcı|uživatel|пользовател|користувач|用户|使用者|ユーザ|사용자|χρήστη|მომხმარებ/iu

export const stateRows: ReadonlyArray<StateRow> = [
  // 57014 is both. A wish is not repeated against.
  {
    id: "sql.cancelled",
    states: /^57014$/,
    tag: "QueryCancelled",
    also: ({ message }) => namesUser.test(message)
  },
  { id: "sql.statement-timeout", states: /^(57014|25P04)$/, tag: "StatementTimeout" },
  {
    id: "sql.restarting",
    states: /^57P0[12]$/,
    tag: "DatabaseRestarting",
    reach: "unknown",
    but: { category: "transient" }
  },
  { id: "sql.starting", states: /^57P03$/, tag: "DatabaseStarting" },
  { id: "sql.idle-session", states: /^57P05$/, tag: "DatabaseConnectionLost" },
  { id: "sql.resolution-unknown", states: /^(08007|40003|57000)$/, tag: "OutcomeUnknown", reach: "unknown" },
  { id: "sql.not-connected", states: /^(08001|08004|HV00N)$/, tag: "NetworkUnreachable" },
  { id: "sql.protocol", states: /^08P01$/, tag: "ProtocolViolation", reach: "unknown" },
  { id: "sql.connection-lost", states: /^08/, tag: "DatabaseConnectionLost", reach: "unknown" },

  { id: "sql.serialization", states: /^(40000|40001|72000)$/, tag: "SerializationFailure" },
  {
    id: "sql.serialization-internal",
    states: /^XX000$/,
    tag: "SerializationFailure",
    also: ({ message }) => /^tuple concurrently (updated|deleted)$/.test(message)
  },
  { id: "sql.deadlock", states: /^40P01$/, tag: "DeadlockDetected" },
  { id: "sql.lock", states: /^55(P03|006)$/, tag: "LockNotAvailable" },

  { id: "sql.unique", states: /^23505$/, tag: "UniqueViolation" },
  { id: "sql.constraint", states: /^(23|27|44|40002)/, tag: "ConstraintViolation" },
  { id: "sql.data", states: /^2[012]/, tag: "InvalidData" },
  { id: "sql.raised", states: /^(P0001|P0004|P0000|38|39|2F|09)/, tag: "RaisedByFunction" },
  { id: "sql.no-row", states: /^(P0002|02)/, tag: "RowNotFound" },
  { id: "sql.many-rows", states: /^P0003$/, tag: "RowNotUnique" },

  { id: "sql.read-only", states: /^25006$/, tag: "ReadOnlyDatabase" },
  { id: "sql.aborted", states: /^25P02$/, tag: "TransactionAborted" },
  { id: "sql.idle-in-transaction", states: /^25P03$/, tag: "IdleInTransactionTimeout" },

  { id: "sql.authentication", states: /^28/, tag: "AuthenticationFailed" },
  // The routine first: PostgreSQL translates the words.
  {
    id: "sql.row-security",
    states: /^42501$/,
    tag: "RlsViolation",
    also: ({ routine, message }) => routine === "ExecWithCheckOptions" || /row-level security/.test(message)
  },
  { id: "sql.permission", states: /^(42501|0L|0P)/, tag: "PermissionDenied" },

  {
    id: "sql.stale-plan",
    states: /^0A000$/,
    tag: "CachedPlanStale",
    also: ({ routine, message }) =>
      routine === "RevalidateCachedQuery" || message.includes("cached plan must not change")
  },
  { id: "sql.prepared", states: /^(26000|42P05)$/, tag: "PreparedStatementLost" },
  { id: "sql.schema", states: /^(3D|3F|42P01|42703|42883|42704|42P17|58P01)/, tag: "SchemaMismatch" },
  { id: "sql.database-dropped", states: /^57P04$/, tag: "SchemaMismatch", reach: "unknown" },
  { id: "sql.exists", states: /^(42P0[467]|42701|42710|42723)$/, tag: "AlreadyExists" },

  { id: "sql.disk-full", states: /^53100$/, tag: "DiskFull" },
  { id: "sql.connections", states: /^53300$/, tag: "TooManyConnections" },
  { id: "sql.limit", states: /^(53400|55000|55P02|F0)/, tag: "ServerMisconfigured" },
  { id: "sql.resources", states: /^53/, tag: "ResourcesExhausted" },
  { id: "sql.storage", states: /^(58|XX001|XX002)/, tag: "StorageFault" },
  { id: "sql.invalid", states: /^(0[3ABFZ]|10|2[456BD]|3[4B]|42|54|55)/, tag: "InvalidStatement" },
  // A foreign server's side of the work does not always follow ours.
  { id: "sql.foreign", states: /^HV/, tag: "RaisedByFunction", reach: "unknown" },
  { id: "sql.internal", states: /^(XX|58|57)/, tag: "InternalError", reach: "unknown" },
  // Classes that PostgreSQL does not have are raised by functions, with a code of their own.
  {
    id: "sql.own-code",
    states: /^(?!00|01)./,
    tag: "RaisedByFunction",
    also: ({ sure, ended }) => sure && !ended
  },
  {
    id: "sql.ended-with-own-code",
    states: /^(?!00|01)./,
    tag: "InternalError",
    reach: "unknown",
    also: ({ ended }) => ended
  }
]

/** The first row that fits what the server said. */
export const stateRowOf = (error: ServerError): StateRow | undefined =>
  stateRows.find(({ states, also }) => states.test(error.sqlstate) && (also?.(error) ?? true))

/** What a row means: nothing was reached, unless it says otherwise. */
export const conclusionOf = ({ tag, reach, but }: StateRow): Conclusion<Tag> => ({
  tag,
  reach: reach ?? "refused",
  but
})
