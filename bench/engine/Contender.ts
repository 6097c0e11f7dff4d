import type { Effect } from "effect"

/** What is compared: something that takes an order through five trivial steps, durably. */
export interface Contender {
  /** One order, from its submission to its end. */
  readonly order: Effect.Effect<void, unknown>
  /** One that waits for a day after its second step. Answers once it is begun. */
  readonly park: Effect.Effect<void, unknown>
  /** How many of those wait by now. */
  readonly parked: Effect.Effect<number, unknown>
}

export const contenders = ["moose", "dbos", "cluster", "limit"] as const
export type ContenderName = (typeof contenders)[number]

export const titles: Readonly<Record<ContenderName, string>> = {
  moose: "Moose (status, events, ledger, resources)",
  dbos: "DBOS 5.3.0 (results only)",
  cluster: "Effect SingleRunner (results only)",
  limit: "the limit: Moose's rows, no engine"
}

export const steps = ["routing", "generating", "applying", "creating_pr", "tracking"] as const
