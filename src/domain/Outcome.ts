import { Schema } from "effect"
import { Sha, WorkOrderId } from "./Ids.ts"
import { Usd } from "./Usd.ts"

/** How a work order ended well: the evidence that was read back, and what it cost. */
export class Outcome extends Schema.Class<Outcome>("Outcome")({
  workOrderId: WorkOrderId,
  branch: Schema.String,
  headSha: Sha,
  files: Schema.Int,
  insertions: Schema.Int,
  deletions: Schema.Int,
  /** Missing when the project is in shadow: nothing was pushed. */
  pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
  /** The model that made the accepted proposal; null when the order brought its own. */
  model: Schema.NullOr(Schema.String),
  cost: Usd
}) {}
