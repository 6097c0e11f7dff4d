import { assert, describe, it, layer } from "@effect/vitest"
import { Cause, Duration, Effect, Fiber, Queue, Redacted, Result, Schema, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import * as OpenAiModel from "../../../src/layers/models/OpenAiModel.ts"
import { AiMock, timesAsked } from "../../support/AiMock.ts"
import * as Loopback from "../../support/Loopback.ts"

const key = "not-a-real-key-0123456789"

const optionsFor = (baseUrl: string): OpenAiModel.Options => ({
  apiKey: Redacted.make(key),
  baseUrl,
  model: "gpt-test",
  maxOutputTokens: 321,
  timeout: Duration.minutes(5)
})

const ask = (baseUrl: string, prompt: string, options: Partial<OpenAiModel.Options> = {}) =>
  LanguageModel.generateText({ prompt }).pipe(
    Effect.provide(OpenAiModel.layer({ ...optionsFor(baseUrl), ...options }))
  )

const stream = (baseUrl: string, prompt: string, options: Partial<OpenAiModel.Options> = {}) =>
  LanguageModel.streamText({ prompt }).pipe(
    Stream.provide(OpenAiModel.layer({ ...optionsFor(baseUrl), ...options }))
  )

const reasonOf = <A, R>(effect: Effect.Effect<A, AiError.AiError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const completion = (message: unknown, more: Record<string, unknown> = {}) => ({
  id: "c1",
  object: "chat.completion",
  choices: [{ index: 0, message, finish_reason: "stop" }],
  ...more
})

const sse = (...events: ReadonlyArray<unknown>): string =>
  events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("")

const delta = (content: string, finish: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }]
})

layer(AiMock.layer)("OpenAiModel against a mock of OpenAI", (it) => {
  it.effect("answers with text, usage and finish reason, and asks once", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("say hello", {
        content: "hello",
        usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 }
      })
      const answer = yield* ask(`${mock.url}/v1`, "say hello")
      assert.strictEqual(answer.text, "hello")
      assert.strictEqual(answer.finishReason, "stop")
      assert.strictEqual(answer.usage.inputTokens.total, 12)
      assert.strictEqual(answer.usage.outputTokens.total, 3)
      assert.strictEqual(timesAsked(mock, "say hello"), 1)
    })
  )

  it.effect("names the output limit as the server knows it", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("limit", { content: "ok" })
      const bodies = Effect.sync(() => mock.getLastRequest()?.body)
      yield* ask(`${mock.url}/v1`, "limit")
      assert.deepInclude(yield* bodies, { model: "gpt-test", max_tokens: 321 })
      assert.notProperty(yield* bodies, "max_completion_tokens")
      yield* ask(`${mock.url}/v1/`, "limit", { tokenLimit: "max_completion_tokens" })
      assert.deepInclude(yield* bodies, { max_completion_tokens: 321 })
      assert.notProperty(yield* bodies, "max_tokens")
    })
  )

  it.effect("an answer that was cut is an answer", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("a long story", { content: "Once upon", finishReason: "length" })
      const answer = yield* ask(`${mock.url}/v1`, "a long story")
      assert.strictEqual(answer.finishReason, "length")
      assert.strictEqual(answer.text, "Once upon")
    })
  )

  it.effect("streams text in pieces, then the finish", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage(
        "stream it",
        { content: "one two three", usage: { prompt_tokens: 7, completion_tokens: 4 } },
        { chunkSize: 4 }
      )
      const parts = yield* Stream.runCollect(stream(`${mock.url}/v1`, "stream it"))
      const text = parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : []))
      assert.strictEqual(text.join(""), "one two three")
      assert.isAbove(text.length, 1)
      assert.deepStrictEqual(
        parts.filter((part) => part.type !== "text-delta").map((part) => part.type),
        ["text-start", "text-end", "finish"]
      )
      const finish = parts.find((part) => part.type === "finish")
      assert.strictEqual(finish?.reason, "stop")
      assert.strictEqual(finish?.usage.inputTokens.total, 7)
      assert.strictEqual(finish?.usage.outputTokens.total, 4)
      assert.strictEqual(timesAsked(mock, "stream it"), 1)
    })
  )

  it.effect("a stream that is cut fails after what had arrived", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage(
        "cut me off",
        { content: "one two three four" },
        { chunkSize: 4, latency: 20, truncateAfterChunks: 3 }
      )
      const arrived: Array<string> = []
      const reason = yield* stream(`${mock.url}/v1`, "cut me off").pipe(
        Stream.runForEach((part) => Effect.sync(() => arrived.push(part.type))),
        reasonOf
      )
      assert.instanceOf(reason, AiError.NetworkError)
      assert.include(arrived, "text-delta")
      assert.notInclude(arrived, "finish")
      assert.strictEqual(timesAsked(mock, "cut me off"), 1)
    })
  )

  it.effect("a body that is not JSON is an invalid response", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("garble", { content: "never seen" }, { chaos: { malformedRate: 1 } })
      const reason = yield* reasonOf(ask(`${mock.url}/v1`, "garble"))
      assert.instanceOf(reason, AiError.InvalidResponseError)
      assert.strictEqual(timesAsked(mock, "garble"), 1)
    })
  )

  it.effect("a connection that is dropped is a network error", () =>
    Effect.gen(function* () {
      const mock = yield* AiMock
      mock.onMessage("drop", { content: "never seen" }, { chaos: { disconnectRate: 1 } })
      const reason = yield* reasonOf(ask(`${mock.url}/v1`, "drop"))
      assert.instanceOf(reason, AiError.NetworkError)
      assert.strictEqual(timesAsked(mock, "drop"), 1)
    })
  )
})

describe("OpenAiModel against a scripted server", () => {
  it.effect("reads cached and reasoning tokens, and pays for reasoning that only the total knows", () =>
    Effect.gen(function* () {
      const usage = {
        prompt_tokens: 100,
        completion_tokens: 10,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 64, cache_write_tokens: 30 },
        completion_tokens_details: { reasoning_tokens: 40 }
      }
      const server = yield* Loopback.serve(Loopback.reply(200, completion({ content: "x" }, { usage })))
      const answer = yield* ask(server.url, "p")
      assert.deepInclude(answer.usage.inputTokens, {
        total: 100,
        cacheRead: 64,
        cacheWrite: 30,
        uncached: 6
      })
      assert.deepInclude(answer.usage.outputTokens, { total: 50, reasoning: 40 })
    })
  )

  for (const [name, usage] of [
    ["missing", undefined],
    ["null", null],
    ["zero", { prompt_tokens: 0, completion_tokens: 0 }],
    ["negative", { prompt_tokens: -1, completion_tokens: 5 }],
    ["fractional", { prompt_tokens: 1.5, completion_tokens: 5 }],
    ["absurd", { prompt_tokens: 1, completion_tokens: 1e15 }],
    ["words", { prompt_tokens: "many", completion_tokens: "few" }]
  ] as const) {
    it.effect(`does not believe usage that is ${name}, and keeps the answer`, () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(Loopback.reply(200, completion({ content: "x" }, { usage })))
        const answer = yield* ask(server.url, "p")
        assert.strictEqual(answer.text, "x")
        assert.isUndefined(answer.usage.inputTokens.total)
        assert.isUndefined(answer.usage.outputTokens.total)
      })
    )
  }

  it.effect("a refusal is an answer that ends as filtered", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(
        Loopback.reply(200, completion({ content: null, refusal: "I will not." }))
      )
      const answer = yield* ask(server.url, "p")
      assert.strictEqual(answer.finishReason, "content-filter")
      assert.strictEqual(answer.text, "I will not.")
    })
  )

  it.effect("fills Retry-After: seconds, milliseconds, a date, and not from nonsense", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 9, 21, 7, 28, 0))
      const cases: ReadonlyArray<readonly [Record<string, string>, number | undefined]> = [
        [{ "retry-after": "7" }, 7000],
        [{ "retry-after": "1.5" }, 1500],
        [{ "retry-after-ms": "250", "retry-after": "1" }, 250],
        [{ "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT" }, 30_000],
        [{ "retry-after": "Wed, 21 Oct 2026 07:00:00 GMT" }, 0],
        [{ "retry-after": "-5" }, undefined],
        [{ "retry-after": "99999999999999999999" }, undefined],
        [{ "retry-after": "soon" }, undefined],
        [{}, undefined]
      ]
      for (const [headers, expected] of cases) {
        const server = yield* Loopback.serve(Loopback.reply(429, { error: { message: "slow" } }, headers))
        const error = yield* Effect.flip(ask(server.url, "p"))
        assert.instanceOf(error.reason, AiError.RateLimitError)
        const wait = error.retryAfter === undefined ? undefined : Duration.toMillis(error.retryAfter)
        assert.strictEqual(wait, expected, JSON.stringify(headers))
        assert.strictEqual(yield* Queue.size(server.seen), 1)
      }
    })
  )

  for (const status of [503, 529]) {
    it.effect(`keeps the Retry-After of a ${status}, and that it is overload`, () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(
          Loopback.reply(status, { error: { message: "busy" } }, { "retry-after": "3" })
        )
        const reason = yield* reasonOf(ask(server.url, "p"))
        assert.instanceOf(reason, AiError.InternalProviderError)
        assert.deepInclude(reason.metadata["provider"], { retryAfterMs: 3000, overloaded: true })
        assert.strictEqual(reason.http?.response?.status, status)
      })
    )
  }

  it.effect("never shows the key, whatever the server echoes", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(
        Loopback.reply(401, { error: { message: `Incorrect API key provided: ${key}.` } })
      )
      const error = yield* Effect.flip(ask(server.url, "p"))
      assert.instanceOf(error.reason, AiError.AuthenticationError)
      assert.include(error.message, "Incorrect API key provided: [redacted]")
      assert.notInclude(JSON.stringify(error) + String(error.stack) + Cause.pretty(Cause.fail(error)), key)
    })
  )

  it.effect("a key that cannot be a header is not shown either", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(200, completion({ content: "x" })))
      const bad = "first-line\nsecond-line"
      const error = yield* Effect.flip(ask(server.url, "p", { apiKey: Redacted.make(bad) }))
      assert.notInclude(JSON.stringify(error), "second-line")
      assert.strictEqual(yield* Queue.size(server.seen), 0)
    })
  )

  it.effect("does not follow a redirect with the prompt", () =>
    Effect.gen(function* () {
      const other = yield* Loopback.serve(Loopback.reply(200, completion({ content: "stolen" })))
      const server = yield* Loopback.serve(Loopback.reply(307, "", { location: `${other.url}/chat` }))
      const reason = yield* reasonOf(ask(server.url, "p"))
      assert.instanceOf(reason, AiError.InvalidRequestError)
      assert.strictEqual(reason.http?.response?.status, 307)
      assert.strictEqual(yield* Queue.size(other.seen), 0)
    })
  )

  it.effect("reads no more of an answer than the limit", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        const piece = Buffer.alloc(1024 * 1024, " ")
        const more = () => {
          while (!response.destroyed && response.write(piece));
        }
        response.on("drain", more)
        more()
      })
      const reason = yield* reasonOf(ask(server.url, "p"))
      assert.instanceOf(reason, AiError.InvalidResponseError)
      assert.include(reason.description, String(Limits.modelReplyBytesMax))
    })
  )

  for (const [name, body, type] of [
    ["HTML", "<html>proxy login</html>", "text/html"],
    ["no choices", JSON.stringify({ choices: [] }), "application/json"],
    ["half of the JSON", '{"choices":[{"message":{"content":"x', "application/json"],
    ["null", "null", "application/json"]
  ] as const) {
    it.effect(`an answer that is ${name} is an invalid response`, () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve(Loopback.reply(200, body, { "content-type": type }))
        assert.instanceOf(yield* reasonOf(ask(server.url, "p")), AiError.InvalidResponseError)
      })
    )
  }

  it.effect("an error in a 200 is an error", () =>
    Effect.gen(function* () {
      const error = { message: "Overloaded", code: 502, metadata: { raw: { type: "overloaded_error" } } }
      const server = yield* Loopback.serve(
        Loopback.reply(200, { choices: [{ delta: { content: "" }, finish_reason: "error", error }] })
      )
      const reason = yield* reasonOf(ask(server.url, "p"))
      assert.instanceOf(reason, AiError.InternalProviderError)
      assert.deepInclude(reason.metadata["provider"], { overloaded: true })
      assert.notProperty(reason.metadata["provider"], "retryAfterMs")
    })
  )

  it.effect("a port where nobody listens is a network error that says so", () =>
    Effect.gen(function* () {
      const port = yield* Loopback.closedPort
      const reason = yield* reasonOf(ask(`http://127.0.0.1:${port}`, "p"))
      assert.instanceOf(reason, AiError.NetworkError)
      assert.include(reason.description, "ECONNREFUSED")
    })
  )

  it.effect("a base URL that is none is named as such", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(ask("not a url", "p"))
      assert.instanceOf(reason, AiError.NetworkError)
      assert.strictEqual(reason.reason, "InvalidUrlError")
    })
  )

  it.effect("interruption reaches the server", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(() => {})
      const fiber = yield* Effect.forkChild(ask(server.url, "p"))
      assert.strictEqual((yield* Queue.take(server.seen))._tag, "Request")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
    })
  )

  it.effect("the time limit covers a body that never ends, and reaches the server", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.write(" ")
      })
      const fiber = yield* Effect.forkChild(reasonOf(ask(server.url, "p")))
      assert.strictEqual((yield* Queue.take(server.seen))._tag, "Request")
      yield* TestClock.adjust(Duration.minutes(5))
      const reason = yield* Fiber.join(fiber)
      assert.instanceOf(reason, AiError.NetworkError)
      assert.isTrue(Cause.isTimeoutError(reason.cause))
      assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
    })
  )

  it.effect("a stream that stalls ends at the time limit, and interruption reaches the server", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(sse(delta("one")))
      })
      for (const end of ["timeout", "interrupt"] as const) {
        const arrived = yield* Queue.unbounded<string>()
        const fiber = yield* stream(server.url, "p").pipe(
          Stream.runForEach((part) =>
            part.type === "text-delta" ? Queue.offer(arrived, part.delta) : Effect.void
          ),
          Effect.forkChild
        )
        assert.strictEqual(yield* Queue.take(arrived), "one")
        yield* Queue.take(server.seen)
        if (end === "timeout") {
          yield* TestClock.adjust(Duration.minutes(5))
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.instanceOf(error.reason, AiError.NetworkError)
        } else yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
      }
    })
  )

  it.effect("a stream that closes without a finish reason is not a whole answer", () =>
    Effect.gen(function* () {
      const type = { "content-type": "text/event-stream" }
      const server = yield* Loopback.serve(Loopback.reply(200, sse(delta("half"), "[DONE]"), type))
      assert.instanceOf(
        yield* reasonOf(Stream.runDrain(stream(server.url, "p"))),
        AiError.InvalidResponseError
      )
    })
  )

  it.effect("an error in the middle of a stream is an error", () =>
    Effect.gen(function* () {
      const type = { "content-type": "text/event-stream" }
      const late = { error: { message: "You exceeded your quota", code: "insufficient_quota" } }
      const server = yield* Loopback.serve(Loopback.reply(200, sse(delta("half"), late), type))
      assert.instanceOf(
        yield* reasonOf(Stream.runDrain(stream(server.url, "p"))),
        AiError.QuotaExhaustedError
      )
    })
  )

  it.effect("refuses what it would have to leave out: files and structured output", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(200, completion({ content: "x" })))
      const file = { type: "file", mediaType: "image/png", data: new Uint8Array([1]) } as const
      const reason = yield* LanguageModel.generateText({ prompt: [{ role: "user", content: [file] }] }).pipe(
        Effect.provide(OpenAiModel.layer(optionsFor(server.url))),
        reasonOf
      )
      assert.instanceOf(reason, AiError.InvalidUserInputError)
      const structured = yield* LanguageModel.generateObject({
        prompt: "p",
        schema: Schema.Struct({ a: Schema.String })
      }).pipe(Effect.provide(OpenAiModel.layer(optionsFor(server.url))), reasonOf)
      assert.instanceOf(structured, AiError.InvalidUserInputError)
      assert.strictEqual(yield* Queue.size(server.seen), 0)
    })
  )

  it.effect("is the same for many at once", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(Loopback.reply(200, completion({ content: "x" })))
      const answers = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index),
        (index) => Effect.result(ask(server.url, `p${index}`)),
        { concurrency: "unbounded" }
      )
      assert.isTrue(answers.every(Result.isSuccess))
      assert.strictEqual(yield* Queue.size(server.seen), 40)
    })
  )
})
