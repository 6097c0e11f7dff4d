import { Effect, Exit, Option, Schedule, Schema } from "effect"
import { Activity } from "effect/workflow"
import {
  BudgetExceeded,
  type StoreConflict,
  type StoreUnavailable,
  UnexpectedDefect,
  storeReasons
} from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { meaningOf } from "../domain/policies/Meaning.ts"
import * as Prices from "../domain/policies/Prices.ts"
import type { ModelChoice } from "../domain/Route.ts"
import type { Reservation } from "../domain/Spending.ts"
import { Budget } from "../services/Budget.ts"
import { ModelReply, Proposer, ProposerContract } from "../services/Proposer.ts"
import { StepJournal } from "../services/StepJournal.ts"
import * as Failures from "./Failures.ts"
import { StepContext } from "./StepContext.ts"

type AskFailure = (typeof ProposerContract)["ask"]["failure"]["Type"]

/** A reservation that stays open holds money that nobody spends, so closing it is tried for longer than opening it. */
const patiently = <A, R>(close: Effect.Effect<A, StoreUnavailable | StoreConflict, R>) =>
  Effect.retry(close, {
    schedule: Schedule.exponential(Limits.storeRetryFirst).pipe(
      Schedule.upTo({ times: Limits.journalAttempts - 1 })
    ),
    while: ({ _tag }) => _tag === "StoreUnavailable"
  })

/** What to do with the money when the call did not answer: only a call that surely cost nothing is cancelled. */
const close = Effect.fnUntraced(function* (
  reservation: Reservation,
  exit: Exit.Exit<ModelReply, AskFailure>,
  model: ModelChoice
) {
  const { at } = yield* StepContext
  const budget = yield* Budget
  const journal = yield* StepJournal
  if (Exit.isSuccess(exit)) {
    const { usage } = exit.value
    const amount = Prices.costOf(model, usage)
    return yield* journal.append({
      ...at,
      facts: [{ _tag: "CostSettled", reservation: reservation.id, amount, usage }]
    })
  }
  const reason = Exit.findErrorOption(exit)
  const surelyUnspent = Option.isSome(reason) && meaningOf(reason.value).sideEffect === "none"
  return yield* patiently(surelyUnspent ? budget.cancel(reservation) : budget.presume(reservation))
})

/**
 * One call of a model, as a journal entry of its own: reserved at its worst case, asked once, settled in the
 * same commit that keeps the reply. A replay of the step finds the reply and does not pay again. `call` names
 * the call within the run.
 */
export const paidCall = (
  call: string,
  category: "generating" | "repair",
  model: ModelChoice,
  request: { readonly system: string; readonly prompt: string }
) =>
  Activity.make({
    name: call,
    success: ModelReply,
    error: Schema.Union([
      ...ProposerContract.ask.failure.members,
      ...storeReasons,
      BudgetExceeded,
      UnexpectedDefect
    ]),
    interruptRetryPolicy: Schedule.recurs(0),
    execute: Effect.gen(function* () {
      const { at } = yield* StepContext
      const budget = yield* Budget
      const proposer = yield* Proposer
      const reply = yield* Effect.acquireUseRelease(
        budget.reserve({
          ...at,
          call,
          category,
          model: model.model,
          amount: Prices.worstCase(model, request.system + request.prompt)
        }),
        () => proposer.ask({ model, ...request }),
        (reservation, exit) => close(reservation, exit, model)
      )
      // Postgres keeps neither NUL characters nor halves of surrogate pairs.
      return { ...reply, text: reply.text.replaceAll("\u0000", "").toWellFormed() }
    }).pipe(Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(call, defect))))
  })
