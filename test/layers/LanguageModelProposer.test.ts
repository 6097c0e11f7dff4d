import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Queue, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as Prices from "../../src/domain/policies/Prices.ts"
import type { ModelChoice } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as LanguageModelProposer from "../../src/layers/LanguageModelProposer.ts"
import { Proposer, ProposerContract } from "../../src/services/Proposer.ts"
import { AiMock, timesAsked } from "../support/AiMock.ts"
import * as Loopback from "../support/Loopback.ts"

const choice: ModelChoice = {
  provider: "openai",
  model: "gpt-test",
  maxOutputTokens: 321,
  inputPerMillion: Usd.make(1),
  outputPerMillion: Usd.make(1)
}
const offlineChoice: ModelChoice = { ...choice, provider: "offline", model: "offline" }
const key = "not-a-real-key-0123456789"

const proposerAt = (baseUrl: string) =>
  LanguageModelProposer.layer({ openai: { apiKey: Redacted.make(key), baseUrl }, offline: false }).pipe(
    Layer.provide(NodeServices.layer)
  )

const ask = (prompt: string, model: ModelChoice = choice) =>
  Proposer.use((proposer) => proposer.ask({ model, system: "You are careful.", prompt }))

const askAt = (baseUrl: string, prompt = "p") => ask(prompt).pipe(Effect.provide(proposerAt(baseUrl)))

type Failed = (typeof ProposerContract)["ask"]["failure"]["Type"]

interface Case {
  readonly name: string
  readonly status: number
  readonly error: { readonly message: string; readonly type?: string; readonly code?: string }
  readonly tag: Failed["_tag"]
}

/** Answers of OpenAI itself, as aimock sends them. */
const openAiCases: ReadonlyArray<Case> = [
  {
    name: "wrong key",
    status: 401,
    error: { message: "Incorrect API key provided", type: "invalid_request_error", code: "invalid_api_key" },
    tag: "AuthenticationFailed"
  },
  {
    name: "no permission",
    status: 403,
    error: { message: "Country, region, or territory not supported" },
    tag: "AuthenticationFailed"
  },
  {
    name: "no such model",
    status: 404,
    error: {
      message: "The model `gpt-test` does not exist or you do not have access",
      code: "model_not_found"
    },
    tag: "ModelNotFound"
  },
  {
    name: "model not in this project",
    status: 403,
    error: { message: "Project `p` does not have access to model `gpt-test`", code: "model_not_found" },
    tag: "ModelNotFound"
  },
  {
    name: "rate limit",
    status: 429,
    error: { message: "Rate limit reached", type: "tokens", code: "rate_limit_exceeded" },
    tag: "RateLimited"
  },
  {
    name: "no quota left",
    status: 429,
    error: {
      message: "You exceeded your current quota",
      type: "insufficient_quota",
      code: "insufficient_quota"
    },
    tag: "QuotaExhausted"
  },
  {
    name: "hard limit",
    status: 400,
    error: { message: "Billing hard limit has been reached", code: "billing_hard_limit_reached" },
    tag: "QuotaExhausted"
  },
  {
    name: "prompt too long",
    status: 400,
    error: {
      message: "This model's maximum context length is 8192 tokens.",
      type: "invalid_request_error",
      code: "context_length_exceeded"
    },
    tag: "ContextWindowExceeded"
  },
  {
    name: "filtered prompt",
    status: 400,
    error: { message: "The response was filtered", code: "content_filter" },
    tag: "Refused"
  },
  {
    name: "bad parameter",
    status: 400,
    error: { message: "Unsupported parameter: 'max_tokens'", code: "unsupported_parameter" },
    tag: "RequestRejected"
  },
  {
    name: "unprocessable",
    status: 422,
    error: { message: "messages: field required" },
    tag: "RequestRejected"
  },
  { name: "conflict", status: 409, error: { message: "lock timeout" }, tag: "ProviderUnavailable" },
  {
    name: "server fault",
    status: 500,
    error: { message: "The server had an error", type: "server_error" },
    tag: "ProviderUnavailable"
  },
  { name: "bad gateway", status: 502, error: { message: "Bad gateway" }, tag: "ProviderUnavailable" },
  {
    name: "overloaded",
    status: 503,
    error: { message: "That model is currently overloaded", type: "server_error" },
    tag: "ProviderOverloaded"
  }
]

layer(AiMock.layer)("LanguageModelProposer against a mock of OpenAI", (it) => {
  it.effect("hands on text, finish and usage; system and prompt arrive as such", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("a change", {
        content: "{}",
        finishReason: "length",
        usage: { prompt_tokens: 20, completion_tokens: 5 }
      })
      const reply = yield* askAt(`${mock.url}/v1`, "a change")
      assert.deepStrictEqual(reply, {
        text: "{}",
        finish: "length",
        usage: { inputTokens: 20, outputTokens: 5 }
      })
      const messages = Schema.Struct({ messages: Schema.Unknown })
      const body = yield* Schema.decodeUnknownEffect(messages)(mock.getLastRequest()?.body)
      assert.deepStrictEqual(body.messages, [
        { role: "system", content: "You are careful." },
        { role: "user", content: "a change" }
      ])
    })
  )

  for (const { name, status, error, tag } of openAiCases) {
    it.effect(`${status} ${name} is ${tag}, after one call`, () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        const prompt = `case ${name}.`
        mock.onMessage(prompt, { error, status, ...(status === 429 ? { retryAfter: 7 } : {}) })
        const reason = yield* Effect.flip(askAt(`${mock.url}/v1`, prompt))
        assert.strictEqual(reason._tag, tag)
        assert.property(reason, "evidence")
        if (!("evidence" in reason)) return
        assert.strictEqual(reason.evidence.httpStatus, status)
        assert.include(reason.evidence.excerpt, error.message)
        // No wait brings a quota back, whatever the header says.
        assert.strictEqual(reason.evidence.retryAfterMs, tag === "RateLimited" ? 7000 : undefined)
        assert.isTrue(Schema.is(ProposerContract.ask.failure)(reason))
        assert.strictEqual(timesAsked(mock, prompt), 1)
      })
    )
  }
})

/** What compatible servers and things in between answer. */
const otherCases: ReadonlyArray<{
  readonly name: string
  readonly status: number
  readonly body: unknown
  readonly tag: Failed["_tag"]
  readonly says: string
}> = [
  {
    name: "a flat body without a code",
    status: 400,
    body: {
      object: "error",
      message: "This model's maximum context length is 131072 tokens.",
      type: "BadRequestError",
      param: null,
      code: 400
    },
    tag: "ContextWindowExceeded",
    says: "131072"
  },
  {
    name: "a model that is not there, flat",
    status: 404,
    body: { object: "error", message: "The model `x` does not exist.", type: "NotFoundError", code: 404 },
    tag: "ModelNotFound",
    says: "does not exist"
  },
  {
    name: "an error that is only a text",
    status: 404,
    body: { error: 'model "x" not found, try pulling it first' },
    tag: "ModelNotFound",
    says: "pulling"
  },
  {
    name: "a path that is not there",
    status: 404,
    body: { detail: "Not Found" },
    tag: "RequestRejected",
    says: "Not Found"
  },
  { name: "too large", status: 413, body: "<h1>413</h1>", tag: "ContextWindowExceeded", says: "413" },
  {
    name: "payment required",
    status: 402,
    body: { error: { message: "Insufficient credits" } },
    tag: "QuotaExhausted",
    says: "credits"
  },
  {
    name: "a proxy's page",
    status: 502,
    body: "<h1>Bad Gateway</h1>",
    tag: "ProviderUnavailable",
    says: "Bad"
  },
  { name: "an empty body", status: 529, body: "", tag: "ProviderOverloaded", says: "529" },
  { name: "a request that took too long", status: 408, body: "", tag: "ProviderUnavailable", says: "408" }
]

describe("LanguageModelProposer against other servers", () => {
  for (const { name, status, body, tag, says } of otherCases) {
    it.effect(`${status} with ${name} is ${tag}`, () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(Loopback.reply(status, body))
        const reason = yield* Effect.flip(askAt(server.url))
        assert.strictEqual(reason._tag, tag)
        if (!("evidence" in reason)) return
        assert.strictEqual(reason.evidence.httpStatus, status)
        assert.include(reason.evidence.excerpt, says)
        assert.strictEqual(yield* Queue.size(server.seen), 1)
      })
    )
  }

  it.effect("usage that is missing counts at its most: the bytes asked, and the whole output limit", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(
        Loopback.reply(200, { choices: [{ message: { content: "x" }, finish_reason: "stop" }] })
      )
      const reply = yield* askAt(server.url, "größer")
      const inputTokens = Prices.inputTokensUpperBound("You are careful." + "größer")
      assert.deepStrictEqual(reply.usage, { inputTokens, outputTokens: choice.maxOutputTokens })
    })
  )

  it.effect("usage that is missing counts as written to the cache where that is dearer", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(
        Loopback.reply(200, { choices: [{ message: { content: "x" }, finish_reason: "stop" }] })
      )
      const written = { ...choice, cacheWritePerMillion: Usd.make(2) }
      const reply = yield* ask("p", written).pipe(Effect.provide(proposerAt(server.url)))
      assert.strictEqual(reply.usage.cacheWriteTokens, reply.usage.inputTokens)
      assert.strictEqual(
        Prices.costOf(written, reply.usage),
        Prices.worstCase(written, "You are careful." + "p")
      )
    })
  )

  it.effect("hands on what was read from the provider's cache and written to it", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(
        Loopback.reply(200, {
          choices: [{ message: { content: "x" }, finish_reason: "stop" }],
          usage: {
            prompt_tokens: 100,
            completion_tokens: 5,
            prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 }
          }
        })
      )
      const reply = yield* askAt(server.url)
      assert.deepStrictEqual(reply.usage, {
        inputTokens: 100,
        cacheReadTokens: 60,
        cacheWriteTokens: 30,
        outputTokens: 5
      })
    })
  )

  it.effect("an overloaded provider's Retry-After arrives", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(503, {}, { "retry-after": "3" }))
      const reason = yield* Effect.flip(askAt(server.url))
      assert.strictEqual(reason._tag, "ProviderOverloaded")
      if (reason._tag === "ProviderOverloaded") assert.strictEqual(reason.evidence.retryAfterMs, 3000)
    })
  )

  it.effect("a server that is silent for Limits.modelCall is TimedOut, and is told", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(() => {})
      const fiber = yield* Effect.forkChild(Effect.flip(askAt(server.url)))
      yield* Queue.take(server.seen)
      yield* TestClock.adjust(Limits.modelCall)
      const reason = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "TimedOut")
      if (reason._tag === "TimedOut") assert.strictEqual(reason.limitMs, Duration.toMillis(Limits.modelCall))
      assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
      assert.strictEqual(yield* Queue.size(server.seen), 0)
    })
  )

  it.effect("a refused connection is ProviderUnavailable; a base URL that is none is RequestRejected", () =>
    Effect.gen(function* () {
      const port = yield* Loopback.closedPort
      const refused = yield* Effect.flip(askAt(`http://127.0.0.1:${port}`))
      assert.strictEqual(refused._tag, "ProviderUnavailable")
      assert.include(refused.message, "ECONNREFUSED")
      const wrong = yield* Effect.flip(askAt("not a url"))
      assert.strictEqual(wrong._tag, "RequestRejected")
    })
  )

  it.effect("no key reaches evidence, encoded with its cause and stack", () =>
    Effect.gen(function* () {
      const echo = { error: { message: `bad key ${key} and Bearer ${key}` } }
      const server = yield* Loopback.serve(Loopback.reply(401, echo))
      const reason = yield* Effect.flip(askAt(server.url))
      const encoded = yield* Schema.encodeUnknownEffect(ProposerContract.ask.failure)(reason)
      assert.include(JSON.stringify(encoded), "bad key [redacted]")
      assert.notInclude(JSON.stringify(encoded), key)
    })
  )
})

describe("LanguageModelProposer without a network", () => {
  it.effect("a model of Anthropic's is not asked of OpenAI", () =>
    Effect.gen(function* () {
      const reason = yield* Effect.flip(
        ask("p", { ...choice, provider: "anthropic", model: "claude-opus-5" })
      )
      assert.strictEqual(reason._tag, "AuthenticationFailed")
      assert.include(reason.message, "ANTHROPIC_API_KEY")
    }).pipe(Effect.provide(proposerAt("http://127.0.0.1:9")))
  )

  const offline = LanguageModelProposer.layer({ offline: true }).pipe(Layer.provide(NodeServices.layer))

  it.effect("asks the offline model, for nothing", () =>
    Effect.gen(function* () {
      const reply = yield* ask("Credit notes show the wrong amount", offlineChoice)
      assert.strictEqual(reply.finish, "stop")
      assert.include(reply.text, "offline")
      assert.deepStrictEqual(reply.usage, { inputTokens: 0, outputTokens: 0 })
    }).pipe(Effect.provide(offline))
  )

  it.effect("says what the offline model cannot do", () =>
    Effect.gen(function* () {
      const reason = yield* Effect.flip(ask("Anything else", offlineChoice))
      assert.strictEqual(reason._tag, "RequestRejected")
      assert.include(reason.message, "OPENAI_API_KEY")
    }).pipe(Effect.provide(offline))
  )

  it.effect("a provider that is not connected is refused without a call", () =>
    Effect.gen(function* () {
      const noKey = yield* Effect.flip(ask("p"))
      assert.strictEqual(noKey._tag, "AuthenticationFailed")
      assert.include(noKey.message, "OPENAI_API_KEY")
    }).pipe(Effect.provide(offline))
  )

  it.effect("an empty key and a switched off offline model are refused without a call", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(200, {}))
      const proposer = LanguageModelProposer.layer({
        openai: { apiKey: Redacted.make(" "), baseUrl: server.url },
        offline: false
      }).pipe(Layer.provide(NodeServices.layer))
      const empty = yield* Effect.flip(ask("p")).pipe(Effect.provide(proposer))
      assert.strictEqual(empty._tag, "AuthenticationFailed")
      const off = yield* Effect.flip(ask("p", offlineChoice)).pipe(Effect.provide(proposer))
      assert.strictEqual(off._tag, "ModelNotFound")
      assert.strictEqual(yield* Queue.size(server.seen), 0)
    })
  )
})
