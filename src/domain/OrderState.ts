import { Schema } from "effect"
import { Sha } from "./Ids.ts"
import { Resource } from "./Resource.ts"
import { ReservationId } from "./Spending.ts"
import { Status } from "./Status.ts"
import { Usd } from "./Usd.ts"

/** What an order holds at one moment, as the store knows it. What the running step adds is there when the step has ended. */
export const OrderState = Schema.Struct({
  status: Status,
  branch: Schema.NullOr(Schema.String),
  baseSha: Schema.NullOr(Sha),
  headSha: Schema.NullOr(Sha),
  pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
  /** All that is not released: worktree, instruction file, branch, remote branch, pull request. */
  resources: Schema.Array(
    Schema.Struct({
      kind: Resource.fields.kind,
      name: Schema.String,
      state: Resource.fields.state,
      host: Schema.String
    })
  ),
  /** Money set aside for calls that nobody has closed yet. */
  reservations: Schema.Array(
    Schema.Struct({ id: ReservationId, call: Schema.String, model: Schema.String, amount: Usd })
  ),
  /** What it has cost so far, over all its runs; what is reserved or presumed counts. */
  spent: Usd
})
export type OrderState = typeof OrderState.Type
