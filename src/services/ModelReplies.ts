import { Context, Schema } from "effect"
import { storeReasons } from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { ReservationId, Usage } from "../domain/Spending.ts"
import { Usd } from "../domain/Usd.ts"
import type { Service } from "./Contract.ts"
import { ModelReply } from "./Proposer.ts"

/** A provider's reply, exactly as it came. */
export const RawReply = Schema.Struct({
  contentType: Schema.String,
  body: Schema.String
})
export type RawReply = typeof RawReply.Type

/** Which reply it is: the `ordinal`-th, from 1, to the same request under the same `call`. */
const Key = Schema.Struct({
  workOrderId: WorkOrderId,
  run: Run,
  call: Schema.NonEmptyString,
  /** SHA-256 of the request, in hexadecimal. */
  request: Schema.String.pipe(Schema.check(Schema.isPattern(/^[0-9a-f]{64}$/))),
  ordinal: Schema.Int
})

const Paid = Schema.Struct({
  model: Schema.String,
  finish: ModelReply.fields.finish,
  usage: Usage,
  amount: Usd,
  reply: RawReply
})

export const ModelRepliesContract = {
  /** The reply, if it was ever bought. */
  find: { input: Key, output: Schema.NullOr(Paid), failure: Schema.Union(storeReasons) },
  /** Keeps a reply and settles what it cost, in one commit. Keeping it again changes nothing. */
  keep: {
    input: Schema.Struct({ ...Key.fields, ...Paid.fields, reservation: ReservationId }),
    output: Schema.Void,
    failure: Schema.Union(storeReasons)
  }
} as const

/** Replies that were paid for outside of a step's own calls, kept so that they are not bought again. */
export class ModelReplies extends Context.Service<ModelReplies, Service<typeof ModelRepliesContract>>()(
  "moose/services/ModelReplies"
) {}
