import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer } from "effect"
import { WorkOrderId } from "../../src/domain/Ids.ts"
import { isSettled } from "../../src/domain/Status.ts"
import * as Environment from "../../src/layers/Environment.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { audit } from "./Audit.ts"
import type { Lane } from "./Lane.ts"
import * as Order from "./Order.ts"
import * as Plan from "./Plan.ts"
import * as Scene from "./Scene.ts"
import * as Supervision from "./Supervision.ts"
import * as Traced from "./Traced.ts"

export interface Options {
  /** A runner that gives no sign of life for so long has lost its executions. */
  readonly leaseMs: number
  /** A folder for what is left of schedules with violations. */
  readonly keep: string | undefined
}

/** An order that has not ended after this has not ended. */
const endsWithinMs = 300_000
const looksEvery = "200 millis"

/** A process that was killed, and where. */
export interface Death {
  readonly kill: Plan.Kill
  readonly at: number
  /** All that it had done, without the times: the same schedule comes to the same. */
  readonly path: ReadonlyArray<string>
  /** Until another process had taken over; undefined when there was nothing to take over. */
  readonly takeoverMs: number | undefined
  /** Another process was there already, and did not have to be started. */
  readonly another: boolean
}

export interface Result {
  readonly plan: Plan.Plan
  readonly status: string
  readonly failure: string
  readonly deaths: ReadonlyArray<Death>
  readonly disturbed: boolean
  readonly violations: ReadonlyArray<string>
  /** What the reconciler found and repaired. */
  readonly repaired: ReadonlyArray<string>
  /** Steps that came to their end, whoever was killed. */
  readonly steps: number
  readonly ms: number
}

/** Until the order has ended, or waits for a person; whoever wants it cancelled does so meanwhile. */
const orderEnds = Effect.fnUntraced(function* (plan: Plan.Plan, order: string) {
  const orders = yield* WorkOrders
  const from = performance.now()
  let cancelled = plan.story !== "cancelled"
  while (performance.now() - from < endsWithinMs) {
    // A database that is down is asked again.
    const row = yield* Effect.orElseSucceed(Effect.timeout(Order.look(order), "2 seconds"), () => undefined)
    if (row !== undefined) {
      if (isSettled(row.status) && row.state === "done") return
      if (row.status === "needs_review" && row.state === "suspended") return
      if (!cancelled && row.status === "creating_pr") {
        yield* orders.cancel({ id: WorkOrderId.make(order), reason: "nobody wants it", close: false })
        cancelled = true
      }
    }
    yield* Effect.sleep(looksEvery)
  }
})

/** Runs one schedule to its end on a lane, and judges it. */
export const run = Effect.fnUntraced(function* (lane: Lane, plan: Plan.Plan, { keep, leaseMs }: Options) {
  const fs = yield* FileSystem.FileSystem
  const from = performance.now()
  const scene = yield* Scene.make(lane, plan, leaseMs)
  const { databaseUrl, directory, location, model, order, proxy, repository, run: its } = scene

  return yield* Effect.gen(function* () {
    const remoteUrl = `${proxy.url}/${repository.owner}/${repository.name}.git`
    yield* Order.submit(remoteUrl, repository, order)
    if (plan.story === "push refused") yield* Order.refusePushes(location)
    const workers = yield* Supervision.make(lane, plan, scene)
    yield* workers.begin
    yield* orderEnds(plan, order)
    yield* workers.end

    const trace = Traced.linesOf(its.trace)
    const databaseWasDown = plan.disturbance === "PostgreSQL restarted" && workers.disturbed()
    const deaths = workers.deaths.flatMap(({ another, at, pid }): ReadonlyArray<Death> => {
      const kill = Traced.killOf(trace, pid, plan.kills)
      const takeoverMs = databaseWasDown ? undefined : Traced.takeoverMs(trace, pid, at, its.execution)
      return kill === undefined ? [] : [{ kill, at, another, path: Traced.pathOf(trace, pid), takeoverMs }]
    })
    const verdict = yield* audit({
      lane,
      home: its.home,
      forgeUrl: proxy.url,
      token: lane.forge.token,
      location,
      repository,
      project: Order.projectId,
      order,
      canBeDone: Plan.canBeDone(plan),
      calls: model.calls(),
      trace
    })
    const elsewhere =
      deaths.length === workers.deaths.length ? [] : ["a process died elsewhere than it was to"]
    const result: Result = {
      plan,
      ...verdict,
      deaths,
      disturbed: workers.disturbed(),
      violations: [...workers.odd, ...elsewhere, ...verdict.violations],
      ms: performance.now() - from
    }
    if (keep !== undefined && result.violations.length > 0) {
      yield* fs.copy(directory, join(keep, `${plan.seed}-${Math.round(from)}`))
    }
    return result
  }).pipe(
    Effect.provide(
      Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: databaseUrl, maxConnections: 3 })))
    )
  )
}, Effect.scoped)
