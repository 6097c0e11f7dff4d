import { Option, Schema } from "effect"
import type { Reach } from "../../../domain/failures/Classified.ts"
import { type Ended, type Seen, seen, wasKilled } from "../command/Ended.ts"

/** A line of `--analytics-log`. */
const Event = Schema.fromJsonString(
  Schema.Struct({
    event: Schema.String,
    properties: Schema.optional(Schema.Struct({ reason: Schema.optional(Schema.String) }))
  })
)
const eventOf = Schema.decodeUnknownOption(Event)

/** What a run of Aider did, by its own account. Its exit code says nothing of that. */
export interface Facts extends Seen {
  /** A file was changed. */
  readonly applied: boolean
  /** A model's reply arrived, so that Aider itself overcame what provider errors there were. */
  readonly replied: boolean
  /** A model was asked, and the analytics log has no reply. */
  readonly unanswered: boolean
  readonly killed: boolean
  readonly operation: string
}

const appliedLine =
  /^Applied edit to |blocks? (?:was|were) applied successfully|hunks did apply successfully|^Commit [0-9a-f]{7,40} /
const replyLine = /^Tokens: .*\breceived\b/
const read = (ended: Ended, operation: string): Facts => {
  const what = seen(ended)
  const events = what.lines.flatMap((line) => (line.startsWith("{") ? Option.toArray(eventOf(line)) : []))
  const count = (name: string): number => events.filter((event) => event.event === name).length
  const asked = count("message_send_starting")
  const answered = count("message_send")
  const reasons = events.flatMap((event) => event.properties?.reason ?? [])
  return {
    ...what,
    operation,
    applied: what.lines.some((line) => appliedLine.test(line)),
    replied: (answered > 0 && answered >= asked) || what.lines.some((line) => replyLine.test(line)),
    unanswered: asked > answered,
    killed: wasKilled(what) || reasons.includes("Control-C") || /\^C KeyboardInterrupt/.test(what.text)
  }
}

const known = new WeakMap<Ended, Facts>()

/** What a run of Aider did; made once for each. */
export const facts = (ended: Ended, operation: string): Facts => {
  const before = known.get(ended)
  if (before !== undefined && before.operation === operation) return before
  const now = read(ended, operation)
  known.set(ended, now)
  return now
}

/** Edits that were made are there, whatever came after them. */
export const unlessApplied =
  (otherwise: Reach) =>
  ({ applied }: Facts): Reach =>
    applied ? "happened" : otherwise
