import { Duration } from "effect"
import type { Meaning } from "../errors/Failure.ts"
import type { Reason } from "../errors/PipelineError.ts"
import { type StepName, afterStep, stepNames } from "../Status.ts"
import { meaningOf } from "./Meaning.ts"
import { type Action, type Decider, type Rollback, recovery, recoveryOf, rollbackAfter } from "./Recovery.ts"
import { jitter, retry } from "./Retry.ts"

/** A reason of each kind, so that its words can be shown. */
export type Samples = { readonly [T in Reason["_tag"]]: Reason }

/** One way in which one step can fail: what it means and what is done about it. */
export interface Entry {
  readonly step: StepName
  readonly reason: string
  readonly meaning: Meaning
  /** In this order, each until it is spent. */
  readonly actions: ReadonlyArray<Action>
  /** recognised: only where a classifier knows the evidence, and says that it passes. null: it is never repeated. */
  readonly retries: "always" | "recognised" | null
  /** The waits before each further attempt, in milliseconds, before jitter; empty where nothing is repeated. */
  readonly retryDelaysMs: ReadonlyArray<number>
  readonly rollback: Rollback
  readonly decides: Decider
  /** What such a failure says. */
  readonly sample: string
}

/** What is the same for all reasons of a step. */
export interface StepRules {
  readonly step: StepName
  /** What the order becomes when the step fails for good. */
  readonly status: string
  readonly retryDelaysMs: ReadonlyArray<number>
  readonly retryDeadlineMs: number
  /** The share of itself by which a wait is longer or shorter. */
  readonly jitter: number
  readonly rollback: Rollback
  readonly failures: ReadonlyArray<Entry>
}

/** A step repeats what the recovery table names, as long as it can succeed unchanged: the table alone is not enough. */
const retriesOf = (sample: Reason, actions: ReadonlyArray<Action>): Entry["retries"] => {
  if (!actions.includes("retry")) return null
  if (meaningOf(sample).retryable) return "always"
  return "evidence" in sample ? "recognised" : null
}

const entriesOf = (step: StepName, samples: Samples): ReadonlyArray<Entry> =>
  Object.values(samples).flatMap((sample) => {
    if (!Object.hasOwn(recovery[step], sample._tag)) return []
    const row = recoveryOf(step, sample)
    const retries = retriesOf(sample, row.actions)
    return [
      {
        step,
        reason: sample._tag,
        meaning: meaningOf(sample),
        actions: row.actions.filter((action) => action !== "retry" || retries !== null),
        retries,
        retryDelaysMs: retries === null ? [] : retry[step].delays.map(Duration.toMillis),
        rollback: rollbackAfter[step],
        decides: row.decides,
        sample: sample.message
      }
    ]
  })

/**
 * Every step and every reason it can fail for, made from the tables of `policies/` and one sample of each
 * reason. Ordered by step, then by the reason's name.
 */
export const catalogue = (samples: Samples): ReadonlyArray<StepRules> =>
  stepNames.map((step) => ({
    step,
    status: afterStep[step].failed,
    retryDelaysMs: retry[step].delays.map(Duration.toMillis),
    retryDeadlineMs: Duration.toMillis(retry[step].deadline),
    jitter,
    rollback: rollbackAfter[step],
    failures: entriesOf(step, samples).toSorted((a, b) => (a.reason < b.reason ? -1 : 1))
  }))
