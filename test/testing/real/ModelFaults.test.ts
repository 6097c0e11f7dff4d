import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { Proposal } from "../../../src/domain/Proposal.ts"
import { Route } from "../../../src/domain/Route.ts"
import * as Anthropic from "../../../src/layers/classifiers/Anthropic.ts"
import { conditionOf } from "../../../src/layers/classifiers/Condition.ts"
import * as LanguageModelProposer from "../../../src/layers/LanguageModelProposer.ts"
import * as OpenAiModel from "../../../src/layers/models/OpenAiModel.ts"
import { Manager } from "../../../src/services/Manager.ts"
import { Proposer } from "../../../src/services/Proposer.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as ModelFaults from "../../../src/testing/real/ModelFaults.ts"
import { AiMock, timesAsked } from "../../support/AiMock.ts"
import { order, project, route } from "../../support/World.ts"
import * as RealWorld from "./RealWorld.ts"

const { database, ends, escalated, met, proposal, until, view, worker } = RealWorld
const apiKey = Redacted.make("not-a-real-key-0123456789")
const [model] = route.models
if (model === undefined) throw new Error("the route names a model")

const proposer = Layer.unwrap(
  Effect.map(AiMock, ({ url }) =>
    LanguageModelProposer.layer({ openai: { apiKey, baseUrl: `${url}/v1` }, offline: false })
  )
).pipe(Layer.provide(NodeServices.layer))

const ask = (prompt: string) =>
  Effect.flatMap(Proposer, (it) => it.ask({ model, system: "You are careful.", prompt })).pipe(
    Effect.provide(proposer)
  )

/** What Anthropic's protocol says, read by its classifier. */
const askAnthropic = Effect.fnUntraced(function* (prompt: string, stream = false) {
  const { url } = yield* AiMock
  const answer = yield* Effect.promise(() =>
    fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": "k", "anthropic-version": "2023-06-01" },
      body: JSON.stringify({
        model: "claude",
        max_tokens: 100,
        stream,
        messages: [{ role: "user", content: prompt }]
      })
    })
  )
  const body = yield* Effect.promise(() => answer.text().catch((cut: unknown) => String(cut)))
  const headers = Object.fromEntries(answer.headers.entries())
  return { status: answer.status, headers, body }
})

layer(AiMock.layer)("ModelFaults in both protocols", (it) => {
  it.effect("429 names the wait", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      ModelFaults.rateLimited(mock, { prompt: "slow down", retryAfter: "7 seconds" })
      const openai = yield* Effect.flip(ask("slow down"))
      if (openai._tag !== "RateLimited") return assert.fail(openai.message)
      assert.strictEqual(openai.evidence.retryAfterMs, 7_000)
      const anthropic = yield* askAnthropic("slow down")
      const condition = conditionOf(Anthropic.classifier, "POST /messages", anthropic)
      assert.strictEqual(condition.condition.tag, "RateLimited")
      assert.strictEqual(condition.retryAfterMs, 7_000)
    })
  )

  it.effect("529 is an overloaded provider", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      ModelFaults.overloaded(mock, { prompt: "too much" })
      assert.strictEqual((yield* Effect.flip(ask("too much")))._tag, "ProviderOverloaded")
      const anthropic = yield* askAnthropic("too much")
      assert.strictEqual(anthropic.status, 529)
      const { condition } = conditionOf(Anthropic.classifier, "POST /messages", anthropic)
      assert.strictEqual(condition.tag, "ProviderOverloaded")
    })
  )

  it.effect("a truncated answer says that it is", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      ModelFaults.truncated(mock, { prompt: "at length", content: '{"summary": "Round' })
      assert.strictEqual((yield* ask("at length")).finish, "length")
      const anthropic = yield* askAnthropic("at length")
      assert.include(anthropic.body, '"stop_reason":"max_tokens"')
    })
  )

  it.effect("a malformed answer is the provider's failure, not an answer", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      ModelFaults.malformed(mock, { prompt: "garbled" })
      assert.strictEqual((yield* Effect.flip(ask("garbled")))._tag, "ProviderUnavailable")
      const anthropic = yield* askAnthropic("garbled")
      const { condition } = conditionOf(Anthropic.classifier, "POST /messages", anthropic)
      assert.strictEqual(condition.tag, "ResponseMalformed")
    })
  )

  it.effect("an answer that breaks off in its stream is not taken for a whole one", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      ModelFaults.brokenOff(mock, { prompt: "once upon", content: "a time there was a moose, and then" })
      const read: Array<string> = []
      const failed = yield* LanguageModel.streamText({ prompt: "once upon" }).pipe(
        Stream.runForEach((part) => Effect.sync(() => part.type === "text-delta" && read.push(part.delta))),
        Effect.provide(
          OpenAiModel.layer({
            apiKey,
            baseUrl: `${mock.url}/v1`,
            model: "gpt",
            maxOutputTokens: 100,
            timeout: Duration.seconds(5)
          })
        ),
        Effect.flip
      )
      assert.isNotEmpty(read)
      assert.isTrue(failed.isRetryable)
      const anthropic = yield* askAnthropic("once upon", true)
      assert.notInclude(anthropic.body, "message_stop")
    })
  )

  it.effect("times says how many calls meet it", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("now and then", { content: "well" })
      ModelFaults.overloaded(mock, { prompt: "now and then", times: 2 })
      assert.strictEqual((yield* Effect.flip(ask("now and then")))._tag, "ProviderOverloaded")
      assert.strictEqual((yield* Effect.flip(ask("now and then")))._tag, "ProviderOverloaded")
      assert.strictEqual((yield* ask("now and then")).text, "well")
    })
  )
})

describe("an order whose model fails", () => {
  const submit = Effect.gen(function* () {
    const projects = yield* Projects
    const orders = yield* WorkOrders
    yield* projects.put(project)
    yield* orders.submit(order)
  })
  const good = { content: JSON.stringify(Schema.encodeSync(Proposal)(proposal)) }
  const oneModel = Layer.succeed(Manager, {
    route: () => Effect.succeed(new Route({ models: [model], reason: "one" }))
  })
  const running = <A, E, R>(use: Effect.Effect<A, E, R>) =>
    Effect.andThen(submit, use.pipe(Effect.provide(worker(Layer.merge(proposer, oneModel))))).pipe(
      Effect.provide(database),
      Effect.provide(AiMock.layer)
    )

  it.live("for a while: it waits as long as it was asked to, pays for no failure, and ends well", () =>
    running(
      Effect.gen(function* () {
        const mock = yield* AiMock
        const sql = yield* PgClient.PgClient
        mock.onMessage(order.title, good)
        ModelFaults.rateLimited(mock, { prompt: order.title, times: 4, retryAfter: "1 second" })
        yield* until(view, ({ status }) => status === "waiting")
        yield* ends("completed")
        assert.deepStrictEqual([...new Set(yield* met)], ["RateLimited"])
        const settled = yield* sql`select id from public.cost_tracking where state = 'settled'`
        assert.strictEqual(settled.length, 1)
        assert.deepStrictEqual(yield* escalated, [])
      })
    )
  )

  it.live("with answers cut short, every time: asked for less, then told", () =>
    running(
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.truncated(mock, { prompt: order.title, content: '{"summary": "Round' })
        const failed = yield* ends("generation_failed")
        assert.strictEqual(failed.failure?.tag, "OutputTruncated")
        assert.isAbove(timesAsked(mock, order.title), 1)
        assert.deepStrictEqual(yield* escalated, ["OutputTruncated"])
      })
    )
  )
})
