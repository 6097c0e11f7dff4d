import { Console, DateTime, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { WorkOrderId } from "../../domain/Ids.ts"
import { format } from "../../domain/Usd.ts"
import type { WorkOrderView } from "../../domain/WorkOrder.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import * as Input from "../Input.ts"
import { printTimeline } from "../Progress.ts"
import { printJson, toJson } from "../Report.ts"

const listMax = 50

const row = (view: WorkOrderView) =>
  [
    view.order.id.padEnd(14),
    view.status.padEnd(17),
    `$${format(view.cost)}`,
    DateTime.formatIso(view.updatedAt),
    view.pullRequest === null ? "" : `#${view.pullRequest.number}`,
    view.order.title
  ].join("  ")

const printOne = Effect.fnUntraced(function* (view: WorkOrderView) {
  const { order } = view
  yield* Console.log(`${order.id}  ${order.title}`)
  yield* Console.log(
    `  ${view.status}${view.disposition === null ? "" : ` (${view.disposition})`}, run ${view.run}, cost $${format(view.cost)}`
  )
  if (view.branch !== null) yield* Console.log(`  branch ${view.branch}, commit ${view.headSha ?? "none"}`)
  if (view.pullRequest !== null)
    yield* Console.log(`  pull request #${view.pullRequest.number} ${view.pullRequest.url}`)
  yield* printTimeline(order.id)
  if (view.failure !== null) {
    yield* Console.log(`  ${view.failure.tag}: ${view.failure.message}`)
    yield* Console.log(`  What to do: ${view.failure.hint}`)
  }
})

/** `moose status`: all orders, or one with its timeline. */
export const status = Command.make(
  "status",
  {
    id: Argument.String("id").pipe(Argument.withDescription("A work order"), Argument.optional),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ id, json }) {
    const wanted = yield* Effect.transposeOption(Option.map(id, Input.decode(WorkOrderId, "id")))
    yield* Effect.gen(function* () {
      const orders = yield* WorkOrders
      if (Option.isSome(wanted)) {
        const view = yield* orders.get({ id: wanted.value })
        return yield* json ? printJson(toJson(view)) : printOne(view)
      }
      const views = yield* orders.list({ limit: listMax })
      if (json) return yield* printJson(views.map(toJson))
      if (views.length === 0) return yield* Console.log("No work orders yet. Try: moose demo")
      yield* Effect.forEach(views, (view) => Console.log(row(view)), { discard: true })
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Show all work orders, or one with its timeline"))
