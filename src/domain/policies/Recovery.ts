import type { StepName } from "../Status.ts"

/** What happens to what an order made when it does not end well. */
export type Rollback = "undo" | "keep"

/**
 * Early steps undo everything (commits are quarantined, never deleted); late steps keep what was paid for,
 * so that a later run publishes it instead of buying it again.
 */
export const rollbackAfter: Record<StepName, Rollback> = {
  routing: "undo",
  generating: "undo",
  applying: "undo",
  creating_pr: "keep",
  tracking: "keep"
}
