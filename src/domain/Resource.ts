import { Schema } from "effect"
import { Run, WorkOrderId } from "./Ids.ts"

/** What an order can hold outside the database. */
export const ResourceKind = Schema.Literals([
  "worktree",
  "instruction_file",
  "branch",
  "remote_branch",
  "pull_request"
])
export type ResourceKind = typeof ResourceKind.Type

/** intended: about to exist, or lost in a crash; held: seen to exist; released: gone; preserved: kept on purpose. */
export const ResourceState = Schema.Literals(["intended", "held", "released", "preserved"])
export type ResourceState = typeof ResourceState.Type

/** The exact name of one thing outside the database, before it exists. */
export const ResourceName = Schema.Struct({ kind: ResourceKind, name: Schema.NonEmptyString })
export type ResourceName = typeof ResourceName.Type

/** One row of `resources`. */
export class Resource extends Schema.Class<Resource>("Resource")({
  workOrderId: WorkOrderId,
  run: Run,
  kind: ResourceKind,
  name: Schema.NonEmptyString,
  state: ResourceState,
  host: Schema.String,
  /** What was read back from the real thing. */
  evidence: Schema.NullOr(Schema.Json),
  /** Why it was kept. */
  reason: Schema.NullOr(Schema.String)
}) {}
