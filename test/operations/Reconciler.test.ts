import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as Real from "../testing/real/RealWorld.ts"
import { make, said } from "./ReconcilerScene.ts"

const timeoutMs = 120_000

describe("Reconciler", () => {
  it.live(
    "finds nothing where all went well, and a pull request that somebody merged, whose work is not done again",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const orders = yield* WorkOrders
        const id = yield* scene.submit("order-1")
        yield* scene.run([id])
        assert.strictEqual((yield* scene.view(id)).status, "completed")
        const first = yield* scene.pass()
        assert.deepStrictEqual(said(first), [])
        assert.deepStrictEqual(first.unseen, [])
        assert.strictEqual(first.orders, 1)

        yield* scene.api("PUT", "pulls/1/merge", {})
        assert.deepStrictEqual(said(yield* scene.pass({ apply: false })), [
          "PullRequestMergedByHand Proposed"
        ])
        assert.deepStrictEqual(said(yield* scene.pass()), ["PullRequestMergedByHand Repaired"])
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        const rows = yield* scene.rows(id)
        const row = rows.find(({ kind }) => kind === "pull_request")
        assert.strictEqual(row?.state, "released")
        assert.deepInclude(row?.evidence, { number: 1, merged: true })
        yield* scene.sql`update public.work_orders set status = 'tracking' where id = ${id}`.pipe(Effect.flip)
        yield* orders.retry({ id, by: "ada" }).pipe(Effect.flip)
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )
})
