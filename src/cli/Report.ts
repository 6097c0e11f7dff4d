import { Console, Effect } from "effect"
import { quarantineRef } from "../domain/Ids.ts"
import { isSettled } from "../domain/Status.ts"
import { format } from "../domain/Usd.ts"
import type { WorkOrderView } from "../domain/WorkOrder.ts"
import { Resources } from "../services/Resources.ts"
import { NotCompleted } from "./UserError.ts"
import { style } from "./Style.ts"

/** An order for programs. Money is a decimal string of dollars. */
export const toJson = (view: WorkOrderView) => ({
  workOrderId: view.order.id,
  status: view.status,
  disposition: view.disposition,
  branch: view.branch,
  headSha: view.headSha,
  pullRequest: view.pullRequest,
  costUsd: format(view.cost),
  failure: view.failure,
  steps: view.steps
})

export const printJson = (value: unknown) => Console.log(JSON.stringify(value, null, 2))

/** What an order that did not complete left behind, in words. */
const printLeft = Effect.fnUntraced(function* (view: WorkOrderView) {
  const resources = yield* Resources
  const rows = yield* resources.list({ workOrderId: view.order.id })
  const ofRun = rows.filter(({ run }) => run === view.run)
  const gone = ofRun.filter(({ state }) => state === "released").map(({ kind }) => kind.replace("_", " "))
  const lines = ofRun.flatMap(({ kind, name, state, reason }) =>
    state === "released"
      ? []
      : [`  ${kind.replace("_", " ")} ${name} is ${reason === null ? state : `kept: ${reason}`}`]
  )
  if (gone.length > 0) yield* Console.log(`  removed: ${gone.join(", ")}`)
  if (ofRun.some(({ kind, state }) => kind === "branch" && state === "released") && view.headSha !== null) {
    yield* Console.log(`  the commit is kept under ${quarantineRef(view.order.id, view.run)}`)
  }
  yield* Effect.forEach(lines, (line) => Console.log(line), { discard: true })
  if (ofRun.length === 0) yield* Console.log("  nothing had been made yet")
})

/** Says how an order ended, and fails when it did not complete. */
export const conclude = Effect.fnUntraced(function* (view: WorkOrderView, json: boolean) {
  if (json) {
    yield* printJson(toJson(view))
  } else if (view.status === "completed") {
    const where = view.pullRequest
    yield* Console.log("")
    yield* Console.log(
      where === null
        ? `${style.good("Completed")} in shadow: nothing was pushed.`
        : `${style.good("Pull request")} #${where.number}  ${style.bold(where.url)}`
    )
    yield* Console.log(
      `  branch ${view.branch ?? ""}  commit ${view.headSha ?? ""}  cost $${format(view.cost)}`
    )
  } else {
    yield* Console.log("")
    yield* Console.log(
      `${style.bad(view.status)}${view.disposition === null ? "" : ` (${view.disposition})`}`
    )
    if (view.failure !== null && view.status !== "cancelled") {
      yield* Console.log(`  ${view.failure.message}`)
    }
    if (isSettled(view.status)) yield* printLeft(view)
    if (view.failure !== null && view.status !== "cancelled") {
      yield* Console.log(`  ${style.bold("What to do:")} ${view.failure.hint}`)
    }
  }
  if (view.status !== "completed") return yield* new NotCompleted({})
})
