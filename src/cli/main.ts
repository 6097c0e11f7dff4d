import { readFileSync } from "node:fs"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Layer, Logger, Option, References, Runtime, Schema, Stdio } from "effect"
import { CliError, Command } from "effect/cli"
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
import { explain } from "./Explain.ts"
import { style } from "./Style.ts"
import { NotCompleted } from "./UserError.ts"

const { version } = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ version: Schema.String }))
)(readFileSync(`${packageRoot}/package.json`, "utf8"))

const moose = Command.make("moose").pipe(
  Command.withDescription("Turns a work order into a reviewed pull request"),
  Command.withSubcommands([demo, run, submit, worker, status, project, doctor, migrate, forge])
)

/** Flags and arguments that do not parse come with where to read about them. */
const explainCli = (error: CliError.CliError) =>
  error._tag === "ShowHelp"
    ? Effect.forEach(
        error.errors,
        (it) =>
          Console.error(`${style.bad("moose:")} ${it.message}\n  See: ${error.commandPath.join(" ")} --help`),
        { discard: true }
      )
    : Console.error(`${style.bad("moose:")} ${error.message}`)

const isNotCompleted = Schema.is(NotCompleted)

/** One line that says what is wrong, one that says what to do. */
const report = (cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause))
  // Reported already, in full.
  if (isNotCompleted(error)) return Effect.void
  if (CliError.isCliError(error)) return explainCli(error)
  const { problem, fix } = explain(error)
  return Console.error(`${style.bad("moose:")} ${problem}\n  ${fix}`)
}

/** For people: what is worth a warning, on stderr, without colours or stacks. */
const logging = Layer.mergeAll(
  Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
  Layer.succeed(References.MinimumLogLevel, "Warn")
)

Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  yield* Command.runWith(moose, { version, renderErrors: false })(yield* stdio.args)
}).pipe(
  Effect.tapCause(report),
  Effect.provide(Layer.mergeAll(NodeServices.layer, logging)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => Runtime.defaultTeardown(exit, onExit)
  })
)
