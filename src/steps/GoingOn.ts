import { Clock, Effect } from "effect"
import type { Reason } from "../domain/errors/PipelineError.ts"
import * as Failures from "./Failures.ts"
import { StepContext, record } from "./StepContext.ts"

/** Has the order anything left to go on with after this? */
export const mayGoOn = Effect.fnUntraced(function* (reason: Reason) {
  const { rules, allowance } = yield* StepContext
  return allowance.allows(rules.meaningOf(reason), yield* Clock.currentTimeMillis)
})

/** Writes down that something failed and what is done about it, with the step's result. */
export const goesOn = Effect.fnUntraced(function* (reason: Reason, decision: string) {
  const { at, step, name, attempt, rules, allowance } = yield* StepContext
  const meaning = rules.meaningOf(reason)
  const failure = yield* Failures.describe({ at, step, attempt }, reason, meaning)
  allowance.spend(meaning)
  yield* record({ _tag: "AttemptFailed", step: name, failure, decision })
})
