import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, References } from "effect"
import * as Compare from "./engine/Compare.ts"
import * as Servers from "./engine/Servers.ts"

/*
 * How fast is the durable engine, beside others? Each contender is a process with a database of its own on one
 * server with durable commits, and takes orders through five trivial steps. Cells of a round take turns, so that
 * whatever else this machine does meets all of them.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    "cell-ms": { type: "string", default: "3000" },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false }
  }
})

const main = Compare.run({
  rounds: Number(values.rounds),
  cellMs: Number(values["cell-ms"]),
  only: values.only,
  counts: !values.quick
})

const missed = await Effect.runPromise(
  main.pipe(
    Effect.scoped,
    Effect.provide(Servers.server.pipe(Layer.provideMerge(NodeServices.layer))),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
)
if (missed) process.exitCode = 1
