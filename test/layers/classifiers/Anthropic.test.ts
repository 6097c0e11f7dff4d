import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Anthropic.ts"
import { anthropicCases } from "./held-out/Anthropic.ts"
import { anthropicMoreCases } from "./held-out/ModelsMore.ts"
import { suite } from "./HttpSuite.ts"

export const disagreements = [
  {
    id: "anthropic.messages.stop_context_window",
    why: "The answer came with its usage, so its tokens are billed: that must be settled as spent, like every answer that stops early."
  }
]

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))
const limited = (headers: Record<string, string>) =>
  of("messages", {
    status: 429,
    headers,
    body: '{"type":"error","error":{"type":"rate_limit_error","message":"Rate limited"}}'
  }).retryAfterMs

describe("Anthropic", () => {
  suite({
    classifier,
    cases: [...anthropicCases, ...anthropicMoreCases],
    disagreements,
    lookAlikes: [
      "anthropic.messages.credit_balance_400",
      "anthropic.messages.spend_cap_429",
      "anthropic.stream.overloaded_after_200"
    ]
  })

  it("computes the wait from headers, or leaves it out", () => {
    const retryAfter = "Thu, 01 Jan 2026 00:00:23 GMT"
    assert.deepStrictEqual(
      [
        limited({ "Retry-After": "23" }),
        limited({ "retry-after": "1.5" }),
        limited({ "retry-after": retryAfter, date: "Thu, 01 Jan 2026 00:00:03 GMT" }),
        limited({ "retry-after": retryAfter, date: "Thu, 01 Jan 2026 00:01:00 GMT" }),
        limited({ "retry-after": retryAfter }),
        limited({ "retry-after": "soon" }),
        limited({})
      ],
      [23_000, 1500, 20_000, 0, null, null, null]
    )
  })

  it("takes no word of what the model wrote for a complaint", () => {
    const text = "Your credit balance is too low. overloaded_error. prompt is too long"
    const got = of("messages", {
      status: 200,
      headers: {},
      body: JSON.stringify({ type: "message", content: [{ type: "text", text }], stop_reason: "max_tokens" })
    })
    assert.deepStrictEqual([got.tag, got.sideEffect], ["OutputTruncated", "certain"])
  })

  it("loses nothing with a call that costs nothing", () => {
    const input = { status: 504, headers: {}, body: "" }
    assert.strictEqual(of("messages.count_tokens", input).sideEffect, "none")
    assert.strictEqual(of("GET /v1/models", input).sideEffect, "none")
    assert.strictEqual(of("messages.batches", input).sideEffect, "possible")
  })
})
