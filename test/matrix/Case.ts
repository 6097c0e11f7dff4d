import { type Layer, Schema } from "effect"
import { Reason } from "../../src/domain/errors/PipelineError.ts"
import {
  ClientManagerRejected,
  ClientManagerUnavailable,
  EscalationMissing,
  PullRequestUnrecorded,
  SpoolFailed
} from "../../src/domain/errors/Reasons.ts"
import { BranchOccupied, QuarantineEmpty } from "../../src/domain/errors/PremisesError.ts"
import { DependencyDown } from "../../src/services/Incidents.ts"
import * as Faults from "../../src/testing/Faults.ts"
import { samples, serviceSamples } from "../../src/testing/Samples.ts"
import { type AnyService, type MethodName, type Subject, subjects } from "../../src/testing/Services.ts"
import { type DriverName, type Place, furtherPlaces, methods } from "./Methods.ts"

/** What a method meets. `forever`: longer than an order lives; then all is well again. */
export const modes = ["once", "forever", "lost", "hangs", "dies", "interrupted"] as const
export type Mode = (typeof modes)[number]

/** Longer than an order has left, in every driver. */
export const forever = "6 hours"

/** What any method can fail with. */
export const AnyReason = Schema.Union([
  Reason,
  DependencyDown,
  EscalationMissing,
  PullRequestUnrecorded,
  ClientManagerUnavailable,
  ClientManagerRejected,
  SpoolFailed,
  QuarantineEmpty,
  BranchOccupied
])
export type AnyReason = typeof AnyReason.Type

const known: Readonly<Partial<Record<string, AnyReason>>> = { ...samples, ...serviceSamples }
const encode = Schema.encodeSync(AnyReason)
const decode = Schema.decodeUnknownSync(AnyReason)

/** A reason as this method would fail with it: what was being done is its own operation. */
const at = (reason: AnyReason, operation: string): AnyReason => {
  const json = encode(reason)
  if ("evidence" in json) return decode({ ...json, evidence: { ...json.evidence, operation } })
  return "operation" in json ? decode({ ...json, operation }) : reason
}

/** Reasons that are repeated only where a classifier knows the evidence, and says that it passes. */
const recognisable: ReadonlyArray<string> = ["GitFailed", "EditorCrashed", "PushRejected", "ForgeFailed"]

/** As if a classifier had known it: what it says then holds instead of the reason's own row. */
export const recognised = {
  tag: "RemoteServerError",
  category: "transient",
  blame: "provider",
  severity: "medium",
  retryable: true,
  sideEffect: "none",
  hint: "A fault of the other side; it usually passes by itself."
} as const

/** The reason, and what else of its evidence is looked at: that it was recognised, that nobody said how long to wait. */
const variantsOf = (reason: AnyReason): ReadonlyArray<AnyReason> => {
  const json = encode(reason)
  if (!("evidence" in json)) return [reason]
  const { retryAfterMs, ...evidence } = json.evidence
  return [
    reason,
    ...(recognisable.includes(reason._tag)
      ? [decode({ ...json, evidence: { ...json.evidence, condition: recognised } })]
      : []),
    ...(retryAfterMs === undefined ? [] : [decode({ ...json, evidence })])
  ]
}

/** Of the reasons whose sample says how long to wait, the ones that do not. */
const isNotToldHowLong = (reason: AnyReason): boolean =>
  (reason._tag === "RateLimited" || reason._tag === "CircuitOpen") &&
  reason.evidence.retryAfterMs === undefined

const isRecognised = (reason: AnyReason | null): boolean =>
  reason !== null && "evidence" in reason && reason.evidence.condition !== undefined

/** "GitFailed", or "GitFailed+" where a classifier knew it; "RateLimited-" where nobody said how long to wait. */
export const labelOf = (reason: AnyReason): string =>
  `${reason._tag}${isRecognised(reason) ? "+" : ""}${isNotToldHowLong(reason) ? "-" : ""}`

/** The defect of `dies`. */
export const bug = new TypeError("patch.hunks is not iterable")

export interface Case {
  readonly method: MethodName
  readonly driver: DriverName
  readonly mode: Mode
  /** What it fails with; null where the mode is the same for every reason. */
  readonly reason: AnyReason | null
  /** "Workspace.push", or "Workspace.remoteHead#2" for its second call. */
  readonly place: string
  /** "Workspace.push once RemoteUnreachable" */
  readonly name: string
  readonly fault: Layer.Layer<never, never, AnyService>
  /** Hears of each call of the method. */
  readonly watch: (called: () => void) => Layer.Layer<never, never, AnyService>
}

const whatOf = (mode: Mode, reason: AnyReason | null): Faults.What<AnyReason> => {
  switch (mode) {
    case "once":
    case "forever":
      return reason === null ? Faults.hang : Faults.fail(reason)
    case "lost":
      return reason === null ? Faults.hang : Faults.loseReply(reason)
    case "hangs":
      return Faults.hang
    case "dies":
      return Faults.die(bug)
    case "interrupted":
      return Faults.interrupt
  }
}

const caseOf = (
  subject: Subject,
  method: MethodName,
  short: string,
  mode: Mode,
  reason: AnyReason | null,
  { call, driver }: Place
): Case => {
  const when = mode === "forever" ? Faults.during(forever) : Faults.nth(call)
  const place = call === 1 ? method : `${method}#${call}`
  return {
    method,
    place,
    driver,
    mode,
    reason,
    name: `${place} ${mode} ${reason === null ? "-" : labelOf(reason)}`,
    fault: subject.inject(short, whatOf(mode, reason), when),
    watch: (called) => subject.watch((it) => (it === short ? called() : undefined))
  }
}

const isMethod = (name: string): name is MethodName => Object.hasOwn(methods, name)

/** Every method of every service, with every reason that its contract declares, in every mode. */
export const cases: ReadonlyArray<Case> = Object.values(subjects).flatMap((subject) =>
  subject.methods.flatMap((short) => {
    const method = `${subject.name}.${short}`
    if (!isMethod(method)) throw new Error(`${method} has no driver in Methods.ts`)
    const { operation } = methods[method]
    const reasons = subject.reasonsOf(short).flatMap((tag) => {
      const sample = known[tag]
      if (sample === undefined) throw new Error(`${method} can fail with ${tag}, of which there is no sample`)
      return variantsOf(at(sample, operation))
    })
    const first: Place = { driver: methods[method].driver, call: 1 }
    return [
      ...modes.flatMap((mode) => {
        const each = mode === "once" || mode === "forever" || mode === "lost"
        return (each ? reasons : [null]).map((reason) => caseOf(subject, method, short, mode, reason, first))
      }),
      // The same reasons in the steps after the one that meets them first.
      ...(furtherPlaces[method] ?? []).flatMap((place) =>
        reasons.map((reason) => caseOf(subject, method, short, "once", reason, place))
      )
    ]
  })
)
