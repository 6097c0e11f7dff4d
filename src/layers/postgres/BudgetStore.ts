import { randomUUID } from "node:crypto"
import { Effect, Layer, Schema } from "effect"
import { BudgetExceeded } from "../../domain/errors/Reasons.ts"
import { ReservationId } from "../../domain/Spending.ts"
import { Budget, BudgetContract as Contract } from "../../services/Budget.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const Answer = Schema.Struct({
  refused: Schema.NullOr(
    Schema.Struct({
      scope: BudgetExceeded.fields.scope,
      requested: BudgetExceeded.fields.requested,
      limit: BudgetExceeded.fields.limit,
      settled: BudgetExceeded.fields.settled,
      reserved: BudgetExceeded.fields.reserved,
      presumed: BudgetExceeded.fields.presumed,
      resetsAt: BudgetExceeded.fields.resetsAt
    })
  )
})

const check = storeFunction("check_budget", Contract.check.input, Answer)
const reserve = storeFunction(
  "check_and_reserve_budget",
  Schema.Struct({ ...Contract.reserve.input.fields, id: ReservationId }),
  Answer
)
const close = storeFunction(
  "close_reservation",
  Schema.Struct({ id: ReservationId, state: Schema.Literals(["cancelled", "presumed"]) }),
  Schema.Null
)

const refuse = (answer: typeof Answer.Type): Effect.Effect<void, BudgetExceeded> =>
  answer.refused === null ? Effect.void : Effect.fail(new BudgetExceeded(answer.refused))

/** Budgets in the store. */
export const layer = Layer.effect(
  Budget,
  Effect.gen(function* () {
    const context = yield* Effect.context<StoreCall>()
    return Budget.of({
      check: Effect.fn("Budget.check")(
        (input) => check(input).pipe(Effect.flatMap(refuse)),
        Effect.provide(context)
      ),
      reserve: Effect.fn("Budget.reserve")(function* (input) {
        // Named before the call, so that a repeated call finds its own reservation.
        const id = ReservationId.make(randomUUID())
        yield* reserve({ ...input, id }).pipe(Effect.flatMap(refuse))
        const { workOrderId, run, model, category, amount } = input
        return { id, workOrderId, run, model, category, amount }
      }, Effect.provide(context)),
      cancel: Effect.fn("Budget.cancel")(
        ({ id }) => close({ id, state: "cancelled" }).pipe(Effect.asVoid),
        Effect.provide(context)
      ),
      presume: Effect.fn("Budget.presume")(
        ({ id }) => close({ id, state: "presumed" }).pipe(Effect.asVoid),
        Effect.provide(context)
      )
    })
  })
)
