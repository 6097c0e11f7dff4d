import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import type { Link, Thrown } from "./Thrown.ts"

/** What some error in a chain looks like: its code, or its name, or its words. */
export interface Look {
  readonly codes?: RegExp
  readonly names?: RegExp
  readonly words?: RegExp
  /** Must hold besides, in the same error. */
  readonly syscalls?: RegExp
}

/** A kind of failure: how it looks, and what it means. */
export interface Kind {
  readonly id: string
  readonly looks: ReadonlyArray<Look>
  readonly tag: Tag
  readonly reach: Reach
  readonly but?: Conclusion["but"]
}

const has = (pattern: RegExp | undefined, text: string): boolean =>
  pattern !== undefined && text !== "" && pattern.test(text)

const fits = (look: Look, link: Link): boolean =>
  (look.syscalls === undefined || has(look.syscalls, link.syscall)) &&
  (has(look.codes, link.code) || has(look.names, link.name) || has(look.words, link.message))

/** Is it of this kind, by any error of the chain? */
export const looksLike = (kind: Pick<Kind, "looks">, chain: ReadonlyArray<Link>): boolean =>
  chain.some((link) => kind.looks.some((look) => fits(look, link)))

/**
 * Several attempts may have ended differently. That nothing happened must be true of every one; that something
 * may have happened is true when it is of any.
 */
export const isOf = (kind: Kind, { attempts }: Thrown): boolean =>
  kind.reach === "refused"
    ? attempts.length > 0 && attempts.every((chain) => looksLike(kind, chain))
    : attempts.some((chain) => looksLike(kind, chain))

/** What a kind means, without how it looks. */
export const conclude = ({ tag, reach, but }: Kind): Conclusion<Tag> => ({ tag, reach, but })

/** The rule that looks for one kind. */
export const ruleOf = (kind: Kind): Rule<Thrown, Tag> => ({
  id: kind.id,
  when: (thrown) => (isOf(kind, thrown) ? conclude(kind) : undefined)
})
