import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import * as Environment from "../../../src/layers/Environment.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as PostgresProxy from "../../../src/testing/real/PostgresProxy.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import * as RealWorld from "./RealWorld.ts"

const { id, database, ends, met, submit, view, worker } = RealWorld

/** The store, reached through the proxy. */
const through = (proxy: PostgresProxy.PostgresProxy) =>
  Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: proxy.url })), Layer.fresh)

const proxied = Effect.flatMap(TestDatabase.TestDatabase, ({ url }) => PostgresProxy.make(url))

describe("PostgresProxy", () => {
  it.live("cuts connections: a call under way is made again, and the caller does not notice", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      yield* submit("https://forge.invalid/moose/example.git")
      yield* Effect.gen(function* () {
        const orders = yield* WorkOrders
        yield* orders.get({ id })
        yield* Effect.forEach(
          [1, 2, 3],
          (round) =>
            Effect.andThen(
              proxy.cut,
              Effect.flatMap(orders.mergeMetadata({ id, metadata: { round } }), (merged) =>
                Effect.sync(() => assert.deepStrictEqual(merged, { round }))
              )
            ),
          { discard: true }
        )
        assert.isAbove(proxy.connections().ever, 3)
      }).pipe(Effect.provide(through(proxy)))
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("is down: the caller is told by name within the limit of attempts, and up again it works", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      yield* submit("https://forge.invalid/moose/example.git")
      yield* Effect.gen(function* () {
        const orders = yield* WorkOrders
        yield* proxy.down
        const lost = yield* Effect.flip(orders.get({ id }))
        assert.strictEqual(lost._tag, "StoreUnavailable")
        yield* proxy.up
        assert.strictEqual((yield* orders.get({ id })).status, "pending")
      }).pipe(Effect.provide(through(proxy)))
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("loses the answer to a commit: the step's end is stored once", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      const lost = yield* proxy.loseReply('"StepSucceeded","step":"applying"')
      yield* submit("https://forge.invalid/moose/example.git")
      yield* Effect.andThen(lost.lost, ends("completed")).pipe(
        Effect.provide(worker(Layer.empty).pipe(Layer.provide(through(proxy))))
      )
      const orders = yield* WorkOrders
      const events = yield* orders.timeline({ id, after: 0, limit: 200 })
      assert.deepStrictEqual(
        events.filter(({ kind }) => kind === "StepSucceeded").map(({ step }) => step),
        ["routing", "generating", "applying", "creating_pr", "tracking"]
      )
      assert.deepStrictEqual(yield* met, [])
      assert.strictEqual((yield* view).run, 1)
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("delays what is sent: calls take longer, and are none the worse for it", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      yield* submit("https://forge.invalid/moose/example.git")
      yield* Effect.gen(function* () {
        const orders = yield* WorkOrders
        yield* orders.get({ id })
        yield* proxy.delay(Duration.millis(150))
        const before = yield* Clock.currentTimeMillis
        assert.strictEqual((yield* orders.get({ id })).status, "pending")
        assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 290)
      }).pipe(Effect.provide(through(proxy)))
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("stalls: nothing is answered, and nothing is lost when it flows again", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      const direct = yield* WorkOrders
      yield* submit("https://forge.invalid/moose/example.git")
      yield* Effect.gen(function* () {
        const orders = yield* WorkOrders
        yield* orders.get({ id })
        yield* proxy.stall
        const stalled = yield* Effect.forkChild(orders.mergeMetadata({ id, metadata: { stalled: true } }))
        // Who does not come this way sees that it has not happened.
        assert.deepStrictEqual((yield* direct.get({ id })).order.metadata, {})
        assert.isUndefined(stalled.pollUnsafe())
        yield* proxy.flow
        assert.deepStrictEqual(yield* Fiber.join(stalled), { stalled: true })
      }).pipe(Effect.provide(through(proxy)))
    }).pipe(Effect.scoped, Effect.provide(database))
  )
})
