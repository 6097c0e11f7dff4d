import type { ProjectLimits } from "../../src/domain/Project.ts"
import { dayOf, resetOf } from "./Days.ts"

export interface ModelProject {
  readonly id: string
  readonly zone: string
  readonly limits: typeof ProjectLimits.Type
}

export interface ModelOrder {
  readonly id: string
  readonly project: ModelProject
  readonly max?: number
}

export type State = "reserved" | "settled" | "cancelled" | "presumed"

export interface ModelRow {
  readonly id: string
  readonly order: ModelOrder
  readonly day: string
  readonly run: number
  readonly call: string
  readonly category: string
  readonly model: string
  readonly amount: number
  readonly created: number
  state: State
  bill: number
  settlement: string
  lease: number
  updated: number
}

export type Answer =
  | { readonly _tag: "Done" }
  | { readonly _tag: "Closed"; readonly count: number }
  | { readonly _tag: "Conflict"; readonly problem: string }
  | {
      readonly _tag: "Refused"
      readonly scope: string
      readonly requested: number
      readonly limit: number
      readonly settled: number
      readonly reserved: number
      readonly presumed: number
      readonly resetsAt: string | null
    }

const done: Answer = { _tag: "Done" }
const conflict = (problem: string): Answer => ({ _tag: "Conflict", problem })
const iso = (ms: number) => new Date(ms).toISOString()
const total = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, one) => sum + one, 0)
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const counted = (row: ModelRow) =>
  row.state === "settled" ? row.bill : row.state === "cancelled" ? 0 : row.amount

const sums = (rows: ReadonlyArray<ModelRow>) => {
  const of = (state: State) => total(rows.filter((row) => row.state === state).map(counted))
  return { settled: of("settled"), reserved: of("reserved"), presumed: of("presumed") }
}

/** What the ledger promises, in the plainest words: a list of rows that is added up for every question. */
export class Model {
  rows: Array<ModelRow> = []
  now = 0
  /** How often each bill above its reservation was put before a person. */
  readonly escalations = new Map<string, number>()
  readonly leaseMs: number

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs
  }

  private refusal(order: ModelOrder, category: string, model: string, requested: number): Answer | undefined {
    const { project } = order
    const { limits } = project
    const resetsAt = iso(resetOf(this.now, project.zone))
    const day = this.rows.filter(
      (row) => row.order.project === project && row.day === dayOf(this.now, project.zone)
    )
    const ofOrder = sums(this.rows.filter((row) => row.order === order))
    const usual = sums(day.filter((row) => row.category !== "architect"))
    const architect = total(day.filter((row) => row.category === "architect").map(counted))
    const ofModel = sums(day.filter((row) => row.model === model))
    const questions = [
      { scope: "work_order", limit: order.max ?? limits.workOrderUsd, ...ofOrder, resetsAt: null },
      {
        scope: "project_day",
        limit: category === "architect" ? Infinity : limits.dailyUsd,
        ...usual,
        resetsAt
      },
      {
        scope: "emergency",
        limit: limits.emergencyUsd ?? 2 * limits.dailyUsd,
        ...usual,
        settled: usual.settled + architect,
        resetsAt
      },
      { scope: "model_day", limit: limits.modelDailyUsd?.[model] ?? Infinity, ...ofModel, resetsAt }
    ]
    for (const { scope, limit, settled, reserved, presumed, resetsAt } of questions) {
      if (settled + reserved + presumed + requested > limit) {
        return { _tag: "Refused", scope, requested, limit, settled, reserved, presumed, resetsAt }
      }
    }
    return undefined
  }

  check(order: ModelOrder, amount: number): Answer {
    return this.refusal(order, "generating", "", amount) ?? done
  }

  reserve(
    input: Pick<ModelRow, "id" | "order" | "run" | "call" | "category" | "model" | "amount">,
    leaseMs = this.leaseMs
  ): Answer {
    const known = this.rows.find(({ id }) => id === input.id)
    if (known !== undefined) {
      const same = known.order === input.order && known.call === input.call && known.amount === input.amount
      return same ? done : conflict("reservation")
    }
    for (const row of this.rows) {
      const lost = row.order === input.order && row.run === input.run && row.call === input.call
      if (lost && row.state === "reserved") this.move(row, "presumed")
    }
    const refused = this.refusal(input.order, input.category, input.model, input.amount)
    if (refused !== undefined) return refused
    this.rows.push({
      ...input,
      day: dayOf(this.now, input.order.project.zone),
      state: "reserved",
      bill: 0,
      settlement: "",
      lease: this.now + leaseMs,
      created: this.now,
      updated: this.now
    })
    return done
  }

  private move(row: ModelRow, state: State) {
    row.state = state
    row.updated = this.now
  }

  /** The row, if it is the order's. */
  private find(id: string, orderId: string) {
    return this.rows.find((row) => row.id === id && row.order.id === orderId)
  }

  settle(id: string, orderId: string, settlement: string, bill: number): Answer {
    const row = this.find(id, orderId)
    if (row === undefined) return conflict("reservation")
    if (row.state === "settled" && row.settlement === settlement) return done
    if (row.state === "settled" || row.state === "cancelled") return conflict(row.state)
    this.move(row, "settled")
    row.bill = bill
    row.settlement = settlement
    if (bill > row.amount) {
      const trouble = `budget_overrun/${row.order.project.id}/${row.model}`
      this.escalations.set(trouble, (this.escalations.get(trouble) ?? 0) + 1)
    }
    return done
  }

  close(id: string, orderId: string, state: "cancelled" | "presumed"): Answer {
    const row = this.find(id, orderId)
    if (row === undefined) return conflict("reservation")
    if (row.state === state) return done
    if (row.state === "settled" || row.state === "cancelled") return conflict(row.state)
    this.move(row, state)
    return done
  }

  renew(id: string, orderId: string): Answer {
    const row = this.find(id, orderId)
    if (row === undefined) return conflict("reservation")
    if (row.state !== "reserved") return conflict(row.state)
    row.lease = this.now + this.leaseMs
    return done
  }

  presumeExpired(limit: number): Answer {
    const expired = this.rows
      .filter((row) => row.state === "reserved" && row.lease < this.now)
      .toSorted((a, b) => a.lease - b.lease)
      .slice(0, limit)
    for (const row of expired) this.move(row, "presumed")
    return { _tag: "Closed", count: expired.length }
  }

  /** As `status` answers it, encoded. No order of the model has failed, so nothing is wasted. */
  status(project: ModelProject) {
    const { id, limits, zone } = project
    const day = dayOf(this.now, zone)
    const all = this.rows.filter((row) => row.order.project === project)
    const today = all.filter((row) => row.day === day)
    const open = all.filter((row) => row.state === "reserved")
    const over = today.filter((row) => row.state === "settled" && row.bill > row.amount)
    const models = [...new Set(today.map(({ model }) => model))].map((model) => {
      const its = today.filter((row) => row.model === model)
      return {
        model,
        calls: its.filter(({ state }) => state !== "cancelled").length,
        spent: total(its.map(counted)),
        limit: limits.modelDailyUsd?.[model] ?? null
      }
    })
    return {
      project: id,
      day,
      timeZone: zone,
      limit: limits.dailyUsd,
      ceiling: limits.emergencyUsd ?? 2 * limits.dailyUsd,
      ...sums(today.filter(({ category }) => category !== "architect")),
      architect: total(today.filter(({ category }) => category === "architect").map(counted)),
      wasted: 0,
      burnPerHour: total(
        all
          .filter(
            ({ category, state }) => category !== "architect" && (state === "settled" || state === "presumed")
          )
          .filter(({ updated }) => updated > this.now - 3_600_000)
          .map(counted)
      ),
      overruns: over.length,
      overrun: total(over.map(({ amount, bill }) => bill - amount)),
      openReservations: open.length,
      leakedReservations: open.filter(({ lease }) => lease < this.now).length,
      oldestOpenSince: open.length === 0 ? null : iso(Math.min(...open.map(({ created }) => created))),
      now: iso(this.now),
      resetsAt: iso(resetOf(this.now, zone)),
      models: models.toSorted((a, b) => b.spent - a.spent || compare(a.model, b.model)),
      waste: []
    }
  }
}
