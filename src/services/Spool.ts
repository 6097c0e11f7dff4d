import { Context, Schema } from "effect"
import { SpoolFailed } from "../domain/errors/Reasons.ts"
import type { Input, Service } from "./Contract.ts"
import { EscalationsContract } from "./Escalations.ts"

/** An escalation that waits to be stored. */
export const Spooled = EscalationsContract.raise.input
export type Spooled = Input<typeof EscalationsContract, "raise">

export const SpoolContract = {
  /** Keeps one until it is drained; it survives the process. */
  put: { input: Spooled, output: Schema.Void, failure: Schema.Union([SpoolFailed]) },
  /** All that wait, oldest first, at most `Limits.spooledMax`; what cannot be read is set aside, not lost. */
  peek: { input: Schema.Void, output: Schema.Array(Spooled), failure: Schema.Union([SpoolFailed]) },
  /** Those with these keys wait no longer. */
  remove: {
    input: Schema.Struct({ keys: Schema.Array(Schema.String) }),
    output: Schema.Void,
    failure: Schema.Union([SpoolFailed])
  }
} as const

/** Where escalations wait on this machine as long as they cannot be stored. */
export class Spool extends Context.Service<Spool, Service<typeof SpoolContract>>()("moose/services/Spool") {}
