import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import { atTheDoor } from "./AtTheDoor.ts"
import type { Tag } from "./Conditions.ts"
import type { PostgresEvidence } from "./Evidence.ts"
import { isCommit, readsOnly } from "./Operations.ts"

interface Words {
  readonly id: string
  readonly tag: Tag
  readonly reach: Reach
  readonly words: RegExp
  /** Codes that postgres.js makes up. */
  readonly codes?: RegExp
}

/** Said by poolers: Supavisor's codes and words, and PgBouncer's. They come with XX000 or 08P01, or with no code. */
const pooler: ReadonlyArray<Words> = [
  {
    id: "pooler.full",
    tag: "TooManyConnections",
    reach: "refused",
    words:
      /\bEMAXCONN|MaxClientsInSessionMode|\bmax clients reached|\bmax client connections reached|\bE(CHECKOUT(TIMEOUT|RETRIES)|POOLCHECKOUT|MAXPOOLSREACHED|SUBSCRIBERETRIES)\b|unable to check ?out (a )?connection from the pool|\bquery_wait_timeout\b|no more connections allowed|client connections exceeded|bouncer resources exhaustion/i
  },
  {
    id: "pooler.not-ready",
    tag: "DatabaseStarting",
    reach: "refused",
    words:
      /\bE(POOLTERMINATING|WORKERNOTFOUND|PROXY\w+|POOL\w+NOTFOUND|AUTHTIMEOUT)\b|\bclient_login_timeout\b|pooler is shutting down|server login has been failing/i
  },
  {
    id: "pooler.turned-away",
    tag: "AuthenticationFailed",
    reach: "refused",
    words:
      /tenant or user not found|no such (user|database)\b|^\(E(NOTFOUND|TENANT\w*|WRONGPASSWORD|BANNED|NOIDENTIFIER|ADDRNOTALLOWED|SSLREQUIRED|INVALIDUSERINFO|AUTHQUERY|AUTHSECRETS|AUTHPROTOCOL|CIRCUITBREAKER|JIT\w+|MULTIPLEUSERS)\)|SASL authentication failed|password authentication failed|login rejected|SSL (connection is )?required|database "[^"]*" is disabled|unsupported startup parameter/i
  },
  {
    id: "pooler.prepared",
    tag: "PreparedStatementLost",
    reach: "refused",
    words:
      /\bE(PREPARED\w+|MAXPREPARED\w*|PSSIMPLEQUERY)\b|prepared statement (did not exist|name is already in use)/i
  },
  { id: "pooler.query-timeout", tag: "OutcomeUnknown", reach: "unknown", words: /(^|[^\w])query_timeout\b/ },
  {
    id: "pooler.server-gone",
    tag: "DatabaseConnectionLost",
    reach: "unknown",
    words:
      /\bE(DBHANDLEREXITED|CLIENTSOCKETCLOSED)\b|DbHandler exited|connection to database closed|server conn crashed|admin forced disconnect|server shutting down|\bsuspend_timeout\b/i
  }
]

/** The server's own words of a connection it did not make, from libraries that keep its SQLSTATE to themselves. */
const turnedAway: ReadonlyArray<Words> = atTheDoor.map(({ id, tag, words }) => ({
  id: `door.${id}`,
  tag,
  reach: "refused",
  words: new RegExp(`^(?:FATAL: +)?(?:${words})`)
}))

/** Said by drivers (node-postgres, sql-pg, postgres.js, libpq) before a statement was sent. */
const neverSent: ReadonlyArray<Words> = [
  {
    id: "driver.no-connection",
    tag: "DatabaseConnectionLost",
    reach: "refused",
    words:
      /^timeout expired$|timeout exceeded when trying to connect|Connection terminated due to connection timeout|Can't reach database server|PgConnection: (Connection timed out|Failed to connect|Connection is closed|Connection closed during startup)|\bis not queryable\b|^no connection to the server/,
    codes: /^(CONNECT_TIMEOUT|P1001|P1002)$/
  },
  {
    id: "driver.pool-full",
    tag: "TooManyConnections",
    reach: "refused",
    words: /\b(Timeout acquiring a|Timed out fetching a new) connection\b/,
    codes: /^P2024$/
  },
  {
    id: "driver.closed",
    tag: "ClientClosed",
    reach: "refused",
    words: /^Cannot use a pool after calling end|^Client has already been connected/,
    codes: /^CONNECTION_ENDED$/
  },
  {
    id: "driver.credentials",
    tag: "AuthenticationFailed",
    reach: "refused",
    words: /\bSASL: |The server requested password authentication|Authentication method \S+ is not supported/,
    codes: /^(SASL_SIGNATURE_MISMATCH|AUTH_TYPE_NOT_IMPLEMENTED)$/
  },
  {
    id: "driver.tls",
    tag: "TlsFailure",
    reach: "refused",
    words:
      /server does not support (SSL|TLS)|Server refused TLS|sslmode value "[^"]*" invalid|SSL error: certificate/
  },
  {
    id: "driver.misuse",
    tag: "InvalidStatement",
    reach: "refused",
    words:
      /^(A query must have either text or a name|Query values must be an array|Prepared statements must be unique)/,
    codes: /^(UNDEFINED_VALUE|MAX_PARAMETERS_EXCEEDED|NOT_TAGGED_CALL|UNSAFE_TRANSACTION)$/
  }
]

/** Said by drivers while a statement may have been on its way. */
const inFlight: ReadonlyArray<Words> = [
  {
    id: "driver.lost",
    tag: "DatabaseConnectionLost",
    reach: "unknown",
    words:
      /\bConnection terminated\b|PgConnection: |server closed the connection unexpectedly|connection to server was lost|SSL (SYSCALL error|connection has been closed)|could not (receive data from|send data to) server|[Ss]erver has closed the connection|terminating connection\b/,
    codes: /^(CONNECTION_(CLOSED|DESTROYED)|P1017)$/
  },
  {
    id: "driver.read-timeout",
    tag: "OutcomeUnknown",
    reach: "unknown",
    words: /^Query read timeout$|\bdid not answer in time\b/
  }
]

const anyCode = ({ thrown }: PostgresEvidence, codes: RegExp | undefined): boolean =>
  codes !== undefined && thrown.attempts.some((chain) => chain.some(({ code }) => codes.test(code)))

const anyMessage = ({ thrown, message }: PostgresEvidence, words: RegExp): boolean =>
  words.test(message) || thrown.attempts.some((chain) => chain.some((link) => words.test(link.message)))

const concludeLost = (evidence: PostgresEvidence, operation: string, tag: Tag): Conclusion<Tag> => {
  if (isCommit(operation, evidence.statement)) return { tag: "OutcomeUnknown", reach: "unknown" }
  // The server told us why, so it is known to pass; whether the statement was done is not.
  return evidence.notice === "57P02" || evidence.notice === "57P01"
    ? { tag: "DatabaseRestarting", reach: "unknown", but: { category: "transient" } }
    : { tag, reach: "unknown" }
}

const rule = ({ id, tag, reach, words, codes }: Words): Rule<PostgresEvidence, Tag> => ({
  id,
  when: (evidence, operation) => {
    if (!anyMessage(evidence, words) && !anyCode(evidence, codes)) return undefined
    if (tag === "DatabaseConnectionLost" && reach === "unknown") return concludeLost(evidence, operation, tag)
    // Silence of something that only reads is a delay and no more.
    if (tag === "OutcomeUnknown" && readsOnly(operation, evidence.statement)) {
      return { tag: "NetworkTimeout", reach: "refused" }
    }
    return { tag, reach }
  }
})

/** Poolers borrow a SQLSTATE that means something else, so their words go before it. */
export const poolerRules: ReadonlyArray<Rule<PostgresEvidence, Tag>> = pooler
  .map(rule)
  .map(({ id, when }) => ({
    id,
    when: (evidence, operation) =>
      evidence.program === null && /^(|XX000|08P01|28P01|28000|58000)$/.test(evidence.sqlstate)
        ? when(evidence, operation)
        : undefined
  }))

/** What drivers say of themselves, without a SQLSTATE. */
export const driverRules: ReadonlyArray<Rule<PostgresEvidence, Tag>> = [
  ...turnedAway,
  ...neverSent,
  ...inFlight
]
  .map(rule)
  .map(({ id, when }) => ({
    id,
    when: (evidence, operation) =>
      evidence.sqlstate === "" && evidence.program === null ? when(evidence, operation) : undefined
  }))
