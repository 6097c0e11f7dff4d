import { Context, Schema } from "effect"
import { ModelNotFound, modelReasons } from "../domain/errors/GenerationError.ts"
import {
  AuthenticationFailed,
  BudgetExceeded,
  TimedOut,
  UnexpectedDefect,
  ledgerReasons,
  storeReasons
} from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { ModelChoice } from "../domain/Route.ts"
import { SpendCategory, SpendRule, Usage } from "../domain/Spending.ts"
import { Usd } from "../domain/Usd.ts"
import type { Service } from "./Contract.ts"
import { ModelReply } from "./Proposer.ts"

/** What a program needs to ask one model through the gateway. It ends with the attempt it was made for. */
export const GatewayAccess = Schema.Struct({
  id: Schema.NonEmptyString,
  /** Where OpenAI's protocol is spoken, up to and with `/v1`, on loopback. */
  baseUrl: Schema.NonEmptyString,
  /** Where Anthropic's is, without `/v1`, as its clients take it. */
  anthropicUrl: Schema.NonEmptyString,
  /** Stands in the place of a key in either protocol, is no secret of a provider's, and is worth nothing afterwards. */
  token: Schema.Redacted(Schema.String)
})
export type GatewayAccess = typeof GatewayAccess.Type

/** How one request ended. */
export const GatewayOutcome = Schema.Union([
  /** The reply is in the journal and paid for, now or, where it was replayed, once before. */
  Schema.TaggedStruct("Answered", {
    finish: ModelReply.fields.finish,
    usage: Usage,
    amount: Usd,
    replayed: Schema.Boolean
  }),
  /** It does not fit in the budget, or nobody can say whether it does: nothing was sent. */
  Schema.TaggedStruct("Refused", {
    reason: Schema.Union([BudgetExceeded, ...ledgerReasons])
  }),
  /** It is none that is forwarded: another model, a field whose price has no bound, too long. Nothing was sent. */
  Schema.TaggedStruct("Rejected", { status: Schema.Int, problem: Schema.String }),
  /** The provider failed, and its answer was handed on as it is. `presumed` where it may have to be paid all the same. */
  Schema.TaggedStruct("Failed", {
    reason: Schema.Union([...modelReasons, TimedOut, UnexpectedDefect]),
    presumed: Schema.Boolean
  }),
  /** Whoever asked went away before the answer was there. It counts as spent where it was `sent` already. */
  Schema.TaggedStruct("Abandoned", { sent: Schema.Boolean }),
  /** The answer came and could not be journaled, so it was not handed on: it counts as spent. */
  Schema.TaggedStruct("Unkept", { reason: Schema.Union(storeReasons) })
])
export type GatewayOutcome = typeof GatewayOutcome.Type

/** One request of a program. */
export const GatewayCall = Schema.Struct({
  /** Its name in the ledger: the access's `call` and a number. */
  call: Schema.String,
  outcome: GatewayOutcome
})
export type GatewayCall = typeof GatewayCall.Type

/** Everything asked with one access, in the order in which it ended. */
export const GatewayAccount = Schema.Struct({
  calls: Schema.Array(GatewayCall),
  /** What the answers cost that were bought with this access; not what is presumed, nor what was replayed. */
  settled: Usd
})
export type GatewayAccount = typeof GatewayAccount.Type

const Named = Schema.Struct({ id: GatewayAccess.fields.id })

export const ModelGatewayContract = {
  /**
   * Lets a program ask one model, for one attempt of one order, until `close`. Every request is reserved at its worst
   * case first, forwarded with the real key, and its reply journaled and settled in one commit. A request whose reply
   * is journaled under the same `call` is answered from there. Fails when nothing could be asked anyway.
   */
  open: {
    input: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      /** Names the attempt within the run: what its requests' names begin with. */
      call: Schema.NonEmptyString,
      category: SpendCategory,
      rule: SpendRule,
      model: ModelChoice
    }),
    output: GatewayAccess,
    failure: Schema.Union([AuthenticationFailed, ModelNotFound])
  },
  /** What was asked so far, and how it ended; nothing for an access that is closed. */
  account: { input: Named, output: GatewayAccount, failure: Schema.Never },
  /**
   * Ends the access. Requests under way are given up, and are accounted for in the ledger when this returns; the
   * account as it is then is the answer. Closing again is harmless.
   */
  close: { input: Named, output: GatewayAccount, failure: Schema.Never }
} as const

/** Models, for programs that bring a client of their own: they obey the ledger, and never see a key. */
export class ModelGateway extends Context.Service<ModelGateway, Service<typeof ModelGatewayContract>>()(
  "moose/services/ModelGateway"
) {}
