import { Schema } from "effect"
import { Run, WorkOrderId } from "./Ids.ts"
import { Usd } from "./Usd.ts"

/** What a paid call is for. */
export const SpendCategory = Schema.Literals(["routing", "generating", "applying", "repair", "architect"])

/** Which rule allowed a paid call: it was the first, or what was done about a failure. */
export const SpendRule = Schema.Literals(["first", "retry", "repair", "smaller_request", "next_model"])
export type SpendRule = typeof SpendRule.Type

export const ReservationId = Schema.String.pipe(Schema.brand("ReservationId"))
export type ReservationId = typeof ReservationId.Type

/** Money set aside for one call that is about to be made, at the most it can cost. */
export const Reservation = Schema.Struct({
  id: ReservationId,
  workOrderId: WorkOrderId,
  run: Run,
  /** Names the call within the run. */
  call: Schema.String,
  model: Schema.String,
  category: SpendCategory,
  amount: Usd
})
export type Reservation = typeof Reservation.Type

const Tokens = Schema.Int.pipe(
  Schema.check(Schema.isGreaterThanOrEqualTo(0, { message: "must not be negative" }))
)

/** What a provider says a call used, in tokens. Parts of the input that it does not mention are none. */
export const Usage = Schema.Struct({
  /** All of the input. What was read from or written to the provider's cache is part of it. */
  inputTokens: Tokens,
  cacheReadTokens: Schema.optionalKey(Tokens),
  cacheWriteTokens: Schema.optionalKey(Tokens),
  /** Written to be kept longer, at a price of its own; not part of `cacheWriteTokens`. */
  cacheWriteLongTokens: Schema.optionalKey(Tokens),
  /** All of the output, hidden reasoning included. */
  outputTokens: Tokens
})
export type Usage = typeof Usage.Type
