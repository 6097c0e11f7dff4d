import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AiMock } from "../support/AiMock.ts"
import { anthropicLayer } from "./TestWorker.ts"
import * as Worker from "./Worker.ts"

/* An order whose models are Anthropic's: Moose asks in Anthropic's protocol, and so does Aider, through the gateway. */

const minutes = 12 * 60_000

layer(anthropicLayer, { excludeTestServices: true, timeout: minutes })(
  "Aider in Anthropic's protocol",
  (it) => {
    it.effect(
      "makes an order's change through the gateway, which pays for it by Anthropic's usage",
      () =>
        Effect.gen(function* () {
          yield* Worker.seed
          const mock = yield* AiMock
          Worker.proposes(mock, "round-well", [Worker.rounding])
          const done = yield* Worker.ends(yield* Worker.submit("round-well"))
          assert.strictEqual(done.status, "completed", JSON.stringify(done.failure))
          assert.deepStrictEqual(
            (yield* Worker.ledger(done.order.id)).map(({ call, state }) => `${call} ${state}`),
            ["generating/1/1/1 settled", "applying/editor/1/applying/1 settled"]
          )
          // Whoever asked, the server was asked in Anthropic's protocol and in no other.
          const asked = mock.getRequests().map(({ method, path }) => `${method} ${path}`)
          assert.deepStrictEqual(asked, ["POST /v1/messages", "POST /v1/messages"])
          const sql = yield* PgClient.PgClient
          const kept = yield* sql<{ model: string; usage: unknown; body: string }>`
          select model, usage, body from moose.model_replies`
          assert.deepStrictEqual(
            kept.map(({ model, usage }) => ({ model, usage })),
            [{ model: Worker.anthropicModel, usage: { inputTokens: 1_000, outputTokens: 50 } }]
          )
          assert.match(kept[0]?.body ?? "", /"type": ?"message"/)
          assert.deepStrictEqual(yield* Worker.leftovers, [])
        }),
      minutes
    )

    it.effect(
      "a key that Anthropic refuses is what the order fails with",
      () =>
        Effect.gen(function* () {
          yield* Worker.seed
          Worker.proposes(yield* AiMock, "wrong-key", [Worker.rounding])
          const done = yield* Worker.ends(yield* Worker.submit("wrong-key"))
          assert.strictEqual(done.status, "aider_failed")
          assert.deepStrictEqual(yield* Worker.met(done.order.id), ["AuthenticationFailed"])
        }),
      minutes
    )
  }
)
