import { DateTime } from "effect"
import type { Failure } from "../../domain/errors/Failure.ts"
import type { EscalationId, NewEscalation, OptionName, Receipt } from "../../domain/Escalation.ts"
import type { TimelineEvent } from "../../domain/Fact.ts"
import { type ProjectId, Run, type Sha, type WorkOrderId } from "../../domain/Ids.ts"
import type { Outcome } from "../../domain/Outcome.ts"
import type { Project } from "../../domain/Project.ts"
import type { Resource } from "../../domain/Resource.ts"
import type { Reservation, SpendRule } from "../../domain/Spending.ts"
import type { Disposition, Status } from "../../domain/Status.ts"
import { Usd, add, zero } from "../../domain/Usd.ts"
import type { WorkOrder } from "../../domain/WorkOrder.ts"
import type { PaidReply, ReplyKey } from "../../services/ModelReplies.ts"

/** A row of `work_orders`. Times are milliseconds since 1970, here and below. */
export interface OrderRow {
  order: WorkOrder
  status: Status
  disposition: Disposition | null
  paused: boolean
  cancelling: { readonly reason: string; readonly close: boolean } | null
  run: Run
  branch: string | null
  baseSha: Sha | null
  headSha: Sha | null
  pullRequest: { readonly number: number; readonly url: string } | null
  failure: {
    readonly step: string
    readonly tag: string
    readonly message: string
    readonly hint: string
  } | null
  waiting: { readonly for: string; readonly resumeAt: DateTime.Utc; readonly tag: string } | null
  shadow: boolean
  readonly submittedAt: number
  countsFrom: number
  statusSince: number
  updatedAt: number
}

/** A row of `error_events`. */
export interface ErrorEvent {
  readonly workOrderId: WorkOrderId
  readonly run: Run
  readonly step: string
  readonly failure: Failure
  /** What was done about it; null when the step was given up. */
  readonly decision: string | null
  readonly at: number
}

/** A row of `decision_logs`. */
export interface DecisionRow {
  readonly workOrderId: WorkOrderId
  readonly run: Run
  readonly step: string
  readonly choice: string
  readonly reason: string
  readonly at: number
}

/** A row of `cost_tracking`. */
export interface LedgerRow {
  readonly reservation: Reservation
  readonly project: ProjectId
  readonly rule: SpendRule
  state: "reserved" | "settled" | "cancelled" | "presumed"
  settled: Usd
  settlement: string | null
  leaseUntil: number
  updatedAt: number
  readonly createdAt: number
}

/** A row of `model_replies`. */
export type ReplyRow = ReplyKey & {
  readonly kept: PaidReply
}

/** A row of `incidents`. */
export interface IncidentRow {
  readonly dependency: string
  readonly tag: string
  readonly message: string
  readonly openedAt: number
  closedAt: number | null
  probe: { readonly workOrderId: WorkOrderId; readonly until: number } | null
  nextProbeAt: number
  failedProbes: number
}

/** A row of `escalations`, with those of `escalation_orders`. */
export interface EscalationRow {
  readonly id: EscalationId
  readonly createdAt: number
  raised: NewEscalation
  status: "open" | "resolved"
  occurrences: number
  assignee: string | null
  updatedAt: number
  nextNoticeAt: number | null
  notices: number
  receipt: (Receipt & { readonly at: number }) | null
  ackDeadline: number | null
  acknowledgedAt: number | null
  resolution: { readonly option: OptionName; readonly label: string } | null
  resolvedBy: string | null
  resolvedAt: number | null
  readonly orders: Array<{
    readonly workOrderId: WorkOrderId
    readonly run: Run
    question: string | undefined
    context: NewEscalation["context"]
  }>
}

/** What an engine does for the store, as far as the store may ask for it. */
export interface EngineHooks {
  readonly interrupt: (workOrderId: WorkOrderId, run: Run) => void
  readonly decided: (
    workOrderId: WorkOrderId,
    run: Run,
    question: string,
    decision: { readonly option: OptionName; readonly by: string }
  ) => void
  /** What happens to a run whose process has fallen silent in the middle of a step: another holder claims it. */
  readonly claimAgain: (workOrderId: WorkOrderId, run: Run) => void
  /** The journal of the last run, for steps before this one, is that of the next run, too. */
  readonly takeOver: (workOrderId: WorkOrderId, from: Run, to: Run, step: string) => void
}

/** The tables, in memory. A test reads them after a run; only `Facts.ts` and the doubles write them. */
export class State {
  readonly projects = new Map<ProjectId, Project>()
  readonly orders = new Map<WorkOrderId, OrderRow>()
  readonly timeline: Array<TimelineEvent & { readonly workOrderId: WorkOrderId }> = []
  readonly errorEvents: Array<ErrorEvent> = []
  readonly decisions: Array<DecisionRow> = []
  readonly resources: Array<Resource> = []
  readonly ledger: Array<LedgerRow> = []
  readonly replies: Array<ReplyRow> = []
  readonly incidents: Array<IncidentRow> = []
  readonly escalations: Array<EscalationRow> = []
  readonly escalationKeys = new Map<string, EscalationId>()
  readonly outcomes: Array<{ readonly run: Run; readonly outcome: Outcome }> = []
  /** Models that a failure spoke against. */
  readonly blamedModels: Array<{ readonly workOrderId: WorkOrderId; readonly model: string }> = []
  engine: EngineHooks | undefined
  /** Until then (milliseconds since 1970) the engine cannot commit the results of steps. */
  downUntil = 0

  /** What an order has cost so far; what is reserved or presumed counts. */
  readonly spent = (id: WorkOrderId): Usd =>
    this.ledger
      .filter(({ reservation }) => reservation.workOrderId === id)
      .reduce((sum, row) => add(sum, counted(row)), zero)

  /** Adds a line to the timeline. */
  readonly note = (
    at: { readonly workOrderId: WorkOrderId; readonly run: number },
    kind: string,
    step: string | null,
    message: string,
    ms: number | null,
    now: number
  ) => {
    const seq = this.timeline.length + 1
    // A test's clock may stand between two milliseconds.
    const whole = ms === null ? null : Math.round(ms)
    this.timeline.push({ ...at, seq, kind, step, message, ms: whole, at: DateTime.makeUnsafe(now) })
  }

  /** Stores an order that nobody has begun. */
  readonly add = (order: WorkOrder, now: number): OrderRow => {
    const row: OrderRow = {
      order,
      status: "pending",
      disposition: null,
      paused: false,
      cancelling: null,
      run: Run.make(1),
      branch: null,
      baseSha: null,
      headSha: null,
      pullRequest: null,
      failure: null,
      waiting: null,
      shadow: false,
      submittedAt: now,
      countsFrom: now,
      statusSince: now,
      updatedAt: now
    }
    this.orders.set(order.id, row)
    return row
  }
}

/** What a row of the ledger counts for. */
export const counted = ({ state, settled, reservation }: LedgerRow): Usd =>
  state === "cancelled" ? zero : state === "settled" ? settled : reservation.amount
