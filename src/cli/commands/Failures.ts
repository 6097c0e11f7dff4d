import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { catalogue } from "../../domain/policies/Catalogue.ts"
import { samples } from "../../testing/Samples.ts"
import { toMarkdown, toText } from "../CatalogueWords.ts"
import { UserError } from "../UserError.ts"

/** `moose failures`: every failure there is, what it means, and what is done about it. */
export const failures = Command.make(
  "failures",
  {
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false)),
    markdown: Flag.Boolean("markdown").pipe(
      Flag.withDescription("Print docs/failures.md"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ json, markdown }) {
    if (json && markdown) {
      return yield* new UserError({
        problem: "--json and --markdown: it can only be printed one way",
        fix: "Leave one of them out."
      })
    }
    const steps = catalogue(samples)
    if (json) return yield* Console.log(JSON.stringify(steps, null, 2))
    yield* Console.log(markdown ? toMarkdown(steps).trimEnd() : toText(steps))
  })
).pipe(Command.withDescription("Show every failure Moose knows, and what it does about it"))
