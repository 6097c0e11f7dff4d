import { Context } from "effect"
import { budgetFloor, budgetShare } from "../domain/policies/Retry.ts"

/**
 * Keeps a process from hammering what is already down: each call earns a tenth of a retry, each retry costs
 * one, and a few are given to begin with. One account per dependency.
 */
export interface RetryBudget {
  readonly called: (key: string) => void
  /** Takes one retry from the account, if there is one. */
  readonly take: (key: string) => boolean
}

export const make = (): RetryBudget => {
  const accounts = new Map<string, number>()
  const balance = (key: string) => accounts.get(key) ?? budgetFloor
  return {
    called: (key) => accounts.set(key, Math.min(budgetFloor, balance(key) + budgetShare)),
    take: (key) => {
      const left = balance(key)
      if (left < 1) return false
      accounts.set(key, left - 1)
      return true
    }
  }
}

/** One per process, unless a test brings its own. */
export const CurrentRetryBudget = Context.Reference<RetryBudget>("moose/steps/RetryBudget", {
  defaultValue: make
})
