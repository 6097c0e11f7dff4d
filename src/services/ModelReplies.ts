import { Context, Schema } from "effect"
import { BudgetExceeded, ledgerReasons, storeReasons } from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { Reservation, ReservationId, Usage } from "../domain/Spending.ts"
import { Usd } from "../domain/Usd.ts"
import { BudgetContract } from "./Budget.ts"
import type { Service } from "./Contract.ts"
import { ModelReply } from "./Proposer.ts"

/** A provider's reply, exactly as it came. */
export const RawReply = Schema.Struct({
  contentType: Schema.String,
  body: Schema.String
})
export type RawReply = typeof RawReply.Type

/** Which reply it is: the `ordinal`-th, from 1, to the same request under the same `call`. */
export const ReplyKey = Schema.Struct({
  workOrderId: WorkOrderId,
  run: Run,
  call: Schema.NonEmptyString,
  /** SHA-256 of the request, in hexadecimal. */
  request: Schema.String.pipe(Schema.check(Schema.isPattern(/^[0-9a-f]{64}$/))),
  ordinal: Schema.Int
})
export type ReplyKey = typeof ReplyKey.Type

/** A reply that was bought, and what it cost. */
export const PaidReply = Schema.Struct({
  model: Schema.String,
  finish: ModelReply.fields.finish,
  usage: Usage,
  amount: Usd,
  reply: RawReply
})
export type PaidReply = typeof PaidReply.Type

export const ModelRepliesContract = {
  /** The reply, if it was ever bought; otherwise money is set aside for it, as Budget.reserve does. */
  begin: {
    input: Schema.Struct({ reply: ReplyKey, reserve: BudgetContract.reserve.input }),
    output: Schema.Union([
      Schema.TaggedStruct("Kept", { paid: PaidReply }),
      Schema.TaggedStruct("Reserved", { reservation: Reservation })
    ]),
    failure: Schema.Union([...ledgerReasons, BudgetExceeded])
  },
  /** Keeps a reply and settles what it cost, in one commit. Keeping it again changes nothing. */
  keep: {
    input: Schema.Struct({ ...ReplyKey.fields, ...PaidReply.fields, reservation: ReservationId }),
    output: Schema.Void,
    failure: Schema.Union(storeReasons)
  }
} as const

/** Replies that were paid for outside of a step's own calls, kept so that they are not bought again. */
export class ModelReplies extends Context.Service<ModelReplies, Service<typeof ModelRepliesContract>>()(
  "moose/services/ModelReplies"
) {}
