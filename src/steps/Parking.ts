import { Clock, DateTime, Duration, Effect, Option, Schema } from "effect"
import { type Dependency, blamed } from "../domain/Dependency.ts"
import type { AnyReason } from "../domain/errors/Failure.ts"
import { ModelsExhausted } from "../domain/errors/GenerationError.ts"
import { Reason } from "../domain/errors/PipelineError.ts"
import { BudgetExceeded } from "../domain/errors/Reasons.ts"
import type { WorkOrderId } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Policies, type Rules } from "../domain/policies/Policies.ts"
import { StepLabel } from "../domain/Status.ts"
import { StepContext } from "./StepContext.ts"

/**
 * The order stops here for a while, for something that is not its own fault. It never leaves the pipeline: the
 * step is run again when the wait is over. No error, for a replay makes one of every wait there was, and an error
 * would look each time where it was made.
 */
export class Parked extends Schema.TaggedClass<Parked>()("Parked", {
  step: StepLabel,
  dependency: Schema.String,
  tag: Schema.String,
  cause: Schema.String,
  resumeAt: Schema.DateTimeUtcFromString,
  incident: Schema.Boolean,
  /** The order was only told that the dependency is down, and waits for others to find out more. */
  behind: Schema.Boolean
}) {
  get message() {
    return `waits for ${this.dependency} until ${DateTime.formatIso(this.resumeAt)}: ${this.cause}`
  }
}

const isReason = Schema.is(Reason)
const isBudgetExceeded = Schema.is(BudgetExceeded)
const isModelsExhausted = Schema.is(ModelsExhausted)

/** Doubling from `first` to `longest`, and never shorter than the other side asked for. */
const waitAfter = Effect.fnUntraced(function* (waits: number, reason: AnyReason) {
  const { first, longest } = (yield* Policies).park
  const ours = Duration.min(Duration.times(first, 2 ** Math.min(waits, 10)), longest)
  const asked = reason.evidence?.retryAfterMs
  return asked === undefined ? ours : Duration.max(ours, Duration.millis(asked))
})

const until = Effect.fnUntraced(function* (reason: AnyReason, waits: number) {
  const now = yield* Clock.currentTimeMillis
  const resetsAt = isBudgetExceeded(reason) ? reason.resetsAt : null
  // A reset that is over did not help: asking again at once would only ask again and again.
  if (resetsAt !== null && DateTime.toEpochMillis(resetsAt) > now) return resetsAt
  return DateTime.makeUnsafe(now + Duration.toMillis(yield* waitAfter(waits, reason)))
})

/** What a wait is for when no dependency is to blame. */
const otherwise = (reason: AnyReason, project: string, step: string): Option.Option<Dependency> => {
  if (isBudgetExceeded(reason)) {
    return reason.resetsAt === null ? Option.none() : Option.some(`budget:${project}`)
  }
  if (reason._tag === "ProjectPaused") return Option.some(`project:${project}`)
  if (reason._tag === "StoreUnavailable" || reason._tag === "LedgerUnavailable") return Option.some("store")
  return isReason(reason) ? Option.none() : Option.some(`step:${step}`)
}

const canWait = (rules: Rules, reason: AnyReason): boolean =>
  rules.recoveryOf(reason).actions.includes("wait") &&
  (!isModelsExhausted(reason) || reason.failures.every((failure) => canWait(rules, failure)))

/**
 * Whether a failure that nothing else cured is waited out: when the table says so, somebody else is to blame,
 * and the order's deadline leaves room. `waits` counts the waits of this step so far that were its own.
 */
export const parking = Effect.fnUntraced(function* (
  reason: AnyReason,
  waits: number,
  provider: Dependency | undefined
) {
  const { step, name, rules, project, allowance } = yield* StepContext
  if (!canWait(rules, reason)) return Option.none()
  const dependency = isReason(reason) ? blamed(step, reason, project, provider) : Option.none()
  const waitsFor = Option.orElse(dependency, () => otherwise(reason, project.id, name))
  if (Option.isNone(waitsFor)) return Option.none()
  const resumeAt = yield* until(reason, waits)
  if (DateTime.toEpochMillis(resumeAt) > allowance.deadline) return Option.none()
  return Option.some(
    new Parked({
      step: name,
      dependency: waitsFor.value,
      tag: reason._tag,
      cause: reason.message,
      resumeAt,
      incident: Option.isSome(dependency),
      behind: false
    })
  )
})

/** The wait of an order that was told of an incident: never so short that it asks again and again. */
export const parkingBehind = Effect.fnUntraced(function* (
  step: string,
  down: Pick<Parked, "dependency" | "tag" | "cause" | "resumeAt">
) {
  const { dependency, tag, cause } = down
  const soonest = (yield* Clock.currentTimeMillis) + Duration.toMillis((yield* Policies).park.first)
  const resumeAt = DateTime.max(down.resumeAt, DateTime.makeUnsafe(soonest))
  return new Parked({ step, dependency, tag, cause, resumeAt, incident: false, behind: true })
})

/** The wait of an order that somebody has paused. It looks now and then by itself, in case nobody's word reaches it. */
export const parkingPaused = Effect.fnUntraced(function* (step: string, workOrderId: WorkOrderId) {
  const now = yield* Clock.currentTimeMillis
  const resumeAt = DateTime.makeUnsafe(now + Duration.toMillis((yield* Policies).park.longest))
  const dependency = `pause:${workOrderId}`
  const cause = "somebody has paused it"
  return new Parked({ step, dependency, tag: "Paused", cause, resumeAt, incident: false, behind: true })
})

/** The wait of an order that could not even be read; bounded like the waits that know the order's deadline. */
export const parkingUnread = Effect.fnUntraced(function* (
  step: string,
  rules: Rules,
  reason: AnyReason,
  waits: number
) {
  const longest = Duration.times((yield* Policies).park.longest, waits)
  const over = Duration.isGreaterThan(longest, Limits.orderDeadline)
  if (reason._tag !== "StoreUnavailable" || !canWait(rules, reason) || over) return Option.none()
  const { _tag: tag, message: cause } = reason
  const resumeAt = yield* until(reason, waits)
  return Option.some(
    new Parked({ step, dependency: "store", tag, cause, resumeAt, incident: false, behind: false })
  )
})
