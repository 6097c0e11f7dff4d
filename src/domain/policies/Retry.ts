import { Duration } from "effect"
import type { StepName } from "../Status.ts"

/** How a step is repeated when `Recovery` says "retry". */
export interface RetryRow {
  /** The wait before each further attempt, counted for each reason by itself; as many as there are, and no more. */
  readonly delays: ReadonlyArray<Duration.Duration>
  /** No attempt begins later than this after the step began, whatever the reasons were. */
  readonly deadline: Duration.Duration
}

const seconds = (...all: ReadonlyArray<number>) => all.map((one) => Duration.seconds(one))

/**
 * One row per step. A wait that the other side asks for (Retry-After) wins over ours, if it ends before the
 * deadline; every wait of ours is spread by up to `jitter` of itself either way.
 */
export const retry: Record<StepName, RetryRow> = {
  // Manager: quick, and the built-in rules stand by.
  routing: { delays: seconds(1, 2, 4), deadline: Duration.seconds(20) },
  // A model's provider: patient, then the next model.
  generating: { delays: seconds(10, 30, 60), deadline: Duration.minutes(10) },
  // Each attempt has a new worktree.
  applying: { delays: seconds(5, 15), deadline: Duration.minutes(10) },
  // Eager, because each part of it looks before it acts.
  creating_pr: { delays: seconds(1, 2, 4, 8, 16), deadline: Duration.minutes(5) },
  tracking: { delays: seconds(1, 2, 4, 8), deadline: Duration.seconds(45) }
}

/** How far a wait may be from its nominal length, as a share of it. */
export const jitter = 0.2

/** Retries may be at most this share of a process's calls to one dependency, once it has made a few. */
export const budgetShare = 0.1
export const budgetFloor = 10
