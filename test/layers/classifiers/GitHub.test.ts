import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/GitHub.ts"
import { gitHubCases } from "./held-out/GitHub.ts"
import { gitHubMoreCases } from "./held-out/WebMore.ts"
import { suite } from "./HttpSuite.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))

describe("GitHub", () => {
  suite({
    classifier,
    cases: [...gitHubCases, ...gitHubMoreCases],
    disagreements,
    lookAlikes: [
      "github.graphql.saml_200",
      "github.pulls.create.already_exists",
      "github.pulls.create.secondary_rate_limit_403",
      "github.pulls.create.truncated_201",
      "github.refs.delete.does_not_exist"
    ]
  })

  it("waits until the quota is full again, when it can tell how long that is", () => {
    const limited = (headers: Record<string, string>) =>
      of("GET", { status: 403, headers, body: '{"message":"API rate limit exceeded for user ID 1."}' })
        .retryAfterMs
    const reset = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225600" }
    assert.deepStrictEqual(
      [
        limited({ ...reset, date: "Wed, 31 Dec 2025 23:59:00 GMT" }),
        limited(reset),
        limited({ ...reset, "retry-after": "60" }),
        limited({ ...reset, "x-ratelimit-remaining": "7", date: "Wed, 31 Dec 2025 23:59:00 GMT" })
      ],
      [61_000, null, 60_000, null]
    )
  })

  it("knows what only reads", () => {
    const unanswered = { status: 502, headers: {}, body: "" }
    for (const operation of [
      "GET",
      "GET /repos/{owner}/{repo}",
      "head",
      "pulls.get",
      "listPulls",
      "graphql query"
    ]) {
      assert.strictEqual(of(operation, unanswered).sideEffect, "none", operation)
    }
    for (const operation of ["POST /graphql", "graphql", "DELETE /git/refs", "pulls.create", "getting", ""]) {
      assert.strictEqual(of(operation, unanswered).sideEffect, "possible", operation)
    }
  })
})
