import { Clock, DateTime, Duration, Effect, Option, Schema } from "effect"
import { type Dependency, blamed } from "../domain/Dependency.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { recoveryOf } from "../domain/policies/Recovery.ts"
import { StepName } from "../domain/Status.ts"
import { StepContext } from "./StepContext.ts"

/**
 * The order stops here for a while, for something that is not its own fault. It leaves the step like an error
 * and never leaves the pipeline: the step is run again when the wait is over.
 */
export class Parked extends Schema.TaggedError<Parked>()("Parked", {
  step: StepName,
  dependency: Schema.String,
  tag: Schema.String,
  cause: Schema.String,
  resumeAt: Schema.DateTimeUtcFromString,
  incident: Schema.Boolean
}) {
  override get message() {
    return `waits for ${this.dependency} until ${DateTime.formatIso(this.resumeAt)}: ${this.cause}`
  }
}

/** Doubling from `parkFirst` to `parkLongest`, and never shorter than the other side asked for. */
const waitAfter = (waits: number, reason: Reason): Duration.Duration => {
  const ours = Duration.min(Duration.times(Limits.parkFirst, 2 ** Math.min(waits, 10)), Limits.parkLongest)
  const asked = "evidence" in reason ? reason.evidence.retryAfterMs : undefined
  return asked === undefined ? ours : Duration.max(ours, Duration.millis(asked))
}

const until = Effect.fnUntraced(function* (reason: Reason, waits: number) {
  if (reason._tag === "BudgetExceeded" && reason.resetsAt !== null) return reason.resetsAt
  const now = yield* Clock.currentTimeMillis
  return DateTime.makeUnsafe(now + Duration.toMillis(waitAfter(waits, reason)))
})

/** What a wait is for when no dependency is to blame. */
const otherwise = (reason: Reason, project: string): Option.Option<Dependency> => {
  if (reason._tag === "BudgetExceeded") {
    return reason.resetsAt === null ? Option.none() : Option.some(`budget:${project}`)
  }
  return reason._tag === "ProjectPaused" ? Option.some(`project:${project}`) : Option.none()
}

const canWait = (step: StepName, reason: Reason): boolean =>
  recoveryOf(step, reason).actions.includes("wait") &&
  (reason._tag !== "ModelsExhausted" || reason.failures.every((failure) => canWait(step, failure)))

/**
 * Whether a failure that nothing else cured is waited out: when the table says so, somebody else is to blame,
 * and the order's deadline leaves room. `waits` counts the waits of this step so far.
 */
export const parking = Effect.fnUntraced(function* (
  reason: Reason,
  waits: number,
  provider: Dependency | undefined
) {
  const { step, project, submittedAt } = yield* StepContext
  if (!canWait(step, reason)) return Option.none()
  const dependency = blamed(step, reason, project, provider)
  const waitsFor = Option.orElse(dependency, () => otherwise(reason, project.id))
  if (Option.isNone(waitsFor)) return Option.none()
  const resumeAt = yield* until(reason, waits)
  const deadline = submittedAt * 1000 + Duration.toMillis(Limits.orderDeadline)
  if (DateTime.toEpochMillis(resumeAt) > deadline) return Option.none()
  return Option.some(
    new Parked({
      step,
      dependency: waitsFor.value,
      tag: reason._tag,
      cause: reason.message,
      resumeAt,
      incident: Option.isSome(dependency)
    })
  )
})
