import { Schema } from "effect"
import { Severity } from "./errors/Failure.ts"
import { ProjectId, Run, Sha, WorkOrderId } from "./Ids.ts"
import { Disposition, Status, StepName } from "./Status.ts"
import { Usd } from "./Usd.ts"

const time = Schema.DateTimeUtcFromString

export const EscalationId = Schema.Int.pipe(Schema.brand("EscalationId"))
export type EscalationId = typeof EscalationId.Type

/** What can be chosen. `acknowledge` is for what no order waits for: somebody has put it right. */
export const OptionName = Schema.Literals([
  "retry",
  "switch_model",
  "raise_budget",
  "resume_later",
  "take_over",
  "abandon",
  "acknowledge"
])
export type OptionName = typeof OptionName.Type

/** One way to go on. */
export const EscalationOption = Schema.Struct({
  option: OptionName,
  /** What happens if it is chosen. */
  label: Schema.String,
  /** The most it will probably cost, from what was spent so far. */
  usd: Usd,
  recommended: Schema.Boolean,
  /** Where a new run begins; what the steps before it made is taken over. */
  step: Schema.optionalKey(StepName)
})
export type EscalationOption = typeof EscalationOption.Type

/** What is known of the trouble. Of a failure: the parts of it that say what to do. */
export const EscalationContext = Schema.Record(Schema.String, Schema.Json)

/** What a failure, or somebody who saw trouble, has to say. */
export const NewEscalation = Schema.Struct({
  type: Schema.NonEmptyString,
  severity: Severity,
  /** The same trouble again has the same one, and joins the escalation that is open. */
  fingerprint: Schema.NonEmptyString,
  context: EscalationContext,
  /** Exactly one is recommended. */
  options: Schema.NonEmptyArray(EscalationOption),
  /** What silence means after the last reminder; none: it stays open. */
  defaultOption: Schema.NullOr(OptionName),
  /** Names the durable deferred that a suspended order waits for. */
  question: Schema.optionalKey(Schema.String)
})
export type NewEscalation = typeof NewEscalation.Type

/** What was decided about an order that waits for it. */
export const Decision = Schema.Struct({ option: OptionName, by: Schema.String })
export type Decision = typeof Decision.Type

/** Where a notice went. client_manager: it was taken in there; order: it stands with the order and nowhere else. */
export const Receipt = Schema.Struct({
  channel: Schema.Literals(["client_manager", "order"]),
  /** What the other side calls it. */
  reference: Schema.NullOr(Schema.String)
})
export type Receipt = typeof Receipt.Type

/** The incident card: everything somebody needs who was called because of it. */
export class Escalation extends Schema.Class<Escalation>("Escalation")({
  id: EscalationId,
  type: Schema.String,
  status: Schema.Literals(["open", "resolved"]),
  severity: Severity,
  fingerprint: Schema.String,
  /** How often the same was met since it was opened. */
  occurrences: Schema.Int,
  context: EscalationContext,
  options: Schema.Array(EscalationOption),
  defaultOption: Schema.NullOr(OptionName),
  assignee: Schema.NullOr(Schema.String),
  createdAt: time,
  updatedAt: time,
  now: time,
  notices: Schema.Int,
  receipt: Schema.NullOr(Schema.Struct({ ...Receipt.fields, at: time })),
  ackDeadline: Schema.NullOr(time),
  acknowledgedAt: Schema.NullOr(time),
  resolution: Schema.NullOr(Schema.Struct({ option: OptionName, label: Schema.String })),
  resolvedBy: Schema.NullOr(Schema.String),
  resolvedAt: Schema.NullOr(time),
  /** The blast radius: all of them, and the newest. */
  ordersCount: Schema.Int,
  orders: Schema.Array(
    Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      title: Schema.String,
      project: ProjectId,
      status: Status,
      disposition: Schema.NullOr(Disposition),
      branch: Schema.NullOr(Schema.String),
      headSha: Schema.NullOr(Sha),
      pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
      spent: Usd
    })
  ),
  /** What the orders' projects spend per minute just now. */
  burnPerMinute: Usd
}) {}
