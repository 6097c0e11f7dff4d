import { Layer, Schema } from "effect"
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
import { type Answer, answers as allAnswers } from "./Answers.ts"
import { type DriverName, type Place, furtherPlaces, methods, refusing } from "./Methods.ts"

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
const recognisable: ReadonlyArray<string> = [
  "GitFailed",
  "EditorCrashed",
  "WorktreeFailed",
  "PushRejected",
  "ForgeFailed"
]

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
  if (json._tag === "BudgetExceeded")
    return [reason, decode({ ...json, scope: "work_order", resetsAt: null })]
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
  (reason._tag === "BudgetExceeded" && reason.resetsAt === null) ||
  ((reason._tag === "RateLimited" || reason._tag === "CircuitOpen") &&
    reason.evidence.retryAfterMs === undefined)

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
  /** What it fails with; null where the mode is the same for every reason, or it does not fail at all. */
  readonly reason: AnyReason | null
  /** "Workspace.push", "Workspace.remoteHead#2" for its second call, "Proposer.ask@alone" for another order. */
  readonly place: string
  /** "Workspace.push once RemoteUnreachable", "Proposer.ask once =truncated" for an answer. */
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
      return Faults.die(reason ?? bug)
    case "interrupted":
      return Faults.interrupt
  }
}

const placeOf = (method: MethodName, { call, label }: Place): string =>
  `${method}${call === 1 ? "" : `#${call}`}${label === undefined ? "" : `@${label}`}`

const whenOf = (mode: Mode, { call }: Place): Faults.When =>
  mode === "forever" ? Faults.during(forever, call) : Faults.nth(call)

const shortOf = (method: MethodName) => method.slice(method.indexOf(".") + 1)

const watchOf =
  (subject: Subject, method: MethodName): Case["watch"] =>
  (called) =>
    subject.watch((it) => (it === shortOf(method) ? called() : undefined))

const caseOf = (
  subject: Subject,
  method: MethodName,
  mode: Mode,
  reason: AnyReason | null,
  at: Place
): Case => {
  const place = placeOf(method, at)
  return {
    method,
    place,
    driver: at.driver,
    mode,
    reason,
    name: `${place} ${mode} ${reason === null ? "-" : labelOf(reason)}`,
    fault: subject.inject(shortOf(method), whatOf(mode, reason), whenOf(mode, at)),
    watch: watchOf(subject, method)
  }
}

const isMethod = (name: string): name is MethodName => Object.hasOwn(methods, name)
const isEach = (mode: Mode) => mode === "once" || mode === "forever" || mode === "lost"

/** What a journal refuses comes up through the call that was to be kept, as a defect of its own kind. */
const refused = samples.ResultRefused

const casesOf = (subject: Subject): ReadonlyArray<Case> =>
  subject.methods.flatMap((short) => {
    const method = `${subject.name}.${short}`
    if (!isMethod(method)) throw new Error(`${method} has no driver in Methods.ts`)
    const { operation, driver } = methods[method]
    const reasons = subject.reasonsOf(short).flatMap((tag) => {
      const sample = known[tag]
      if (sample === undefined) throw new Error(`${method} can fail with ${tag}, of which there is no sample`)
      return variantsOf(at(sample, operation))
    })
    const first: Place = { driver, call: 1 }
    return [
      ...modes.flatMap((mode) =>
        (isEach(mode) ? reasons : [null]).map((reason) => caseOf(subject, method, mode, reason, first))
      ),
      ...(refusing.includes(method) ? [caseOf(subject, method, "dies", refused, first)] : []),
      // The same reasons in the steps after the one that meets them first, or in other orders.
      ...(furtherPlaces[method] ?? []).flatMap((place) => [
        ...reasons.map((reason) => caseOf(subject, method, "once", reason, place)),
        // Whoever is only told of an incident waits in every step alike, and for long.
        ...reasons
          .filter(({ _tag }) => _tag !== "DependencyDown")
          .map((reason) => caseOf(subject, method, "forever", reason, place))
      ])
    ]
  })

/** Calls that do well, and answer what is not so. */
const answered = ({ method, label, place, answers }: Answer): ReadonlyArray<Case> =>
  (["once", "forever"] as const).map((mode) => {
    const name = placeOf(method, place)
    return {
      method,
      place: name,
      driver: place.driver,
      mode,
      reason: null,
      name: `${name} ${mode} =${label}`,
      fault: answers(whenOf(mode, place)),
      watch: (called) => {
        const subject = Object.values(subjects).find((it) => method.startsWith(`${it.name}.`))
        return subject === undefined ? Layer.empty : watchOf(subject, method)(called)
      }
    }
  })

/** Every method of every service, with every reason that its contract declares, in every mode; and wrong answers. */
export const cases: ReadonlyArray<Case> = [
  ...Object.values(subjects).flatMap(casesOf),
  ...allAnswers.flatMap(answered)
]
