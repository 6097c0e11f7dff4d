import { Context, Schema } from "effect"
import { ClientManagerRejected, ClientManagerUnavailable } from "../domain/errors/Reasons.ts"
import { Escalation, Receipt } from "../domain/Escalation.ts"
import type { Service } from "./Contract.ts"

export const ClientManagerContract = {
  /** Hands over a card: the first notice of an escalation, or a reminder of it. Handing over the same notice again is harmless. */
  notify: {
    input: Schema.Struct({ escalation: Escalation }),
    output: Receipt,
    failure: Schema.Union([ClientManagerUnavailable, ClientManagerRejected])
  }
} as const

/** Whoever looks after escalations. */
export class ClientManager extends Context.Service<ClientManager, Service<typeof ClientManagerContract>>()(
  "moose/services/ClientManager"
) {}
