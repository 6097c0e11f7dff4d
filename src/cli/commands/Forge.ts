import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import * as Environment from "../../layers/Environment.ts"
import * as LocalForge from "../../layers/forge/LocalForge.ts"
import * as Settings from "../../layers/Settings.ts"

/** `moose forge`: keeps the local forge up, to look at its pull requests in a browser. */
export const forge = Command.make(
  "forge",
  {},
  Effect.fnUntraced(
    function* () {
      const { url } = yield* LocalForge.LocalForge
      yield* Console.log(`The local forge is at ${url}. Stop it with Ctrl-C.`)
      yield* Effect.never
    },
    Effect.provide(
      Layer.unwrap(Effect.map(Environment.home, (home) => LocalForge.layer({ directory: `${home}/forge` })))
    ),
    Effect.provide(Settings.layer)
  )
).pipe(Command.withDescription("Keep the local forge up, to look at its pull requests"))
