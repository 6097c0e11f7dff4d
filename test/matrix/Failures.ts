import type { Failure } from "../../src/domain/errors/Failure.ts"
import type { ErrorEvent } from "../../src/testing/memory/State.ts"
import { type AnyReason, bug, labelOf, recognised } from "./Case.ts"
import { methods } from "./Methods.ts"
import type { Met } from "./Observed.ts"
import { type Told, told } from "./Reasons.ts"

/* Whether a row of `error_events` says everything, and says it right. */

const says = (what: string, found: unknown, wanted: unknown): ReadonlyArray<string> =>
  found === wanted ? [] : [`${what} is ${String(found)}, not ${String(wanted)}`]

const meaningIs = (failure: Failure, row: Told): ReadonlyArray<string> => [
  ...says("category", failure.category, row.category),
  ...says("blame", failure.blame, row.blame),
  ...says("severity", failure.severity, row.severity),
  ...says("retryable", failure.retryable, row.retryable),
  ...says("side effect", failure.sideEffect, row.sideEffect),
  ...says("hint", failure.hint, row.hint)
]

const evidenceOf = (reason: AnyReason) => ("evidence" in reason ? reason.evidence : undefined)

/** The row is about the very failure that the case made. */
const isWhatWasMet = (event: ErrorEvent, reason: AnyReason, met: Met, row: Told): ReadonlyArray<string> => {
  const { failure } = event
  const evidence = evidenceOf(reason)
  const stacked = evidence?.cause !== undefined
  const service = met.method.slice(0, met.method.indexOf("."))
  const component = row.component === "of the service" ? componentOfService[service] : row.component
  return [
    ...says("message", failure.message, reason.message),
    ...says("operation", failure.operation, evidence?.operation ?? failure.step),
    ...says("excerpt", failure.excerpt, evidence?.excerpt ?? ""),
    ...says("retryAfterMs", failure.retryAfterMs, evidence?.retryAfterMs ?? null),
    ...says("a stack", failure.stack !== undefined, stacked),
    ...says("component", failure.component, component)
  ]
}

/** What a service talks to, where the reason itself does not say. */
const componentOfService: Readonly<Partial<Record<string, string>>> = {
  GitHub: "forge",
  Workspace: "git",
  Proposer: "provider",
  CodeEditor: "provider",
  ModelGateway: "provider",
  Manager: "manager"
}

const isTheBug = (failure: Failure): ReadonlyArray<string> => [
  ...(failure.excerpt.includes(bug.message) ? [] : [`excerpt ${failure.excerpt} does not name the bug`]),
  ...(failure.stack?.includes(bug.message) === true ? [] : ["the bug's stack is missing"])
]

/** Every field of one row that can be known. */
export const wrongIn = (event: ErrorEvent, met: Met): ReadonlyArray<string> => {
  const { failure } = event
  const row = told[failure.tag]
  if (row === undefined) return [`${failure.tag} has no line in reasons.txt`]
  const unknowable = "unknown" in failure.state
  const stateFails = met.method === "WorkOrders.state"
  const wrong = [
    ...(failure.hint === recognised.hint
      ? meaningIs(failure, { ...row, ...recognised })
      : meaningIs(failure, row)),
    ...says("work order", failure.workOrderId, event.workOrderId),
    ...says("run", failure.run, event.run),
    ...says("step", failure.step, event.step),
    ...(failure.attempt >= 0 && Number.isInteger(failure.attempt) ? [] : [`attempt is ${failure.attempt}`]),
    ...(/^[0-9a-f]{32}$/.test(failure.traceId ?? "") ? [] : [`trace id is ${failure.traceId}`]),
    ...(unknowable && !stateFails ? ["the order's state is missing"] : []),
    ...(failure.tag === "ModelsExhausted" && failure.causes.length < 2 ? ["its causes are missing"] : []),
    ...(failure.tag !== "ModelsExhausted" && failure.causes.length > 0 ? ["it has causes"] : []),
    ...(failure.tag === "UnexpectedDefect" && met.mode === "dies" ? isTheBug(failure) : []),
    ...(failure.tag === met.reason?._tag && failure.operation === methods[met.method].operation
      ? [
          ...isWhatWasMet(event, met.reason, met, row),
          ...says(
            "known to a classifier",
            failure.hint === recognised.hint,
            labelOf(met.reason).endsWith("+")
          )
        ]
      : [])
  ]
  return wrong.map((text) => `${event.step} ${failure.tag}: ${text}`)
}
