import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Duration, Effect, Layer, Schema } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import {
  BudgetExceeded,
  LedgerConflict,
  LedgerUnavailable,
  StoreConflict,
  StoreUnavailable
} from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { ReservationId } from "../../domain/Spending.ts"
import { Budget, BudgetContract as Contract } from "../../services/Budget.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"
import * as Together from "./Together.ts"

/** What the ledger says of a call that it did not do; nothing was changed. */
const Problem = Schema.Struct({ problem: LedgerConflict.fields.problem, message: Schema.String })

/** Set aside, or which limit it does not fit in. */
export const Answer = Schema.Union([
  Schema.Struct({
    refused: Schema.NullOr(
      Schema.Struct({
        scope: BudgetExceeded.fields.scope,
        requested: BudgetExceeded.fields.requested,
        limit: BudgetExceeded.fields.limit,
        settled: BudgetExceeded.fields.settled,
        reserved: BudgetExceeded.fields.reserved,
        presumed: BudgetExceeded.fields.presumed,
        model: BudgetExceeded.fields.model,
        resetsAt: BudgetExceeded.fields.resetsAt
      })
    )
  }),
  Problem
])
const Done = Schema.NullOr(Problem)

const leased = { leaseMs: Schema.Int }
/** Enough to find a reservation, and to refuse one that is another order's. */
const its = { id: ReservationId, workOrderId: Contract.cancel.input.fields.workOrderId }

export const ReserveInput = Schema.Struct({
  ...Contract.reserve.input.fields,
  ...leased,
  id: ReservationId,
  owner: Schema.String
})

/** The store's words for it, in the ledger's. */
const asLedger = (error: StoreUnavailable | StoreConflict) =>
  error._tag === "StoreUnavailable"
    ? new LedgerUnavailable({ evidence: error.evidence })
    : new LedgerConflict({ problem: "answer", evidence: error.evidence })

/** A function of the store as one of the ledger. */
export const ledgerFunction =
  <I, O, R>(call: (input: I) => Effect.Effect<O, StoreUnavailable | StoreConflict, R>) =>
  (input: I) =>
    Effect.mapError(call(input), asLedger)

const check = ledgerFunction(storeFunction("check_budget", Contract.check.input, Answer))
const reserveAlone = ledgerFunction(storeFunction("check_and_reserve_budget", ReserveInput, Answer))
const reserveTogether = ledgerFunction(
  storeFunction("check_and_reserve_budgets", Schema.Array(ReserveInput), Schema.Array(Answer))
)
const settle = ledgerFunction(
  storeFunction(
    "settle_reservation",
    Schema.Struct({
      ...its,
      settlement: Schema.String,
      amount: Contract.settle.input.fields.amount,
      usage: Contract.settle.input.fields.usage
    }),
    Done
  )
)
const close = ledgerFunction(
  storeFunction(
    "close_reservation",
    Schema.Struct({ ...its, state: Schema.Literals(["cancelled", "presumed"]) }),
    Done
  )
)
const renew = ledgerFunction(storeFunction("renew_reservation", Schema.Struct({ ...its, ...leased }), Done))
const presumeExpired = ledgerFunction(
  storeFunction("presume_expired", Contract.presumeExpired.input, Contract.presumeExpired.output)
)
const status = ledgerFunction(storeFunction("budget_status", Contract.status.input, Contract.status.output))

const conflict = (operation: string, { problem, message }: typeof Problem.Type) =>
  new LedgerConflict({ problem, evidence: Evidence.make({ operation, excerpt: message }) })

export const refuse =
  (operation: string) =>
  (answer: typeof Answer.Type): Effect.Effect<void, BudgetExceeded | LedgerConflict> => {
    if ("problem" in answer) return Effect.fail(conflict(operation, answer))
    return answer.refused === null ? Effect.void : Effect.fail(new BudgetExceeded(answer.refused))
  }

const object =
  (operation: string) =>
  (answer: typeof Done.Type): Effect.Effect<void, LedgerConflict> =>
    answer === null ? Effect.void : Effect.fail(conflict(operation, answer))

/** What the store has to know of a reservation beside the call it is for. It is named before it is made, so that a repeated call finds its own. */
export const reservingFor = (leaseMs: number) => {
  const owner = `${hostname()}/${process.pid}`
  return (input: (typeof Contract)["reserve"]["input"]["Type"]): typeof ReserveInput.Type => ({
    ...input,
    id: ReservationId.make(randomUUID()),
    owner,
    leaseMs
  })
}

export interface Options {
  readonly lease?: Duration.Duration
  /** How many callers share one commit at most, and how many such commits are under way at once. */
  readonly together?: { readonly most: number; readonly callsMax: number }
}

/** The ledger in the store. Callers that reserve at the same moment share a commit. */
export const layerWith = (options: Options) =>
  Layer.effect(
    Budget,
    Effect.gen(function* () {
      const provide = Effect.provideService(StoreCall, yield* StoreCall)
      const leaseMs = Duration.toMillis(options.lease ?? Limits.reservationLease)
      const naming = reservingFor(leaseMs)
      const reserve = yield* Together.make({
        most: options.together?.most ?? Limits.reservationsTogether,
        callsMax: options.together?.callsMax ?? Limits.reservationCommits,
        alone: reserveAlone,
        together: reserveTogether,
        isOneCallers: ({ _tag }) => _tag === "LedgerConflict"
      })
      return Budget.of({
        check: Effect.fn("Budget.check")(
          (input) => Effect.flatMap(check(input), refuse("moose.check_budget")),
          provide
        ),
        reserve: Effect.fn("Budget.reserve")(function* (input) {
          const named = naming(input)
          const answer = yield* reserve(named)
          yield* refuse("moose.check_and_reserve_budget")(answer)
          const { workOrderId, run, call, model, category, amount } = input
          return { id: named.id, workOrderId, run, call, model, category, amount }
        }),
        settle: Effect.fn("Budget.settle")(
          ({ reservation: { id, workOrderId }, settlement, amount, usage }) =>
            Effect.flatMap(
              settle({ id, workOrderId, settlement, amount, usage }),
              object("moose.settle_reservation")
            ),
          provide
        ),
        cancel: Effect.fn("Budget.cancel")(
          ({ id, workOrderId }) =>
            Effect.flatMap(close({ id, workOrderId, state: "cancelled" }), object("moose.close_reservation")),
          provide
        ),
        presume: Effect.fn("Budget.presume")(
          ({ id, workOrderId }) =>
            Effect.flatMap(close({ id, workOrderId, state: "presumed" }), object("moose.close_reservation")),
          provide
        ),
        renew: Effect.fn("Budget.renew")(
          ({ id, workOrderId }) =>
            Effect.flatMap(renew({ id, workOrderId, leaseMs }), object("moose.renew_reservation")),
          provide
        ),
        presumeExpired: Effect.fn("Budget.presumeExpired")(presumeExpired, provide),
        status: Effect.fn("Budget.status")(status, provide)
      })
    })
  )

export const layer = layerWith({})
