import { Schema } from "effect"
import { Failure } from "./errors/Failure.ts"
import { NewEscalation } from "./Escalation.ts"
import { Sha } from "./Ids.ts"
import { Outcome } from "./Outcome.ts"
import { ResourceKind } from "./Resource.ts"
import { ReservationId, Usage } from "./Spending.ts"
import { Disposition, Status, StepLabel } from "./Status.ts"
import { Usd } from "./Usd.ts"

/**
 * Facts are what a step adds to the store. They are committed together with the step's result, by
 * `moose.apply_facts`, so that either all of them are true or none is.
 */

/** The order moves to another status. A move to the status it already has changes nothing. */
export const StatusMoved = Schema.TaggedStruct("StatusMoved", {
  to: Status,
  disposition: Schema.NullOr(Disposition)
})

export const StepStarted = Schema.TaggedStruct("StepStarted", { step: StepLabel })

export const StepSucceeded = Schema.TaggedStruct("StepSucceeded", {
  step: StepLabel,
  ms: Schema.Int,
  /** One line for the timeline: which model, how many files, which pull request. */
  summary: Schema.String
})

/** The step failed for good: a timeline entry and a row in `error_events`. */
export const StepFailed = Schema.TaggedStruct("StepFailed", {
  step: StepLabel,
  ms: Schema.Int,
  failure: Failure
})

/** One attempt of a step failed, and the step goes on: a timeline entry, an error event and a decision. */
export const AttemptFailed = Schema.TaggedStruct("AttemptFailed", {
  step: StepLabel,
  failure: Failure,
  /** What is done about it: "retry in 10 s", "next model". */
  decision: Schema.String
})

/** The order stops until `resumeAt`, for something that is not its own fault. It spends no attempts meanwhile. */
export const Parked = Schema.TaggedStruct("Parked", {
  step: StepLabel,
  /** What it waits for: provider:openai, forge, budget:shop. */
  dependency: Schema.String,
  tag: Schema.String,
  /** What is waited for, until when, and why; and the last of these by itself. */
  message: Schema.String,
  cause: Schema.String,
  resumeAt: Schema.DateTimeUtcFromString,
  /**
   * True when the order met the dependency's trouble itself: that is one incident for everybody, and one probe at
   * a time. An order that was only told of it, or that waits for something else, opens none.
   */
  incident: Schema.Boolean
})

/** A dependency that had an incident has just worked. */
export const DependencyWorks = Schema.TaggedStruct("DependencyWorks", { dependency: Schema.String })

/** Anything worth a line in the timeline that is none of the above. */
export const Noted = Schema.TaggedStruct("Noted", { step: StepLabel, message: Schema.String })

export const BranchPrepared = Schema.TaggedStruct("BranchPrepared", {
  branch: Schema.String,
  baseSha: Sha,
  headSha: Sha
})

/** The thing was seen to exist; `evidence` is what was read back. */
export const ResourceHeld = Schema.TaggedStruct("ResourceHeld", {
  kind: ResourceKind,
  name: Schema.String,
  evidence: Schema.Json
})

export const ResourceReleased = Schema.TaggedStruct("ResourceReleased", {
  kind: ResourceKind,
  name: Schema.String,
  evidence: Schema.Json
})

/** The thing stays, on purpose. */
export const ResourcePreserved = Schema.TaggedStruct("ResourcePreserved", {
  kind: ResourceKind,
  name: Schema.String,
  reason: Schema.NonEmptyString
})

export const PullRequestOpened = Schema.TaggedStruct("PullRequestOpened", {
  number: Schema.Int,
  url: Schema.String
})

/** The reserved call was made and this is what it cost. */
export const CostSettled = Schema.TaggedStruct("CostSettled", {
  reservation: ReservationId,
  amount: Usd,
  usage: Usage
})

/** Somebody has to know of it, or to decide. One like it that is open already is joined. */
export const Escalated = Schema.TaggedStruct("Escalated", NewEscalation.fields)

/** A choice between alternatives, kept so that it can be judged later. */
export const Decided = Schema.TaggedStruct("Decided", {
  step: StepLabel,
  choice: Schema.String,
  reason: Schema.String,
  data: Schema.Json
})

export const OutcomeRecorded = Schema.TaggedStruct("OutcomeRecorded", { outcome: Outcome })

export const Fact = Schema.Union([
  StatusMoved,
  StepStarted,
  StepSucceeded,
  StepFailed,
  AttemptFailed,
  Parked,
  DependencyWorks,
  Noted,
  BranchPrepared,
  ResourceHeld,
  ResourceReleased,
  ResourcePreserved,
  PullRequestOpened,
  CostSettled,
  Escalated,
  Decided,
  OutcomeRecorded
])
export type Fact = typeof Fact.Type

/** One line of an order's timeline, as stored. */
export const TimelineEvent = Schema.Struct({
  seq: Schema.Int,
  run: Schema.Int,
  kind: Schema.String,
  step: Schema.NullOr(StepLabel),
  message: Schema.String,
  ms: Schema.NullOr(Schema.Int),
  at: Schema.DateTimeUtcFromString
})
export type TimelineEvent = typeof TimelineEvent.Type
