import { DateTime } from "effect"
import type { EscalationOption, NewEscalation } from "../Escalation.ts"
import type { AnyReason, Failure } from "../errors/Failure.ts"
import { BudgetExceeded } from "../errors/Reasons.ts"
import type { ProjectId } from "../Ids.ts"
import type { StepName } from "../Status.ts"
import { Usd, format, zero } from "../Usd.ts"
import type { WorkOrder } from "../WorkOrder.ts"
import { type Decider, rollbackAfter } from "./Recovery.ts"

type Option = EscalationOption

const abandon: Option = {
  option: "abandon",
  label: "Give the order up. What it made stays in quarantine or under review.",
  usd: zero,
  recommended: false
}

const takeOver: Option = {
  option: "take_over",
  label: "Finish it by hand. Nothing more is done for it.",
  usd: zero,
  recommended: false
}

const recommended = (option: Option): Option => ({ ...option, recommended: true })

const spentSoFar = ({ state }: Failure): Usd => ("spent" in state ? state.spent : zero)

/** Late steps take over what was paid for; early ones probably cost what the order has cost so far. */
const priceOf = (failure: Failure, from: StepName): Usd =>
  rollbackAfter[from] === "keep" || from === "applying" ? zero : spentSoFar(failure)

const retryFrom = (failure: Failure, from: StepName, label: string): Option => ({
  option: "retry",
  label,
  usd: priceOf(failure, from),
  recommended: false,
  step: from
})

const budgetOptions = (failure: Failure, reason: BudgetExceeded): NewEscalation["options"] => {
  const missing = Usd.make(Math.max(0, reason.requested - reason.left))
  const raise: Option = {
    option: "raise_budget",
    label: `Raise the limit by $${format(missing)} to $${format(Usd.make(reason.limit + missing))}, and go on.`,
    usd: missing,
    recommended: true,
    step: failure.step
  }
  const later: ReadonlyArray<Option> =
    reason.resetsAt === null
      ? []
      : [
          {
            option: "resume_later",
            label: `Go on when the limit has reset, at ${DateTime.formatIso(reason.resetsAt)} or later.`,
            usd: reason.requested,
            recommended: false,
            step: failure.step
          }
        ]
  return [raise, ...later, abandon]
}

/** What the options depend on. `proposal`: the order brought its own change, so no model can do better. */
type Order = Pick<WorkOrder, "project" | "proposal">

/** The work itself does not do: another model, the author of the change, or somebody's own hands may do better. */
const afterRejection = (failure: Failure, { proposal }: Order): NewEscalation["options"] => {
  const again = retryFrom(failure, failure.step, `Try ${failure.step} again.`)
  if (failure.step !== "generating" && failure.step !== "applying") {
    return [recommended(takeOver), again, abandon]
  }
  if (proposal !== undefined) {
    const label = "Give the order up, and submit a corrected change under another id."
    return [recommended({ ...abandon, label }), takeOver]
  }
  const label = "Ask again, with the model that failed as the last choice."
  const switched = retryFrom(failure, "routing", label)
  return [recommended({ ...switched, option: "switch_model", usd: spentSoFar(failure) }), takeOver, abandon]
}

/** How somebody can go on after a failure that nothing cured; one of the options is recommended. */
export const optionsFor = (failure: Failure, reason: AnyReason, order: Order): NewEscalation["options"] => {
  const { step, category, hint } = failure
  if (reason instanceof BudgetExceeded) return budgetOptions(failure, reason)
  switch (category) {
    case "transient":
    case "budget":
    case "configuration":
      return [
        recommended(retryFrom(failure, step, `When it is mended (${hint}), try ${step} again.`)),
        abandon
      ]
    case "ambiguous":
      return [
        recommended(retryFrom(failure, step, `When it is known what happened (${hint}), try ${step} again.`)),
        takeOver,
        abandon
      ]
    case "permanent":
      return [recommended(takeOver), retryFrom(failure, step, `Try ${step} again all the same.`), abandon]
    case "rejected":
      return afterRejection(failure, order)
  }
}

/** Whose trouble it is: one order's, one project's, or everybody's. */
const placeOf = ({ blame, workOrderId }: Failure, reason: AnyReason, project: ProjectId): string => {
  if (reason instanceof BudgetExceeded) return reason.scope === "work_order" ? workOrderId : project
  return blame === "task" ? project : "*"
}

/** What is told of the failure, and what raising a limit has to know. */
const contextOf = (failure: Failure, reason: AnyReason, project: ProjectId, decides: Decider) => {
  const { step, tag, component, operation, category, blame, message, hint, excerpt, traceId } = failure
  const told = { step, tag, component, operation, category, blame, message, hint, excerpt, project, decides }
  const traced = traceId === undefined ? told : { ...told, traceId }
  if (!(reason instanceof BudgetExceeded)) return traced
  const { scope, limit, requested, left, model } = reason
  const budget = { ...traced, scope, limit, requested, left }
  return model === undefined ? budget : { ...budget, model }
}

/**
 * The escalation of a failure that nothing cured. Failures alike join one: of the same step, reason and part, and,
 * where the work itself is to blame, of the same project. `decides` is who is asked. `question` is what a suspended order waits for: then
 * silence gives it up.
 */
export const escalationOf = (
  failure: Failure,
  reason: AnyReason,
  order: Order,
  decides: Decider,
  question?: string
): NewEscalation => ({
  type: "failure",
  severity: failure.severity,
  fingerprint: [
    "failure",
    placeOf(failure, reason, order.project),
    failure.step,
    failure.tag,
    failure.component,
    ...(order.proposal === undefined ? [] : ["own proposal"])
  ].join("/"),
  context: contextOf(failure, reason, order.project, decides),
  options: optionsFor(failure, reason, order),
  defaultOption: question === undefined ? null : "abandon",
  ...(question === undefined ? {} : { question })
})
