import { readFileSync } from "node:fs"
import { Cause, Console, Effect, Layer, Logger, Option, References, Schema } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { packageRoot } from "../layers/PackageRoot.ts"
import { demo } from "./commands/Demo.ts"
import { doctor } from "./commands/Doctor.ts"
import { forge } from "./commands/Forge.ts"
import { migrate } from "./commands/Migrate.ts"
import { project } from "./commands/Project.ts"
import { run } from "./commands/Run.ts"
import { status } from "./commands/Status.ts"
import { submit } from "./commands/Submit.ts"
import { worker } from "./commands/Worker.ts"
import { type Explanation, explain, explainUsage } from "./Explain.ts"
import { style } from "./Style.ts"
import { NotCompleted } from "./UserError.ts"

const { version } = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ version: Schema.String }))
)(readFileSync(`${packageRoot}/package.json`, "utf8"))

const moose = Command.make("moose").pipe(
  Command.withDescription("Turns a work order into a reviewed pull request"),
  Command.withSubcommands([demo, run, submit, worker, status, project, doctor, migrate, forge])
)

const isNotCompleted = Schema.is(NotCompleted)

const print = ({ problem, fix }: Explanation) => Console.error(`${style.bad("moose:")} ${problem}\n  ${fix}`)

/** A mistake is answered in two lines; the help they point to is longer than most screens. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? print(explainUsage(event.errors, event.commandPath))
      : CliOutput.defaultPresenter.present(event)
})

/** One line that says what is wrong, one that says what to do. */
const report = (cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause))
  // Reported already, in full: by the presenter, and by the command itself.
  if (CliError.isCliError(error) && error._tag === "ShowHelp") return Effect.void
  if (isNotCompleted(error)) return Effect.void
  return print(explain(error))
}

/** For people: what is worth a warning, on stderr, without colours or stacks. */
const logging = Layer.mergeAll(
  Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
  Layer.succeed(References.MinimumLogLevel, "Warn")
)

/** `moose <args>`. Whatever it fails with has been explained by then; only the exit code is left to say. */
export const program = (args: ReadonlyArray<string>) =>
  Command.runWith(moose, { version })(args).pipe(
    Effect.tapCause(report),
    Effect.provide(Layer.merge(logging, presenter))
  )
