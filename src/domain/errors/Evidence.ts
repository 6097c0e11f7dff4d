import { Schema } from "effect"

/** Longest piece of foreign output that is kept with a failure, in characters. */
export const excerptCharactersMax = 500

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
  cause: Schema.optionalKey(Schema.Defect({ includeStack: true }))
})
export type Evidence = typeof Evidence.Type

/** Credentials in URLs, bearer and basic headers, and the tokens of the services Moose talks to. */
const secrets =
  /(?<=:\/\/)[^/\s@]+(?=@)|(?<=\b(?:bearer|basic|token)\s+)[\w+/=.-]{8,}|\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|sk-[\w-]{16,})/gi

export const redact = (text: string): string => text.replace(secrets, "[redacted]")

/** Evidence with its excerpt redacted and cut to size. */
export const make = (evidence: Evidence): Evidence => ({
  ...evidence,
  excerpt: redact(evidence.excerpt).trim().slice(0, excerptCharactersMax)
})
