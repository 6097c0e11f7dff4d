import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Reason } from "../../src/domain/errors/PipelineError.ts"
import { ForgeFailed } from "../../src/domain/errors/PullRequestError.ts"
import { CircuitOpen, RateLimited } from "../../src/domain/errors/Reasons.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as Guarded from "../../src/layers/Guarded.ts"
import type { Failure } from "../../src/services/Contract.ts"
import { GitHub, type GitHubContract } from "../../src/services/GitHub.ts"
import { type ModelReply, Proposer, type ProposerContract } from "../../src/services/Proposer.ts"
import { samples } from "../../src/testing/Samples.ts"
import { pullRequest, reply, route } from "../support/World.ts"

type AskFailure = Failure<typeof ProposerContract, "ask">
type CreateFailure = Failure<typeof GitHubContract, "createPullRequest">
type Answer = Effect.Effect<ModelReply, AskFailure>

const [mini, large] = route.models
if (mini === undefined || large === undefined) throw new Error("two models are needed")

const { circuitAskedLongest, circuitFailures, circuitOpen, circuitOpenLongest, callsAtOnce } = Limits
const openMs = Duration.toMillis(circuitOpen)
const evidence = { operation: "test", excerpt: "as told" }

/** A provider that answers as it is told at the moment, and counts what reaches it. */
class Provider {
  readonly asked: Array<string> = []
  answer: Answer = Effect.succeed(reply)
  readonly layer = Guarded.proposer.pipe(
    Layer.provide(
      Layer.succeed(Proposer, {
        ask: ({ model }) =>
          Effect.suspend(() => {
            this.asked.push(model.model)
            return this.answer
          })
      })
    )
  )
}

const ask = (model = mini) =>
  Effect.flatMap(Proposer, (proposer) => proposer.ask({ model, system: "", prompt: "" }))

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.exit(effect))

/** Fails as often as it takes. */
const trip = (provider: Provider, reason: AskFailure = samples.ProviderOverloaded) =>
  Effect.suspend(() => {
    provider.answer = Effect.fail(reason)
    return times(circuitFailures, ask())
  })

const refusal = (effect: Effect.Effect<unknown, Reason, Proposer>) =>
  Effect.flatMap(Effect.flip(effect), (reason) => {
    assert.instanceOf(reason, CircuitOpen)
    return Effect.succeed(reason)
  })

const inWorld = <A, E>(body: (provider: Provider) => Effect.Effect<A, E, Proposer>) => {
  const provider = new Provider()
  return body(provider).pipe(Effect.provide(provider.layer))
}

describe("a model that fails", () => {
  it.effect("is asked until it has failed so often in a row, and then left alone", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        provider.answer = Effect.fail(samples.ProviderOverloaded)
        for (let call = 1; call <= circuitFailures; call++) {
          assert.strictEqual(yield* Effect.flip(ask()), samples.ProviderOverloaded)
        }
        const { dependency, evidence, message } = yield* refusal(ask())
        assert.strictEqual(provider.asked.length, circuitFailures)
        assert.strictEqual(dependency, "provider:openai/gpt-5-mini")
        assert.strictEqual(evidence.retryAfterMs, openMs)
        assert.include(message, samples.ProviderOverloaded.message)
        yield* TestClock.adjust(openMs / 3)
        assert.strictEqual((yield* refusal(ask())).evidence.retryAfterMs, (openMs * 2) / 3)
        assert.strictEqual(provider.asked.length, circuitFailures)
      })
    )
  )

  it.effect("is asked on when it answers in between", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        for (let round = 0; round < 3; round++) {
          provider.answer = Effect.fail(samples.ProviderUnavailable)
          yield* times(circuitFailures - 1, ask())
          provider.answer = Effect.succeed(reply)
          assert.strictEqual(yield* ask(), reply)
        }
        assert.strictEqual(provider.asked.length, 3 * circuitFailures)
      })
    )
  )

  it.effect("does not keep another one from being asked", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider)
        provider.answer = Effect.succeed(reply)
        assert.strictEqual(yield* ask(large), reply)
        yield* refusal(ask(mini))
      })
    )
  )
})

describe("a model that is left alone", () => {
  it.effect("is tried again by exactly one call, whose success ends it", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider)
        yield* TestClock.adjust(openMs - 1)
        yield* refusal(ask())
        yield* TestClock.adjust(1)

        const answers = yield* Deferred.make<ModelReply>()
        provider.answer = Deferred.await(answers)
        const probe = yield* Effect.forkChild(ask(), { startImmediately: true })
        for (let other = 0; other < 10; other++) {
          const { evidence } = yield* refusal(ask())
          assert.notProperty(evidence, "retryAfterMs")
        }
        assert.strictEqual(provider.asked.length, circuitFailures + 1)
        yield* Deferred.succeed(answers, reply)
        assert.strictEqual(yield* Fiber.join(probe), reply)
        yield* times(10, ask())
        assert.strictEqual(provider.asked.length, circuitFailures + 11)
      })
    )
  )

  it.effect("is left alone for twice as long after each try that fails, up to the longest", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider)
        let expected = openMs
        for (let opening = 0; opening < 8; opening++) {
          const { retryAfterMs = 0 } = (yield* refusal(ask())).evidence
          assert.strictEqual(retryAfterMs, Math.min(expected, Duration.toMillis(circuitOpenLongest)))
          yield* TestClock.adjust(retryAfterMs)
          assert.strictEqual(yield* Effect.flip(ask()), samples.ProviderOverloaded)
          expected *= 2
        }
      })
    )
  )

  it.effect("answers an order's own fault and so is well again", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider)
        yield* TestClock.adjust(circuitOpen)
        provider.answer = Effect.fail(samples.ContextWindowExceeded)
        yield* times(circuitFailures + 1, ask())
        assert.strictEqual(provider.asked.length, 2 * circuitFailures + 1)
      })
    )
  )

  it.effect("is tried by the next call when the one that tried it was interrupted", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider)
        yield* TestClock.adjust(circuitOpen)
        provider.answer = Effect.never
        const probe = yield* Effect.forkChild(ask(), { startImmediately: true })
        yield* refusal(ask())
        yield* Fiber.interrupt(probe)
        provider.answer = Effect.succeed(reply)
        assert.strictEqual(yield* ask(), reply)
      })
    )
  )
})

describe("how long the other side asks for", () => {
  const limited = (retryAfterMs: number) =>
    new RateLimited({ service: "openai", evidence: { ...evidence, retryAfterMs } })
  const opensFor = (retryAfterMs: number, ms: number) =>
    inWorld((provider) =>
      Effect.gen(function* () {
        yield* trip(provider, limited(retryAfterMs))
        assert.strictEqual((yield* refusal(ask())).evidence.retryAfterMs, ms)
        yield* TestClock.adjust(ms - 1)
        yield* refusal(ask())
        yield* TestClock.adjust(1)
        provider.answer = Effect.succeed(reply)
        assert.strictEqual(yield* ask(), reply)
      })
    )

  it.effect("counts when it is longer", () => opensFor(4 * openMs, 4 * openMs))
  it.effect("does not count when it is shorter", () => opensFor(1, openMs))
  it.effect("counts up to a limit", () =>
    opensFor(7 * 24 * 3_600_000, Duration.toMillis(circuitAskedLongest))
  )
})

describe("what says something about the other side", () => {
  const askReasons = [
    "RateLimited",
    "ProviderOverloaded",
    "ProviderUnavailable",
    "TimedOut",
    "QuotaExhausted",
    "AuthenticationFailed",
    "ModelNotFound",
    "ContextWindowExceeded",
    "Refused",
    "RequestRejected"
  ] as const
  const trips: ReadonlyArray<string> = [
    "RateLimited",
    "ProviderOverloaded",
    "ProviderUnavailable",
    "TimedOut"
  ]
  for (const tag of askReasons) {
    const counts = trips.includes(tag)
    it.effect(`a model's ${tag} ${counts ? "counts" : "does not count"}`, () =>
      inWorld((provider) =>
        Effect.gen(function* () {
          provider.answer = Effect.fail(samples[tag])
          yield* times(3 * circuitFailures, ask())
          assert.strictEqual(provider.asked.length, counts ? circuitFailures : 3 * circuitFailures)
        })
      )
    )
  }

  it.effect("an answer that is no proposal is an answer", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        provider.answer = Effect.succeed({ ...reply, text: "I would rather not." })
        yield* times(3 * circuitFailures, ask())
        assert.strictEqual(provider.asked.length, 3 * circuitFailures)
      })
    )
  )

  it.effect("a bug of ours and an interrupted call say nothing, for it or against it", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        provider.answer = Effect.fail(samples.ProviderUnavailable)
        yield* times(circuitFailures - 1, ask())
        provider.answer = Effect.die(new Error("oops"))
        yield* times(circuitFailures, ask())
        provider.answer = Effect.never
        for (let call = 0; call < circuitFailures; call++) {
          yield* Fiber.interrupt(yield* Effect.forkChild(ask(), { startImmediately: true }))
        }
        provider.answer = Effect.fail(samples.ProviderUnavailable)
        assert.strictEqual(yield* Effect.flip(ask()), samples.ProviderUnavailable)
        yield* refusal(ask())
      })
    )
  )

  const status = (httpStatus: number) => new ForgeFailed({ evidence: { ...evidence, httpStatus } })
  const forge: ReadonlyArray<readonly [what: string, reason: CreateFailure, counts: boolean]> = [
    ["ForgeFailed with 502", status(502), true],
    ["ForgeFailed with no answer", new ForgeFailed({ evidence }), true],
    ["RemoteUnreachable", samples.RemoteUnreachable, true],
    ["RateLimited", samples.RateLimited, true],
    ["TimedOut", samples.TimedOut, true],
    ["ForgeFailed with 422", status(422), false],
    ["NothingToMerge", samples.NothingToMerge, false],
    ["PullRequestExists", samples.PullRequestExists, false],
    ["BaseBranchMissing", samples.BaseBranchMissing, false],
    ["PermissionDenied", samples.PermissionDenied, false],
    ["AuthenticationFailed", samples.AuthenticationFailed, false],
    ["RepositoryMissing", samples.RepositoryMissing, false]
  ]
  for (const [what, reason, counts] of forge) {
    it.effect(`the forge's ${what} ${counts ? "counts, whatever was asked" : "does not count"}`, () => {
      let calls = 0
      const real = Layer.mock(GitHub, {
        createPullRequest: () => Effect.suspend(() => (calls++, Effect.fail(reason))),
        getPullRequest: () => Effect.sync(() => (calls++, pullRequest))
      })
      const repository = { owner: "o", name: "r" }
      return Effect.gen(function* () {
        const github = yield* GitHub
        const create = github.createPullRequest({
          repository,
          branch: "b",
          base: "main",
          title: "t",
          body: ""
        })
        yield* times(3 * circuitFailures, create)
        assert.strictEqual(calls, counts ? circuitFailures : 3 * circuitFailures)
        const read = yield* Effect.result(github.getPullRequest({ repository, number: 7 }))
        assert.strictEqual(read._tag, counts ? "Failure" : "Success")
        if (read._tag === "Failure") {
          assert.instanceOf(read.failure, CircuitOpen)
          assert.propertyVal(read.failure, "dependency", "forge")
        }
      }).pipe(Effect.provide(Guarded.gitHub.pipe(Layer.provide(real))))
    })
  }
})

describe("many calls at once", () => {
  /** A provider that answers when it is let, and knows how many calls it has at once. */
  const crowd = (provider: Provider) => {
    const state = { now: 0, most: 0 }
    const gate = Deferred.makeUnsafe<void>()
    provider.answer = Effect.acquireUseRelease(
      Effect.sync(() => {
        state.now++
        state.most = Math.max(state.most, state.now)
      }),
      () => Effect.as(Deferred.await(gate), reply),
      () => Effect.sync(() => void state.now--)
    )
    return { state, open: Deferred.succeed(gate, undefined) }
  }
  const start = (count: number, model = mini) =>
    Effect.forEach(Array.from({ length: count }), () =>
      Effect.forkChild(ask(model), { startImmediately: true })
    )

  it.effect("are made so many at a time, and all are made", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        const { state, open } = crowd(provider)
        const fibers = yield* start(3 * callsAtOnce)
        assert.strictEqual(state.now, callsAtOnce)
        yield* open
        assert.lengthOf(yield* Fiber.joinAll(fibers), 3 * callsAtOnce)
        assert.deepStrictEqual(state, { now: 0, most: callsAtOnce })
      })
    )
  )

  it.effect("leave room for those of another model", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        const { state, open } = crowd(provider)
        const busy = yield* start(2 * callsAtOnce)
        const [other] = yield* start(1, large)
        assert.strictEqual(state.now, callsAtOnce + 1)
        yield* open
        if (other !== undefined) assert.strictEqual(yield* Fiber.join(other), reply)
        yield* Fiber.joinAll(busy)
      })
    )
  )

  it.effect("give their places back when they are interrupted, running or waiting", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        const { state, open } = crowd(provider)
        const fibers = yield* start(4 * callsAtOnce)
        // Of those that run and of those that wait, every other one.
        yield* Fiber.interruptAll(fibers.filter((_, index) => index % 2 === 0))
        yield* TestClock.adjust(0)
        assert.strictEqual(state.now, callsAtOnce)
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual(state.now, 0)
        const after = yield* start(2 * callsAtOnce)
        assert.strictEqual(state.now, callsAtOnce)
        yield* open
        assert.lengthOf(yield* Fiber.joinAll(after), 2 * callsAtOnce)
        assert.strictEqual(state.most, callsAtOnce)
      })
    )
  )

  it.effect("are not made any more when what they waited for has failed meanwhile", () =>
    inWorld((provider) =>
      Effect.gen(function* () {
        const failed = yield* Deferred.make<ModelReply, AskFailure>()
        provider.answer = Deferred.await(failed)
        const fibers = yield* start(10 * callsAtOnce)
        yield* Deferred.fail(failed, samples.ProviderUnavailable)
        const tags = (yield* Effect.forEach(fibers, (fiber) => Effect.flip(Fiber.join(fiber)))).map(
          ({ _tag }) => _tag
        )
        // Those that were under way run to their end; a few more may start while the first of them end.
        assert.isAtMost(provider.asked.length, callsAtOnce + circuitFailures)
        assert.strictEqual(
          tags.filter((tag) => tag === "CircuitOpen").length,
          fibers.length - provider.asked.length
        )
      })
    )
  )
})
