import { mkdirSync } from "node:fs"
import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { Effect, References, Schema } from "effect"
import * as Lane from "./crash/Lane.ts"
import { Sabotage } from "./crash/Messages.ts"
import * as Plan from "./crash/Plan.ts"
import * as Processes from "./crash/Processes.ts"
import * as Schedule from "./crash/Schedule.ts"

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "40" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    lanes: { type: "string", default: "3" },
    sabotage: { type: "string" },
    keep: { type: "string" }
  }
})
const main = Effect.gen(function* () {
  const program = yield* Processes.bundle
  const sabotage = values.sabotage === undefined ? null : Schema.decodeUnknownSync(Sabotage)(values.sabotage)
  if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true })
  const first = Number(values.seed ?? values.from)
  const count = values.seed === undefined ? Number(values.schedules) : 1
  const seeds = Array.from({ length: count }, (_, index) => first + index)
  yield* Effect.all(
    Array.from({ length: Math.min(count, Number(values.lanes)) }, () =>
      Lane.use(program, sabotage, (lane) =>
        Effect.gen(function* () {
          for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
            const it = yield* Schedule.run(lane, Plan.of(seed), values.keep)
            console.log(
              seed, it.plan.story, "|", it.disturbed ? it.plan.disturbance : `(${it.plan.disturbance})`, "|", it.status, "|", Math.round(it.ms), "ms |",
              it.deaths.map(({ kill, takeoverMs }) => `${kill.phase} ${kill.effect} ${kill.occurrence} ${takeoverMs ?? "-"}`).join("; "), "of", it.plan.kills.length
            )
            for (const violation of it.violations) console.log("   !!", violation)
          }
        })
      )
    ),
    { concurrency: "unbounded", discard: true }
  )
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.provideService(References.MinimumLogLevel, "None"))
await Effect.runPromise(main)
