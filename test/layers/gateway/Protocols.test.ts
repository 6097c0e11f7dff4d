import Anthropic from "@anthropic-ai/sdk"
import { assert, layer } from "@effect/vitest"
import { Effect, Queue, Redacted, Schema } from "effect"
import OpenAI from "openai"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import { type GatewayAccess, ModelGateway } from "../../../src/services/ModelGateway.ts"
import * as ModelFaults from "../../../src/testing/real/ModelFaults.ts"
import { AiMock } from "../../support/AiMock.ts"
import * as Gateway from "../../support/Gateway.ts"
import * as Loopback from "../../support/Loopback.ts"

const { ask, choice, claude, granting, opened, plenty, post, rows, submit } = Gateway

/** How the requests of an access ended. */
const outcomes = (id: string) =>
  Effect.map(
    Effect.flatMap(ModelGateway, (gateway) => gateway.account({ id })),
    ({ calls }) => calls.map(({ outcome }) => outcome)
  )

/** What became of the money of each call of an order. */
const statesOf = (id: Parameters<typeof rows>[0]) =>
  Effect.map(rows(id), (all) => all.map(({ state }) => state))

/** Either protocol as its official client speaks it. */
interface Spoken {
  readonly name: string
  readonly model: typeof choice
  /** The text of an answer, streamed or not. */
  readonly say: (access: GatewayAccess, prompt: string, stream: boolean) => Promise<string>
  /** The client without retries of its own, so that a test sees one call. */
  readonly isError: (failure: unknown) => failure is { readonly status: number | undefined }
}

const openAi: Spoken = {
  name: "OpenAI's protocol",
  model: choice,
  isError: (failure) => failure instanceof OpenAI.APIError,
  say: async (access, prompt, stream) => {
    const client = Gateway.openAiClient(access)
    const options = { maxRetries: 0 }
    if (!stream) {
      const answer = await client.chat.completions.create(ask(prompt), options)
      return answer.choices[0]?.message.content ?? ""
    }
    let text = ""
    const chunks = await client.chat.completions.create({ ...ask(prompt), stream: true }, options)
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? ""
    return text
  }
}

const anthropic: Spoken = {
  name: "Anthropic's protocol",
  model: claude,
  isError: (failure) => failure instanceof Anthropic.APIError,
  say: async (access, prompt, stream) => {
    const client = Gateway.anthropicClient(access)
    const options = { maxRetries: 0 }
    const body = {
      model: claude.model,
      max_tokens: 100,
      messages: [{ role: "user" as const, content: prompt }]
    }
    if (!stream) {
      const { content } = await client.messages.create(body, options)
      return content.map((block) => (block.type === "text" ? block.text : "")).join("")
    }
    let text = ""
    for await (const event of await client.messages.create({ ...body, stream: true }, options)) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text
    }
    return text
  }
}

const saying = (spoken: Spoken, access: GatewayAccess, prompt: string, stream = false) =>
  Effect.tryPromise({
    try: () => spoken.say(access, prompt, stream),
    catch: (failure) => failure
  })

/** The status that the client failed with; none where it is not an answer that it failed with. */
const failing = (spoken: Spoken, access: GatewayAccess, prompt: string, stream = false) =>
  Effect.map(Effect.flip(saying(spoken, access, prompt, stream)), (failure) =>
    spoken.isError(failure) ? failure.status : undefined
  )

const usage = { prompt_tokens: 20, completion_tokens: 5, input_tokens: 20, output_tokens: 5 }

for (const spoken of [openAi, anthropic]) {
  layer(Gateway.store)(`the gateway in ${spoken.name}, against aimock`, (it) => {
    const withMock = <A, E, R>(
      test: (
        mock: AiMock["Service"],
        access: GatewayAccess,
        states: () => ReturnType<typeof statesOf>
      ) => Effect.Effect<A, E, R>
    ) =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        return yield* Effect.gen(function* () {
          const id = yield* submit(plenty)
          const access = yield* opened(granting(id, { model: spoken.model }))
          return yield* test(mock, access, () => statesOf(id))
        }).pipe(Effect.provide(Gateway.layerTo(mock.url)))
      }).pipe(Effect.provide(AiMock.layer))
    for (const stream of [false, true]) {
      it.effect(
        `an answer${stream ? " in a stream" : ""} arrives as it came, and is settled from its usage`,
        () =>
          withMock((mock, access, states) =>
            Effect.gen(function* () {
              mock.onMessage("hello", { content: "Well, hello there.", usage })
              assert.strictEqual(yield* saying(spoken, access, "hello", stream), "Well, hello there.")
              const [outcome] = yield* outcomes(access.id)
              assert.deepInclude(outcome, { _tag: "Answered", finish: "stop", replayed: false })
              if (outcome?._tag !== "Answered") return assert.fail("not answered")
              assert.deepInclude(outcome.usage, { inputTokens: 20, outputTokens: 5 })
              assert.strictEqual(outcome.amount, 30)
              assert.deepStrictEqual(yield* states(), ["settled"])
            })
          )
      )

      it.effect(
        `an answer that the limit cut off${stream ? " in a stream" : ""} was paid for, and says so`,
        () =>
          withMock((mock, access, states) =>
            Effect.gen(function* () {
              ModelFaults.truncated(mock, { prompt: "long", content: "Once upon" })
              assert.strictEqual(yield* saying(spoken, access, "long", stream), "Once upon")
              assert.deepInclude((yield* outcomes(access.id))[0], { _tag: "Answered", finish: "length" })
              assert.deepStrictEqual(yield* states(), ["settled"])
            })
          )
      )
    }

    it.effect("a rate limit arrives with its wait, and cost nothing", () =>
      withMock((mock, access, states) =>
        Effect.gen(function* () {
          ModelFaults.rateLimited(mock, { prompt: "p", retryAfter: "7 seconds" })
          assert.strictEqual(yield* failing(spoken, access, "p"), 429)
          const [outcome] = yield* outcomes(access.id)
          if (outcome?._tag !== "Failed" || outcome.reason._tag !== "RateLimited") return assert.fail("no")
          assert.strictEqual(outcome.reason.evidence.retryAfterMs, 7000)
          assert.isFalse(outcome.presumed)
          assert.deepStrictEqual(yield* states(), ["cancelled"])
        })
      )
    )

    it.effect("an overloaded provider is 529, and cost nothing", () =>
      withMock((mock, access, states) =>
        Effect.gen(function* () {
          ModelFaults.overloaded(mock, { prompt: "p" })
          assert.strictEqual(yield* failing(spoken, access, "p"), 529)
          const [outcome] = yield* outcomes(access.id)
          assert.strictEqual(outcome?._tag === "Failed" && outcome.reason._tag, "ProviderOverloaded")
          assert.deepStrictEqual(yield* states(), ["cancelled"])
        })
      )
    )

    it.effect("a quota that is used up is told from a rate limit", () =>
      withMock((mock, access, states) =>
        Effect.gen(function* () {
          mock.onMessage("p", {
            status: 429,
            error: {
              message: "You exceeded your current quota, please check your plan and billing details.",
              type: "insufficient_quota",
              code: "insufficient_quota"
            }
          })
          assert.strictEqual(yield* failing(spoken, access, "p"), 429)
          const [outcome] = yield* outcomes(access.id)
          assert.strictEqual(outcome?._tag === "Failed" && outcome.reason._tag, "QuotaExhausted")
          assert.deepStrictEqual(yield* states(), ["cancelled"])
        })
      )
    )

    it.effect("a body that is no JSON arrives as it came, is no reply, and counts as spent", () =>
      withMock((mock, access, states) =>
        Effect.gen(function* () {
          ModelFaults.malformed(mock, { prompt: "p" })
          yield* Effect.ignore(saying(spoken, access, "p"))
          const [outcome] = yield* outcomes(access.id)
          if (outcome?._tag !== "Failed") return assert.fail(`${outcome?._tag}`)
          assert.strictEqual(outcome.reason._tag, "ProviderUnavailable")
          assert.isTrue(outcome.presumed)
          assert.deepStrictEqual(yield* states(), ["presumed"])
        })
      )
    )

    it.effect("a stream that breaks off breaks off for the program too, and counts as spent", () =>
      withMock((mock, access, states) =>
        Effect.gen(function* () {
          ModelFaults.brokenOff(mock, { prompt: "p", content: "a long answer that never ends, word by word" })
          yield* failing(spoken, access, "p", true)
          const [outcome] = yield* outcomes(access.id)
          if (outcome?._tag !== "Failed") return assert.fail(`${outcome?._tag}`)
          assert.strictEqual(outcome.reason._tag, "ProviderUnavailable")
          assert.isTrue(outcome.presumed)
          assert.deepStrictEqual(yield* states(), ["presumed"])
        })
      )
    )
  })
}

/** The events of a stream, as a server writes them. */
const sse = (...events: ReadonlyArray<readonly [string | undefined, unknown]>): string =>
  events
    .map(([name, data]) => {
      const line = `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`
      return name === undefined ? line : `event: ${name}\n${line}`
    })
    .join("")

const chunk = (delta: unknown, finish: string | null = null) =>
  [
    undefined,
    { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] }
  ] as const

const streaming = (body: string) => Loopback.reply(200, body, { "content-type": "text/event-stream" })

const Asked = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const bodyAt = (server: { readonly seen: Queue.Dequeue<Loopback.Seen> }) =>
  Effect.flatMap(Queue.take(server.seen), (seen) =>
    seen._tag === "Request"
      ? Schema.decodeEffect(Asked)(seen.body)
      : Effect.die(new Error("the connection closed before it was answered"))
  )

layer(Gateway.store)("the gateway's protocols, against a scripted server", (it) => {
  /** An access to a model, at a server that answers as told. */
  const at = <A, E, R>(
    answer: Parameters<typeof Loopback.serve>[0],
    model: typeof choice,
    test: (
      access: GatewayAccess,
      server: Effect.Success<ReturnType<typeof Loopback.serve>>,
      states: ReturnType<typeof statesOf>
    ) => Effect.Effect<A, E, R>
  ) =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve(answer)
      return yield* Effect.gen(function* () {
        const id = yield* submit(plenty)
        const access = yield* opened(granting(id, { model }))
        return yield* test(access, server, statesOf(id))
      }).pipe(Effect.provide(Gateway.layerTo(server.url)))
    })

  const message = (more: Record<string, unknown>) => ({
    id: "m1",
    type: "message",
    role: "assistant",
    model: claude.model,
    content: [{ type: "text", text: "done" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    ...more
  })
  const cached = {
    input_tokens: 10,
    cache_read_input_tokens: 100,
    cache_creation_input_tokens: 1000,
    cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 600 },
    output_tokens: 5
  }
  const cachedUsage = {
    inputTokens: 1110,
    cacheReadTokens: 100,
    cacheWriteTokens: 400,
    cacheWriteLongTokens: 600,
    outputTokens: 5
  }
  /** 10 at 1, 100 at 0.1, 400 at 1.25, 600 at 2 and 5 at 2 dollars per million, in millionths. */
  const cachedAmount = 10 + 10 + 500 + 1200 + 10

  it.effect("Anthropic's cache is paid at its own prices", () =>
    at(Loopback.reply(200, message({ usage: cached })), claude, (access) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* saying(anthropic, access, "p"), "done")
        const [outcome] = yield* outcomes(access.id)
        if (outcome?._tag !== "Answered") return assert.fail(`${outcome?._tag}`)
        assert.deepStrictEqual(outcome.usage, cachedUsage)
        assert.strictEqual(outcome.amount, cachedAmount)
      })
    )
  )

  it.effect("so it is in a stream, whose usage comes in parts", () => {
    const events = sse(
      [
        "message_start",
        { type: "message_start", message: message({ content: [], usage: { ...cached, output_tokens: 1 } }) }
      ],
      [
        "content_block_start",
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }
      ],
      ["ping", { type: "ping" }],
      [
        "content_block_delta",
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "don" } }
      ],
      [
        "content_block_delta",
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "e" } }
      ],
      ["content_block_stop", { type: "content_block_stop", index: 0 }],
      [
        "message_delta",
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } }
      ],
      ["message_stop", { type: "message_stop" }]
    )
    return at(streaming(events), claude, (access) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* saying(anthropic, access, "p", true), "done")
        const [outcome] = yield* outcomes(access.id)
        if (outcome?._tag !== "Answered") return assert.fail(`${outcome?._tag}`)
        assert.deepStrictEqual(outcome.usage, cachedUsage)
        assert.strictEqual(outcome.amount, cachedAmount)
      })
    )
  })

  it.effect("what OpenAI read from its cache is paid at its own price, in a stream as well", () => {
    const used = { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 60 } }
    const events = sse(
      chunk({ content: "done" }),
      chunk({}, "stop"),
      [undefined, { choices: [], usage: used }],
      [undefined, "[DONE]"]
    )
    return at(streaming(events), choice, (access, server) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* saying(openAi, access, "p", true), "done")
        const body = yield* bodyAt(server)
        assert.deepStrictEqual(body["stream_options"], { include_usage: true })
        const [outcome] = yield* outcomes(access.id)
        if (outcome?._tag !== "Answered") return assert.fail(`${outcome?._tag}`)
        assert.deepStrictEqual(outcome.usage, { inputTokens: 100, cacheReadTokens: 60, outputTokens: 5 })
        assert.strictEqual(outcome.amount, 40 + 6 + 10)
      })
    )
  })

  it.effect("a stream is handed on byte by byte, and replayed the same", () => {
    const events = `: keep-alive\r\n\r\n${sse(chunk({ content: "größe 😀" }), chunk({}, "stop"), [undefined, "[DONE]"])}`
    return at(streaming(events), choice, (access, server) =>
      Effect.gen(function* () {
        const first = yield* post(access, ask("p", { stream: true }))
        assert.strictEqual(first.text, events)
        assert.include(first.headers.get("content-type") ?? "", "text/event-stream")
        const gateway = yield* ModelGateway
        const [answered] = yield* outcomes(access.id)
        // Usage that a stream does not tell counts at its most.
        if (answered?._tag !== "Answered") return assert.fail(`${answered?._tag}`)
        assert.strictEqual(answered.usage.outputTokens, choice.maxOutputTokens)
        yield* gateway.close(access)
        assert.strictEqual(yield* Queue.size(server.seen), 1)
      })
    )
  })

  it.effect("an answer that Anthropic's model declined is an answer", () =>
    at(Loopback.reply(200, message({ stop_reason: "refusal", usage: cached })), claude, (access, _, states) =>
      Effect.gen(function* () {
        yield* saying(anthropic, access, "p")
        assert.deepInclude((yield* outcomes(access.id))[0], { _tag: "Answered", finish: "content-filter" })
        assert.deepStrictEqual(yield* states, ["settled"])
      })
    )
  )

  it.effect("an error inside a stream arrives as it came, and what was generated counts as spent", () => {
    const events = sse(
      ["message_start", { type: "message_start", message: message({ content: [], usage: cached }) }],
      ["error", { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }]
    )
    return at(streaming(events), claude, (access, _, states) =>
      Effect.gen(function* () {
        const asked = {
          model: claude.model,
          max_tokens: 9,
          stream: true,
          messages: [{ role: "user", content: "p" }]
        }
        const { text } = yield* post(access, asked, "/messages")
        assert.strictEqual(text, events)
        const [outcome] = yield* outcomes(access.id)
        if (outcome?._tag !== "Failed") return assert.fail(`${outcome?._tag}`)
        assert.strictEqual(outcome.reason._tag, "ProviderOverloaded")
        assert.isTrue(outcome.presumed)
        assert.deepStrictEqual(yield* states, ["presumed"])
      })
    )
  })

  it.effect(
    "a program that leaves in the middle of a stream: the provider is told, and it counts as spent",
    () =>
      at(
        (_request, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(sse(chunk({ content: "one" })))
        },
        choice,
        (access, server, states) =>
          Effect.gen(function* () {
            const leave = new AbortController()
            const begun = yield* Effect.promise(async () => {
              const response = await fetch(`${access.baseUrl}/chat/completions`, {
                method: "POST",
                headers: { authorization: `Bearer ${Redacted.value(access.token)}` },
                body: JSON.stringify(ask("p", { stream: true })),
                signal: leave.signal
              })
              const first = await response.body?.getReader().read()
              return new TextDecoder().decode(first?.value)
            })
            assert.include(begun, "one")
            assert.strictEqual((yield* Queue.take(server.seen))._tag, "Request")
            leave.abort()
            assert.strictEqual((yield* Queue.take(server.seen))._tag, "Abort")
            const gateway = yield* ModelGateway
            const { calls } = yield* gateway.close(access)
            assert.deepStrictEqual(calls[0]?.outcome, { _tag: "Abandoned", sent: true })
            assert.deepStrictEqual(yield* states, ["presumed"])
          })
      )
  )

  it.effect("a provider that cannot be reached is 502, and cost nothing", () =>
    Effect.gen(function* () {
      const port = yield* Loopback.closedPort
      yield* Effect.gen(function* () {
        const id = yield* submit(plenty)
        const access = yield* opened(granting(id))
        const { status, text } = yield* post(access, ask("p"))
        assert.strictEqual(status, 502)
        assert.include(text, "moose_provider_unreachable")
        const [outcome] = yield* outcomes(access.id)
        if (outcome?._tag !== "Failed") return assert.fail(`${outcome?._tag}`)
        assert.strictEqual(outcome.reason._tag, "ProviderUnavailable")
        assert.deepStrictEqual(
          (yield* rows(id)).map(({ state }) => state),
          ["cancelled"]
        )
      }).pipe(Effect.provide(Gateway.layerTo(`http://127.0.0.1:${port}`)))
    })
  )

  it.effect("the output limit is the granted one, or a lower one of the request's own", () =>
    at(
      Loopback.reply(200, { choices: [{ message: { content: "x" }, finish_reason: "stop" }] }),
      choice,
      (access, server) =>
        Effect.gen(function* () {
          const limits = [{}, { max_tokens: 7 }, { max_completion_tokens: 8 }, { max_tokens: 90_000 }]
          for (const limit of limits) yield* post(access, ask("p", limit))
          const asked = yield* Effect.forEach(limits, () => bodyAt(server))
          assert.deepStrictEqual(
            asked.map((body) => [body["max_tokens"], body["max_completion_tokens"]]),
            [
              [500, undefined],
              [7, undefined],
              [8, undefined],
              [500, undefined]
            ]
          )
        })
    )
  )

  it.effect("what is not granted is refused in the protocol's own shape, and nothing is sent", () =>
    at(Loopback.reply(200, {}), choice, (access, server, states) =>
      Effect.gen(function* () {
        const text = [{ type: "text", text: "look" }]
        const picture = { type: "image_url", image_url: { url: "https://pictures.invalid/1.png" } }
        const cases = [
          ["another model", ask("p", { model: "gpt-dear" }), 404, "model_not_found"],
          ["several answers", ask("p", { n: 3 }), 400, "moose_request_rejected"],
          ["a faster service", ask("p", { service_tier: "priority" }), 400, "moose_request_rejected"],
          ["tools", ask("p", { tools: [] }), 400, "moose_request_rejected"],
          [
            "a picture",
            ask("p", { messages: [{ role: "user", content: [...text, picture] }] }),
            400,
            "moose_request_rejected"
          ],
          ["no JSON", "{", 400, "moose_request_rejected"]
        ] as const
        for (const [name, body, status, code] of cases) {
          const answer = yield* post(access, body)
          assert.strictEqual(answer.status, status, name)
          assert.deepInclude(JSON.parse(answer.text).error, { type: "invalid_request_error", code }, name)
        }
        assert.strictEqual((yield* post(access, ask("p"), "/messages")).status, 404)
        assert.strictEqual((yield* post(access, ask("p"), "/embeddings")).status, 404)
        const stranger = { ...access, token: Redacted.make("sk-moose-0") }
        const unknown = yield* post(stranger, ask("p"))
        assert.strictEqual(unknown.status, 401)
        const tooLong = "x".repeat(Limits.gatewayBodyBytesMax)
        assert.strictEqual((yield* post(access, ask(tooLong))).status, 413)
        assert.strictEqual(yield* Queue.size(server.seen), 0)
        assert.deepStrictEqual(yield* states, [])
        const rejected = (yield* outcomes(access.id)).map((outcome) => outcome._tag)
        assert.deepStrictEqual(
          rejected,
          cases.map(() => "Rejected")
        )
      })
    )
  )

  it.effect("an attempt makes so many requests and no more", () =>
    at(
      Loopback.reply(200, { choices: [{ message: { content: "x" }, finish_reason: "stop" }], usage }),
      choice,
      (access, server) =>
        Effect.gen(function* () {
          const asked = Array.from({ length: Limits.gatewayCallsMax + 1 }, (_, index) =>
            post(access, ask(`p${index}`))
          )
          const statuses = (yield* Effect.all(asked)).map(({ status }) => status)
          assert.deepStrictEqual(
            statuses.filter((status) => status !== 200),
            [400]
          )
          assert.strictEqual(yield* Queue.size(server.seen), Limits.gatewayCallsMax)
        })
    )
  )

  it.effect("the list of models is the one that was granted", () =>
    at(Loopback.reply(200, {}), choice, (access) =>
      Effect.gen(function* () {
        const listed = yield* Effect.promise(() => Gateway.openAiClient(access).models.list())
        assert.deepStrictEqual(
          listed.data.map(({ id }) => id),
          [choice.model]
        )
      })
    )
  )

  it.effect("a model that no program can ask is not opened", () =>
    Effect.gen(function* () {
      const gateway = yield* ModelGateway
      const id = yield* submit(plenty)
      const offline = yield* Effect.flip(
        gateway.open(granting(id, { model: { ...choice, provider: "offline" } }))
      )
      assert.strictEqual(offline._tag, "ModelNotFound")
    }).pipe(Effect.provide(Gateway.layerTo("http://127.0.0.1:9")))
  )
})
