import { Clock, Duration, Effect, Random } from "effect"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { meaningOf } from "../domain/policies/Meaning.ts"
import { recoveryOf } from "../domain/policies/Recovery.ts"
import { jitter, retry } from "../domain/policies/Retry.ts"
import { StepJournal } from "../services/StepJournal.ts"
import * as Failures from "./Failures.ts"
import { CurrentRetryBudget } from "./RetryBudget.ts"
import { StepContext } from "./StepContext.ts"

const askedToWait = (reason: Reason): Duration.Duration | undefined => {
  const ms = "evidence" in reason ? reason.evidence.retryAfterMs : undefined
  return ms === undefined ? undefined : Duration.millis(ms)
}

/** Ours, spread by the jitter; or what the other side asked for, never shorter. */
const waitFor = Effect.fnUntraced(function* (reason: Reason, nominal: Duration.Duration) {
  const asked = askedToWait(reason)
  const spread = yield* Random.nextBetween(1 - jitter, 1 + jitter)
  const ours = Duration.times(nominal, spread)
  return asked === undefined ? ours : Duration.max(asked, Duration.times(asked, Math.max(1, spread)))
})

/**
 * Repeats an effect as the recovery and retry tables say: only what can succeed unchanged, within the step's
 * delays and deadline, and within the process's retry budget for `key`. Each failed attempt is recorded at
 * once, with what is done about it. `handled` are reasons that something inside has repeated already.
 */
export const retrying = Effect.fnUntraced(function* <A, E extends Reason, R>(options: {
  readonly key: string
  readonly attempt: (number: number) => Effect.Effect<A, E, R>
  readonly handled?: (reason: E) => boolean
}) {
  const { at, step, waits } = yield* StepContext
  const journal = yield* StepJournal
  const budget = yield* CurrentRetryBudget
  const { delays, deadline } = retry[step]
  // After a wait one try tells whether it is over.
  const attemptsMax = waits > 0 ? 1 : delays.length + 1
  const startedAt = yield* Clock.currentTimeMillis

  const decide = Effect.fnUntraced(function* (reason: E, number: number) {
    if (options.handled?.(reason) === true) return undefined
    if (!recoveryOf(step, reason).actions.includes("retry") || !meaningOf(reason).retryable) return undefined
    const nominal = delays[number - 1]
    if (nominal === undefined || number >= attemptsMax) return undefined
    const wait = yield* waitFor(reason, nominal)
    const elapsed = (yield* Clock.currentTimeMillis) - startedAt
    if (elapsed + Duration.toMillis(wait) > Duration.toMillis(deadline)) return undefined
    return budget.take(options.key) ? wait : undefined
  })

  const go = (
    number: number
  ): Effect.Effect<A, E, R | Effect.Services<ReturnType<typeof Failures.describe>>> =>
    Effect.suspend(() => {
      budget.called(options.key)
      return options.attempt(number)
    }).pipe(
      Effect.catch((reason) =>
        Effect.gen(function* () {
          const wait = yield* decide(reason, number)
          if (wait === undefined) return yield* Effect.fail(reason)
          const failure = yield* Failures.describe(at, step, reason)
          const decision = `retry in ${(Duration.toMillis(wait) / 1000).toFixed(1)} s`
          yield* journal
            .commit({ ...at, facts: [{ _tag: "AttemptFailed", step, failure, decision }] })
            .pipe(Effect.catch((error) => Effect.logError("A failed attempt could not be recorded", error)))
          yield* Effect.sleep(wait)
          return yield* go(number + 1)
        })
      )
    )
  return yield* go(1)
})
