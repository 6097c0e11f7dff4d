// The package's index would also load what nobody asked for, and a command begins with loading.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Stdio } from "effect"
import { program } from "./Program.ts"

// That a reader left (`moose run … | head -1`) is no reason to leave an order half done.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error) => {
    if (!("code" in error && error.code === "EPIPE")) throw error
  })
}

// Ends with code 0, 1 when something is wrong, and 130 when it was interrupted.
Effect.flatMap(Stdio.Stdio, ({ args }) => Effect.flatMap(args, program)).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
