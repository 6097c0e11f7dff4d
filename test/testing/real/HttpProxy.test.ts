import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import * as PostJson from "../../../src/layers/PostJson.ts"
import { HttpProxy } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"

const any = () => true

/** One question through a proxy in front of a server that is well, and what became of it. */
const asking = Effect.fnUntraced(function* (fault: HttpProxy.Fault) {
  const server = yield* Loopback.serve(Loopback.reply(200, { id: "taken in, all of it" }))
  const proxy = yield* HttpProxy.make(server.url)
  const { ask } = yield* PostJson.make({
    url: new URL(proxy.url),
    question: Schema.String,
    timeout: Duration.millis(300),
    bytesMax: 1_000
  })
  const { met } = yield* proxy.next(any, fault)
  const first = yield* Effect.result(ask("hello"))
  yield* met
  // It is over with that one.
  const second = yield* ask("hello again")
  assert.strictEqual(second.status, 200)
  return { first, passed: proxy.count(any).passed - 1 }
}, Effect.provide(PostJson.httpClient))

describe("HttpProxy", () => {
  const answer: HttpProxy.Answer = { status: 503, headers: { "retry-after": "3" }, body: "not now" }

  it.live("answers instead of the other side, or after it has done the work", () =>
    Effect.gen(function* () {
      const instead = yield* asking({ _tag: "Answer", answer })
      assert.strictEqual(instead.passed, 0)
      const after = yield* asking({ _tag: "AnswerAfterWork", answer })
      assert.strictEqual(after.passed, 1)
      for (const { first } of [instead, after]) {
        if (first._tag === "Failure") return assert.fail(first.failure.excerpt)
        assert.deepInclude(first.success, { status: 503, body: "not now" })
        assert.strictEqual(first.success.headers["retry-after"], "3")
      }
    }).pipe(Effect.scoped)
  )

  const faults: ReadonlyArray<readonly [fault: HttpProxy.Fault, passed: number]> = [
    [{ _tag: "Drop" }, 0],
    [{ _tag: "DropReply" }, 1],
    [{ _tag: "Truncate", bytes: 5 }, 1],
    [{ _tag: "Stall" }, 0]
  ]
  for (const [fault, passed] of faults) {
    it.live(
      `${fault._tag}: there is no answer, and the other side ${passed === 0 ? "knows nothing" : "has done it"}`,
      () =>
        Effect.gen(function* () {
          const seen = yield* asking(fault)
          assert.strictEqual(seen.first._tag, "Failure")
          assert.strictEqual(seen.passed, passed)
        }).pipe(Effect.scoped)
    )
  }
})
