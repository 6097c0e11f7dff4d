import { Context, Schema } from "effect"
import { BudgetStatus } from "../domain/BudgetStatus.ts"
import { BudgetExceeded, ledgerReasons } from "../domain/errors/Reasons.ts"
import { ProjectId, Run, WorkOrderId } from "../domain/Ids.ts"
import { Reservation, SpendCategory, SpendRule, Usage } from "../domain/Spending.ts"
import { Usd } from "../domain/Usd.ts"
import type { Service } from "./Contract.ts"

const ledger = Schema.Union(ledgerReasons)

export const BudgetContract = {
  /** Does an amount fit now? Reserves nothing. */
  check: {
    input: Schema.Struct({ workOrderId: WorkOrderId, amount: Usd }),
    output: Schema.Void,
    failure: Schema.Union([...ledgerReasons, BudgetExceeded])
  },
  /**
   * Sets money aside for one call, whole or not at all, for as long as the lease is renewed. `call` names the call
   * within the run: a reservation that an earlier, lost attempt at the same call left open is presumed spent first.
   */
  reserve: {
    input: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      call: Schema.NonEmptyString,
      category: SpendCategory,
      model: Schema.String,
      rule: SpendRule,
      amount: Usd
    }),
    output: Reservation,
    failure: Schema.Union([...ledgerReasons, BudgetExceeded])
  },
  /**
   * What the call really cost, in full, also when it is more than was reserved or comes after the reservation was
   * presumed. `settlement` names the bill: the same one again changes nothing, another one is LedgerConflict. Bills
   * of journaled calls are the fact CostSettled instead, in the commit that keeps the reply.
   */
  settle: {
    input: Schema.Struct({
      reservation: Reservation,
      settlement: Schema.NonEmptyString,
      amount: Usd,
      usage: Usage
    }),
    output: Schema.Void,
    failure: ledger
  },
  /** The call was surely not made, or surely cost nothing. */
  cancel: { input: Reservation, output: Schema.Void, failure: ledger },
  /** It is not known whether the call was made: all of it counts as spent. */
  presume: { input: Reservation, output: Schema.Void, failure: ledger },
  /** The call is still being made. */
  renew: { input: Reservation, output: Schema.Void, failure: ledger },
  /** Presumes at most `limit` reservations whose lease has ended, oldest first; answers how many there were. */
  presumeExpired: { input: Schema.Struct({ limit: Schema.Int }), output: Schema.Int, failure: ledger },
  /** How the money of one project, or of all, stands today. */
  status: {
    input: Schema.Struct({ project: Schema.optionalKey(ProjectId) }),
    output: Schema.Array(BudgetStatus),
    failure: ledger
  }
} as const

/** Money. settled + reserved + presumed never exceed a limit, whoever reserves at the same moment. */
export class Budget extends Context.Service<Budget, Service<typeof BudgetContract>>()(
  "moose/services/Budget"
) {}
