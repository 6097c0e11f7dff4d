import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Evidence from "../../src/domain/errors/Evidence.ts"
import type { Tag } from "../../src/layers/classifiers/github/Conditions.ts"
import { conditions } from "../../src/layers/classifiers/github/Conditions.ts"
import { fromConnection, fromCreateAnswer } from "../../src/layers/GitHubFailures.ts"
import { createReasonOf, reasonOf, reasons } from "../../src/layers/GitHubReasons.ts"
import { GitHubContract } from "../../src/services/GitHub.ts"

const call = { operation: "POST /repos/{owner}/{repo}/pulls", service: "https://api", repository: "a/b" }
const pull = { branch: "moose/wo-1", base: "main" }
const evidence = Evidence.make({ operation: call.operation, excerpt: "words" })
const isTag = (name: string): name is Tag => name in conditions
const tags = Object.keys(reasons).filter(isTag)

describe("GitHubFailures", () => {
  it("has a declared reason for every condition that the classifier knows, in every method", () => {
    assert.deepStrictEqual(tags.toSorted(), Object.keys(conditions).toSorted())
    for (const tag of tags) {
      const opening = createReasonOf(call, pull, tag, evidence)
      assert.strictEqual(opening._tag, reasons[tag])
      assert.isTrue(Schema.is(GitHubContract.createPullRequest.failure)(opening), tag)
      for (const method of ["getRepository", "findPullRequests", "getPullRequest"] as const) {
        assert.isTrue(Schema.is(GitHubContract[method].failure)(reasonOf(call, tag, evidence)), tag)
      }
    }
  })

  it("reads an answer once: the reason, its condition and the wait agree", () => {
    const refusal = (field: string) => ({
      message: "Validation Failed",
      errors: [{ resource: "PullRequest", field, code: "invalid" }]
    })
    const cases = [
      [422, refusal("base"), "BaseBranchMissing", undefined],
      [422, refusal("head"), "NothingToMerge", "HeadUnknown"],
      [403, { message: "Repository was archived so is read-only." }, "PermissionDenied", "RepositoryClosed"],
      [
        403,
        { message: "Maximum number of login attempts exceeded." },
        "AuthenticationFailed",
        "AuthenticationFailed"
      ],
      [301, { message: "Moved Permanently" }, "RepositoryMissing", "AddressMoved"],
      [502, "<html>Bad Gateway</html>", "ForgeFailed", "RemoteServerError"],
      [418, "teapot", "ForgeFailed", "Unrecognised"]
    ] as const
    for (const [status, data, tag, condition] of cases) {
      const failure = fromCreateAnswer(call, pull, { status, headers: {}, data }, 0)
      assert.strictEqual(failure._tag, tag)
      if ("evidence" in failure) assert.strictEqual(failure.evidence.condition?.tag, condition)
    }
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60" }
    const limited = fromCreateAnswer(call, pull, { status: 429, headers, data: {} }, 1_000)
    assert.strictEqual(limited._tag === "RateLimited" ? limited.evidence.retryAfterMs : 0, 60_000)
  })

  it("does not believe the status that Octokit gives a connection that failed", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })
    const octokits = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
      name: "HttpError",
      status: 500,
      cause: new TypeError("fetch failed", { cause: refused })
    })
    const failure = fromConnection(call, octokits)
    assert.strictEqual(failure._tag, "RemoteUnreachable")
    if (failure._tag !== "RemoteUnreachable") return
    assert.strictEqual(failure.evidence.condition?.tag, "NetworkUnreachable")
    assert.strictEqual(failure.evidence.condition?.sideEffect, "none")
  })
})
