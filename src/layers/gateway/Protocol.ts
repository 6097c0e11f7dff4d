import { Schema } from "effect"
import type { Result } from "effect"
import type { AiError } from "effect/ai"
import type { ModelChoice } from "../../domain/Route.ts"
import type * as ModelReason from "../models/ModelReason.ts"
import type * as ProviderFailure from "../models/ProviderFailure.ts"
import type { Providers, RealProvider } from "../models/Providers.ts"
import type { Reading } from "../models/Reading.ts"

/** Why a request ends at the gateway, as the code in its answer. Programs print it; we read the account instead. */
export type Code =
  | "moose_budget_exceeded"
  | "moose_ledger_unavailable"
  | "moose_reply_not_kept"
  | "moose_request_rejected"
  | "moose_provider_unreachable"
  | "moose_token_unknown"
  | "model_not_found"
  | "not_found"

/** Which request is not forwarded, and what is said of it. */
export interface Problem {
  readonly status: 400 | 404
  readonly code: Code
  readonly message: string
}

/** A request as it is forwarded. */
export interface Accepted {
  readonly body: string
  readonly stream: boolean
  /** The model that was granted, with the output limit that this request names. */
  readonly model: ModelChoice
}

/** Where a request goes, with the real key. */
export interface Target {
  readonly url: string
  readonly apiKey: string
  readonly headers: Record<string, string>
}

/** What one protocol needs: how it names things, and what its answers mean. */
export interface Protocol {
  readonly provider: RealProvider
  readonly reading: Reading
  readonly ofAnswer: (
    answered: ProviderFailure.Answered,
    request: ModelReason.Request
  ) => AiError.AiErrorReason
  readonly reasonOf: (failure: unknown, request: ModelReason.Request) => AiError.AiErrorReason
  /** A request of a program, changed so that its worst case is bounded; or why it is not forwarded. */
  readonly accept: (
    body: string,
    granted: ModelChoice,
    providers: Providers
  ) => Result.Result<Accepted, Problem>
  /** None when the provider is not connected. */
  readonly target: (
    providers: Providers,
    headers: Readonly<Record<string, string | undefined>>
  ) => Target | undefined
  /** Is this event of a stream the last, after which a program stops reading? */
  readonly isLast: (event: string) => boolean
  /** An error in the protocol's own shape. */
  readonly error: (code: Code, message: string) => Schema.Json
  /** The one model that may be asked, as a list. */
  readonly models: (model: string) => Schema.Json
}

/** Text, in either of the shapes in which both protocols take it. Its length bounds what it costs; that of a picture does not. */
export const Text = Schema.Union([
  Schema.String,
  Schema.Array(
    Schema.Struct({
      type: Schema.Literal("text"),
      text: Schema.String,
      cache_control: Schema.optionalKey(Schema.NullOr(Schema.Json))
    })
  )
])

export const Count = Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))

/** The output limit of a request: what it names, and never more than was granted. */
export const limited = (granted: ModelChoice, ...named: ReadonlyArray<number | null | undefined>) =>
  Math.min(granted.maxOutputTokens, ...named.filter((limit) => typeof limit === "number"))

export const modelNotFound = (asked: string): Problem => ({
  status: 404,
  code: "model_not_found",
  message: `The model ${JSON.stringify(asked)} does not exist here: one model is granted to each attempt`
})

export const rejected = (message: string): Problem => ({
  status: 400,
  code: "moose_request_rejected",
  message
})
