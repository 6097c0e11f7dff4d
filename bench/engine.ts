import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, References } from "effect"
import * as WholeNumber from "./WholeNumber.ts"
import * as Compare from "./engine/Compare.ts"
import * as Parked from "./engine/Parked.ts"
import * as Servers from "./engine/Servers.ts"
import * as Takeover from "./engine/Takeover.ts"

/*
 * How fast is the durable engine, beside others? Each contender is a process with a database of its own on one
 * server with durable commits, and takes orders through five trivial steps. Cells of a round take turns, so that
 * whatever else this machine does meets all of them. `--parked`: a worker beside 10,000 orders that wait.
 * `--takeover`: workers are killed, and others take over. `--compare`: only the first. All three without any.
 */

const { values } = parseArgs({
  options: {
    compare: { type: "boolean", default: false },
    parked: { type: "boolean", default: false },
    takeover: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    "cell-ms": { type: "string", default: "3000" },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    orders: { type: "string", default: "10000" },
    victims: { type: "string", default: "12" }
  }
})

const all = !values.compare && !values.parked && !values.takeover

/** Each part has a server of its own. */
const served = <E, R>(part: Effect.Effect<boolean, E, R>) =>
  part.pipe(
    Effect.scoped,
    Effect.provide(Servers.server.pipe(Layer.provideMerge(NodeServices.layer))),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )

const main = Effect.gen(function* () {
  const missed: Array<boolean> = []
  if (all || values.compare) {
    const { only, quick } = values
    const options = {
      rounds: WholeNumber.read("rounds", values.rounds),
      cellMs: WholeNumber.read("cell-ms", values["cell-ms"]),
      only,
      counts: !quick
    }
    missed.push(yield* served(Compare.run(options)))
  }
  if (all || values.parked) missed.push(yield* served(Parked.run(WholeNumber.read("orders", values.orders))))
  if (all || values.takeover) {
    missed.push(
      yield* served(Takeover.run({ victims: WholeNumber.read("victims", values.victims), executions: 20 }))
    )
  }
  return missed.includes(true)
})

if (await Effect.runPromise(main)) process.exitCode = 1
