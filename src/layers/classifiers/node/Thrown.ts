import { Schema, SchemaTransformation } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import { at, isRecord, listOf } from "../http/Json.ts"

/** One error of a chain; what it does not have is empty. */
const Link = Schema.Struct({
  name: Schema.String,
  /** A name such as ECONNRESET; numbers (of DOMException, of exit codes) are not here. */
  code: Schema.String,
  message: Schema.String,
  syscall: Schema.String,
  /** Set when it is about a child process that ran. */
  exitCode: Schema.NullOr(Schema.Number),
  signal: Schema.String,
  /** Of an HTTP answer that a client turned into an error. */
  status: Schema.NullOr(Schema.Number),
  /** We ended the child ourselves, because of its time or its output. */
  killed: Schema.Boolean
})
export type Link = typeof Link.Type

/**
 * What JavaScript threw: a chain of causes, outermost first. An AggregateError is several attempts, each with
 * a chain of its own.
 */
export const Thrown = Schema.Struct({ attempts: Schema.Array(Schema.Array(Link)) })
export type Thrown = typeof Thrown.Type

const colours = new RegExp(String.raw`\u001b\[[\d;?]*[A-Za-z]`, "g")

/** The beginning and the end of what is too long: that is where programs say what went wrong. */
const bounded = (text: string): string => {
  const half = Limits.classifiedCharactersMax / 2
  return text.length <= 2 * half ? text : `${text.slice(0, half)}\n${text.slice(-half)}`
}

/** Text without colours, carriage returns and the prefix a remote's lines get. */
export const plain = (text: string): string =>
  bounded(text)
    .replace(colours, "")
    .replace(/\r+\n?/g, "\n")
    .replace(/^[ \t]*remote: ?/gm, "")

/** The text under a name, in plain form; empty when there is none. */
export const textAt = (value: unknown, name: string): string => {
  const text = at(value, name)
  return typeof text === "string" ? plain(text).trim() : ""
}

/** How Node and libuv print a system error: `connect ECONNREFUSED 127.0.0.1:1`, `ENOSPC: no space left on device, write`. */
const printed = [
  /\b(?<syscall>connect|read|write|getaddrinfo|listen|bind|spawn(?:Sync)?|query\w+)(?: \S+)? (?<code>E[A-Z][A-Z0-9_]{2,})\b/g,
  /\b(?<code>E[A-Z0-9]{3,}): [^,\n]+, (?<syscall>[a-z]+)/g,
  /\((?<code>(?:E|UND_ERR_|ERR_|CERT_|UNABLE_TO_|HPE_)[A-Z0-9_]{3,})\)/g
]

/** A system error is printed at the beginning, or after the name of what it is. Elsewhere it may be quoted. */
const introduced = /(?:^|\n|\b(?:\w*error|reason|failed|caused? by|cause):)\s*$|\($/i

/** Code and system call, read from words; a message that tells of two different ones tells neither. */
const fromWords = (message: string): Readonly<Record<string, string>> => {
  const found = printed.flatMap((pattern) => [...message.matchAll(pattern)])
  const first = found.find(
    ({ index, groups }) => introduced.test(message.slice(0, index)) || groups?.["syscall"] === undefined
  )
  return found.every(({ groups }) => groups?.["code"] === first?.groups?.["code"])
    ? (first?.groups ?? {})
    : {}
}

const linkOf = (raw: unknown): Link => {
  const message = textAt(raw, "message")
  const words = fromWords(message)
  const code = at(raw, "code")
  const ran = at(raw, "cmd") !== undefined
  const status = at(raw, "statusCode") ?? at(raw, "status")
  // execFileSync puts the exit code there, beside the process id.
  const ended = ran ? code : at(raw, "pid") === undefined ? at(raw, "exitCode") : status
  return {
    name: textAt(raw, "name"),
    code: (typeof code === "string" && code !== "" ? code : words["code"]) ?? "",
    message,
    syscall: textAt(raw, "syscall") || (words["syscall"] ?? ""),
    exitCode: typeof ended === "number" && ended !== 0 ? ended : null,
    status:
      typeof ended !== "number" && typeof status === "number" && status >= 300 && status <= 599
        ? status
        : null,
    signal: textAt(raw, "signal"),
    killed: at(raw, "killed") === true
  }
}

const collect = (raw: unknown, above: ReadonlyArray<Link>, into: Array<ReadonlyArray<Link>>): void => {
  if (into.length > Limits.classifiedAttemptsMax) return
  const error = typeof raw === "string" ? { message: raw } : raw
  if (!isRecord(error) || above.length === Limits.classifiedCausesMax) {
    into.push(above)
    return
  }
  const chain = [...above, linkOf(error)]
  const below = [...listOf(error["errors"]), ...listOf(error["cause"])]
  if (below.length === 0) into.push(chain)
  for (const one of below) collect(one, chain, into)
}

/** Reads anything that may be an error: what is missing is left empty. */
export const readThrown = (raw: unknown): Thrown => {
  const attempts: Array<ReadonlyArray<Link>> = []
  collect(raw, [], attempts)
  const most = Limits.classifiedAttemptsMax
  // Of attempts that are not looked at nothing is known: an empty chain.
  return { attempts: attempts.length > most ? [...attempts.slice(0, most), []] : attempts }
}

export const ThrownFromUnknown = Schema.Unknown.pipe(
  Schema.decodeTo(
    Thrown,
    SchemaTransformation.transform<Thrown, unknown>({ decode: readThrown, encode: (thrown) => thrown })
  )
)
