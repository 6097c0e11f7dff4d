import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Gh.ts"
import { suite } from "./CommandSuite.ts"
import { ghCases } from "./held-out/Gh.ts"
import { ghMoreCases } from "./held-out/GhMore.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, stderr: string, exitCode = 1) =>
  classify(
    classifier,
    operation,
    Schema.decodeUnknownSync(classifier.input)({ exitCode, stderr, stdout: "" })
  )

describe("gh", () => {
  suite({ classifier, cases: [...ghCases, ...ghMoreCases], disagreements, lookAlikes: [] })

  it("knows by its name what an operation can change", () => {
    const cut = 'Post "https://api.github.com/graphql": unexpected EOF\n'
    for (const operation of [
      "pr view",
      "gh pr list",
      "pr checks 7",
      "api GET /repos/x",
      "search prs",
      "auth status"
    ]) {
      assert.strictEqual(of(operation, cut).sideEffect, "none", operation)
    }
    for (const operation of [
      "pr create",
      "gh pr merge 7",
      "api",
      "api graphql",
      "api -X DELETE /x",
      "pr",
      "new thing"
    ]) {
      assert.strictEqual(of(operation, cut).sideEffect, "possible", operation)
    }
  })

  it("adopts a pull request that is there rather than making another", () => {
    const got = of(
      "pr create",
      'HTTP 502: Bad Gateway\na pull request for branch "feat/x" into branch "main" already exists:\nhttps://github.com/team/app/pull/7\n'
    )
    assert.deepStrictEqual([got.tag, got.retryable, got.sideEffect], ["PullRequestExists", false, "certain"])
  })

  it("asks git's rules about a push that gh made", () => {
    const got = of(
      "pr create",
      "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfailed to run git: exit status 1\n"
    )
    assert.deepStrictEqual([got.tag, got.retryable, got.sideEffect], ["NetworkReset", true, "possible"])
  })
})
