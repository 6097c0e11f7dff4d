import { Duration, Effect, Layer, Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { ModelReplies, ModelRepliesContract as Contract, PaidReply } from "../../services/ModelReplies.ts"
import { Answer, ReserveInput, ledgerFunction, refuse, reservingFor } from "./BudgetStore.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const begin = ledgerFunction(
  storeFunction(
    "begin_model_reply",
    Schema.Struct({ reply: Contract.begin.input.fields.reply, reserve: ReserveInput }),
    Schema.Union([Schema.Struct({ kept: PaidReply }), Answer])
  )
)
const keep = storeFunction("keep_model_reply", Contract.keep.input, Schema.Null)

/** Replies in the store. */
export const layer = Layer.effect(
  ModelReplies,
  Effect.gen(function* () {
    // Not the whole context, which would be copied for each call.
    const provide = Effect.provideService(StoreCall, yield* StoreCall)
    const naming = reservingFor(Duration.toMillis(Limits.reservationLease))
    return ModelReplies.of({
      begin: Effect.fn("ModelReplies.begin")(function* ({ reply, reserve }) {
        const named = naming(reserve)
        const answer = yield* begin({ reply, reserve: named })
        if ("kept" in answer) return { _tag: "Kept", paid: answer.kept } as const
        yield* refuse("moose.begin_model_reply")(answer)
        const { workOrderId, run, call, model, category, amount } = reserve
        const reservation = { id: named.id, workOrderId, run, call, model, category, amount }
        return { _tag: "Reserved", reservation } as const
      }, provide),
      keep: Effect.fn("ModelReplies.keep")((input) => Effect.asVoid(keep(input)), provide)
    })
  })
)
