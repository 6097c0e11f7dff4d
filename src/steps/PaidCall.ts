import { Effect, Schedule, Schema } from "effect"
import { Activity } from "effect/workflow"
import {
  BudgetExceeded,
  ResultRefused,
  UnexpectedDefect,
  ledgerReasons,
  storeReasons
} from "../domain/errors/Reasons.ts"
import * as Prices from "../domain/policies/Prices.ts"
import type { ModelChoice } from "../domain/Route.ts"
import type { SpendRule } from "../domain/Spending.ts"
import { ModelReply, Proposer, ProposerContract } from "../services/Proposer.ts"
import * as Failures from "./Failures.ts"
import { goesOn } from "./GoingOn.ts"
import { StepContext } from "./StepContext.ts"
import { withReservation } from "./WithReservation.ts"

/**
 * One call of a model, as a journal entry of its own: a replay of the step finds the reply and does not pay again.
 * `call` names the call within the run; `rule` says what allowed it.
 */
export const paidCall = (
  call: string,
  rule: SpendRule,
  model: ModelChoice,
  request: { readonly system: string; readonly prompt: string }
) =>
  Activity.make({
    name: call,
    success: ModelReply,
    error: Schema.Union([
      ...ProposerContract.ask.failure.members,
      ...storeReasons,
      ...ledgerReasons,
      BudgetExceeded,
      ResultRefused,
      UnexpectedDefect
    ]),
    interruptRetryPolicy: Schedule.recurs(0),
    execute: Effect.gen(function* () {
      const { at, rules } = yield* StepContext
      const proposer = yield* Proposer
      const reply = yield* proposer.ask({ model, ...request }).pipe(
        withReservation({
          at,
          call,
          category: rule === "repair" ? "repair" : "generating",
          model: model.model,
          rule,
          amount: Prices.worstCase(model, request.system + request.prompt),
          bill: ({ usage }) => ({ amount: Prices.costOf(model, usage), usage }),
          surelyUnspent: (reason) => rules.meaningOf(reason).sideEffect === "none",
          unclosed: (reason) => goesOn(reason, "left open until its lease ends, and then presumed spent")
        })
      )
      // Postgres keeps neither NUL characters nor halves of surrogate pairs.
      return { ...reply, text: reply.text.replaceAll("\u0000", "").toWellFormed() }
    }).pipe(Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(call, defect))))
  })
