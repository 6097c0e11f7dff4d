import { readFileSync } from "node:fs"
import { Cause, Console, Effect, Layer, Logger, Option, References, Schema } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { packageRoot } from "../layers/PackageRoot.ts"
import { classify } from "./commands/Classify.ts"
import { failures } from "./commands/Failures.ts"
import type { Explanation } from "./ErrorWords.ts"
import { style } from "./Style.ts"
import { NotCompleted } from "./UserError.ts"

const { version } = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ version: Schema.String }))
)(readFileSync(`${packageRoot}/package.json`, "utf8"))

const named = Command.make("moose").pipe(
  Command.withDescription("Turns a work order into a reviewed pull request")
)
/** Commands that need nothing but themselves answer at once; the others are loaded when one of them is asked for. */
const quick = named.pipe(Command.withSubcommands([classify, failures]))
const all = Effect.map(
  Effect.promise(() => import("./Commands.ts")),
  ({ commands }) => named.pipe(Command.withSubcommands([...commands, classify, failures]))
)
const isQuick = ([name]: ReadonlyArray<string>) => name === classify.name || name === failures.name

const isNotCompleted = Schema.is(NotCompleted)

const words = Effect.promise(() => import("./ErrorWords.ts"))

const print = ({ problem, fix }: Explanation) => Console.error(`${style.bad("moose:")} ${problem}\n  ${fix}`)

/** A mistake is answered in two lines; the help they point to is longer than most screens. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.flatMap(words, ({ explainUsage }) => print(explainUsage(event.errors, event.commandPath)))
      : CliOutput.defaultPresenter.present(event)
})

/** One line that says what is wrong, one that says what to do. */
const report = (cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause))
  // Reported already, in full: by the presenter, and by the command itself.
  if (CliError.isCliError(error) && error._tag === "ShowHelp") return Effect.void
  if (isNotCompleted(error)) return Effect.void
  return Effect.flatMap(words, ({ explain }) => print(explain(error)))
}

/** For people: what is worth a warning, on stderr, without colours or stacks. */
const logging = Layer.mergeAll(
  Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
  Layer.succeed(References.MinimumLogLevel, "Warn")
)

/** `moose <args>`. Whatever it fails with has been explained by then; only the exit code is left to say. */
export const program = (args: ReadonlyArray<string>) =>
  (isQuick(args)
    ? Command.runWith(quick, { version })(args)
    : Effect.flatMap(all, (moose) => Command.runWith(moose, { version })(args))
  ).pipe(Effect.tapCause(report), Effect.provide(Layer.merge(logging, presenter)))
