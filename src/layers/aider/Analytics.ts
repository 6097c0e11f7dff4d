import { Option, Schema } from "effect"

/** A line of `--analytics-log`, as far as it is looked at. Nothing of it is sent anywhere. */
const Event = Schema.fromJsonString(
  Schema.Struct({
    event: Schema.String,
    properties: Schema.optional(
      Schema.Struct({
        reason: Schema.optional(Schema.String),
        completion_tokens: Schema.optional(Schema.Number)
      })
    )
  })
)
const decode = Schema.decodeUnknownOption(Event)

/** What a run of Aider did, by its own account; its exit code is 0 whatever that was. */
export interface Analytics {
  /** How often it began to ask its model, and how often a reply came. */
  readonly asked: number
  readonly answered: number
  /** Something was thrown while it asked. */
  readonly thrown: boolean
  /** Why it ended; null when it did not come to that. */
  readonly exit: string | null
}

/** Reads the log. A line that cannot be read, such as one that was cut off, counts as none. */
export const read = (log: string): Analytics => {
  const events = log.split("\n").flatMap((line) => Option.toArray(decode(line)))
  const count = (name: string): number => events.filter(({ event }) => event === name).length
  return {
    asked: count("message_send_starting"),
    answered: count("message_send"),
    thrown: count("message_send_exception") > 0,
    exit: events.findLast(({ event }) => event === "exit")?.properties?.reason ?? null
  }
}

/** Did it come to its end, with a reply to everything it asked? */
export const wentWell = ({ asked, answered, thrown, exit }: Analytics): boolean =>
  asked > 0 && answered === asked && !thrown && exit === "Completed --message-file"
