import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/OpenAi.ts"
import { openAiCases } from "./held-out/OpenAi.ts"
import { openAiMoreCases } from "./held-out/ModelsMore.ts"
import { suite } from "./HttpSuite.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))
const said = (message: string, headers: Record<string, string> = {}) =>
  of("chat", {
    status: 429,
    headers,
    body: JSON.stringify({ error: { message, type: "tokens", code: "rate_limit_exceeded" } })
  }).retryAfterMs

describe("OpenAI", () => {
  suite({
    classifier,
    cases: [...openAiCases, ...openAiMoreCases],
    disagreements,
    lookAlikes: ["openai.chat.content_filter_azure_400", "openai.chat.insufficient_quota_429"]
  })

  it("minds the unit of a wait that stands in the words", () => {
    assert.deepStrictEqual(
      [
        said("Please try again in 6ms. Contact us."),
        said("Please try again in 20s."),
        said("Please try again in 7m12s."),
        said("Please retry after 26 seconds. Please go here"),
        said("Please retry in 17.3s."),
        said("Please try again in 1h0m2.5s."),
        said("Please try again later."),
        said("Please try again in 6ms.", { "retry-after": "1" }),
        said("Please try again in 6ms.", { "retry-after": "1", "retry-after-ms": "7.2" })
      ],
      [6, 20_000, 432_000, 26_000, 17_300, 3_602_500, null, 1000, 8]
    )
  })

  it("reads a line of a log, and never takes a cut connection for one that was not made", () => {
    assert.deepStrictEqual(
      [
        "Error: connect ECONNREFUSED 127.0.0.1:1",
        "Error: read ECONNRESET",
        "Request failed with status code 502"
      ].map((line) => {
        const { tag, retryable, sideEffect } = of("chat", line)
        return [tag, retryable, sideEffect]
      }),
      [
        ["NetworkUnreachable", true, "none"],
        ["NetworkReset", true, "possible"],
        ["ProviderServerError", true, "possible"]
      ]
    )
  })

  it("reads what the clients print and wrap", () => {
    const quota = {
      message: "You exceeded your current quota",
      type: "insufficient_quota",
      code: "insufficient_quota"
    }
    const python =
      "Error code: 429 - {'error': {'message': 'You exceeded your current quota', 'type': 'insufficient_quota', 'param': None, 'code': 'insufficient_quota'}}"
    for (const input of [
      { name: "RateLimitError", status: 429, headers: {}, error: quota, message: "429 You exceeded" },
      { name: "RateLimitError", message: python },
      { statusCode: 429, responseHeaders: {}, responseBody: JSON.stringify({ error: quota }) },
      { status: 429, body: { error: quota } }
    ]) {
      const got = of("chat", input)
      assert.deepStrictEqual([got.tag, got.retryable], ["QuotaExhausted", false])
    }
  })
})
