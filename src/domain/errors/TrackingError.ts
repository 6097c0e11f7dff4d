import { Schema } from "effect"
import { Failure } from "./Failure.ts"
import { everyStep, gitReasons } from "./Reasons.ts"

/** The evidence for a good outcome is missing, so the order may not be called completed. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  missing: Schema.String
}) {
  override get message() {
    return `The outcome cannot be recorded: ${this.missing}`
  }
}

export const TrackingReason = Schema.Union([...everyStep, ...gitReasons, OutcomeUnknown])
export type TrackingReason = typeof TrackingReason.Type

/** Recording the outcome failed. The pull request exists and is kept. */
export class TrackingError extends Schema.TaggedError<TrackingError>()("TrackingError", {
  reason: TrackingReason,
  failure: Failure
}) {
  override get message() {
    return this.reason.message
  }
}
