import { Schema } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"

const text = Schema.optional(Schema.NullOr(Schema.String))

/** How a command ended, as far as somebody saw it; anything may be missing. */
export const Ended = Schema.Struct({
  exitCode: Schema.optional(Schema.NullOr(Schema.Number)),
  signal: text,
  stdout: text,
  stderr: text
})
export type Ended = typeof Ended.Type

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

const linesOf = (raw: string | null | undefined): ReadonlyArray<string> =>
  bounded(raw ?? "")
    .replace(escapes, "")
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")

const unprefixed = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => line.replace(passedOn, "")).filter((line) => line.trim() !== "")

const look = (ended: Ended): Seen => {
  const raw = { stdout: linesOf(ended.stdout), stderr: linesOf(ended.stderr) }
  const stdout = unprefixed(raw.stdout)
  const stderr = unprefixed(raw.stderr)
  const lines = [...stderr, ...stdout]
  const all = [...raw.stderr, ...raw.stdout]
  return {
    exitCode: ended.exitCode ?? null,
    signal: ended.signal ?? null,
    stdout,
    stderr,
    lines,
    text: lines.join("\n"),
    remoteSpoke: all.some((line) => passedOn.test(line)) && !all.every((line) => passedOn.test(line))
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
  (signal !== null && signal !== "") ||
  (exitCode !== null && (exitCode < 0 || exitCode >= 0xc0000000 || endingSignals.has(exitCode - 128)))
