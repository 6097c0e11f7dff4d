import { DateTime, Effect } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { StoreConflict } from "../../domain/errors/Reasons.ts"
import type { NewEscalation } from "../../domain/Escalation.ts"
import { EscalationId } from "../../domain/Escalation.ts"
import type { Fact } from "../../domain/Fact.ts"
import type { Run, WorkOrderId } from "../../domain/Ids.ts"
import { Resource } from "../../domain/Resource.ts"
import { type Status, legalMoves } from "../../domain/Status.ts"
import type { EscalationRow, OrderRow, State } from "./State.ts"

interface At {
  readonly workOrderId: WorkOrderId
  readonly run: Run
}

export const conflict = (operation: string, excerpt: string) =>
  new StoreConflict({ conflict: excerpt, evidence: Evidence.make({ operation, sqlState: "MO409", excerpt }) })

/** The first move that is not legal, as `moose.legal_moves` refuses it. */
const illegalMove = (row: OrderRow, facts: ReadonlyArray<Fact>): string | undefined => {
  let status = row.status
  for (const fact of facts) {
    if (fact._tag !== "StatusMoved" || fact.to === status) continue
    const allowed: ReadonlyArray<Status> = legalMoves[status]
    if (!allowed.includes(fact.to)) return `an order may not move from ${status} to ${fact.to}`
    status = fact.to
  }
  return undefined
}

/** Opens an escalation, or joins the open one with the same fingerprint. */
export const escalate = (
  state: State,
  at: At | undefined,
  raised: NewEscalation,
  now: number
): EscalationRow => {
  const open = state.escalations.find(
    (it) => it.status === "open" && it.raised.fingerprint === raised.fingerprint
  )
  const row: EscalationRow = open ?? {
    id: EscalationId.make(state.escalations.length + 1),
    createdAt: now,
    raised,
    status: "open",
    occurrences: 0,
    assignee: null,
    updatedAt: now,
    nextNoticeAt: now,
    notices: 0,
    receipt: null,
    ackDeadline: null,
    acknowledgedAt: null,
    resolution: null,
    resolvedBy: null,
    resolvedAt: null,
    orders: []
  }
  if (open === undefined) state.escalations.push(row)
  row.occurrences += 1
  row.raised = { ...row.raised, context: raised.context, options: raised.options }
  row.updatedAt = now
  if (at !== undefined) {
    const { question, context } = raised
    const known = row.orders.find((it) => it.workOrderId === at.workOrderId && it.run === at.run)
    if (known === undefined) row.orders.push({ ...at, question, context })
    else Object.assign(known, { question, context })
    state.note(at, "Escalated", null, `escalation ${row.id}`, null, now)
  }
  return row
}

const park = (
  state: State,
  at: At,
  row: OrderRow,
  fact: Extract<Fact, { _tag: "Parked" }>,
  now: number
): void => {
  const { dependency, tag, cause, resumeAt, incident, step, message } = fact
  state.note(at, "Parked", step, message, null, now)
  row.waiting = { for: dependency, resumeAt, tag }
  for (const it of state.incidents) {
    if (it.closedAt === null && it.probe?.workOrderId === at.workOrderId && it.dependency !== dependency)
      it.probe = null
  }
  if (!incident) return
  const nextProbeAt = DateTime.toEpochMillis(resumeAt)
  const open = state.incidents.find((it) => it.closedAt === null && it.dependency === dependency)
  if (open === undefined) {
    state.incidents.push({
      dependency,
      tag,
      message: cause,
      openedAt: now,
      closedAt: null,
      probe: null,
      nextProbeAt,
      failedProbes: 0
    })
  } else if (open.probe?.workOrderId === at.workOrderId) {
    open.probe = null
    open.failedProbes += 1
    open.nextProbeAt = Math.max(open.nextProbeAt, nextProbeAt)
  }
}

type ResourceFact = Extract<
  Fact,
  { readonly _tag: "ResourceHeld" | "ResourceReleased" | "ResourcePreserved" }
>

const setResource = (state: State, at: At, fact: ResourceFact): void => {
  for (const [index, row] of state.resources.entries()) {
    const same = row.workOrderId === at.workOrderId && row.kind === fact.kind && row.name === fact.name
    if (!same || (fact._tag !== "ResourceReleased" && row.run !== at.run)) continue
    const kept = fact._tag === "ResourcePreserved"
    const next = fact._tag === "ResourceHeld" ? "held" : kept ? "preserved" : "released"
    const evidence = kept ? row.evidence : fact.evidence
    state.resources[index] = new Resource({
      ...row,
      state: next,
      evidence,
      reason: kept ? fact.reason : null
    })
  }
}

/** The commit of a bill. One that does not fit what is recorded is put before a person, as the store does. */
const settle = (state: State, at: At, fact: Extract<Fact, { _tag: "CostSettled" }>, now: number): void => {
  const row = state.ledger.find(({ reservation }) => reservation.id === fact.reservation)
  if (row !== undefined && (row.state === "reserved" || row.state === "presumed")) {
    Object.assign(row, { state: "settled", settled: fact.amount, settlement: "fact", updatedAt: now })
    return
  }
  if (row?.settlement === "fact") return
  const context = {
    message: `a bill for reservation ${fact.reservation}, which is ${row?.state ?? "unknown"}`
  }
  const options: NewEscalation["options"] = [
    { option: "acknowledge", label: "the ledger is corrected", usd: fact.amount, recommended: true }
  ]
  const fingerprint = `unexpected_bill/${fact.reservation}`
  escalate(
    state,
    at,
    { type: "unexpected_bill", severity: "high", fingerprint, context, options, defaultOption: null },
    now
  )
}

/** The model that was paid last is told apart from one that never answered. */
const blameModel = (state: State, at: At, step: string): void => {
  const paid = state.ledger.findLast(
    ({ state: it, reservation: { workOrderId, run } }) =>
      it === "settled" && workOrderId === at.workOrderId && run === at.run
  )
  if (paid === undefined || (step !== "generating" && step !== "applying")) return
  state.blamedModels.push({ workOrderId: at.workOrderId, model: paid.reservation.model })
}

const apply = (state: State, at: At, row: OrderRow, fact: Fact, now: number): void => {
  row.updatedAt = now
  switch (fact._tag) {
    case "StatusMoved": {
      if (row.status === fact.to && row.disposition === fact.disposition) return
      if (fact.to !== "waiting") row.waiting = null
      if (row.status !== fact.to) row.statusSince = now
      row.status = fact.to
      row.disposition = fact.disposition
      const message = fact.disposition === null ? fact.to : `${fact.to} (${fact.disposition})`
      return state.note(at, fact._tag, null, message, null, now)
    }
    case "StepStarted":
      return state.note(at, fact._tag, fact.step, "", null, now)
    case "StepSucceeded":
      return state.note(at, fact._tag, fact.step, fact.summary, fact.ms, now)
    case "StepFailed": {
      const { step, failure, ms } = fact
      const { tag, message, hint } = failure
      state.note(at, fact._tag, step, message, ms, now)
      state.errorEvents.push({ ...at, step, failure, decision: null, at: now })
      row.failure = { step, tag, message, hint }
      if (failure.category === "rejected") blameModel(state, at, step)
      return
    }
    case "AttemptFailed": {
      const { step, failure, decision } = fact
      state.note(at, fact._tag, step, `${failure.message} (${decision})`, null, now)
      state.errorEvents.push({ ...at, step, failure, decision, at: now })
      state.decisions.push({ ...at, step, choice: decision, reason: failure.message, at: now })
      return
    }
    case "Parked":
      return park(state, at, row, fact, now)
    case "DependencyWorks": {
      const open = state.incidents.find((it) => it.closedAt === null && it.dependency === fact.dependency)
      if (open === undefined) return
      open.closedAt = now
      open.probe = null
      return state.note(at, "IncidentClosed", null, `${fact.dependency} works again`, null, now)
    }
    case "Noted":
      return state.note(at, fact._tag, fact.step, fact.message, null, now)
    case "BranchPrepared":
      Object.assign(row, { branch: fact.branch, baseSha: fact.baseSha, headSha: fact.headSha })
      return
    case "ResourceHeld":
    case "ResourceReleased":
    case "ResourcePreserved":
      return setResource(state, at, fact)
    case "PullRequestOpened":
      row.pullRequest = { number: fact.number, url: fact.url }
      return
    case "CostSettled":
      return settle(state, at, fact, now)
    case "Escalated":
      escalate(state, at, fact, now)
      return
    case "Decided": {
      const { step, choice, reason } = fact
      state.decisions.push({ ...at, step, choice, reason, at: now })
      return
    }
    case "OutcomeRecorded":
      // A run has one outcome, however often it is written.
      if (!state.outcomes.some((it) => it.run === at.run && it.outcome.workOrderId === at.workOrderId)) {
        state.outcomes.push({ run: at.run, outcome: fact.outcome })
      }
      row.shadow = fact.outcome.pullRequest === null
      return
  }
}

/** Facts become rows as `moose.apply_facts` makes them: all of them, or none because a move is not legal. */
export const applyFacts = (
  state: State,
  at: At,
  facts: ReadonlyArray<Fact>,
  now: number
): Effect.Effect<void, StoreConflict> => {
  const row = state.orders.get(at.workOrderId)
  if (row === undefined) {
    return Effect.fail(conflict("moose.apply_facts", `there is no work order ${at.workOrderId}`))
  }
  const illegal = illegalMove(row, facts)
  if (illegal !== undefined) return Effect.fail(conflict("moose.apply_facts", illegal))
  for (const fact of facts) apply(state, at, row, fact, now)
  return Effect.void
}
