import { Console, Effect, Option } from "effect"
import { type WorkOrderId, executionId } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { WorkOrder } from "../domain/WorkOrder.ts"
import * as Environment from "../layers/Environment.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import { type Show, follow } from "./Progress.ts"
import { conclude } from "./Report.ts"

/** Ctrl-C: the order is cancelled and cleaned up, and what is left of it is said. */
const cancelled = (id: WorkOrderId, json: boolean) =>
  Effect.gen(function* () {
    const orders = yield* WorkOrders
    yield* Console.error("\nCancelling…")
    yield* orders.cancel({ id, reason: "interrupted at the keyboard" })
    const view = yield* follow(id, "nothing").pipe(Effect.timeoutOption(Limits.cancelled))
    if (Option.isSome(view)) {
      // It did not complete, and has just said so; anything else is told below.
      return yield* Effect.catchTag(conclude(view.value, json), "NotCompleted", () => Effect.void)
    }
    yield* Console.error(`The clean-up of ${id} goes on too long; look later with: moose status ${id}`)
  }).pipe(Effect.catch((error) => Console.error(`The order could not be cancelled: ${error.message}`)))

/** Submits an order, runs it here (or watches whoever runs it already), and answers how it ended. */
export const execute = Effect.fnUntraced(function* (order: WorkOrder, show: Show) {
  const orders = yield* WorkOrders
  const { view, created } = yield* orders.submit(order)
  if (show !== "nothing") {
    yield* Console.log(`Work order ${order.id}${created ? "" : " (submitted before)"}: ${order.title}`)
  }
  return yield* follow(order.id, show).pipe(
    Effect.onInterrupt(() => cancelled(order.id, show === "nothing")),
    Effect.provide(Environment.worker({ only: [executionId(order.id, view.run)] }))
  )
})
