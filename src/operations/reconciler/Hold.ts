import { Effect } from "effect"
import type { WorkOrderId } from "../../domain/Ids.ts"
import { Reconciliation } from "../../services/Reconciliation.ts"

/** Gives back a hold that was got. One that cannot be given back ends by itself, after its time. */
export const giveBack = Effect.fnUntraced(function* (workOrderId: WorkOrderId, holder: string | null) {
  if (holder === null) return
  const reconciliation = yield* Reconciliation
  yield* Effect.catch(reconciliation.end({ workOrderId, holder }), (error) =>
    Effect.logWarning(`The hold on ${workOrderId} ends by itself, because it could not be given back`, error)
  )
})
