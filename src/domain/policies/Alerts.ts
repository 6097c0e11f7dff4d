import { Duration } from "effect"
import type { StepName } from "../Status.ts"

/** Who hears of it: on_call at once, at night too; team in working hours. */
export type Audience = "on_call" | "team"

export interface AlertRow {
  /** What is measured, over `window`. */
  readonly measure: string
  /** It fires above this. A share where the measure is a share, else a count. */
  readonly threshold: number
  readonly window: Duration.Duration
  readonly audience: Audience
  /** The heading in docs/runbook.md. */
  readonly runbook: string
}

/** The share of orders that a step may lose for reasons of its own before somebody looks, with at least ten orders. */
export const errorBudget: Record<StepName, number> = {
  routing: 0.02,
  generating: 0.1,
  applying: 0.15,
  creating_pr: 0.02,
  tracking: 0.01
}

const minutes = (count: number) => Duration.minutes(count)

/** When somebody is told. One row per alert; each has its place in docs/runbook.md. */
export const alerts = {
  bug: {
    measure: "error events tagged UnexpectedDefect",
    threshold: 0,
    window: minutes(5),
    audience: "on_call",
    runbook: "A bug in Moose"
  },
  unrecognised: {
    measure: "failures that no rule recognises",
    threshold: 3,
    window: minutes(60),
    audience: "team",
    runbook: "A failure nobody knows"
  },
  errorBudgetSpent: {
    measure: "share of a step's orders that failed, against errorBudget",
    threshold: 1,
    window: minutes(60),
    audience: "team",
    runbook: "A step fails too often"
  },
  incidentOpen: {
    measure: "incidents open for longer than the window",
    threshold: 0,
    window: minutes(15),
    audience: "on_call",
    runbook: "A dependency is down"
  },
  storeUnreachable: {
    measure: "runners whose lease ended while they were running",
    threshold: 0,
    window: minutes(1),
    audience: "on_call",
    runbook: "The database does not answer"
  },
  stuck: {
    measure: "orders without progress for longer than twice their step's limit",
    threshold: 0,
    window: minutes(5),
    audience: "on_call",
    runbook: "An order is stuck"
  },
  manualIntervention: {
    measure: "orders left as manual_intervention_required",
    threshold: 0,
    window: minutes(5),
    audience: "team",
    runbook: "Something could not be cleaned up"
  },
  configuration: {
    measure: "failures of category configuration",
    threshold: 0,
    window: minutes(15),
    audience: "team",
    runbook: "A key, a permission or a setting is wrong"
  },
  budgetNearlySpent: {
    measure: "share of a project's day that is settled, reserved or presumed",
    threshold: 0.8,
    window: minutes(5),
    audience: "team",
    runbook: "A budget is nearly spent"
  },
  leakedReservation: {
    measure: "reservations older than a model call may take",
    threshold: 0,
    window: minutes(15),
    audience: "team",
    runbook: "Money is reserved and nobody uses it"
  }
} as const satisfies Record<string, AlertRow>

export type AlertName = keyof typeof alerts
