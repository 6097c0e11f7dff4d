import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import { conclusionOf, type ServerError, stateRowOf, stateRows } from "../postgres/SqlState.ts"
import { sqlstate } from "../postgres/Evidence.ts"
import type { Reply } from "./Reply.ts"

/** PostgREST's own codes (its reference, "Errors"); where it says one thing by two codes, words decide. */
interface CodeRow {
  readonly id: string
  readonly codes: RegExp
  readonly tag: Tag
  readonly reach?: Reach
  readonly words?: RegExp
}

const codeRows: ReadonlyArray<CodeRow> = [
  { id: "pgrst.not-connected", codes: /^PGRST00[02]$/, tag: "DatabaseStarting" },
  { id: "pgrst.pool", codes: /^PGRST003$/, tag: "TooManyConnections" },
  // Its connection failed under it, with the statement perhaps on its way.
  { id: "pgrst.client", codes: /^PGRST001$/, tag: "DatabaseConnectionLost", reach: "unknown" },
  // These two are found out when the reply is put together, after the transaction has ended.
  { id: "pgrst.reply-settings", codes: /^PGRST11[12]$/, tag: "ServerMisconfigured", reach: "unknown" },
  { id: "pgrst.many-rows", codes: /^PGRST116$/, tag: "RowNotUnique", words: /\b(?!0 rows|1 rows)\d+ rows\b/ },
  { id: "pgrst.no-row", codes: /^PGRST116$/, tag: "RowNotFound" },
  { id: "pgrst.not-offered", codes: /^PGRST(106|123|126|300)$/, tag: "ServerMisconfigured" },
  { id: "pgrst.request", codes: /^PGRST1\d\d$/, tag: "InvalidRequest" },
  { id: "pgrst.ambiguous", codes: /^PGRST20[13]$/, tag: "InvalidRequest" },
  { id: "pgrst.schema-cache", codes: /^PGRST2\d\d$/, tag: "SchemaCacheStale" },
  { id: "pgrst.token-expired", codes: /^PGRST30[13]$/, tag: "TokenExpired", words: /\bexpired\b/ },
  {
    id: "pgrst.clock",
    codes: /^PGRST30[13]$/,
    tag: "ClockSkew",
    words: /issued at future|not yet valid|issued in the future/
  },
  { id: "pgrst.token", codes: /^PGRST3\d\d$/, tag: "AuthenticationFailed" },
  { id: "pgrst.internal", codes: /^PGRST/, tag: "InternalError", reach: "unknown" }
]

const saysSo = ({ code, message, body }: Reply, { codes, words }: CodeRow): boolean =>
  codes.test(code) && (words === undefined || words.test(message) || words.test(body))

/** A function may raise PT and a status: the transaction is undone, and the status says what it means. */
const raisedStatus = ({ code }: Reply): Conclusion<Tag> | undefined => {
  if (!/^PT\d{3}$/.test(code)) return undefined
  return { tag: code === "PT429" || code === "PT503" ? "RateLimited" : "RaisedByFunction", reach: "refused" }
}

const serverError = ({ code, message, status }: Reply): ServerError => ({
  sqlstate: code,
  message,
  routine: "",
  // PostgREST answers 400 to a SQLSTATE it has no status for.
  sure: status === 400,
  ended: false
})

/** What PostgREST, or PostgreSQL behind it, says by its code. Every request is one transaction. */
export const codeRules: ReadonlyArray<Rule<Reply, Tag>> = [
  ...codeRows.map((row) => ({
    id: row.id,
    when: (reply: Reply): Conclusion<Tag> | undefined =>
      codeRows.find((one) => saysSo(reply, one)) === row
        ? { tag: row.tag, reach: row.reach ?? "refused" }
        : undefined
  })),
  { id: "pgrst.raised-status", when: raisedStatus },
  ...stateRows.map((row) => ({
    id: row.id,
    when: (reply: Reply): Conclusion<Tag> | undefined =>
      sqlstate.test(reply.code) && stateRowOf(serverError(reply)) === row ? conclusionOf(row) : undefined
  }))
]
