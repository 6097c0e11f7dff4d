import { Clock, DateTime, Effect, Layer } from "effect"
import { Resource } from "../../domain/Resource.ts"
import { isSettled } from "../../domain/Status.ts"
import { Reconciliation } from "../../services/Reconciliation.ts"
import { conflict } from "./Facts.ts"
import type { OrderRow, State } from "./State.ts"

const holder = "memory"

const holding = (state: State, row: OrderRow, now: number) => {
  const { order, updatedAt, ...its } = row
  const at = DateTime.makeUnsafe(updatedAt)
  return {
    workOrderId: order.id,
    run: its.run,
    project: order.project,
    title: order.title,
    status: its.status,
    branch: its.branch,
    headSha: its.headSha,
    pullRequest: its.pullRequest,
    updatedAt: at,
    held: isSettled(its.status) ? ("over" as const) : ("live" as const),
    idleMs: Math.max(0, Math.round(now - updatedAt)),
    rows: state.resources
      .filter(({ workOrderId }) => workOrderId === order.id)
      .map((it) => ({ ...it, changedAt: at }))
  }
}

/** What the store knows of what orders hold, over tables in memory. */
export const reconciliation = (state: State) => {
  const held = new Set<string>()
  return Layer.succeed(Reconciliation, {
    begin: () =>
      Effect.map(Clock.currentTimeMillis, (now) => ({
        now: DateTime.makeUnsafe(now),
        projects: [
          ...new Set(
            state.resources.flatMap(({ workOrderId }) => state.orders.get(workOrderId)?.order.project ?? [])
          )
        ]
      })),
    view: ({ limit, names, quarantined }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const open = [...state.orders.values()].filter(({ order }) =>
          state.resources.some((it) => it.workOrderId === order.id && it.state !== "released")
        )
        const named = [...state.orders.values()].filter(({ order }) =>
          state.resources.some((it) => it.workOrderId === order.id && names.includes(it.name))
        )
        return {
          now: DateTime.makeUnsafe(now),
          orders: [...new Set([...open.slice(0, limit), ...named])].map((row) => holding(state, row, now)),
          quarantined: quarantined.map((it) => ({
            ...it,
            title: state.orders.get(it.workOrderId)?.order.title ?? null,
            since: null
          })),
          reservations: state.ledger.flatMap(({ reservation, project, leaseUntil, createdAt, state: it }) =>
            it === "reserved" && leaseUntil < now
              ? [{ since: DateTime.makeUnsafe(createdAt), expired: true, project, reservation }]
              : []
          ),
          edited: []
        }
      }),
    hold: ({ workOrderId, run, seen }) =>
      Effect.sync(() => {
        const row = state.orders.get(workOrderId)
        const free =
          row?.run === run && isSettled(row.status) && row.updatedAt === DateTime.toEpochMillis(seen)
        if (!free || held.has(workOrderId)) return null
        held.add(workOrderId)
        return holder
      }),
    record: ({ workOrderId, run, changes, pullRequest, note }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const row = state.orders.get(workOrderId)
        if (row === undefined || !held.has(workOrderId)) {
          return conflict(
            "moose.record_repair",
            `work order ${workOrderId} is not held for this repair any more`
          )
        }
        for (const change of changes) {
          const same = (it: Resource) =>
            it.workOrderId === workOrderId &&
            it.run === change.run &&
            it.kind === change.kind &&
            it.name === change.name
          const index = state.resources.findIndex(same)
          const known = state.resources[index]
          const next = new Resource({
            ...change,
            workOrderId,
            host: known?.host ?? "memory",
            evidence: change.evidence ?? known?.evidence ?? null
          })
          if (index < 0) state.resources.push(next)
          else state.resources[index] = next
        }
        row.pullRequest = pullRequest ?? row.pullRequest
        row.updatedAt = now
        state.note({ workOrderId, run }, "Reconciled", null, note, null, now)
        return Effect.void
      }),
    end: ({ workOrderId }) => Effect.sync(() => void held.delete(workOrderId))
  })
}
