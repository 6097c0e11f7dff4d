import { Effect, Layer, Schema } from "effect"
import { ModelReplies, ModelRepliesContract as Contract } from "../../services/ModelReplies.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const find = storeFunction("find_model_reply", Contract.find.input, Contract.find.output)
const keep = storeFunction("keep_model_reply", Contract.keep.input, Schema.Null)

/** Replies in the store. */
export const layer = Layer.effect(
  ModelReplies,
  Effect.gen(function* () {
    const provide = Effect.provide(yield* Effect.context<StoreCall>())
    return ModelReplies.of({
      find: Effect.fn("ModelReplies.find")(find, provide),
      keep: Effect.fn("ModelReplies.keep")((input) => Effect.asVoid(keep(input)), provide)
    })
  })
)
