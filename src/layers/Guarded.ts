import { Duration, Effect, Exit, Layer, Option, Schedule, Semaphore, Stream } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { type Dependency, providerOf } from "../domain/Dependency.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { CircuitOpen } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { meaningOf } from "../domain/policies/Meaning.ts"
import { whileHeld } from "../services/Claim.ts"
import { GitHub } from "../services/GitHub.ts"
import { Proposer } from "../services/Proposer.ts"

/**
 * What keeps one process from hammering a dependency that is down, and from having all its work wait for one
 * that is slow: a circuit breaker and a bulkhead for each.
 */

const evidenceOf = (reason: Reason): Evidence.Evidence | undefined =>
  "evidence" in reason ? reason.evidence : undefined

/** Does this failure say that the dependency is unwell, whoever asks it for what? */
const isUnwell = (reason: Reason): boolean => {
  const { blame, category } = meaningOf(reason)
  if (blame !== "provider" && blame !== "platform") return false
  if (category !== "ambiguous") return category === "transient"
  // A request that was read and declined says nothing against the one who declined it.
  const status = evidenceOf(reason)?.httpStatus
  return status === undefined || status < 400 || status > 499
}

/** What the end of a call says about the dependency: nothing at all, when it did not get as far as that. */
const outcomeOf = (exit: Exit.Exit<unknown, Reason>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const reason = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (reason === undefined) return CircuitBreaker.ignored
  const evidence = evidenceOf(reason)
  if (isUnwell(reason)) {
    const asked = evidence?.retryAfterMs
    return CircuitBreaker.failure(asked === undefined ? {} : { retryAfter: Duration.millis(asked) })
  }
  return evidence?.httpStatus === undefined ? CircuitBreaker.ignored : CircuitBreaker.success
}

const told = (transition: CircuitBreaker.Transition): Effect.Effect<void> =>
  transition.to === "Open"
    ? Effect.logWarning(
        `${transition.key} is left alone for ${Duration.toMillis(transition.retryAfter) / 1000} s: too many calls of it failed in a row`
      )
    : Effect.logInfo(`${transition.key} is ${transition.to === "Closed" ? "well again" : "tried again"}`)

/** What keeps the calls of every dependency apart. */
const makeGuard = Effect.gen(function* () {
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(Limits.circuitFailures),
    openDuration: Schedule.min([
      Schedule.exponential(Limits.circuitOpen),
      Schedule.spaced(Limits.circuitOpenLongest)
    ]),
    maxOpenDuration: Limits.circuitAskedLongest
  })
  yield* Effect.forkScoped(Stream.runForEach(breaker.transitions, told), { startImmediately: true })

  const bulkheads = new Map<Dependency, Semaphore.Semaphore>()
  const bulkheadOf = (key: Dependency): Semaphore.Semaphore => {
    const found = bulkheads.get(key) ?? Semaphore.makeUnsafe(Limits.callsAtOnce)
    bulkheads.set(key, found)
    return found
  }
  const lastFailures = new Map<Dependency, string>()

  const refused = (key: Dependency, { reason }: CircuitBreaker.CircuitBreakerError): CircuitOpen => {
    const retryAfterMs =
      reason._tag === "CircuitOpen" ? Math.ceil(Duration.toMillis(reason.retryAfter)) : undefined
    const why =
      retryAfterMs === undefined
        ? "another call is finding out whether it is well again"
        : `too many calls in a row failed, the last: ${lastFailures.get(key) ?? "unknown"}`
    return new CircuitOpen({
      dependency: key,
      evidence: Evidence.make({
        operation: `call ${key}`,
        excerpt: why,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs })
      })
    })
  }

  return <A, E extends Reason, R>(
    key: Dependency,
    call: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | CircuitOpen, R> => {
    const remembered = Effect.tapError(call, (reason) =>
      Effect.sync(() => {
        if (isUnwell(reason)) lastFailures.set(key, reason.message)
      })
    )
    const broken = breaker
      .execute(remembered, { key, classify: outcomeOf })
      .pipe(
        Effect.mapError((error) =>
          error instanceof CircuitBreaker.CircuitBreakerError ? refused(key, error) : error
        )
      )
    // Outside the breaker: what has waited for its turn is not sent to a dependency that failed meanwhile, nor for a run
    // that others have taken over.
    return bulkheadOf(key).withPermit(whileHeld(broken))
  }
})

/**
 * The proposer that it is given, guarded for each model by itself. After `Limits.circuitFailures` calls in a row
 * that failed through no fault of the order's, a model is not asked but fails as CircuitOpen: for
 * `Limits.circuitOpen`, twice as long each time, or as long as the provider asks. Then one call finds out
 * whether it is well. At most `Limits.callsAtOnce` calls are made at once, and further ones wait.
 */
export const proposer: Layer.Layer<Proposer, never, Proposer> = Layer.effect(
  Proposer,
  Effect.gen(function* () {
    const real = yield* Proposer
    const guarded = yield* makeGuard
    return Proposer.of({
      ask: (input) => guarded(`${providerOf(input.model)}/${input.model.model}`, real.ask(input))
    })
  })
).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))

/** The forge that it is given, guarded in the same way as one dependency. */
export const gitHub: Layer.Layer<GitHub, never, GitHub> = Layer.effect(
  GitHub,
  Effect.gen(function* () {
    const real = yield* GitHub
    const guarded = yield* makeGuard
    const key = "forge"
    return GitHub.of({
      getRepository: (input) => guarded(key, real.getRepository(input)),
      findPullRequests: (input) => guarded(key, real.findPullRequests(input)),
      getPullRequest: (input) => guarded(key, real.getPullRequest(input)),
      createPullRequest: (input) => guarded(key, real.createPullRequest(input)),
      commentPullRequest: (input) => guarded(key, real.commentPullRequest(input)),
      closePullRequest: (input) => guarded(key, real.closePullRequest(input))
    })
  })
).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
