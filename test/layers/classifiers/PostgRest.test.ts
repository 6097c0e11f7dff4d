import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/PostgRest.ts"
import { postgrestCases } from "./held-out/PostgRest.ts"
import { postgrestMoreCases } from "./held-out/WebMore.ts"
import { suite } from "./HttpSuite.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))

describe("PostgREST", () => {
  suite({
    classifier,
    cases: [...postgrestCases, ...postgrestMoreCases],
    disagreements,
    lookAlikes: [
      "postgrest.auth.jwt_issued_at_future",
      "postgrest.insert.pgrst204_stale_cache",
      "postgrest.select.pgrst116_zero",
      "postgrest.update.rls_zero_rows_200",
      "postgrest.update.serialization_500"
    ]
  })

  it("computes a wait from the headers, and leaves it out where it cannot", () => {
    const wait = (headers: Record<string, string>) =>
      of("insert", { status: 503, headers, body: "" }).retryAfterMs
    assert.deepStrictEqual(
      [
        wait({ "Retry-After": "32" }),
        wait({
          "retry-after": "Thu, 01 Jan 2026 00:00:23 GMT",
          date: "Thu, 01 Jan 2026 00:00:00 GMT"
        }),
        wait({ "retry-after": "Thu, 01 Jan 2026 00:00:23 GMT" }),
        wait({})
      ],
      [32_000, 23_000, null, null]
    )
  })

  it("does not take a column named code for an error", () => {
    const got = of("select", {
      status: 200,
      headers: { "content-type": "application/json" },
      body: '[{"code":"40001","message":"x"},{"code":"40'
    })
    assert.strictEqual(got.tag, "StreamTruncated")
  })
})
