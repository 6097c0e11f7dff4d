import { Duration, Effect, Layer, Redacted } from "effect"
import * as Environment from "../../src/layers/Environment.ts"
import * as Settings from "../../src/layers/Settings.ts"
import * as Reconciler from "../../src/operations/Reconciler.ts"

export interface Where {
  readonly home: string
  readonly forgeUrl: string
  readonly token: Redacted.Redacted<string>
}

/** A worker's way to the world, and no model. */
const tools = ({ forgeUrl, home, token }: Where) =>
  Environment.tools.pipe(
    Layer.provide(
      Layer.succeed(Settings.Settings, {
        ...Settings.embedded(home),
        forge: "github",
        githubToken: token,
        githubApiUrl: forgeUrl
      })
    ),
    Layer.fresh
  )

/** What a pass that repairs could not repair or leave to a person, and what the next one still finds. */
export const twice = (where: Where) =>
  Effect.gen(function* () {
    const leftAfter = Duration.zero
    const first = yield* Reconciler.pass({ apply: true, leftAfter })
    const second = yield* Reconciler.pass({ apply: false, leftAfter })
    return {
      repaired: first.drifts.flatMap(({ drift, outcome }) =>
        outcome._tag === "Repaired" ? [drift._tag] : []
      ),
      problems: [
        ...first.drifts.flatMap(({ drift, outcome }) =>
          outcome._tag === "Repaired"
            ? []
            : [`the reconciler could not repair ${drift._tag} ${drift.name}: ${outcome._tag}`]
        ),
        ...second.drifts.map(({ drift }) => `the reconciler finds ${drift._tag} ${drift.name} again`),
        ...[...first.unseen, ...second.unseen].map(
          ({ what, why }) => `the reconciler could not look at ${what}: ${why}`
        )
      ]
    }
  }).pipe(Effect.provide(tools(where)))
