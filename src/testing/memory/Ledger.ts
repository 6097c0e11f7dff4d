import { Clock, DateTime, Duration, Effect, Layer } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { BudgetExceeded, LedgerConflict } from "../../domain/errors/Reasons.ts"
import type { WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Project } from "../../domain/Project.ts"
import { type Reservation, ReservationId } from "../../domain/Spending.ts"
import { Usd, zero } from "../../domain/Usd.ts"
import { Budget } from "../../services/Budget.ts"
import { type LedgerRow, type OrderRow, type State, counted } from "./State.ts"

const refused = (problem: LedgerConflict["problem"], operation: string, excerpt: string) =>
  new LedgerConflict({ problem, evidence: Evidence.make({ operation: `moose.${operation}`, excerpt }) })

const sumOf = (rows: ReadonlyArray<LedgerRow>, it: LedgerRow["state"]): Usd =>
  Usd.make(rows.filter(({ state }) => state === it).reduce((sum, row) => sum + counted(row), 0))

/** Midnight in the project's time zone, the one before `now` and the one after it. */
const dayOf = ({ timeZone }: Project, now: number) => {
  const begins = DateTime.startOf(DateTime.setZone(DateTime.makeUnsafe(now), timeZone), "day")
  return { begins: DateTime.toEpochMillis(begins), ends: DateTime.toUtc(DateTime.add(begins, { days: 1 })) }
}

/** The limit that an amount does not fit in, beside what is settled, reserved and presumed. */
const refusal = (
  state: State,
  row: OrderRow,
  project: Project,
  call: { readonly model: string; readonly amount: Usd },
  now: number
): BudgetExceeded | undefined => {
  const { begins, ends } = dayOf(project, now)
  const today = state.ledger.filter(({ createdAt, project: it }) => it === project.id && createdAt >= begins)
  const own = state.ledger.filter(({ reservation }) => reservation.workOrderId === row.order.id)
  const { limits } = project
  const model = limits.modelDailyUsd?.[call.model]
  const ofModel = today.filter(({ reservation }) => reservation.model === call.model)
  const work = today.filter(({ reservation }) => reservation.category !== "architect")
  const every = [
    { scope: "work_order", limit: row.order.limits.maxUsd ?? limits.workOrderUsd, rows: own, resetsAt: null },
    { scope: "project_day", limit: limits.dailyUsd, rows: work, resetsAt: ends },
    {
      scope: "emergency",
      limit: limits.emergencyUsd ?? Usd.make(2 * limits.dailyUsd),
      rows: today,
      resetsAt: ends
    },
    ...(model === undefined
      ? []
      : [{ scope: "model_day" as const, limit: model, rows: ofModel, resetsAt: ends, model: call.model }])
  ] as const
  for (const { rows, limit, ...rest } of every) {
    const [settled, reserved, presumed] = [
      sumOf(rows, "settled"),
      sumOf(rows, "reserved"),
      sumOf(rows, "presumed")
    ]
    if (settled + reserved + presumed + call.amount <= limit) continue
    return new BudgetExceeded({ ...rest, requested: call.amount, limit, settled, reserved, presumed })
  }
  return undefined
}

/** The ledger in memory, with the limits of projects, orders and models as the store keeps them. */
export const make = (state: State): Budget["Service"] => {
  const owner = (workOrderId: WorkOrderId, operation: string) =>
    Effect.suspend(() => {
      const row = state.orders.get(workOrderId)
      const project = row === undefined ? undefined : state.projects.get(row.order.project)
      return row === undefined || project === undefined
        ? Effect.fail(refused("work_order", operation, `there is no work order ${workOrderId}`))
        : Effect.succeed({ row, project })
    })
  const find = ({ id, workOrderId }: Reservation, operation: string) =>
    Effect.suspend(() => {
      const row = state.ledger.find(
        ({ reservation }) => reservation.id === id && reservation.workOrderId === workOrderId
      )
      return row === undefined
        ? Effect.fail(refused("reservation", operation, `work order ${workOrderId} has no reservation ${id}`))
        : Effect.succeed(row)
    })
  const already = (row: LedgerRow, operation: string) =>
    row.state === "reserved"
      ? Effect.void
      : Effect.fail(
          refused(row.state, operation, `reservation ${row.reservation.id} is ${row.state} already`)
        )

  const close = (reservation: Reservation, to: "cancelled" | "presumed") =>
    Effect.gen(function* () {
      const row = yield* find(reservation, "close_reservation")
      if (row.state === to) return
      if (row.state === "settled" || row.state === "cancelled") yield* already(row, "close_reservation")
      row.state = to
      row.updatedAt = yield* Clock.currentTimeMillis
    })

  return {
    check: Effect.fnUntraced(function* ({ workOrderId, amount }) {
      const { row, project } = yield* owner(workOrderId, "check_budget")
      const now = yield* Clock.currentTimeMillis
      const refusedBy = refusal(state, row, project, { model: "", amount }, now)
      if (refusedBy !== undefined) return yield* refusedBy
    }),
    reserve: Effect.fnUntraced(function* ({ rule, ...call }) {
      const { row, project } = yield* owner(call.workOrderId, "check_and_reserve_budgets")
      const now = yield* Clock.currentTimeMillis
      // An attempt at the same call that was lost may have been paid for.
      for (const it of state.ledger) {
        const { workOrderId, run, call: name } = it.reservation
        const same = workOrderId === call.workOrderId && run === call.run && name === call.call
        if (same && it.state === "reserved") it.state = "presumed"
      }
      const refusedBy = refusal(state, row, project, call, now)
      if (refusedBy !== undefined) return yield* refusedBy
      const reservation = { ...call, id: ReservationId.make(`reservation-${state.ledger.length + 1}`) }
      state.ledger.push({
        reservation,
        project: project.id,
        rule,
        state: "reserved",
        settled: zero,
        settlement: null,
        leaseUntil: now + Duration.toMillis(Limits.reservationLease),
        updatedAt: now,
        createdAt: now
      })
      return reservation
    }),
    settle: Effect.fnUntraced(function* ({ reservation, settlement, amount }) {
      const row = yield* find(reservation, "settle_reservation")
      if (row.state === "settled" && row.settlement === settlement) return
      if (row.state === "settled" || row.state === "cancelled") yield* already(row, "settle_reservation")
      const updatedAt = yield* Clock.currentTimeMillis
      Object.assign(row, { state: "settled", settled: amount, settlement, updatedAt })
    }),
    cancel: (reservation) => close(reservation, "cancelled"),
    presume: (reservation) => close(reservation, "presumed"),
    renew: Effect.fnUntraced(function* (reservation) {
      const row = yield* find(reservation, "renew_reservation")
      yield* already(row, "renew_reservation")
      row.leaseUntil = (yield* Clock.currentTimeMillis) + Duration.toMillis(Limits.reservationLease)
    }),
    presumeExpired: Effect.fnUntraced(function* ({ limit }) {
      const now = yield* Clock.currentTimeMillis
      const expired = state.ledger
        .filter((row) => row.state === "reserved" && row.leaseUntil < now)
        .slice(0, limit)
      for (const row of expired) row.state = "presumed"
      return expired.length
    }),
    status: Effect.fnUntraced(function* ({ project: only }) {
      const now = yield* Clock.currentTimeMillis
      const asked = [...state.projects.values()].filter(({ id }) => only === undefined || id === only)
      return asked.map((project) => {
        const { begins, ends } = dayOf(project, now)
        const rows = state.ledger.filter((row) => row.project === project.id && row.createdAt >= begins)
        const work = rows.filter(({ reservation }) => reservation.category !== "architect")
        const open = rows.filter((row) => row.state === "reserved")
        const recent = work.filter((row) => row.updatedAt > now - 3_600_000 && row.state !== "reserved")
        const names = [...new Set(rows.map(({ reservation }) => reservation.model))]
        const total = (some: ReadonlyArray<LedgerRow>) =>
          Usd.make(some.reduce((sum, row) => sum + counted(row), 0))
        const over = rows.filter((row) => row.settled > row.reservation.amount)
        return {
          project: project.id,
          day: DateTime.formatIsoDate(DateTime.setZone(DateTime.makeUnsafe(now), project.timeZone)),
          timeZone: DateTime.zoneToString(project.timeZone),
          limit: project.limits.dailyUsd,
          ceiling: project.limits.emergencyUsd ?? Usd.make(2 * project.limits.dailyUsd),
          settled: sumOf(work, "settled"),
          reserved: sumOf(work, "reserved"),
          presumed: sumOf(work, "presumed"),
          architect: total(rows.filter(({ reservation }) => reservation.category === "architect")),
          // Which orders ended in vain is a view of the store's own; nothing here asks for it.
          wasted: zero,
          burnPerHour: total(recent),
          overruns: over.length,
          overrun: Usd.make(over.reduce((sum, row) => sum + row.settled - row.reservation.amount, 0)),
          openReservations: open.length,
          leakedReservations: open.filter(({ leaseUntil }) => leaseUntil < now).length,
          oldestOpenSince: open[0] === undefined ? null : DateTime.makeUnsafe(open[0].createdAt),
          now: DateTime.makeUnsafe(now),
          resetsAt: ends,
          models: names.map((model) => {
            const own = rows.filter(({ reservation }) => reservation.model === model)
            const calls = own.filter((row) => row.state !== "cancelled").length
            return { model, calls, spent: total(own), limit: project.limits.modelDailyUsd?.[model] ?? null }
          }),
          waste: []
        }
      })
    })
  }
}

export const layer = (state: State) => Layer.succeed(Budget, make(state))
