import { Schema } from "effect"
import { Run, WorkOrderId } from "./Ids.ts"
import { Usd } from "./Usd.ts"

/** What a paid call is for. */
export const SpendCategory = Schema.Literals(["routing", "generating", "applying", "repair", "architect"])

export const ReservationId = Schema.String.pipe(Schema.brand("ReservationId"))
export type ReservationId = typeof ReservationId.Type

/** Money set aside for one call that is about to be made, at the most it can cost. */
export const Reservation = Schema.Struct({
  id: ReservationId,
  workOrderId: WorkOrderId,
  run: Run,
  model: Schema.String,
  category: SpendCategory,
  amount: Usd
})
export type Reservation = typeof Reservation.Type

/** What a provider says a call used, in tokens. */
export const Usage = Schema.Struct({ inputTokens: Schema.Int, outputTokens: Schema.Int })
export type Usage = typeof Usage.Type
