import { Context, Schema } from "effect"
import { storeReasons } from "../domain/errors/Reasons.ts"
import { Fact } from "../domain/Fact.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import type { Service } from "./Contract.ts"

const Entry = Schema.Struct({ workOrderId: WorkOrderId, run: Run, facts: Schema.Array(Fact) })

export const StepJournalContract = {
  /**
   * Adds facts to the step that is running. Under the Postgres engine they are committed with the step's
   * result and vanish with a step that never got one; under another engine they are committed now.
   */
  append: { input: Entry, output: Schema.Void, failure: Schema.Union(storeReasons) },
  /** Commits facts now, whatever becomes of the step. */
  commit: { input: Entry, output: Schema.Void, failure: Schema.Union(storeReasons) }
} as const

/** The one way in which a step writes to the store. */
export class StepJournal extends Context.Service<StepJournal, Service<typeof StepJournalContract>>()(
  "moose/services/StepJournal"
) {}

/** Facts waiting for the result of the step that appended them. */
export interface PendingFacts {
  readonly add: (facts: ReadonlyArray<Fact>) => void
}

/** Set by an engine that commits facts together with a step's result. */
export const CurrentPendingFacts = Context.Reference<PendingFacts | undefined>(
  "moose/services/StepJournal/CurrentPendingFacts",
  { defaultValue: () => undefined }
)
