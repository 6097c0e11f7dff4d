import { Context, Schema } from "effect"
import { modelReasons } from "../domain/errors/GenerationError.ts"
import { TimedOut } from "../domain/errors/Reasons.ts"
import { ModelChoice } from "../domain/Route.ts"
import { Usage } from "../domain/Spending.ts"
import type { Service } from "./Contract.ts"

/** One model's answer, exactly as it came. */
export const ModelReply = Schema.Struct({
  text: Schema.String,
  /** length: the answer ended at the output limit. */
  finish: Schema.Literals(["stop", "length", "content-filter", "other"]),
  usage: Usage
})
export type ModelReply = typeof ModelReply.Type

export const ProposerContract = {
  /** Asks one model once. Every call is paid for, so nothing below retries it. */
  ask: {
    input: Schema.Struct({ model: ModelChoice, system: Schema.String, prompt: Schema.String }),
    output: ModelReply,
    failure: Schema.Union([...modelReasons, TimedOut])
  }
} as const

/** Language models, as far as Moose needs them. */
export class Proposer extends Context.Service<Proposer, Service<typeof ProposerContract>>()(
  "moose/services/Proposer"
) {}
