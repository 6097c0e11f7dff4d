import { hash, randomBytes } from "node:crypto"
import { Effect, Redacted, type Scope, Semaphore } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { UnexpectedDefect } from "../../domain/errors/Reasons.ts"
import { Usd } from "../../domain/Usd.ts"
import type { Input } from "../../services/Contract.ts"
import type {
  GatewayAccount,
  GatewayCall,
  GatewayOutcome,
  ModelGatewayContract
} from "../../services/ModelGateway.ts"

/** One attempt's access to one model. */
export interface Access {
  readonly granted: Input<typeof ModelGatewayContract, "open">
  readonly id: string
  readonly token: Redacted.Redacted<string>
  /** Ends with the access, and what is under way in it. */
  readonly scope: Scope.Scope
  /** A program's requests are answered one after the other, so that they are the same ones when it is run again. */
  readonly turn: Semaphore.Semaphore
  /** The name of the next request, and how many there were. */
  readonly next: () => { readonly call: string; readonly number: number }
  /** How many replies this request has had so far. */
  readonly answered: (request: string) => number
  /** Writes down how a request ended. */
  readonly ended: (call: string, outcome: GatewayOutcome, request?: string) => void
  readonly account: () => GatewayAccount
}

/** Nothing was spent. */
export const none = Usd.make(0)

export const digest = (text: string): string => hash("sha256", text, "hex")

/** A bug that was met while a request was answered. */
export const bug = (operation: string, defect: unknown): UnexpectedDefect => {
  const excerpt = defect instanceof Error ? `${defect.name}: ${defect.message}` : String(defect)
  return new UnexpectedDefect({ evidence: Evidence.make({ operation, excerpt, cause: defect }) })
}

/** Shaped like a provider's key, so that whatever keeps those out of logs keeps this one out. */
const newToken = () =>
  Redacted.make(`sk-moose-${randomBytes(24).toString("hex")}`, { label: "gateway token" })

export const make = (granted: Access["granted"], scope: Scope.Scope): Effect.Effect<Access> =>
  Effect.sync(() => {
    const calls: Array<GatewayCall> = []
    const replies = new Map<string, number>()
    let count = 0
    let settled = 0
    return {
      granted,
      id: randomBytes(16).toString("hex"),
      token: newToken(),
      scope,
      turn: Semaphore.makeUnsafe(1),
      next: () => {
        const number = ++count
        return { call: `${granted.call}/${number}`, number }
      },
      answered: (request) => replies.get(request) ?? 0,
      ended: (call, outcome, request) => {
        calls.push({ call, outcome })
        if (outcome._tag !== "Answered") return
        if (request !== undefined) replies.set(request, (replies.get(request) ?? 0) + 1)
        if (!outcome.replayed) settled += outcome.amount
      },
      account: () => ({ calls: [...calls], settled: Usd.make(settled) })
    }
  })
