import { Console, Duration, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Limits } from "../../domain/policies/Limits.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import * as Quarantine from "../../operations/Quarantine.ts"
import { by, who } from "../Decisions.ts"
import { printJson } from "../Report.ts"
import { style } from "../Style.ts"
import { parseSpan, span } from "../Times.ts"
import { UserError } from "../UserError.ts"

const everything = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provide(Environment.everything), Effect.provide(Settings.layer))

const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))

const toJson = ({ ageMs, project, ref, run, sha, title, workOrderId }: Quarantine.Quarantined) => ({
  ref,
  order: workOrderId,
  run,
  title,
  project,
  sha,
  ageMs
})

const line = ({ ageMs, project, ref, sha, title }: Quarantine.Quarantined): string => {
  const age = ageMs === null ? "for an unknown time" : `for ${span(ageMs)}`
  const what = title === null ? style.dim("of no order in this database") : title
  return `${style.bold(ref)}\n  ${sha.slice(0, 10)} in ${project}, ${age}: ${what}`
}

const list = Command.make(
  "list",
  { json },
  Effect.fnUntraced(function* ({ json: asJson }) {
    const kept = yield* everything(Quarantine.list())
    if (asJson) return yield* printJson(kept.map(toJson))
    if (kept.length === 0) return yield* Console.log("Nothing is in quarantine on this machine.")
    yield* Effect.forEach(kept, (it) => Console.log(line(it)), { discard: true })
  })
).pipe(Command.withDescription("Show commits whose branch was removed"))

const restore = Command.make(
  "restore",
  {
    ref: Argument.String("ref").pipe(
      Argument.withDescription("One of those that moose quarantine list shows, or <order>/<run>")
    ),
    by
  },
  Effect.fnUntraced(function* ({ by: name, ref: given }) {
    const person = yield* who(name)
    const ref = given.startsWith("refs/") ? given : `refs/moose/quarantine/${given}`
    const { branch, mirror, sha } = yield* everything(Quarantine.restore(ref, person))
    yield* Console.log(`${style.bold(branch)} is at ${sha} again.`)
    yield* Console.log(`  Have a look at it: git fetch ${mirror} ${branch}`)
  })
).pipe(Command.withDescription("Make an order's branch again"))

const purge = Command.make(
  "purge",
  {
    olderThan: Flag.String("older-than").pipe(
      Flag.withDescription(
        `How long it must have been there (30d, 12h); ${span(Duration.toMillis(Limits.quarantineKept))} when left out`
      ),
      Flag.optional
    ),
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Really"), Flag.withDefault(false)),
    json
  },
  Effect.fnUntraced(function* ({ json: asJson, olderThan, yes }) {
    const age = yield* Option.match(olderThan, {
      onNone: () => Effect.succeed(Limits.quarantineKept),
      onSome: (text) => parseSpan("--older-than", text)
    })
    const found = yield* everything(
      Effect.gen(function* () {
        const old = Quarantine.olderThan(yield* Quarantine.list(), age)
        return yes ? yield* Quarantine.purge(old) : old
      })
    )
    if (asJson) yield* printJson({ purged: yes, commits: found.map(toJson) })
    else yield* Effect.forEach(found, (it) => Console.log(line(it)), { discard: true })
    if (!yes && found.length > 0) {
      return yield* new UserError({
        problem: `${found.length} would be let go of for good, and nothing was done yet`,
        fix: "The same again with --yes"
      })
    }
    if (!asJson)
      yield* Console.log(found.length === 0 ? "There is nothing to let go of." : "They are let go of.")
  })
).pipe(Command.withDescription("Let go of what was kept for long enough"))

/** `moose quarantine`: commits whose branch was removed are kept for a while. */
export const quarantine = Command.make("quarantine").pipe(
  Command.withDescription("Commits whose branch was removed"),
  Command.withSubcommands([list, restore, purge])
)
