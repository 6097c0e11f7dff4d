import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { AiError } from "effect/ai"
import OpenAI from "openai"
import type { ModelChoice } from "../../../src/domain/Route.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { type Tag, conditions } from "../../../src/layers/classifiers/llm/Conditions.ts"
import { translate } from "../../../src/layers/LanguageModelProposer.ts"
import * as OpenAiFailure from "../../../src/layers/models/OpenAiFailure.ts"
import * as ModelReason from "../../../src/layers/models/ModelReason.ts"
import { ProposerContract } from "../../../src/services/Proposer.ts"

const choice: ModelChoice = {
  provider: "openai",
  model: "gpt-test",
  maxOutputTokens: 321,
  inputPerMillion: Usd.make(1),
  outputPerMillion: Usd.make(1)
}
const request: ModelReason.Request = {
  url: "https://api/v1/chat/completions",
  now: 1_767_225_600_000,
  conceal: (text) => text
}
const toReason = (reason: AiError.AiErrorReason) =>
  translate(choice)(AiError.make({ module: "OpenAiModel", method: "generateText", reason }))
const isDeclared = Schema.is(ProposerContract.ask.failure)
const isTag = (name: string): name is Tag => name in conditions
const tags = Object.keys(ModelReason.kinds).filter(isTag)

/** What the official client throws for an answer. */
const answered = (status: number, body: object | string, headers: Record<string, string> = {}) =>
  typeof body === "string"
    ? new OpenAI.APIError(status, undefined, body, new Headers(headers))
    : new OpenAI.APIError(status, body, undefined, new Headers(headers))

describe("OpenAiFailure", () => {
  it("has a declared reason for every condition that the classifier knows, answered or not", () => {
    assert.deepStrictEqual(tags.toSorted(), Object.keys(conditions).toSorted())
    for (const tag of tags) {
      const condition = { tag, sideEffect: "possible", ...conditions[tag] } as const
      for (const http of [{ http: { status: 500 } }, {}]) {
        const met = ModelReason.ofCondition(
          tag,
          { condition, retryAfterMs: 7 },
          { raw: "", description: "words", ...http },
          request
        )
        const reason = toReason(met)
        assert.isTrue(isDeclared(reason), tag)
        // Effect's reason in between loses nothing of what was read.
        if ("evidence" in reason) {
          assert.deepStrictEqual(reason.evidence.condition, condition)
          assert.strictEqual(reason.evidence.retryAfterMs, 7)
        }
      }
    }
  })

  it("reads a failure once: the reason, its condition and the wait agree", () => {
    const said = (error: object) => ({ error })
    const cases = [
      [answered(413, "too large"), "ContextWindowExceeded", "RequestTooLarge"],
      [
        answered(429, said({ message: "Request too large for gpt-test", code: "rate_limit_exceeded" })),
        "ContextWindowExceeded",
        "RequestOverRate"
      ],
      [answered(404, { detail: "Not Found" }), "RequestRejected", "AddressWrong"],
      [answered(404, said({ message: "model: gpt-test" })), "ModelNotFound", "ModelNotFound"],
      [answered(503, "<h1>Service Unavailable</h1>"), "ProviderOverloaded", "ProviderOverloaded"],
      [answered(407, "who are you?"), "ProviderUnavailable", "ProxyFailure"],
      [answered(422, said({ message: "no", type: "server_error" })), "RequestRejected", "RequestRejected"],
      [
        new OpenAI.APIConnectionError({ cause: Object.assign(new Error("read"), { code: "ECONNRESET" }) }),
        "ProviderUnavailable",
        "NetworkReset"
      ],
      [
        new OpenAI.APIConnectionError({
          cause: new TypeError('Headers.append: "Bearer x" is an invalid header value.')
        }),
        "RequestRejected",
        "RequestRejected"
      ],
      [new TypeError("who knows"), "ProviderUnavailable", "Unrecognised"]
    ] as const
    for (const [failure, tag, condition] of cases) {
      const reason = toReason(OpenAiFailure.reasonOf(failure, request))
      assert.strictEqual(reason._tag, tag, condition)
      if (!("evidence" in reason)) return assert.fail("no evidence")
      assert.strictEqual(reason.evidence.condition?.tag, condition)
    }
    const limited = answered(429, said({ message: "Rate limit reached. Please try again in 6s." }))
    const reason = toReason(OpenAiFailure.reasonOf(limited, request))
    assert.strictEqual(reason._tag === "RateLimited" ? reason.evidence.retryAfterMs : 0, 6000)
  })

  it("does not take for undone what a page or a broken stream says nothing about", () => {
    const inAStream = new OpenAI.APIError(undefined, { message: "Overloaded" }, undefined, new Headers())
    for (const failure of [answered(502, "<h1>Bad Gateway</h1>"), answered(503, ""), inAStream]) {
      const reason = toReason(OpenAiFailure.reasonOf(failure, request))
      assert.strictEqual("evidence" in reason ? reason.evidence.condition?.sideEffect : "", "possible")
    }
  })
})
