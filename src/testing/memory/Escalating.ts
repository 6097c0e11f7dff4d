import { Clock, DateTime, Duration, Effect, Layer } from "effect"
import { EscalationMissing } from "../../domain/errors/Reasons.ts"
import {
  Escalation,
  type EscalationId,
  type EscalationOption,
  type OptionName
} from "../../domain/Escalation.ts"
import { Run, type WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { Project } from "../../domain/Project.ts"
import { type StepName, stepNames } from "../../domain/Status.ts"
import { type Usd, add, zero } from "../../domain/Usd.ts"
import { WorkOrder } from "../../domain/WorkOrder.ts"
import { ClientManager } from "../../services/ClientManager.ts"
import { Escalations } from "../../services/Escalations.ts"
import { Spool, type Spooled } from "../../services/Spool.ts"
import { conflict, escalate } from "./Facts.ts"
import type { EscalationRow, OrderRow, State } from "./State.ts"

const time = (ms: number) => DateTime.makeUnsafe(ms)
const timeOrNull = (ms: number | null) => (ms === null ? null : time(ms))

const ordersOf = (state: State, row: EscalationRow): Escalation["orders"] =>
  row.orders.slice(-Limits.escalationOrdersMax).flatMap(({ workOrderId, run }) => {
    const order = state.orders.get(workOrderId)
    if (order === undefined) return []
    const { title, project } = order.order
    const { status, disposition, branch, headSha, pullRequest } = order
    const spent = state.spent(workOrderId)
    return [{ workOrderId, run, title, project, status, disposition, branch, headSha, pullRequest, spent }]
  })

const cardOf = (state: State, row: EscalationRow, now: number): Escalation => {
  const { raised, receipt } = row
  return new Escalation({
    id: row.id,
    type: raised.type,
    status: row.status,
    severity: raised.severity,
    fingerprint: raised.fingerprint,
    occurrences: row.occurrences,
    context: raised.context,
    options: raised.options,
    defaultOption: raised.defaultOption,
    assignee: row.assignee,
    createdAt: time(row.createdAt),
    updatedAt: time(row.updatedAt),
    now: time(now),
    notices: row.notices,
    receipt: receipt === null ? null : { ...receipt, at: time(receipt.at) },
    ackDeadline: timeOrNull(row.ackDeadline),
    acknowledgedAt: timeOrNull(row.acknowledgedAt),
    resolution: row.resolution,
    resolvedBy: row.resolvedBy,
    resolvedAt: timeOrNull(row.resolvedAt),
    ordersCount: row.orders.length,
    orders: ordersOf(state, row),
    burnPerMinute: zero
  })
}

/** A failed order begins its next run at a step; what the steps before it journaled is taken over. */
export const startRun = (state: State, row: OrderRow, from: StepName, now: number): void => {
  const run = Run.make(row.run + 1)
  state.engine?.takeOver(row.order.id, row.run, run, from)
  const status = from === "routing" ? "pending" : from
  Object.assign(row, { run, status, disposition: null, countsFrom: now, statusSince: now, updatedAt: now })
  state.note({ workOrderId: row.order.id, run }, "RunStarted", from, "", null, now)
}

/** How many steps of an order have a result, counted from the first. */
export const reached = (state: State, id: WorkOrderId): number => {
  const ended = state.timeline.filter(
    ({ kind, workOrderId }) => kind === "StepSucceeded" && workOrderId === id
  )
  return stepNames.filter((name) => ended.some(({ step }) => step === name)).length
}

/** The first step of an order that has no result; the last one where all have. */
export const firstWithoutResult = (state: State, id: WorkOrderId): StepName =>
  stepNames[Math.min(reached(state, id), stepNames.length - 1)] ?? stepNames[0]

const raiseBudget = (
  state: State,
  row: OrderRow,
  context: EscalationRow["raised"]["context"],
  by: Usd
): void => {
  const { order } = row
  const project = state.projects.get(order.project)
  if (context["scope"] === "work_order") {
    const maxUsd = add(order.limits.maxUsd ?? project?.limits.workOrderUsd ?? zero, by)
    row.order = new WorkOrder({ ...order, limits: { ...order.limits, maxUsd } })
  } else if (project !== undefined) {
    const dailyUsd = add(project.limits.dailyUsd, by)
    state.projects.set(project.id, new Project({ ...project, limits: { ...project.limits, dailyUsd } }))
  }
}

const again: ReadonlyArray<OptionName> = ["retry", "raise_budget", "switch_model", "resume_later"]

/** What becomes of one order that a resolved escalation concerned. */
const decide = (
  state: State,
  it: EscalationRow["orders"][number],
  chosen: EscalationOption,
  by: string,
  amount: Usd,
  now: number
): void => {
  const row = state.orders.get(it.workOrderId)
  if (row === undefined || row.run !== it.run) return
  state.note(it, "Resolved", null, `${chosen.label}, chosen by ${by}`, null, now)
  row.countsFrom = now
  const { option } = chosen
  if (option === "raise_budget") raiseBudget(state, row, it.context, amount)
  if (row.status === "needs_review") {
    if (option === "abandon" || option === "take_over") state.engine?.interrupt(it.workOrderId, it.run)
    else if (it.question !== undefined) {
      state.engine?.decided(it.workOrderId, it.run, it.question, { option, by })
    }
  } else if (row.status.endsWith("_failed") && again.includes(option)) {
    startRun(state, row, chosen.step ?? firstWithoutResult(state, it.workOrderId), now)
  }
}

const escalations = (state: State) => {
  const find = (id: EscalationId) =>
    Effect.suspend(() => {
      const row = state.escalations.find((it) => it.id === id)
      return row === undefined ? Effect.fail(new EscalationMissing({ id })) : Effect.succeed(row)
    })
  return Layer.succeed(Escalations, {
    raise: ({ key, workOrderId, run, ...raised }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const known = state.escalationKeys.get(key)
        if (known !== undefined) return known
        const stored = workOrderId !== undefined && state.orders.has(workOrderId)
        const at = stored ? { workOrderId, run: run ?? Run.make(1) } : undefined
        const { id } = escalate(state, at, raised, now)
        state.escalationKeys.set(key, id)
        return id
      }),
    get: Effect.fnUntraced(function* ({ id }) {
      return cardOf(state, yield* find(id), yield* Clock.currentTimeMillis)
    }),
    list: ({ status, workOrderId, limit }) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        state.escalations
          .filter(
            (row) =>
              (status === undefined || row.status === status) &&
              (workOrderId === undefined || row.orders.some((it) => it.workOrderId === workOrderId))
          )
          .toReversed()
          .slice(0, limit)
          .map((row) => cardOf(state, row, now))
      ),
    acknowledge: Effect.fnUntraced(function* ({ id, by }) {
      const row = yield* find(id)
      const now = yield* Clock.currentTimeMillis
      if (row.status !== "open") {
        return yield* conflict("moose.acknowledge_escalation", `escalation ${id} is resolved already`)
      }
      const acknowledgedAt = row.acknowledgedAt ?? now
      Object.assign(row, { assignee: by, acknowledgedAt, nextNoticeAt: null, ackDeadline: null })
      return cardOf(state, row, now)
    }),
    resolve: Effect.fnUntraced(function* ({ id, option, by, amount }) {
      const row = yield* find(id)
      const now = yield* Clock.currentTimeMillis
      const operation = "moose.resolve_escalation"
      if (row.status === "resolved") {
        if (row.resolution?.option === option) return cardOf(state, row, now)
        return yield* conflict(
          operation,
          `escalation ${id} was resolved already, with ${row.resolution?.option}`
        )
      }
      const chosen = row.raised.options.find((it) => it.option === option)
      if (chosen === undefined) {
        return yield* conflict(operation, `escalation ${id} has no option ${option}`)
      }
      const resolution = { option, label: chosen.label }
      Object.assign(row, {
        status: "resolved",
        resolution,
        resolvedBy: by,
        resolvedAt: now,
        nextNoticeAt: null
      })
      for (const it of row.orders) decide(state, it, chosen, by, amount ?? chosen.usd, now)
      return cardOf(state, row, now)
    }),
    dueNotices: ({ limit }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const due = state.escalations
          .filter((row) => row.status === "open" && row.nextNoticeAt !== null && row.nextNoticeAt <= now)
          .slice(0, limit)
        for (const row of due) row.nextNoticeAt = now + Duration.toMillis(Limits.noticeHold)
        return due.map((row) => cardOf(state, row, now))
      }),
    noticeSent: ({ id, notices, receipt, ackMs, undelivered = false }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const row = state.escalations.find((it) => it.id === id)
        if (row === undefined || row.status !== "open" || row.notices !== notices) return
        const next = row.acknowledgedAt !== null || ackMs === null ? null : now + ackMs
        row.receipt = { ...receipt, at: now }
        row.nextNoticeAt = next
        // It is due again itself, and nobody has been asked to answer it.
        if (undelivered) return
        row.notices = notices + 1
        row.ackDeadline = next
      })
  })
}

/** What the client manager was told, and what waits to be stored. */
export class Desk {
  readonly notices: Array<{ readonly id: EscalationId; readonly notice: number }> = []
  readonly spooled = new Map<string, Spooled>()
}

/** Escalations over tables in memory, a client manager that takes in every notice, and a spool. */
export const layer = (state: State, desk: Desk) =>
  Layer.mergeAll(
    escalations(state),
    Layer.succeed(ClientManager, {
      notify: ({ escalation: { id, notices: notice } }) =>
        Effect.sync(() => {
          desk.notices.push({ id, notice })
          return { channel: "client_manager" as const, reference: `card-${id}` }
        })
    }),
    Layer.succeed(Spool, {
      put: (one) => Effect.sync(() => void desk.spooled.set(one.key, one)),
      peek: () => Effect.sync(() => [...desk.spooled.values()]),
      remove: ({ keys }) =>
        Effect.sync(() => {
          for (const key of keys) desk.spooled.delete(key)
        })
    })
  )
