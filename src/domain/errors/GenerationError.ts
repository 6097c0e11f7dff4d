import { Schema } from "effect"
import { Evidence } from "./Evidence.ts"
import { Failure } from "./Failure.ts"
import {
  AuthenticationFailed,
  BaseBranchMissing,
  BudgetExceeded,
  CircuitOpen,
  RateLimited,
  TimedOut,
  everyStep,
  ledgerReasons,
  remoteReasons
} from "./Reasons.ts"

const model = Schema.String
const evidence = Evidence

/** The provider is up and too busy to answer. */
export class ProviderOverloaded extends Schema.TaggedError<ProviderOverloaded>()("ProviderOverloaded", {
  model,
  evidence
}) {
  override get message() {
    return `The provider of ${this.model} is overloaded: ${this.evidence.excerpt}`
  }
}

/** The provider did not answer, or answered with a fault of its own. */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  model,
  evidence
}) {
  override get message() {
    return `The provider of ${this.model} cannot be reached or is failing: ${this.evidence.excerpt}`
  }
}

/** The account is out of money or quota; waiting does not help. */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", {
  model,
  evidence
}) {
  override get message() {
    return `The account that pays for ${this.model} is exhausted: ${this.evidence.excerpt}`
  }
}

export class ModelNotFound extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", { model, evidence }) {
  override get message() {
    return `The provider knows no model ${this.model}: ${this.evidence.excerpt}`
  }
}

export class ContextWindowExceeded extends Schema.TaggedError<ContextWindowExceeded>()(
  "ContextWindowExceeded",
  {
    model,
    evidence
  }
) {
  override get message() {
    return `The request is too long for ${this.model}: ${this.evidence.excerpt}`
  }
}

/** The reply ended at the output limit. */
export class OutputTruncated extends Schema.TaggedError<OutputTruncated>()("OutputTruncated", {
  model,
  maxOutputTokens: Schema.Int
}) {
  override get message() {
    return `${this.model} stopped at its limit of ${this.maxOutputTokens} tokens, mid-answer`
  }
}

/** The model, or its provider's filter, declined. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { model, evidence }) {
  override get message() {
    return `${this.model} declined the request: ${this.evidence.excerpt}`
  }
}

/** The provider says our request is wrong. */
export class RequestRejected extends Schema.TaggedError<RequestRejected>()("RequestRejected", {
  model,
  evidence
}) {
  override get message() {
    return `The provider of ${this.model} rejected the request itself: ${this.evidence.excerpt}`
  }
}

/** The reply is not a proposal. `problem` is what to tell the model. */
export class MalformedProposal extends Schema.TaggedError<MalformedProposal>()("MalformedProposal", {
  model,
  problem: Schema.String,
  excerpt: Schema.String
}) {
  override get message() {
    return `The answer of ${this.model} is not a proposal: ${this.problem}`
  }
}

/** What asking one model once can end in. */
export const modelReasons = [
  RateLimited,
  ProviderOverloaded,
  ProviderUnavailable,
  QuotaExhausted,
  AuthenticationFailed,
  ModelNotFound,
  ContextWindowExceeded,
  Refused,
  RequestRejected,
  CircuitOpen
] as const

/** Failures of one model that the next one may not share. */
export const OneModelFailure = Schema.Union([...modelReasons, TimedOut, OutputTruncated, MalformedProposal])
export type OneModelFailure = typeof OneModelFailure.Type

/** Every model of the plan was asked and failed, each for its own reason. */
export class ModelsExhausted extends Schema.TaggedError<ModelsExhausted>()("ModelsExhausted", {
  failures: Schema.NonEmptyArray(OneModelFailure)
}) {
  override get message() {
    return `Every model failed: ${this.failures.map((failure: OneModelFailure) => failure.message).join("; ")}`
  }
}

export const GenerationReason = Schema.Union([
  ...everyStep,
  ...remoteReasons,
  ...modelReasons,
  BaseBranchMissing,
  ...ledgerReasons,
  BudgetExceeded,
  OutputTruncated,
  MalformedProposal,
  ModelsExhausted
])
export type GenerationReason = typeof GenerationReason.Type

/** Getting a proposal failed. Money may have been spent; the repository is untouched. */
export class GenerationError extends Schema.TaggedError<GenerationError>()("GenerationError", {
  reason: GenerationReason,
  failure: Failure
}) {
  override get message() {
    return this.reason.message
  }
}
