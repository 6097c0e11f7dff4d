import { DateTime } from "effect"
import type { WorkOrderId } from "../../domain/Ids.ts"
import { ErrorGroup, OrderStory } from "../../domain/OrderStory.ts"
import type { OrderState } from "../../domain/OrderState.ts"
import { Usd } from "../../domain/Usd.ts"
import { WorkOrderView } from "../../domain/WorkOrder.ts"
import { type ErrorEvent, type OrderRow, type State, counted } from "./State.ts"

/* What the store answers about its rows. */

const time = (ms: number) => DateTime.makeUnsafe(ms)

const stepsOf = (state: State, row: OrderRow): WorkOrderView["steps"] => {
  const lines = state.timeline.filter(
    ({ workOrderId, run }) => workOrderId === row.order.id && run === row.run
  )
  const names = lines.flatMap(({ kind, step }) => (kind.startsWith("Step") && step !== null ? [step] : []))
  return [...new Set(names)].map((name) => {
    const own = lines.filter(({ step }) => step === name)
    const end = own.findLast(({ kind }) => kind === "StepSucceeded" || kind === "StepFailed")
    return {
      name,
      status: end === undefined ? "running" : end.kind === "StepFailed" ? "failed" : "succeeded",
      attempts: own.filter(({ kind }) => kind === "StepStarted").length,
      ms: end?.ms ?? null
    }
  })
}

export const viewOf = (state: State, row: OrderRow): WorkOrderView => {
  const {
    order,
    status,
    disposition,
    paused,
    cancelling,
    run,
    branch,
    baseSha,
    headSha,
    pullRequest,
    failure
  } = row
  const ofRun = state.errorEvents.filter((event) => event.workOrderId === order.id && event.run === run)
  return new WorkOrderView({
    order,
    status,
    disposition,
    paused,
    cancelling,
    run,
    branch,
    baseSha,
    headSha,
    pullRequest,
    failure,
    cost: state.spent(order.id),
    attemptsSpent: ofRun.filter((event) => event.failure.blame === "task").length,
    countsFrom: time(row.countsFrom),
    steps: stepsOf(state, row),
    submittedAt: time(row.submittedAt),
    updatedAt: time(row.updatedAt)
  })
}

/** What an order holds right now. */
export const stateOf = (state: State, row: OrderRow): OrderState => ({
  status: row.status,
  branch: row.branch,
  baseSha: row.baseSha,
  headSha: row.headSha,
  pullRequest: row.pullRequest,
  resources: state.resources
    .filter((it) => it.workOrderId === row.order.id && it.state !== "released")
    .map(({ kind, name, state: it, host }) => ({ kind, name, state: it, host })),
  reservations: state.ledger
    .filter((it) => it.state === "reserved" && it.reservation.workOrderId === row.order.id)
    .map(({ reservation: { id, call, model, amount } }) => ({ id, call, model, amount })),
  spent: state.spent(row.order.id)
})

const ledgerOf = (state: State, id: WorkOrderId): OrderStory["ledger"] =>
  (["reserved", "settled", "cancelled", "presumed"] as const).flatMap((it) => {
    const rows = state.ledger.filter((row) => row.state === it && row.reservation.workOrderId === id)
    const amount = Usd.make(rows.reduce((sum, row) => sum + counted(row), 0))
    return rows.length === 0 ? [] : [{ state: it, calls: rows.length, amount }]
  })

const metOf = (events: ReadonlyArray<ErrorEvent>): OrderStory["failure"] => {
  const last = events.at(-1)
  if (last === undefined) return null
  const alike = events.filter(({ step, failure }) => step === last.step && failure.tag === last.failure.tag)
  const { tag, category, severity, message, hint, operation, excerpt, causes } = last.failure
  const firstAt = time(alike[0]?.at ?? last.at)
  const told = { tag, category, severity, message, hint, operation, excerpt, causes }
  return { ...told, step: last.step, at: time(last.at), firstAt, times: alike.length }
}

const waitingOf = (state: State, row: OrderRow): OrderStory["waiting"] => {
  if (row.waiting === null) return null
  const { for: awaited, resumeAt, tag } = row.waiting
  const open = state.incidents.find(({ dependency, closedAt }) => closedAt === null && dependency === awaited)
  const orders = [...state.orders.values()].filter(({ waiting }) => waiting?.for === awaited).length
  const incident =
    open === undefined
      ? null
      : {
          tag: open.tag,
          message: open.message,
          openedAt: time(open.openedAt),
          nextProbeAt: time(open.nextProbeAt),
          failedProbes: open.failedProbes,
          orders
        }
  return { for: awaited, resumeAt, step: null, tag, cause: open?.message ?? null, incident }
}

/** Everything the tables say about an order. There is no execution to tell of: an engine in memory has no lease. */
export const storyOf = (state: State, row: OrderRow, now: number): OrderStory => {
  const { id } = row.order
  const project = state.projects.get(row.order.project)
  const own = <A extends { readonly workOrderId: WorkOrderId; readonly run: number }>(
    rows: ReadonlyArray<A>
  ) => rows.filter(({ workOrderId, run }) => workOrderId === id && run === row.run)
  const events = own(state.errorEvents)
  return new OrderStory({
    now: time(now),
    view: viewOf(state, row),
    statusSince: time(row.statusSince),
    shadow: row.shadow,
    failure: metOf(events),
    waiting: waitingOf(state, row),
    execution: null,
    project: {
      id: row.order.project,
      mode: project?.mode ?? "off",
      concurrency: project?.concurrency ?? 1,
      running: 0
    },
    workers: 0,
    resources: state.resources
      .filter(({ workOrderId }) => workOrderId === id)
      .map((it) => ({ ...it, updatedAt: time(row.updatedAt) })),
    ledger: ledgerOf(state, id),
    decisions: own(state.decisions).map(({ step, choice, reason, at }) => ({
      step,
      choice,
      reason,
      at: time(at)
    })),
    failures: events.map(({ step, failure: { tag, message }, at }) => ({ step, tag, message, at: time(at) })),
    events: own(state.timeline)
      .filter(({ kind }) => ["Parked", "IncidentClosed", "ResourcePreserved", "StatusMoved"].includes(kind))
      .map(({ kind, step, message, at }) => ({ kind, step, message, at }))
  })
}

/** Failures by step, component and reason, last seen first. */
export const groupsOf = (
  events: ReadonlyArray<ErrorEvent>,
  since: number,
  ordersMax: number
): ReadonlyArray<ErrorGroup> => {
  const keyOf = ({ step, failure: { component, tag } }: ErrorEvent) => `${step} ${component} ${tag}`
  const recent = events.filter(({ at }) => at >= since)
  const keys = [...new Set(recent.toReversed().map(keyOf))]
  return keys.flatMap((key) => {
    const alike = recent.filter((event) => keyOf(event) === key)
    const last = alike.at(-1)
    const first = events.find((event) => keyOf(event) === key)
    if (last === undefined || first === undefined) return []
    const { component, tag, category, severity, message, hint } = last.failure
    const orders = [...new Set(alike.toReversed().map(({ workOrderId }) => workOrderId))]
    return [
      {
        component,
        tag,
        category,
        severity,
        message,
        hint,
        step: last.step,
        times: alike.length,
        orders: orders.length,
        firstAt: time(first.at),
        lastAt: time(last.at),
        newestOrders: orders.slice(0, ordersMax)
      }
    ]
  })
}
