import { Option, Schema, SchemaTransformation } from "effect"
import { at, findJson, isRecord, listOf } from "../http/Json.ts"
import { plain, readThrown, textAt, Thrown } from "../node/Thrown.ts"

/** What came back from PostgREST, from the gateway before it, or from supabase-js when nothing came. */
export const Reply = Schema.Struct({
  /** null when there was no answer. */
  status: Schema.NullOr(Schema.Number),
  /** Names in small letters. */
  headers: Schema.Record(Schema.String, Schema.String),
  body: Schema.String,
  /** The body as a whole is JSON, or empty. */
  wellFormed: Schema.Boolean,
  /** PGRSTnnn, a SQLSTATE, or whatever a gateway puts there. */
  code: Schema.String,
  message: Schema.String,
  /** What fetch threw, where there was no answer. */
  thrown: Thrown
})
export type Reply = typeof Reply.Type

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
const statusAt = (raw: unknown): number | null => {
  const status = at(raw, "status") ?? at(raw, "statusCode")
  return typeof status === "number" && Number.isInteger(status) && status >= 100 ? status : null
}

const headersOf = (raw: unknown): Record<string, string> => {
  const headers: Record<string, string> = {}
  const given = at(raw, "headers")
  if (!isRecord(given)) return headers
  for (const [name, value] of Object.entries(given))
    headers[name.toLowerCase()] = listOf(value).join(", ").trim()
  return headers
}

const bodyOf = (raw: unknown): string => {
  const given = at(raw, "body") ?? at(raw, "error")
  if (typeof given === "string") return plain(given).trim()
  return given === undefined || given === null ? "" : JSON.stringify(given)
}

/** "TypeError: fetch failed", and below it "Caused by: SocketError: other side closed (UND_ERR_SOCKET)". */
const spoken = /^(?:(\w*(?:Error|Exception)):\s+)?([^\n]*)/
const causes = /Caused by: (\w+): ([^\n]*?)(?: \(([A-Z][A-Z0-9_]+)\))?(?=\n|$)/g

const thrownOf = (error: unknown): Thrown => {
  const [, name = "", message = ""] = spoken.exec(textAt(error, "message")) ?? []
  const below = [...textAt(error, "details").matchAll(causes)].map((cause) => ({
    name: cause[1] ?? "",
    message: cause[2] ?? "",
    code: cause[3] ?? ""
  }))
  const code = textAt(error, "code")
  const innermost = below.reduceRight<unknown>((cause, one) => ({ ...one, cause }), undefined)
  return readThrown({ name, message, code, cause: innermost })
}

const read = (raw: unknown): Reply => {
  const status = statusAt(raw)
  const body = bodyOf(raw)
  const document = Option.getOrUndefined(findJson(body))?.value
  const code = at(document, "code")
  const message = [at(document, "message"), at(document, "msg"), at(document, "error")].find(
    (text) => typeof text === "string"
  )
  return {
    status,
    headers: headersOf(raw),
    body,
    wellFormed: body === "" || Option.isSome(parse(body)),
    // A row may have a column of that name: only a refusal speaks of itself.
    code: typeof code === "string" && (status === null || status < 200 || status >= 300) ? code : "",
    message: typeof message === "string" ? plain(message) : isRecord(document) ? "" : body,
    thrown: status === null && isRecord(document) ? thrownOf(document) : { attempts: [] }
  }
}

/** Reads anything: what is missing is left empty. */
export const ReplyFromUnknown = Schema.Unknown.pipe(
  Schema.decodeTo(
    Reply,
    SchemaTransformation.transform<Reply, unknown>({ decode: read, encode: (reply) => reply })
  )
)

/** Does its status say that it went well? */
export const isGood = ({ status }: Reply): boolean => status !== null && status >= 200 && status < 300
