import type { Meaning } from "../domain/errors/Failure.ts"

/**
 * What an order has left to go on with after a failure: attempts, which only failures of its own work spend, and
 * the time to its deadline. Its dollars are the ledger's to count.
 */
export interface Allowance {
  /** Which try of the step's body is under way, from 1; 0 before the first. */
  readonly attempt: () => number
  readonly begin: (attempt: number) => void
  /** May something be tried at `beginsAt` (milliseconds since 1970) after such a failure? Remembers why not. */
  readonly allows: (meaning: Pick<Meaning, "blame">, beginsAt: number) => boolean
  /** Milliseconds since 1970. */
  readonly deadline: number
  /** Counts a failure after which the order goes on. */
  readonly spend: (meaning: Pick<Meaning, "blame">) => void
  /** Why nothing more was tried, where that is the reason. */
  readonly exhausted: () => string | undefined
}

const spends = ({ blame }: Pick<Meaning, "blame">): boolean => blame === "task"

export const make = (order: {
  readonly attemptsMax: number
  /** In this run so far. */
  readonly attemptsSpent: number
  /** Milliseconds since 1970. */
  readonly deadline: number
}): Allowance => {
  const { attemptsMax, deadline } = order
  let attempt = 0
  let spent = order.attemptsSpent
  let why: string | undefined
  return {
    deadline,
    attempt: () => attempt,
    begin: (number) => {
      attempt = number
    },
    allows: (meaning, beginsAt) => {
      if (spends(meaning) && spent + 1 >= attemptsMax) {
        why = `its own work has failed ${spent + 1} times, and may ${attemptsMax} times`
      } else if (beginsAt > deadline) {
        why = `its deadline was ${new Date(deadline).toISOString()}`
      } else {
        return true
      }
      return false
    },
    spend: (meaning) => {
      if (spends(meaning)) spent++
    },
    exhausted: () => why
  }
}
