import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { RateLimited } from "../../../src/domain/errors/Reasons.ts"
import { Route } from "../../../src/domain/Route.ts"
import { Manager } from "../../../src/services/Manager.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { Proposer } from "../../../src/services/Proposer.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as ClockSkew from "../../../src/testing/real/ClockSkew.ts"
import { order, project, reply, route } from "../../support/World.ts"
import * as RealWorld from "./RealWorld.ts"

const { database, ends, until, view, worker } = RealWorld

describe("ClockSkew", () => {
  it.live("is what the clock says, and no more: what is measured and slept stays true", () =>
    Effect.gen(function* () {
      const real = yield* Clock.currentTimeMillis
      const { said, slept } = yield* Effect.gen(function* () {
        const said = yield* Clock.currentTimeMillis
        yield* Effect.sleep(Duration.millis(1))
        return { said, slept: (yield* Clock.currentTimeMillis) - said }
      }).pipe(Effect.provide(ClockSkew.layer("-2 hours")))
      assert.approximately(said - real, -7_200_000, 1_000)
      assert.isBelow(slept, 1_000)
    })
  )

  for (const by of ["6 hours", "-6 hours", "30 hours"] as const) {
    it.live(`of ${by} in a worker: leases, waits, deadlines and budget days are the database's`, () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const orders = yield* WorkOrders
        const projects = yield* Projects
        yield* projects.put(project)
        let down = true
        const model = Layer.mergeAll(
          Layer.succeed(Manager, {
            route: () => Effect.succeed(new Route({ models: route.models.slice(0, 1), reason: "one" }))
          }),
          Layer.succeed(Proposer, {
            ask: () =>
              Effect.suspend(() =>
                down
                  ? Effect.fail(
                      new RateLimited({
                        service: "openai",
                        evidence: { operation: "ask", excerpt: "slow down", retryAfterMs: 300 }
                      })
                    )
                  : Effect.succeed(reply)
              )
          })
        )
        yield* orders.submit(order)
        yield* Effect.gen(function* () {
          yield* until(view, ({ status }) => status === "waiting")
          const [wait] = yield* sql<{ seconds: number; lease: number }>`
            select extract(epoch from w.resume_at - moose.now())::float8 as seconds,
                   (select extract(epoch from max(r.lease_until) - moose.now())::float8 from moose.runners r) as lease
            from public.work_orders w where w.waiting_for is not null`
          // As long as it was asked to, not hours.
          assert.isBelow(Math.abs(wait?.seconds ?? Number.NaN), 5)
          assert.isAtMost(wait?.lease ?? Number.NaN, 15)
          down = false
          const done = yield* ends("completed")
          assert.strictEqual(done.attemptsSpent, 0)
          const days = yield* sql<{ same: boolean }>`
            select day = (moose.now() at time zone 'UTC')::date as same from public.cost_tracking`
          assert.isTrue(days.every(({ same }) => same))
        }).pipe(Effect.provide(worker(model).pipe(Layer.provide(ClockSkew.layer(by)))))
      }).pipe(Effect.provide(database))
    )
  }
})
