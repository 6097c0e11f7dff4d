import { Schema } from "effect"
import { ProjectId, Run, WorkOrderId } from "./Ids.ts"
import { ProjectMode } from "./Project.ts"
import { Disposition, Status } from "./Status.ts"

const time = Schema.DateTimeUtcFromString

/** An order that does not get on, and what is known of why. */
export const StuckOrder = Schema.Struct({
  /** Names this standstill; another one of the same order has another. */
  key: Schema.NonEmptyString,
  /** progress: nothing happened to it for longer than its status allows; age: it is under way for too long. */
  why: Schema.Literals(["progress", "age"]),
  workOrderId: WorkOrderId,
  run: Run,
  project: ProjectId,
  mode: ProjectMode,
  title: Schema.String,
  status: Status,
  disposition: Schema.NullOr(Disposition),
  /** The last that happened to it, or when its time began to count. */
  since: time,
  now: time,
  waitingFor: Schema.NullOr(Schema.String),
  resumeAt: Schema.NullOr(time),
  /** How the durable engine has it; null if it has it not. */
  execution: Schema.NullOr(Schema.String),
  /** The process that holds it, or held it last. */
  runner: Schema.NullOr(Schema.Struct({ host: Schema.String, processId: Schema.Int, leaseUntil: time }))
})
export type StuckOrder = typeof StuckOrder.Type
