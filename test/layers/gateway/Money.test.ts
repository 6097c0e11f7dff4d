import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Queue, Redacted } from "effect"
import { TestClock } from "effect/testing"
import OpenAI from "openai"
import { Run } from "../../../src/domain/Ids.ts"
import * as Evidence from "../../../src/domain/errors/Evidence.ts"
import { StoreConflict } from "../../../src/domain/errors/Reasons.ts"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import * as Prices from "../../../src/domain/policies/Prices.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { ModelGateway } from "../../../src/services/ModelGateway.ts"
import { ModelReplies } from "../../../src/services/ModelReplies.ts"
import * as Gateway from "../../support/Gateway.ts"
import * as Loopback from "../../support/Loopback.ts"

const { ask, choice, granting, opened, plenty, post, rows, submit } = Gateway

const completion = (text: string, usage: unknown = { prompt_tokens: 20, completion_tokens: 5 }) => ({
  id: "c1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
  usage
})

const answering = (text: string) => Loopback.reply(200, completion(text))

/** The account of an access. */
const accountOf = (id: string) => Effect.flatMap(ModelGateway, (gateway) => gateway.account({ id }))

layer(Gateway.store)("the gateway's money", (it) => {
  it.effect(
    "a call is reserved at its worst case, settled from its usage, and its reply kept as it came",
    () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(answering("done"))
        yield* Effect.gen(function* () {
          const id = yield* submit(plenty)
          const access = yield* opened(granting(id, { rule: "retry" }))
          const asked = ask("please")
          const { status, text } = yield* post(access, asked)
          assert.strictEqual(status, 200)
          assert.deepStrictEqual(JSON.parse(text), completion("done"))

          const forwarded = JSON.stringify({ ...asked, max_tokens: choice.maxOutputTokens })
          const [row, ...more] = yield* rows(id)
          assert.deepStrictEqual(more, [])
          assert.deepStrictEqual(row, {
            call: "applying/program/1/1",
            state: "settled",
            reserved: Prices.worstCase(choice, forwarded),
            settled: 30,
            rule: "retry",
            category: "applying"
          })
          assert.deepStrictEqual(yield* accountOf(access.id), {
            calls: [
              {
                call: "applying/program/1/1",
                outcome: {
                  _tag: "Answered",
                  finish: "stop",
                  usage: { inputTokens: 20, outputTokens: 5 },
                  amount: Usd.make(30),
                  replayed: false
                }
              }
            ],
            settled: Usd.make(30)
          })
        }).pipe(Effect.provide(Gateway.layerTo(server.url)))
      })
  )

  it.effect("the provider gets the real key, the program only its token; no row holds either", () =>
    Effect.gen(function* () {
      const sentKeys: Array<string | undefined> = []
      const server = yield* Loopback.serve((request, response) => {
        sentKeys.push(request.headers.authorization)
        Loopback.reply(200, completion(`your key is ${Gateway.keys.openai}`))(request, response)
      })
      yield* Effect.gen(function* () {
        const id = yield* submit(plenty)
        const access = yield* opened(granting(id))
        const { text } = yield* post(access, ask("what is my key?"))
        assert.deepStrictEqual(sentKeys, [`Bearer ${Gateway.keys.openai}`])
        assert.include(text, "[redacted]")
        assert.notInclude(text, Gateway.keys.openai)
        const kept = yield* Gateway.everyRow
        assert.include(kept, "your key is [redacted]")
        for (const secret of [Gateway.keys.openai, Redacted.value(access.token)]) {
          assert.notInclude(kept, secret)
        }
        assert.strictEqual(
          Evidence.redact(`token ${Redacted.value(access.token)}`).includes("sk-moose"),
          false
        )
      }).pipe(Effect.provide(Gateway.layerTo(server.url)))
    })
  )

  it.effect(
    "what does not fit is refused before anything is sent, once, in a way that programs do not repeat",
    () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(answering("never"))
        yield* Effect.gen(function* () {
          const id = yield* submit({ daily: 20_000_000, order: 500 })
          const access = yield* opened(granting(id))
          const failure = yield* Effect.flip(
            Effect.tryPromise({
              try: () => Gateway.openAiClient(access).chat.completions.create(ask("too dear")),
              catch: (error) => error
            })
          )
          if (!(failure instanceof OpenAI.APIError)) return assert.fail("no answer")
          assert.strictEqual(failure.status, 400)
          assert.strictEqual(failure.code, "moose_budget_exceeded")
          // litellm takes these for a rate limit, or for a context that is too long.
          assert.notMatch(failure.message, /rate.?limit|context|\d{3}(?<!400)/i)

          const { calls } = yield* accountOf(access.id)
          assert.strictEqual(calls.length, 1)
          const outcome = calls[0]?.outcome
          if (outcome?._tag !== "Refused" || outcome.reason._tag !== "BudgetExceeded") {
            return assert.fail(`not refused: ${outcome?._tag}`)
          }
          assert.strictEqual(outcome.reason.scope, "work_order")
          assert.strictEqual(outcome.reason.limit, Usd.make(500))
          assert.deepStrictEqual(yield* rows(id), [])
          assert.strictEqual(yield* Queue.size(server.seen), 0)
        }).pipe(Effect.provide(Gateway.layerTo(server.url)))
      })
  )

  it.effect(
    "a program that goes away after its request has left: the call is aborted and counts as spent",
    () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(() => {})
        yield* Effect.gen(function* () {
          const id = yield* submit(plenty)
          const gateway = yield* ModelGateway
          const access = yield* gateway.open(granting(id))
          const program = yield* Effect.forkChild(post(access, ask("slow")))
          assert.strictEqual((yield* Queue.take(server.seen))._tag, "Request")
          yield* Fiber.interrupt(program)
          assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
          const account = yield* gateway.close(access)
          assert.deepStrictEqual(account.calls, [
            { call: "applying/program/1/1", outcome: { _tag: "Abandoned", sent: true } }
          ])
          assert.deepStrictEqual(
            (yield* rows(id)).map(({ state }) => state),
            ["presumed"]
          )
        }).pipe(Effect.provide(Gateway.layerTo(server.url)))
      })
  )

  it.effect(
    "an access that is closed while a call is under way has accounted for it, and opens nothing more",
    () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(() => {})
        yield* Effect.gen(function* () {
          const id = yield* submit(plenty)
          const gateway = yield* ModelGateway
          const access = yield* gateway.open(granting(id))
          const program = yield* Effect.forkChild(post(access, ask("slow")))
          yield* Queue.take(server.seen)
          const account = yield* gateway.close(access)
          assert.deepStrictEqual(account.calls[0]?.outcome, { _tag: "Abandoned", sent: true })
          assert.deepStrictEqual(
            (yield* rows(id)).map(({ state }) => state),
            ["presumed"]
          )
          assert.strictEqual((yield* Fiber.join(program)).status, 401)
          assert.strictEqual((yield* post(access, ask("more"))).status, 401)
          assert.deepStrictEqual(yield* gateway.close(access), { calls: [], settled: Usd.make(0) })
        }).pipe(Effect.provide(Gateway.layerTo(server.url)))
      })
  )

  it.effect("a reply that is journaled is not bought again; a second one to the same request is", () =>
    Effect.gen(function* () {
      let count = 0
      const server = yield* Loopback.serve((request, response) =>
        answering(`answer ${++count}`)(request, response)
      )
      yield* Effect.gen(function* () {
        const id = yield* submit(plenty)
        const textsOf = (open: Parameters<typeof opened>[0], ...prompts: ReadonlyArray<string>) =>
          Effect.scoped(
            Effect.gen(function* () {
              const access = yield* opened(open)
              const texts = yield* Effect.forEach(prompts, (prompt) => post(access, ask(prompt)))
              const { calls, settled } = yield* accountOf(access.id)
              return {
                answers: texts.map(({ text }) => /answer \d/.exec(text)?.[0]),
                replayed: calls.map(({ outcome }) => outcome._tag === "Answered" && outcome.replayed),
                settled
              }
            })
          )
        const first = yield* textsOf(granting(id), "a", "a", "b")
        assert.deepStrictEqual(first, {
          answers: ["answer 1", "answer 2", "answer 3"],
          replayed: [false, false, false],
          settled: Usd.make(90)
        })
        // The step is run again, and its program asks the same things, and one more.
        const again = yield* textsOf(granting(id), "a", "a", "c", "b")
        assert.deepStrictEqual(again, {
          answers: ["answer 1", "answer 2", "answer 4", "answer 3"],
          replayed: [true, true, false, true],
          settled: Usd.make(30)
        })
        // Another attempt, or another run, is other work.
        const others = [granting(id, { call: "applying/program/2" }), granting(id, { run: Run.make(2) })]
        for (const open of others) {
          assert.deepStrictEqual((yield* textsOf(open, "a")).replayed, [false])
        }
        assert.strictEqual(count, 6)
        assert.strictEqual((yield* rows(id)).filter(({ state }) => state === "settled").length, 6)
      }).pipe(Effect.provide(Gateway.layerTo(server.url)))
    })
  )

  it.effect(
    "a reply that cannot be journaled is not handed on, and its reservation stays until its lease ends",
    () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(answering("lost"))
        const reason = new StoreConflict({
          conflict: "no",
          evidence: Evidence.make({ operation: "moose.keep_model_reply", excerpt: "no" })
        })
        const failing = Layer.effect(
          ModelReplies,
          Effect.map(ModelReplies, (real) =>
            ModelReplies.of({ begin: (input) => real.begin(input), keep: () => Effect.fail(reason) })
          )
        )
        yield* Effect.gen(function* () {
          const id = yield* submit(plenty)
          const access = yield* opened(granting(id))
          const { status, text } = yield* post(access, ask("p"))
          assert.strictEqual(status, 400)
          assert.include(text, "moose_reply_not_kept")
          assert.notInclude(text, "lost")
          const { calls } = yield* accountOf(access.id)
          assert.deepStrictEqual(calls[0]?.outcome, { _tag: "Unkept", reason })
          assert.deepStrictEqual(
            (yield* rows(id)).map(({ state }) => state),
            ["reserved"]
          )
        }).pipe(Effect.provide(Gateway.layerTo(server.url).pipe(Layer.provide(failing))))
      })
  )

  it.effect("a provider that is silent for Limits.modelCall: 504, TimedOut, and it counts as spent", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(() => {})
      yield* Effect.gen(function* () {
        const id = yield* submit(plenty)
        const access = yield* opened(granting(id))
        const program = yield* Effect.forkChild(post(access, ask("slow")))
        yield* Queue.take(server.seen)
        yield* TestClock.adjust(Limits.modelCall)
        assert.strictEqual((yield* Fiber.join(program)).status, 504)
        const outcome = (yield* accountOf(access.id)).calls[0]?.outcome
        if (outcome?._tag !== "Failed" || outcome.reason._tag !== "TimedOut")
          return assert.fail("no TimedOut")
        assert.strictEqual(outcome.reason.limitMs, Duration.toMillis(Limits.modelCall))
        assert.isTrue(outcome.presumed)
        assert.deepStrictEqual(
          (yield* rows(id)).map(({ state }) => state),
          ["presumed"]
        )
      }).pipe(Effect.provide(Gateway.layerTo(server.url)))
    })
  )

  it.effect(
    "many programs at once: each gets its own answers, and the ledger equals the provider's account",
    () =>
      Effect.gen(function* () {
        let billed = 0
        const server = yield* Loopback.serve((request, response) => {
          const tokens = 100 + billed
          billed += 1
          answering(`${request.headers["x-prompt"] ?? ""}${tokens}`)(request, response)
        })
        yield* Effect.gen(function* () {
          // Room for about half of what is asked.
          const id = yield* submit({ daily: 20_000, order: 20_000 })
          const programs = Array.from({ length: 8 }, (_, index) => `program ${index}`)
          const accounts = yield* Effect.forEach(
            programs,
            (name, index) =>
              Effect.scoped(
                Effect.gen(function* () {
                  const access = yield* opened(granting(id, { call: `applying/program/${index}` }))
                  yield* Effect.forEach([1, 2, 3, 4], (n) => post(access, ask(`${name} ${n}`)))
                  return yield* accountOf(access.id)
                })
              ),
            { concurrency: "unbounded" }
          )
          const outcomes = accounts.flatMap(({ calls }) => calls.map(({ outcome }) => outcome._tag))
          const answered = outcomes.filter((tag) => tag === "Answered").length
          assert.strictEqual(outcomes.length, 32)
          assert.strictEqual(outcomes.filter((tag) => tag === "Refused").length, 32 - answered)
          assert.strictEqual(answered, billed)
          const paid = yield* rows(id)
          assert.strictEqual(paid.length, billed)
          assert.isTrue(paid.every(({ state, settled }) => state === "settled" && settled === 30))
        }).pipe(Effect.provide(Gateway.layerTo(server.url)))
      })
  )
})
