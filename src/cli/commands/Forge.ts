import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Environment from "../../layers/Environment.ts"
import { LocalForge } from "../../layers/forge/LocalForge.ts"
import * as Settings from "../../layers/Settings.ts"

/** `moose forge`: keeps the local forge up, to look at its pull requests in a browser. */
export const forge = Command.make(
  "forge",
  {},
  Effect.fnUntraced(
    function* () {
      const { url } = yield* LocalForge
      yield* Console.log(`The local forge is at ${url}. Stop it with Ctrl-C.`)
      yield* Effect.never
    },
    Effect.provide(Environment.localForge),
    Effect.provide(Settings.layer)
  )
).pipe(Command.withDescription("Keep the local forge up, to look at its pull requests"))
