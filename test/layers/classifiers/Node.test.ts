import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Node.ts"
import { nodeCases } from "./held-out/Node.ts"
import { nodeMoreCases } from "./held-out/NodeMore.ts"
import { suite } from "./HttpSuite.ts"
import { assertSameWhenRewritten } from "./Rewritten.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))

describe("Node", () => {
  suite({
    classifier,
    cases: [...nodeCases, ...nodeMoreCases],
    disagreements,
    lookAlikes: ["node.fetch.bad_port", "node.http.aggregate_econnrefused"]
  })

  it("says the same when hosts, ports, colours and line ends change", () => {
    assertSameWhenRewritten(classifier, [...nodeCases, ...nodeMoreCases])
  })

  it("reads the words where the code was lost on the way", () => {
    for (const [message, tag, sideEffect] of [
      ["connect ECONNREFUSED 127.0.0.1:5432", "NetworkUnreachable", "none"],
      ["getaddrinfo EAI_AGAIN api.example", "NetworkDns", "none"],
      ["read ECONNRESET", "NetworkReset", "possible"],
      ["ENOSPC: no space left on device, write", "DiskFull", "possible"],
      ["spawn gitt ENOENT", "ToolMissing", "none"]
    ]) {
      const got = of("fetch", { name: "Error", message })
      assert.deepStrictEqual([got.tag, got.sideEffect], [tag, sideEffect])
    }
  })

  it("takes no code from words that tell of two", () => {
    const got = of("fetch", { message: "connect ECONNREFUSED 127.0.0.1:1, before that read ECONNRESET" })
    assert.deepStrictEqual([got.rule, got.sideEffect], [null, "possible"])
  })

  it("calls nothing undone while one of several attempts may have arrived", () => {
    const refused = { code: "ECONNREFUSED", syscall: "connect", message: "connect ECONNREFUSED 127.0.0.1:1" }
    const odd = { name: "Error", message: "something odd" }
    for (const errors of [
      [refused, odd],
      [odd, refused]
    ]) {
      const got = of("fetch", { name: "AggregateError", message: "", errors })
      assert.deepStrictEqual([got.retryable, got.sideEffect], [false, "possible"])
    }
  })

  it("stays calm before a chain of causes without end", () => {
    let chain: Record<string, unknown> = { code: "ECONNRESET", message: "read ECONNRESET" }
    for (let depth = 0; depth < 1000; depth++) chain = { name: "Error", message: "wrapped", cause: chain }
    let wide: Record<string, unknown> = { code: "ECONNREFUSED", syscall: "connect" }
    for (let depth = 0; depth < 8; depth++) wide = { errors: Array.from({ length: 50 }, () => wide) }
    const circle: Record<string, unknown> = { message: "around" }
    circle["cause"] = circle
    assert.strictEqual(of("fetch", circle).rule, null)
    assert.strictEqual(of("fetch", chain).sideEffect, "possible")
    assert.strictEqual(of("fetch", wide).sideEffect, "possible")
  })
})
