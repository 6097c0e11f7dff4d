import { Duration } from "effect"
import type { PolicyTables } from "../../src/domain/policies/Policies.ts"
import { recoveryOf } from "../../src/domain/policies/Recovery.ts"
import { retry } from "../../src/domain/policies/Retry.ts"

/** The real decisions, one attempt of each step that waits, and short waits: for tests on the real clock. */
export const hurriedPolicies: PolicyTables = {
  recoveryOf,
  retry: {
    ...retry,
    generating: { delays: [], deadline: Duration.minutes(1) },
    applying: { delays: [], deadline: Duration.minutes(1) },
    creating_pr: { delays: [], deadline: Duration.minutes(1) }
  },
  park: { first: Duration.millis(20), longest: Duration.millis(100) }
}
