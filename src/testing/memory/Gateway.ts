import { Clock, Effect, Layer, Redacted } from "effect"
import type { Input } from "../../services/Contract.ts"
import { type GatewayAccount, ModelGateway } from "../../services/ModelGateway.ts"
import { ModelReplies, type ModelRepliesContract } from "../../services/ModelReplies.ts"
import { zero } from "../../domain/Usd.ts"
import { applyFacts } from "./Facts.ts"
import type { State } from "./State.ts"

type Key = Input<typeof ModelRepliesContract, "find">

const isOf =
  (key: Key) =>
  (it: Key): boolean =>
    it.workOrderId === key.workOrderId &&
    it.run === key.run &&
    it.call === key.call &&
    it.request === key.request &&
    it.ordinal === key.ordinal

const replies = (state: State) =>
  Layer.succeed(ModelReplies, {
    find: (key) => Effect.sync(() => state.replies.find(isOf(key))?.kept ?? null),
    keep: ({ reservation, model, finish, usage, amount, reply, ...key }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (!state.replies.some(isOf(key))) {
          state.replies.push({ ...key, kept: { model, finish, usage, amount, reply } })
        }
        return applyFacts(state, key, [{ _tag: "CostSettled", reservation, amount, usage }], now)
      })
  })

const nothing: GatewayAccount = { calls: [], settled: zero }

/** Opens as it is asked to; nobody asks for anything through it. */
const gateway = (state: State) =>
  Layer.succeed(ModelGateway, {
    open: ({ call }) =>
      Effect.sync(() => {
        state.gatewayAccesses.add(call)
        const address = "http://127.0.0.1:9"
        const token = Redacted.make("sk-moose-double")
        return { id: call, baseUrl: `${address}/v1`, anthropicUrl: address, token }
      }),
    account: () => Effect.succeed(nothing),
    close: ({ id }) =>
      Effect.sync(() => {
        state.gatewayAccesses.delete(id)
        return nothing
      })
  })

/** The gateway, and the replies that it keeps. */
export const layer = (state: State) => Layer.merge(replies(state), gateway(state))
