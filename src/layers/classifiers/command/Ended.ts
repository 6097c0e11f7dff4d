import { Predicate, Schema, SchemaTransformation } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"

const Read = Schema.Struct({
  exitCode: Schema.NullOr(Schema.Number),
  signal: Schema.NullOr(Schema.String),
  stdout: Schema.String,
  stderr: Schema.String
})
/** How a command ended, as far as somebody saw it. */
export type Ended = typeof Read.Type

const wordsOf = (value: unknown): string => (typeof value === "string" ? value : "")
const numberOf = (value: unknown): number | null => {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value
  return typeof number === "number" && Number.isFinite(number) ? number : null
}
const property = (raw: unknown, name: string): unknown =>
  Predicate.hasProperty(raw, name) ? raw[name] : undefined

/** A bare text is what was printed; what a spawner says of a command it could not run counts as its stderr. */
const read = (raw: unknown): Ended => {
  if (typeof raw === "string") return { exitCode: null, signal: null, stdout: "", stderr: raw }
  const signal = wordsOf(property(raw, "signal"))
  return {
    exitCode: numberOf(property(raw, "exitCode") ?? property(raw, "code")),
    signal: signal === "" ? null : signal,
    stdout: wordsOf(property(raw, "stdout")),
    stderr: [wordsOf(property(raw, "stderr")), wordsOf(property(raw, "message"))].filter(Boolean).join("\n")
  }
}

/** Reads anything that may tell how a command ended; whatever it does not tell is empty. */
export const Ended = Schema.Unknown.pipe(
  Schema.decodeTo(Read, SchemaTransformation.transform({ decode: read, encode: (ended): unknown => ended }))
)

/** What a command printed, the same however it was shown: no colours, no line-end or terminal tricks. */
export interface Seen {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: ReadonlyArray<string>
  readonly stderr: ReadonlyArray<string>
  /** Both, one line each. */
  readonly lines: ReadonlyArray<string>
  /** All lines, for expressions that look at one line at a time (flag `m`). */
  readonly text: string
  /** Without what the other side said. */
  readonly own: string
  /** Did the other side say anything that was passed on? Not so when every line looks passed on: then somebody pasted it so. */
  readonly remoteSpoke: boolean
}

const escapes = new RegExp(
  String.raw`[\u001b\u009b][[()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]`,
  "g"
)
const passedOn = /^(?:remote: ?)+/

/** The beginning and the end of a long text: a reason stands in one of them. */
const bounded = (all: string): string => {
  const half = Limits.classifiedCharactersMax / 2
  return all.length <= half * 2 ? all : `${all.slice(0, half)}\n${all.slice(-half)}`
}

/** Both ends of a line that is longer than anybody's message. */
const shortened = (line: string): string => {
  const half = Limits.classifiedLineCharactersMax / 2
  return line.length <= half * 2 ? line : `${line.slice(0, half)} ${line.slice(-half)}`
}

const linesOf = (raw: string): ReadonlyArray<string> =>
  bounded(raw)
    .replace(escapes, "")
    .split(/[\r\n]+/)
    .map((line) => shortened(line).trimEnd())
    .filter((line) => line !== "")

const unprefixed = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => line.replace(passedOn, "")).filter((line) => line.trim() !== "")

const progress =
  /^(?:Enumerating|Counting|Compressing|Writing|Receiving|Resolving|Unpacking|Updating|Checking) \w+:? /

const look = (ended: Ended): Seen => {
  const raw = { stdout: linesOf(ended.stdout), stderr: linesOf(ended.stderr) }
  const stdout = unprefixed(raw.stdout)
  const stderr = unprefixed(raw.stderr)
  const lines = [...stderr, ...stdout]
  const all = [...raw.stderr, ...raw.stdout]
  const own = all.filter((line) => !passedOn.test(line))
  const remoteSpoke = own.length < all.length && !own.every((line) => progress.test(line))
  return {
    exitCode: ended.exitCode,
    signal: ended.signal,
    stdout,
    stderr,
    lines,
    text: lines.join("\n"),
    own: (remoteSpoke ? own : lines).join("\n"),
    remoteSpoke
  }
}

const looked = new WeakMap<Ended, Seen>()

/** What was seen of a command. Rules ask for it often, so it is made once for each. */
export const seen = (ended: Ended): Seen => {
  const before = looked.get(ended)
  if (before !== undefined) return before
  const now = look(ended)
  looked.set(ended, now)
  return now
}

const endingSignals = new Set([1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 14, 15, 24, 25, 31])

/** Was it ended from outside, or did it crash? Shells say so with 128 + the signal, Windows with a status from 0xC0000000 on. */
export const wasKilled = ({ exitCode, signal }: Seen): boolean =>
  signal !== null ||
  (exitCode !== null && (exitCode < 0 || exitCode >= 0xc0000000 || endingSignals.has(exitCode - 128)))
