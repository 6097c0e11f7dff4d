import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, type Seen, seen } from "./Ended.ts"

/** What was seen, and of which operation. */
export type Facts = Seen & { readonly operation: string }

/** One kind of failure in a command's words. Expressions see one line at a time, never across lines. */
export interface TextRule<Tag extends string> {
  readonly id: string
  /** Only for these; all when absent. */
  readonly on?: (operation: string) => boolean
  readonly says: RegExp
  readonly unless?: RegExp
  /** One condition, or the one of a family that the words tell apart. */
  readonly is: Tag | ((facts: Facts) => Tag)
  /** "refused" when absent. */
  readonly reach?: Reach | ((facts: Facts) => Reach)
  readonly but?: Conclusion["but"] | ((facts: Facts) => Conclusion["but"])
}

/** Rules from rows of text. `name` makes an operation's name comparable; `read` gives the text that is looked at. */
export const textRules =
  (name: (operation: string) => string, read: (seen: Seen) => string = (all) => all.text) =>
  <Tag extends string>(rows: ReadonlyArray<TextRule<Tag>>): ReadonlyArray<Rule<Ended, Tag>> =>
    rows.map((row) => ({
      id: row.id,
      when: (input, raw) => {
        const operation = name(raw)
        const what = seen(input)
        const facts = { ...what, text: read(what), operation }
        if (row.on !== undefined && !row.on(operation)) return undefined
        if (!row.says.test(facts.text) || row.unless?.test(facts.text) === true) return undefined
        const reach = typeof row.reach === "function" ? row.reach(facts) : row.reach
        return {
          tag: typeof row.is === "function" ? row.is(facts) : row.is,
          reach: reach ?? "refused",
          but: typeof row.but === "function" ? row.but(facts) : row.but
        }
      }
    }))
