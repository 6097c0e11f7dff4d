import { Context, type Duration } from "effect"
import type { AnyReason, Meaning } from "../errors/Failure.ts"
import type { Reason } from "../errors/PipelineError.ts"
import type { StepName } from "../Status.ts"
import { Limits } from "./Limits.ts"
import { type Row, recoveryOf } from "./Recovery.ts"
import { type RetryRow, retry } from "./Retry.ts"

export interface PolicyTables {
  /** What is done about a reason that a step met. */
  readonly recoveryOf: (step: StepName, reason: Pick<AnyReason, "_tag">) => Row
  /** What a reason means; as Meaning.ts says where it is missing. */
  readonly meaningOf?: (reason: Reason) => Meaning
  readonly retry: Record<StepName, RetryRow>
  /** How long an order waits for what says nothing of its own: `first`, doubling, up to `longest`. */
  readonly park: { readonly first: Duration.Duration; readonly longest: Duration.Duration }
}

/** The tables that the steps go by. A benchmark brings others, to see what these are worth. */
export const Policies = Context.Reference<PolicyTables>("moose/domain/policies/Policies", {
  defaultValue: () => ({
    recoveryOf,
    retry,
    park: { first: Limits.parkFirst, longest: Limits.parkLongest }
  })
})

/** What one step goes by. */
export interface Rules {
  readonly recoveryOf: (reason: AnyReason) => Row
  readonly meaningOf: (reason: AnyReason) => Meaning
  readonly retry: RetryRow
}
