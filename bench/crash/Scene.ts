import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import * as FullDisk from "../../src/testing/real/FullDisk.ts"
import * as HttpProxy from "../../src/testing/real/HttpProxy.ts"
import type { Lane } from "./Lane.ts"
import type { Run } from "./Messages.ts"
import * as Model from "./Model.ts"
import * as Order from "./Order.ts"
import type * as Plan from "./Plan.ts"
import * as Programs from "./Programs.ts"

/** In every so many schedules workers do it beside the order; afterwards it is done in all of them. */
const reconcilingEvery = 3

/** What is there for git where the disk is to be full. */
const diskBytes = 6 * 1024 * 1024

/** Everything that one schedule has for itself. */
export const make = Effect.fnUntraced(function* (lane: Lane, plan: Plan.Plan, leaseMs: number) {
  const order = `order-${plan.seed}`
  const { directory, location, repository } = yield* lane.repository(`s${plan.seed}-${Date.now()}`)
  const databaseUrl = yield* lane.database
  const proxy = yield* HttpProxy.make(lane.forge.url)
  const model = yield* Model.make(plan.story)
  const disk = plan.disturbance === "disk full" ? yield* FullDisk.make({ bytes: diskBytes }) : undefined
  const home = join(directory, "home")
  const deaths = join(directory, "deaths")
  const programs = Programs.write(join(directory, "programs"), "/usr/bin/git")
  mkdirSync(home)
  writeFileSync(deaths, "")
  if (disk?.kind === "filesystem") symlinkSync(disk.directory, join(home, "mirrors"))
  const run: Run = {
    _tag: "Run",
    databaseUrl: Redacted.value(databaseUrl),
    forgeUrl: proxy.url,
    token: Redacted.value(lane.forge.token),
    modelUrl: model.url,
    home,
    execution: Order.execution(order),
    reconciles: lane.sabotage !== "reconciler" && plan.seed % reconcilingEvery === 0,
    programs,
    limited: disk?.kind === "limit",
    trace: join(directory, "trace.jsonl"),
    log: join(directory, "log.jsonl"),
    leaseMs,
    kills: plan.kills,
    deaths,
    disturbedAt: plan.disturbance === "none" || plan.disturbance === "two workers" ? null : plan.disturbedAt,
    sabotage: lane.sabotage
  }
  return { databaseUrl, directory, disk, location, model, order, proxy, repository, run }
})
export type Scene = Effect.Success<ReturnType<typeof make>>
