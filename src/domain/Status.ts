import { Schema } from "effect"

/** The five steps, in the order they run. */
export const stepNames = ["routing", "generating", "applying", "creating_pr", "tracking"] as const
export const StepName = Schema.Literals(stepNames)
export type StepName = typeof StepName.Type

/** A step as journal and timeline name it: one of the five, or one that somebody added between them. */
export const StepLabel = Schema.NonEmptyString

/** The text in `work_orders.status`. */
export const Status = Schema.Literals([
  "pending",
  ...stepNames,
  "completed",
  "waiting",
  "needs_review",
  "routing_failed",
  "generation_failed",
  "aider_failed",
  "pr_failed",
  "tracking_failed",
  "cancelled"
])
export type Status = typeof Status.Type

/** How a failed order was left behind. */
export const Disposition = Schema.Literals([
  "exhausted",
  "rollback_pending",
  "rolled_back",
  "preserved",
  "manual_intervention_required"
])
export type Disposition = typeof Disposition.Type

const whileRunning = ["waiting", "needs_review", "cancelled"] as const
const again = ["routing", "generating", "applying", "creating_pr", "tracking", "cancelled"] as const

/**
 * Every legal move. The compiler checks it where the code moves; `moose.legal_moves` holds the same rows
 * and refuses the rest for everyone else (`test/domain/Status.test.ts` compares the two).
 */
export const legalMoves = {
  pending: ["routing", "cancelled"],
  routing: ["generating", "routing_failed", ...whileRunning],
  generating: ["applying", "generation_failed", ...whileRunning],
  applying: ["creating_pr", "aider_failed", ...whileRunning],
  creating_pr: ["tracking", "pr_failed", ...whileRunning],
  tracking: ["completed", "tracking_failed", ...whileRunning],
  completed: [],
  waiting: again,
  needs_review: [
    ...again,
    "routing_failed",
    "generation_failed",
    "aider_failed",
    "pr_failed",
    "tracking_failed"
  ],
  routing_failed: ["pending", "cancelled"],
  generation_failed: ["pending", "cancelled"],
  aider_failed: ["pending", "cancelled"],
  pr_failed: ["pending", "cancelled"],
  tracking_failed: ["pending", "cancelled"],
  cancelled: ["pending"]
} as const satisfies Record<Status, ReadonlyArray<Status>>

export type LegalMove<From extends Status> = (typeof legalMoves)[From][number]

/** Where a step leads when it succeeds, and what the order becomes when it fails for good. */
export const afterStep = {
  routing: { succeeded: "generating", failed: "routing_failed" },
  generating: { succeeded: "applying", failed: "generation_failed" },
  applying: { succeeded: "creating_pr", failed: "aider_failed" },
  creating_pr: { succeeded: "tracking", failed: "pr_failed" },
  tracking: { succeeded: "completed", failed: "tracking_failed" }
} as const satisfies {
  [S in StepName]: { readonly succeeded: LegalMove<S>; readonly failed: LegalMove<S> }
}

/** True once nothing more happens to the order unless somebody asks for it. */
export const isSettled = (status: Status): boolean =>
  status === "completed" || status === "cancelled" || status.endsWith("_failed")
