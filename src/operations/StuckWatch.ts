import { DateTime, Duration, Effect, Layer, Schedule } from "effect"
import type { NewEscalation } from "../domain/Escalation.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { StuckOrder } from "../domain/StuckOrder.ts"
import { zero } from "../domain/Usd.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import * as Notices from "./Notices.ts"

const { routing, generating, applying, creating_pr, tracking } = Limits.step

/** What each status may take without any progress. A wait counts from its end, and clean-up is as long as the longest step. */
const noProgress = {
  routing,
  generating,
  applying,
  creating_pr,
  tracking,
  waiting: applying,
  rollback_pending: applying
}

const noProgressMs = Object.fromEntries(
  Object.entries(noProgress).map(([status, limit]) => [
    status,
    Duration.toMillis(Duration.sum(limit, Limits.stuckGrace))
  ])
)

/** What is the matter, as far as it shows from outside. */
const hintOf = ({ mode, runner, now, execution, waitingFor }: StuckOrder): string => {
  if (mode === "off") return "Its project is switched off, so nothing is claimed: moose project set"
  if (runner !== null) {
    const { host, processId, leaseUntil } = runner
    return DateTime.isGreaterThan(leaseUntil, now)
      ? `Process ${processId} on ${host} holds it and answers: look at what it does.`
      : `Process ${processId} on ${host} held it and answers no more: start a worker.`
  }
  if (execution === "suspended") {
    return waitingFor === null
      ? "It waits for somebody's decision: moose escalations"
      : `It waits for ${waitingFor}.`
  }
  return "No worker has taken it: see whether one runs, and whether its project has room."
}

const messageOf = ({ why, status, disposition, since, title }: StuckOrder): string => {
  const where = disposition === "rollback_pending" ? `${status}, its clean-up not ended` : status
  const at = DateTime.formatIso(since)
  return why === "age"
    ? `"${title}" is under way since ${at}, and is ${where}`
    : `Nothing has happened to "${title}" since ${at}; it is ${where}`
}

/** The orders of a project that is switched off are one escalation: somebody wanted it so. */
const escalationOf = (order: StuckOrder): NewEscalation => ({
  type: "stuck",
  severity: order.why === "age" ? "high" : "medium",
  fingerprint: order.mode === "off" ? `stuck/project/${order.project}` : `stuck/order/${order.workOrderId}`,
  context: {
    tag: "Stuck",
    why: order.why,
    message: messageOf(order),
    hint: hintOf(order),
    project: order.project,
    status: order.status,
    since: DateTime.formatIso(order.since),
    execution: order.execution,
    waitingFor: order.waitingFor
  },
  options: [
    {
      option: "acknowledge",
      label: "It gets on again. If nothing happens to it, it is told of again.",
      usd: zero,
      recommended: true
    },
    {
      option: "abandon",
      label: "Cancel it. What it made stays in quarantine or under review.",
      usd: zero,
      recommended: false
    }
  ],
  defaultOption: null
})

/**
 * Tells of orders without progress past their step's limit, and of orders that are under way for longer than
 * `Limits.stuckAge`: each standstill once, by the database's clock. Answers how many there were.
 */
export const watch = Effect.fn("StuckWatch.watch")(function* () {
  const orders = yield* WorkOrders
  const found = yield* orders.stuck({
    noProgressMs,
    ageMs: Duration.toMillis(Limits.stuckAge),
    limit: Limits.stuckOrdersTogether
  })
  yield* Effect.forEach(
    found,
    (order) => {
      const { key, workOrderId, run } = order
      return Notices.raise({ ...escalationOf(order), key, workOrderId, run })
    },
    { discard: true }
  )
  return found.length
})

/** Watches as long as the layer lives. A look that fails is left to the next one. */
export const layer = Layer.effectDiscard(
  watch().pipe(
    Effect.catch((error) => Effect.logWarning("Stuck orders could not be looked for", error)),
    Effect.repeat(Schedule.spaced(Limits.stuckWatch)),
    Effect.forkScoped
  )
)
