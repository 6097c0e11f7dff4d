import { Option, Schema, SchemaTransformation } from "effect"
import { at, findJson, isRecord, listOf } from "./Json.ts"
import { problemsOf } from "./Problems.ts"

const Thrown = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  code: Schema.String,
  syscall: Schema.String
})
type Thrown = typeof Thrown.Type

const Problem = Schema.Struct({
  /** Types, codes, statuses and names, in small letters. */
  codes: Schema.Array(Schema.String),
  message: Schema.String
})

/** What is known of an HTTP call that failed: the answer as far as it came, and what the client threw. */
export const Answer = Schema.Struct({
  /** Of the answer, or the one its body or the client's words name. */
  status: Schema.NullOr(Schema.Number),
  /** Names in small letters. */
  headers: Schema.Record(Schema.String, Schema.String),
  /** When it was met, in milliseconds since 1970, by the clock of whoever met it; null when nobody says. */
  now: Schema.NullOr(Schema.Number),
  /** Without colours and carriage returns. */
  body: Schema.String,
  /** The JSON values in the body: one, or one for each event of a stream. */
  documents: Schema.Array(Schema.Unknown),
  /** Some JSON value began and did not end. */
  cut: Schema.Boolean,
  stream: Schema.Boolean,
  html: Schema.Boolean,
  /** What the answer complains of. What a model wrote is never here. */
  problems: Schema.Array(Problem),
  /** What the client threw, and its causes. */
  thrown: Schema.Array(Thrown)
})
export type Answer = typeof Answer.Type

const causesMax = 6
const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : ""

const colours = new RegExp(String.raw`\u001b\[[\d;?]*[A-Za-z]`, "g")
const remotes = /^[ \t]*remote: ?/gm
const plain = (text: string): string => text.replace(colours, "").replace(/\r\n?/g, "\n").replace(remotes, "")

/** "read ECONNRESET": the code is often only in the words. */
const codeInWords = /\b(?:E[A-Z]{3,}(?:_[A-Z]+)?|UND_ERR_[A-Z_]+)\b/

const thrownIn = (raw: unknown): ReadonlyArray<Thrown> => {
  const found: Array<Thrown> = []
  let next = typeof raw === "string" ? { message: plain(raw).trim() } : raw
  for (let depth = 0; depth < causesMax && isRecord(next); depth++) {
    const message = textOf(next["message"])
    const one = {
      name: textOf(next["name"]),
      message,
      code: textOf(next["code"]) || (codeInWords.exec(message)?.[0] ?? ""),
      syscall: textOf(next["syscall"])
    }
    if (one.name !== "" || one.message !== "" || one.code !== "") found.push(one)
    next = next["cause"] ?? listOf(next["errors"])[0]
  }
  return found
}

const headersOf = (raw: unknown): Record<string, string> => {
  const headers: Record<string, string> = {}
  if (!isRecord(raw)) return headers
  for (const [name, value] of Object.entries(raw)) {
    headers[name.toLowerCase()] = listOf(value).map(textOf).join(", ").trim()
  }
  return headers
}

/** "529 {…}", "Error code: 400 - {…}", "HTTP 502: …": how clients print the status before the body. */
const namedStatus =
  /^\s*(?:\w*Error:?\s+)?(?:API Error:?\s*|Request failed with status code |Error code:\s*|HTTP(?:\/[\d.]+)?\s*|status(?: code)?:?\s*)?([1-5]\d\d)\b/i
const eventLine = /^data:(.*)$/gm
const statusOf = (value: unknown): number | null => {
  const number = typeof value === "number" ? value : /^\s*\d{3}\s*$/.test(textOf(value)) ? Number(value) : 0
  return Number.isInteger(number) && number >= 100 && number <= 999 ? number : null
}

const timeOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) ? value : null

const bodyOf = (raw: unknown): string => {
  const given = [
    at(raw, "body"),
    at(raw, "responseBody"),
    at(raw, "response", "data"),
    at(raw, "data"),
    at(raw, "error")
  ].find((value) => value !== undefined && value !== null)
  if (typeof given === "string") return plain(given)
  if (given !== undefined) return JSON.stringify(given)
  return plain(typeof raw === "string" ? raw : textOf(at(raw, "message")))
}

const read = (raw: unknown): Answer => {
  const body = bodyOf(raw)
  const headers = headersOf(
    at(raw, "headers") ?? at(raw, "responseHeaders") ?? at(raw, "response", "headers")
  )
  const events = [...body.matchAll(eventLine)].map((match) => match[1] ?? "")
  const stream = (headers["content-type"] ?? "").includes("text/event-stream") || events.length > 0
  const found = (stream ? events : [body]).map(findJson).filter(Option.isSome)
  const documents = found.map(({ value }) => value.value)
  const html = !stream && documents.length === 0 && /<(?:!doctype|html|head|title|body|center)\b/i.test(body)
  const problems = problemsOf({
    documents,
    headers,
    text: html || documents.length > 0 || stream ? "" : body
  })
  const inside = problems.flatMap(({ codes }) => codes.map(statusOf)).find((status) => status !== null)
  const outside = statusOf(at(raw, "status")) ?? statusOf(at(raw, "statusCode"))
  const printed = statusOf(namedStatus.exec(body)?.[1])
  return {
    status:
      outside === null || (outside < 300 && inside !== undefined) ? (inside ?? outside ?? printed) : outside,
    headers,
    now: timeOf(at(raw, "now")),
    body,
    documents,
    cut: found.some(({ value }) => !value.complete),
    stream,
    html,
    problems,
    thrown: outside === null ? thrownIn(raw) : []
  }
}

/** Reads anything: what is missing is left empty. */
export const AnswerFromUnknown = Schema.Unknown.pipe(
  Schema.decodeTo(
    Answer,
    SchemaTransformation.transform<Answer, unknown>({ decode: read, encode: (answer) => answer })
  )
)

export const hasCode = (answer: Answer, pattern: RegExp): boolean =>
  answer.problems.some(({ codes }) => codes.some((code) => pattern.test(code)))

export const says = (answer: Answer, pattern: RegExp): boolean =>
  answer.problems.some(({ message }) => pattern.test(message))

/** The answer is a good one as far as its status line goes. */
export const isGood = (answer: Answer): boolean =>
  answer.status !== null && answer.status >= 200 && answer.status < 300
