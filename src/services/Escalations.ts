import { Context, Schema } from "effect"
import { EscalationMissing, storeReasons } from "../domain/errors/Reasons.ts"
import { Escalation, EscalationId, NewEscalation, OptionName, Receipt } from "../domain/Escalation.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { Usd } from "../domain/Usd.ts"
import type { Service } from "./Contract.ts"

const one = Schema.Struct({ id: EscalationId })
/** Which notice of an escalation, counted from 0: whoever comes late with its outcome changes nothing. */
const notice = { id: EscalationId, notices: Schema.Int }

export const EscalationsContract = {
  /** Opens an escalation that no step's result carries, or joins the open one. The same `key` again is the same one. */
  raise: {
    input: Schema.Struct({
      ...NewEscalation.fields,
      key: Schema.NonEmptyString,
      workOrderId: Schema.optionalKey(WorkOrderId),
      run: Schema.optionalKey(Run)
    }),
    output: EscalationId,
    failure: Schema.Union(storeReasons)
  },
  get: { input: one, output: Escalation, failure: Schema.Union([...storeReasons, EscalationMissing]) },
  /** Newest first. */
  list: {
    input: Schema.Struct({
      status: Schema.optionalKey(Escalation.fields.status),
      workOrderId: Schema.optionalKey(WorkOrderId),
      limit: Schema.Int
    }),
    output: Schema.Array(Escalation),
    failure: Schema.Union(storeReasons)
  },
  /** Somebody has seen it and takes it: there are no more reminders. */
  acknowledge: {
    input: Schema.Struct({ id: EscalationId, by: Schema.NonEmptyString }),
    output: Escalation,
    failure: Schema.Union([...storeReasons, EscalationMissing])
  },
  /**
   * Somebody chose. Orders that wait for the decision go on or are given up; orders that failed get another run
   * where the option says so. The same choice again changes nothing; another one is StoreConflict. `amount` is by
   * how much a budget is raised, the option's own where it is missing.
   */
  resolve: {
    input: Schema.Struct({
      id: EscalationId,
      option: OptionName,
      by: Schema.NonEmptyString,
      amount: Schema.optionalKey(Usd),
      note: Schema.optionalKey(Schema.String)
    }),
    output: Escalation,
    failure: Schema.Union([...storeReasons, EscalationMissing])
  },
  /** Takes notices that are due, for `Limits.noticeHold`: within that somebody says how it went, or others take them. */
  dueNotices: {
    input: Schema.Struct({ limit: Schema.Int }),
    output: Schema.Array(Escalation),
    failure: Schema.Union(storeReasons)
  },
  /**
   * The notice arrived; the next one, a reminder, is due after `ackMs`, or there is none. `undelivered`: it arrived
   * nowhere, and is due again itself after `ackMs`.
   */
  noticeSent: {
    input: Schema.Struct({
      ...notice,
      receipt: Receipt,
      ackMs: Schema.NullOr(Schema.Int),
      undelivered: Schema.optionalKey(Schema.Boolean)
    }),
    output: Schema.Void,
    failure: Schema.Union(storeReasons)
  }
} as const

/** What somebody has to know or decide. A failure that ends an order is the fact Escalated, in the step's own commit. */
export class Escalations extends Context.Service<Escalations, Service<typeof EscalationsContract>>()(
  "moose/services/Escalations"
) {}
