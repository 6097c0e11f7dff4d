import { Context, Schema } from "effect"
import { BudgetExceeded, storeReasons } from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { Reservation, SpendCategory } from "../domain/Spending.ts"
import { Usd } from "../domain/Usd.ts"
import type { Service } from "./Contract.ts"

export const BudgetContract = {
  /** Does an amount fit now? Reserves nothing. */
  check: {
    input: Schema.Struct({ workOrderId: WorkOrderId, amount: Usd }),
    output: Schema.Void,
    failure: Schema.Union([...storeReasons, BudgetExceeded])
  },
  /**
   * Sets money aside for one call, whole or not at all. `call` names the call within the run: a reservation
   * that an earlier, lost attempt at the same call left open is presumed spent first.
   */
  reserve: {
    input: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      call: Schema.NonEmptyString,
      category: SpendCategory,
      model: Schema.String,
      amount: Usd
    }),
    output: Reservation,
    failure: Schema.Union([...storeReasons, BudgetExceeded])
  },
  /** The call was surely not made, or surely cost nothing. */
  cancel: { input: Reservation, output: Schema.Void, failure: Schema.Union(storeReasons) },
  /** It is not known whether the call was made: all of it counts as spent. */
  presume: { input: Reservation, output: Schema.Void, failure: Schema.Union(storeReasons) }
} as const

/** Money. What a call really cost is the fact CostSettled, written with the call's reply. */
export class Budget extends Context.Service<Budget, Service<typeof BudgetContract>>()(
  "moose/services/Budget"
) {}
