import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Queue, Redacted, Schema, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import type { ModelChoice } from "../../../src/domain/Route.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import * as LanguageModelProposer from "../../../src/layers/LanguageModelProposer.ts"
import * as AnthropicModel from "../../../src/layers/models/AnthropicModel.ts"
import * as ModelReason from "../../../src/layers/models/ModelReason.ts"
import * as OpenAiModel from "../../../src/layers/models/OpenAiModel.ts"
import { Proposer, ProposerContract } from "../../../src/services/Proposer.ts"
import * as ModelFaults from "../../../src/testing/real/ModelFaults.ts"
import { AiMock, timesAsked } from "../../support/AiMock.ts"
import * as Loopback from "../../support/Loopback.ts"

/*
 * Both providers through the same mock, by the same table: what a provider means is the same, whatever its protocol
 * calls it.
 */

const key = "not-a-real-key-0123456789"
const asked = { maxOutputTokens: 321, timeout: Duration.minutes(5), apiKey: Redacted.make(key) }

interface Provider {
  readonly choice: ModelChoice
  /** The model behind a server that speaks both protocols. */
  readonly model: (url: string) => Layer.Layer<LanguageModel.LanguageModel>
  readonly quota: { readonly status: number; readonly message: string; readonly type: string }
}

const choice = (provider: "openai" | "anthropic", model: string): ModelChoice => ({
  provider,
  model,
  maxOutputTokens: asked.maxOutputTokens,
  inputPerMillion: Usd.make(1_000_000),
  outputPerMillion: Usd.make(1_000_000)
})

const providers: ReadonlyArray<Provider> = [
  {
    choice: choice("openai", "gpt-test"),
    model: (url) => OpenAiModel.layer({ ...asked, model: "gpt-test", baseUrl: `${url}/v1` }),
    quota: { status: 429, message: "You exceeded your current quota", type: "insufficient_quota" }
  },
  {
    choice: choice("anthropic", "claude-test"),
    model: (url) => AnthropicModel.layer({ ...asked, model: "claude-test", baseUrl: url }),
    quota: {
      status: 400,
      message: "Your credit balance is too low to access the Anthropic API.",
      type: "invalid_request_error"
    }
  }
]

const proposerAt = (url: string) =>
  LanguageModelProposer.layer({
    openai: { apiKey: asked.apiKey, baseUrl: `${url}/v1` },
    anthropic: { apiKey: asked.apiKey, baseUrl: url },
    offline: false
  }).pipe(Layer.provide(NodeServices.layer))

const askAt = (url: string, model: ModelChoice, prompt: string) =>
  Proposer.use((proposer) => proposer.ask({ model, system: "You are careful.", prompt })).pipe(
    Effect.provide(proposerAt(url))
  )

/** The whole text of a stream, and its end. */
const collected = (url: string, { model }: Provider, prompt: string) =>
  Effect.map(
    Stream.runCollect(Stream.provide(LanguageModel.streamText({ prompt }), model(url))),
    (parts) => ({
      text: parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : [])).join(""),
      finish: parts.flatMap((part) => (part.type === "finish" ? [part] : []))
    })
  )

const usage = { prompt_tokens: 20, completion_tokens: 5, input_tokens: 20, output_tokens: 5 }

for (const provider of providers) {
  layer(AiMock.layer)(`the models of ${provider.choice.provider}, against aimock`, (test) => {
    test.effect("an answer has its text and its usage; the system's words and the limit arrive as such", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        mock.onMessage("a change", { content: "{}", usage })
        const reply = yield* askAt(mock.url, provider.choice, "a change")
        assert.deepInclude(reply, { text: "{}", finish: "stop" })
        assert.deepInclude(reply.usage, { inputTokens: 20, outputTokens: 5 })
        const body = JSON.stringify(mock.getLastRequest()?.body)
        assert.include(body, "You are careful.")
        assert.include(body, `${asked.maxOutputTokens}`)
      })
    )

    test.effect("a stream says the same, and ends with its usage", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        mock.onMessage("a stream", { content: "piece by piece", usage })
        const { text, finish } = yield* collected(mock.url, provider, "a stream")
        assert.strictEqual(text, "piece by piece")
        assert.strictEqual(finish[0]?.reason, "stop")
        assert.strictEqual(finish[0]?.usage.inputTokens.total, 20)
        assert.strictEqual(finish[0]?.usage.outputTokens.total, 5)
      })
    )

    test.effect("an answer that reached its limit says so, in a stream as well", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.truncated(mock, { prompt: "too long", content: "{" })
        const reply = yield* askAt(mock.url, provider.choice, "too long")
        assert.strictEqual(reply.finish, "length")
        const { finish } = yield* collected(mock.url, provider, "too long")
        assert.strictEqual(finish[0]?.reason, "length")
      })
    )

    test.effect("429 is RateLimited, with the wait that is asked for, after one call", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.rateLimited(mock, { prompt: "much", retryAfter: "7 seconds" })
        const reason = yield* Effect.flip(askAt(mock.url, provider.choice, "much"))
        if (reason._tag !== "RateLimited") return assert.fail(reason._tag)
        assert.strictEqual(reason.evidence.retryAfterMs, 7000)
        assert.strictEqual(reason.evidence.condition?.sideEffect, "none")
        assert.strictEqual(timesAsked(mock, "much"), 1)
      })
    )

    test.effect("529 is ProviderOverloaded, and cost nothing", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.overloaded(mock, { prompt: "busy" })
        const reason = yield* Effect.flip(askAt(mock.url, provider.choice, "busy"))
        if (reason._tag !== "ProviderOverloaded") return assert.fail(reason._tag)
        assert.strictEqual(reason.evidence.httpStatus, 529)
        assert.strictEqual(reason.evidence.condition?.sideEffect, "none")
      })
    )

    test.effect("an empty account is QuotaExhausted, not a rate limit and not a bad request", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        const { status, message, type } = provider.quota
        mock.onMessage("poor", { status, error: { message, type, code: type } })
        const reason = yield* Effect.flip(askAt(mock.url, provider.choice, "poor"))
        assert.strictEqual(reason._tag, "QuotaExhausted")
      })
    )

    test.effect("a body that is no JSON is ProviderUnavailable, and may have cost something", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.malformed(mock, { prompt: "garbled" })
        const reason = yield* Effect.flip(askAt(mock.url, provider.choice, "garbled"))
        assert.strictEqual(reason._tag, "ProviderUnavailable")
      })
    )

    test.effect("a stream that breaks off is no answer", () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        ModelFaults.brokenOff(mock, { prompt: "cut", content: "a long answer that never ends, word by word" })
        const error = yield* Effect.flip(collected(mock.url, provider, "cut"))
        assert.instanceOf(error, AiError.AiError)
        const { reason } = error
        assert.isTrue(
          reason instanceof AiError.NetworkError || reason instanceof AiError.InvalidResponseError,
          reason._tag
        )
      })
    )
  })
}

const anthropicAt = (url: string, prompt = "p") => askAt(url, choice("anthropic", "claude-test"), prompt)

const message = (more: Record<string, unknown>) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "text", text: "done" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 10, output_tokens: 5 },
  ...more
})

const sse = (...events: ReadonlyArray<{ readonly type: string }>): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("")

describe("Anthropic's models, against a scripted server", () => {
  it.effect("what went through the cache is part of the input, and named", () =>
    Effect.gen(function* () {
      const used = {
        input_tokens: 10,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 1000,
        output_tokens: 5
      }
      const server = yield* Loopback.serve(Loopback.reply(200, message({ usage: used })))
      const reply = yield* anthropicAt(server.url)
      assert.deepStrictEqual(reply.usage, {
        inputTokens: 1110,
        cacheReadTokens: 100,
        cacheWriteTokens: 1000,
        outputTokens: 5
      })
    })
  )

  it.effect("usage that is missing counts at its most", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(200, message({ usage: undefined })))
      const reply = yield* anthropicAt(server.url)
      assert.strictEqual(reply.usage.outputTokens, asked.maxOutputTokens)
      assert.isAbove(reply.usage.inputTokens, Limits.requestFramingTokens)
    })
  )

  it.effect("a refusal is an answer that was filtered; a full context window one that was cut", () =>
    Effect.gen(function* () {
      const cases = [
        ["refusal", "content-filter"],
        ["model_context_window_exceeded", "length"],
        ["max_tokens", "length"],
        ["stop_sequence", "stop"],
        ["tool_use", "other"],
        ["something_new", "other"]
      ] as const
      for (const [stop_reason, finish] of cases) {
        const server = yield* Loopback.serve(Loopback.reply(200, message({ stop_reason })))
        assert.strictEqual((yield* anthropicAt(server.url)).finish, finish, stop_reason)
      }
    })
  )

  it.effect(
    "an error in the middle of a stream is the provider's, and what was generated may be billed",
    () =>
      Effect.gen(function* () {
        const body = sse(
          { type: "message_start", ...{ message: message({ content: [] }) } },
          { type: "error", ...{ error: { type: "overloaded_error", message: "Overloaded" } } }
        )
        const server = yield* Loopback.serve(
          Loopback.reply(200, body, { "content-type": "text/event-stream" })
        )
        const provider = providers.find((it) => it.choice.provider === "anthropic")
        if (provider === undefined) return assert.fail("no provider")
        const error = yield* Effect.flip(collected(server.url, provider, "p"))
        if (!(error instanceof AiError.AiError)) return assert.fail("no AiError")
        assert.instanceOf(error.reason, AiError.InternalProviderError)
        const { overloaded, condition } = ModelReason.factsOf(error.reason)
        assert.isTrue(overloaded)
        assert.strictEqual(condition?.sideEffect, "possible")
      })
  )

  it.effect("each answer with a bad status is read once, by Anthropic's classifier", () =>
    Effect.gen(function* () {
      const said = (type: string, text: string) => ({ type: "error", error: { type, message: text } })
      const cases = [
        [401, said("authentication_error", "invalid x-api-key"), "AuthenticationFailed"],
        [403, said("permission_error", "not allowed"), "AuthenticationFailed"],
        [404, said("not_found_error", "model: claude-test"), "ModelNotFound"],
        [413, said("request_too_large", "too many bytes"), "ContextWindowExceeded"],
        [
          400,
          said("invalid_request_error", "prompt is too long: 209000 tokens > 200000 maximum"),
          "ContextWindowExceeded"
        ],
        [400, said("invalid_request_error", "temperature: out of range"), "RequestRejected"],
        [
          429,
          said("rate_limit_error", "You have reached your specified API usage limits."),
          "QuotaExhausted"
        ],
        [500, said("api_error", "Internal server error"), "ProviderUnavailable"],
        [529, said("overloaded_error", "Overloaded"), "ProviderOverloaded"]
      ] as const
      for (const [status, body, tag] of cases) {
        const server = yield* Loopback.serve(Loopback.reply(status, body))
        const reason = yield* Effect.flip(anthropicAt(server.url))
        assert.strictEqual(reason._tag, tag, body.error.message)
        if (!("evidence" in reason)) return assert.fail("no evidence")
        assert.strictEqual(reason.evidence.httpStatus, status)
        assert.strictEqual(reason.evidence.operation, "POST /v1/messages")
        assert.isDefined(reason.evidence.condition)
        assert.strictEqual(yield* Queue.size(server.seen), 1)
      }
    })
  )

  it.effect("no key reaches evidence, encoded with its cause and stack", () =>
    Effect.gen(function* () {
      const echo = { type: "error", error: { type: "authentication_error", message: `bad key ${key}` } }
      const server = yield* Loopback.serve(Loopback.reply(401, echo))
      const reason = yield* Effect.flip(anthropicAt(server.url))
      const encoded = yield* Schema.encodeUnknownEffect(ProposerContract.ask.failure)(reason)
      assert.include(JSON.stringify(encoded), "bad key [redacted]")
      assert.notInclude(JSON.stringify(encoded), key)
    })
  )
})
