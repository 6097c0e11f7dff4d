import { Console, Effect, Option, Schema } from "effect"
import { Limits } from "../domain/policies/Limits.ts"
import { quarantineRef } from "../domain/Ids.ts"
import type { Resource } from "../domain/Resource.ts"
import { isSettled } from "../domain/Status.ts"
import { format } from "../domain/Usd.ts"
import type { WorkOrderView } from "../domain/WorkOrder.ts"
import { Escalations } from "../services/Escalations.ts"
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

const readQuarantined = Schema.decodeUnknownOption(Schema.Struct({ quarantined: Schema.String }))

/** The commit that a branch held when it was removed, if there was one. */
const quarantined = ({ kind, evidence }: Resource) =>
  kind === "branch" ? Option.map(readQuarantined(evidence), (it) => it.quarantined) : Option.none()

/** Was a thing that is gone really there? A row says only that it was about to be made. */
const wasThere = (resource: Resource, rows: ReadonlyArray<Resource>): boolean => {
  switch (resource.kind) {
    case "worktree":
      // What comes next is only intended once the worktree is open.
      return rows.some(({ kind }) => kind === "instruction_file")
    case "instruction_file":
      return true
    case "branch":
      return Option.isSome(quarantined(resource))
    // What others may have seen is never removed: if it is gone, it was not made.
    case "remote_branch":
    case "pull_request":
      return false
  }
}

const fate = ({ kind, name, state, reason }: Resource): string => {
  const what = `${kind.replace("_", " ")} ${name}`
  return state === "preserved" ? `${what} is kept: ${reason}` : `${what} may still be there`
}

/** What an order that did not complete left behind, in words. */
const printLeft = Effect.fnUntraced(function* (view: WorkOrderView) {
  const resources = yield* Resources
  const rows = yield* resources.list({ workOrderId: view.order.id })
  const ofRun = rows.filter(({ run }) => run === view.run)
  const gone = ofRun.filter(({ state }) => state === "released")
  const there = ofRun.filter(({ state }) => state !== "released")
  const removed = gone.filter((row) => wasThere(row, ofRun)).map(({ kind }) => kind.replace("_", " "))
  if (removed.length > 0) yield* Console.log(`  removed: ${removed.join(", ")}`)
  for (const sha of gone.flatMap((row) => Option.toArray(quarantined(row)))) {
    yield* Console.log(`  commit ${sha} is kept under ${quarantineRef(view.order.id, view.run)}`)
  }
  yield* Effect.forEach(there, (row) => Console.log(`  ${fate(row)}`), { discard: true })
  if (removed.length + there.length === 0) yield* Console.log("  nothing had been made yet")
  if (view.cost > 0) yield* Console.log(`  spent: $${format(view.cost)}`)
})

/** What somebody can decide about it. */
const printEscalations = Effect.fnUntraced(function* ({ order, status }: WorkOrderView) {
  const escalations = yield* Escalations
  const open = yield* escalations.list({
    status: "open",
    workOrderId: order.id,
    limit: Limits.escalationsListMax
  })
  for (const { id, context, options } of open) {
    if (status === "needs_review" && typeof context["message"] === "string") {
      yield* Console.log(indented(context["message"]))
    }
    const best = options.find(({ recommended }) => recommended)
    const choice = best === undefined ? "" : `: ${best.label} ($${format(best.usd)})`
    yield* Console.log(`  ${style.bold("To decide:")} moose escalations show ${id}${choice}`)
  }
})

const indented = (text: string): string =>
  text
    .split("\n")
    .flatMap((line) => (line.trim() === "" ? [] : [`  ${line.trimEnd()}`]))
    .join("\n")

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
      yield* Console.log(indented(view.failure.message))
    }
    if (isSettled(view.status)) yield* printLeft(view)
    if (view.failure !== null && view.status !== "cancelled") {
      yield* Console.log(`  ${style.bold("What to do:")} ${view.failure.hint}`)
    }
    if (view.status !== "cancelled") yield* printEscalations(view)
  }
  if (view.status !== "completed") return yield* new NotCompleted({})
})
