import { Schema } from "effect"
import { Meaning } from "./Failure.ts"

/** Longest piece of foreign output that is kept with a failure, in characters. */
export const excerptCharactersMax = 500
/** How much of a foreign text is searched for secrets; what comes after it is dropped. */
const searchedCharactersMax = 64 * 1024

/** What a classifier made of the raw evidence: finer than the reason, and what `policies/Meaning.ts` goes by. */
export const Condition = Schema.Struct({ tag: Schema.String, ...Meaning.fields })

const Cause = Schema.Defect({ includeStack: true })

/** What the layer that met a failure saw, before anybody interpreted it. */
export const Evidence = Schema.Struct({
  /** What was being done: "git push", "POST /repos/{owner}/{repo}/pulls". */
  operation: Schema.String,
  /** The beginning of stderr or of the body, secrets removed. */
  excerpt: Schema.String,
  exitCode: Schema.optionalKey(Schema.Int),
  httpStatus: Schema.optionalKey(Schema.Int),
  sqlState: Schema.optionalKey(Schema.String),
  /** How long the other side asked us to wait. */
  retryAfterMs: Schema.optionalKey(Schema.Int),
  condition: Schema.optionalKey(Condition),
  cause: Schema.optionalKey(Cause)
})
export type Evidence = typeof Evidence.Type

/**
 * Credentials in URLs, bearer and basic headers, and the tokens of the services Moose talks to. Every
 * repetition that another alternative may start inside of is bounded, so that no text takes long.
 */
const secrets = new RegExp(
  [
    String.raw`(?<=:\/\/)(?:[^\s@:/]{0,255}:(?!\d+\/)\S{1,512}|[^\s/]{1,512})(?=@)`,
    String.raw`(?<=\b(?:bearer|basic|token)\s{1,8})[\w+/=.-]{8,}`,
    String.raw`\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|sk-[\w-]{16,}|sb_secret_\w{16,})`,
    String.raw`\beyJ[\w-]{8,2048}\.[\w-]{8,4096}\.[\w-]{8,1024}`
  ].join("|"),
  "gi"
)

export const redact = (text: string): string => text.replace(secrets, "[redacted]")

/** Without secrets, and without what a database or a terminal would choke on. */
const clean = (text: string): string =>
  redact(text.slice(0, searchedCharactersMax)).replace(/[^\P{Cc}\n\t]/gu, "")

const cleanJson = (json: Schema.Json): Schema.Json => {
  if (typeof json === "string") return clean(json).toWellFormed()
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(cleanJson)
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, cleanJson(value)]))
}

const causeToJson = Schema.encodeSync(Cause)
const causeFromJson = Schema.decodeSync(Cause)

/** Evidence with its excerpt redacted and cut to size, and its cause redacted. */
export const make = (evidence: Evidence): Evidence => ({
  ...evidence,
  excerpt: clean(evidence.excerpt).trim().slice(0, excerptCharactersMax).toWellFormed(),
  ...(evidence.cause === undefined ? {} : { cause: causeFromJson(cleanJson(causeToJson(evidence.cause))) })
})
