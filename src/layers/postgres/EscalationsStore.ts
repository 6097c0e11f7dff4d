import { Duration, Effect, Layer, Schema } from "effect"
import { EscalationMissing } from "../../domain/errors/Reasons.ts"
import type { EscalationId } from "../../domain/Escalation.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { Escalations, EscalationsContract as Contract } from "../../services/Escalations.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"

const missing = ({ id }: { readonly id: EscalationId }) => new EscalationMissing({ id })
const shown = { ordersLimit: Schema.Int }
const ordersLimit = Limits.escalationOrdersMax

const raise = storeFunction("raise_escalation", Contract.raise.input, Contract.raise.output)
const get = storeFunction(
  "get_escalation",
  Schema.Struct({ ...Contract.get.input.fields, ...shown }),
  Contract.get.output,
  missing
)
const list = storeFunction(
  "list_escalations",
  Schema.Struct({ ...Contract.list.input.fields, ...shown }),
  Contract.list.output
)
const acknowledge = storeFunction(
  "acknowledge_escalation",
  Schema.Struct({ ...Contract.acknowledge.input.fields, ...shown }),
  Contract.acknowledge.output,
  missing
)
const resolve = storeFunction(
  "resolve_escalation",
  Schema.Struct({ ...Contract.resolve.input.fields, ...shown }),
  Contract.resolve.output,
  missing
)
const dueNotices = storeFunction(
  "due_notices",
  Schema.Struct({ ...Contract.dueNotices.input.fields, ...shown, holdMs: Schema.Int }),
  Contract.dueNotices.output
)
const noticeSent = storeFunction("notice_sent", Contract.noticeSent.input, Schema.Null)

/** Escalations in the store. */
export const layer = Layer.effect(
  Escalations,
  Effect.gen(function* () {
    const provide = Effect.provide(yield* Effect.context<StoreCall>())
    return Escalations.of({
      raise: Effect.fn("Escalations.raise")(raise, provide),
      get: Effect.fn("Escalations.get")((input) => get({ ...input, ordersLimit }), provide),
      list: Effect.fn("Escalations.list")((input) => list({ ...input, ordersLimit }), provide),
      acknowledge: Effect.fn("Escalations.acknowledge")(
        (input) => acknowledge({ ...input, ordersLimit }),
        provide
      ),
      resolve: Effect.fn("Escalations.resolve")((input) => resolve({ ...input, ordersLimit }), provide),
      dueNotices: Effect.fn("Escalations.dueNotices")(
        (input) => dueNotices({ ...input, ordersLimit, holdMs: Duration.toMillis(Limits.noticeHold) }),
        provide
      ),
      noticeSent: Effect.fn("Escalations.noticeSent")((input) => Effect.asVoid(noticeSent(input)), provide)
    })
  })
)
