import { Clock, Duration, Effect, Option, Random, Schema } from "effect"
import { type Dependency, blamed } from "../domain/Dependency.ts"
import type { AnyReason } from "../domain/errors/Failure.ts"
import { Reason } from "../domain/errors/PipelineError.ts"
import type { Fact } from "../domain/Fact.ts"
import { jitter } from "../domain/policies/Retry.ts"
import { StepJournal } from "../services/StepJournal.ts"
import * as Failures from "./Failures.ts"
import { CurrentRetryBudget } from "./RetryBudget.ts"
import { StepContext } from "./StepContext.ts"

const isReason = Schema.is(Reason)

const askedToWait = ({ evidence }: AnyReason): Duration.Duration | undefined =>
  evidence?.retryAfterMs === undefined ? undefined : Duration.millis(evidence.retryAfterMs)

/** Ours, spread by the jitter; or what the other side asked for, never shorter. */
const waitFor = Effect.fnUntraced(function* (reason: AnyReason, nominal: Duration.Duration) {
  const asked = askedToWait(reason)
  const spread = yield* Random.nextBetween(1 - jitter, 1 + jitter)
  const ours = Duration.times(nominal, spread)
  return asked === undefined ? ours : Duration.max(asked, Duration.times(asked, Math.max(1, spread)))
})

/**
 * Repeats an effect as the step's rules say: only what can succeed unchanged, within the step's delays for that
 * reason, the deadline of them all, and the process's retry budget for whatever is to blame. Each failed attempt is
 * recorded at once, with what is done about it. `handled` are reasons that something inside has repeated already.
 */
export const retrying = Effect.fnUntraced(function* <A, E extends AnyReason, R>(options: {
  /** What an attempt calls. */
  readonly needs: ReadonlyArray<Dependency>
  /** Who is to blame when a model is not answered. */
  readonly provider: Dependency | undefined
  readonly attempt: (number: number) => Effect.Effect<A, E, R>
  readonly handled?: (reason: E) => boolean
}) {
  const { at, step, name, probing, project, rules, allowance } = yield* StepContext
  const journal = yield* StepJournal
  const budget = yield* CurrentRetryBudget
  const { delays, deadline } = rules.retry
  const startedAt = yield* Clock.currentTimeMillis
  // Per reason: a forge that was down for a while leaves a lock all the patience that locks have.
  const repeated = new Map<string, number>()

  const decide = Effect.fnUntraced(function* (reason: E) {
    if (options.handled?.(reason) === true) return undefined
    const { actions } = rules.recoveryOf(reason)
    const meaning = rules.meaningOf(reason)
    if (!actions.includes("retry") || !meaning.retryable) return undefined
    const spared = isReason(reason) ? blamed(step, reason, project, options.provider) : Option.none()
    // One call of a model tells whether its outage is over, and calls may be paid for.
    const { provider } = options
    const isProbe = Option.exists(spared, (it) => it === provider && probing.includes(it))
    if (isProbe && actions.includes("wait")) return undefined
    const nominal = delays[repeated.get(reason._tag) ?? 0]
    if (nominal === undefined) return undefined
    const wait = yield* waitFor(reason, nominal)
    const beginsAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(wait)
    if (beginsAt > startedAt + Duration.toMillis(deadline)) return undefined
    if (!allowance.allows(meaning, beginsAt)) return undefined
    // A lock, a crash or the store have nobody to be spared; the delays bound them.
    return Option.isNone(spared) || budget.take(spared.value) ? wait : undefined
  })

  const go = (
    number: number
  ): Effect.Effect<A, E, R | Effect.Services<ReturnType<typeof Failures.describe>>> =>
    Effect.suspend(() => {
      for (const dependency of options.needs) budget.called(dependency)
      return options.attempt(number)
    }).pipe(
      Effect.catch((reason) =>
        Effect.gen(function* () {
          const wait = yield* decide(reason)
          if (wait === undefined) return yield* Effect.fail(reason)
          const meaning = rules.meaningOf(reason)
          const failure = yield* Failures.describe(
            { at, step, attempt: allowance.attempt() },
            reason,
            meaning
          )
          allowance.spend(meaning)
          repeated.set(reason._tag, (repeated.get(reason._tag) ?? 0) + 1)
          const decision = `retry in ${(Duration.toMillis(wait) / 1000).toFixed(1)} s`
          const facts: ReadonlyArray<Fact> = [{ _tag: "AttemptFailed", step: name, failure, decision }]
          yield* journal.commit({ ...at, facts }).pipe(
            // Then with the step's result, when the store is back.
            Effect.catch(() => journal.append({ ...at, facts })),
            Effect.catch((error) => Effect.logError("A failed attempt could not be recorded", error))
          )
          yield* Effect.sleep(wait)
          return yield* go(number + 1)
        })
      )
    )
  return yield* go(1)
})
