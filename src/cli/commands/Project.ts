import { Console, Duration, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ProjectId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { type Check, Project, ProjectMode, TimeZone } from "../../domain/Project.ts"
import { Usd, UsdFromDecimal, format } from "../../domain/Usd.ts"
import * as Environment from "../../layers/Environment.ts"
import * as GitCli from "../../layers/GitCli.ts"
import * as Settings from "../../layers/Settings.ts"
import { Projects } from "../../services/Projects.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"
import { projectFor, remoteOf } from "../Repository.ts"
import { UserError } from "../UserError.ts"

const rules = {
  dailyUsd: Flag.String("daily-usd").pipe(
    Flag.withDescription("Most to spend in a day, in dollars"),
    Flag.optional
  ),
  orderUsd: Flag.String("order-usd").pipe(
    Flag.withDescription("Most to spend on one work order, in dollars"),
    Flag.optional
  ),
  emergencyUsd: Flag.String("emergency-usd").pipe(
    Flag.withDescription("Nothing at all is spent beyond this in one day (twice the daily limit)"),
    Flag.optional
  ),
  modelUsd: Flag.String("model-usd").pipe(
    Flag.withDescription("Most to spend on one model in one day, gpt-5=2.50; may be repeated"),
    Flag.between(0, 50)
  ),
  concurrency: Flag.Int("concurrency").pipe(
    Flag.withDescription("Work orders that may run at once"),
    Flag.optional
  ),
  timeZone: Flag.String("time-zone").pipe(
    Flag.withDescription("Where its day begins: Europe/Berlin"),
    Flag.optional
  ),
  mode: Flag.Literals("mode", ProjectMode.literals).pipe(
    Flag.withDescription("off: nothing runs; shadow: nothing is pushed; on"),
    Flag.optional
  ),
  check: Flag.String("check").pipe(
    Flag.withDescription(
      'A command that must succeed after an edit, "npm test"; may be repeated; replaces those there were'
    ),
    Flag.between(0, 20)
  )
}

interface Rules {
  readonly dailyUsd: Option.Option<string>
  readonly orderUsd: Option.Option<string>
  readonly emergencyUsd: Option.Option<string>
  readonly modelUsd: ReadonlyArray<string>
  readonly concurrency: Option.Option<number>
  readonly timeZone: Option.Option<string>
  readonly mode: Option.Option<ProjectMode>
  readonly check: ReadonlyArray<string>
}

/** A command as a person types it, run by the shell in the worktree. */
const checkOf = (command: string): Check => ({
  name: command,
  command: ["sh", "-c", command],
  timeoutMs: Duration.toMillis(Limits.check)
})

/** gpt-5=2.50 */
const modelLimit = Effect.fnUntraced(function* (given: string) {
  const at = given.lastIndexOf("=")
  if (at < 1) {
    return yield* new UserError({
      problem: `--model-usd: ${given} names no model and amount`,
      fix: "Write it like gpt-5=2.50"
    })
  }
  const limit = yield* Input.decode(UsdFromDecimal, "--model-usd")(given.slice(at + 1))
  return [given.slice(0, at), limit] as const
})

/** The project with the given rules changed. */
const withRules = Effect.fnUntraced(function* (project: Project, input: Rules) {
  const read = <S extends Schema.Codec<unknown, unknown>, A>(
    schema: S,
    name: string,
    value: Option.Option<A>,
    otherwise: S["Type"]
  ) => Option.match(value, { onNone: () => Effect.succeed(otherwise), onSome: Input.decode(schema, name) })
  return new Project({
    ...project,
    limits: {
      ...project.limits,
      ...Input.given(
        "emergencyUsd",
        yield* Effect.transposeOption(
          Option.map(input.emergencyUsd, Input.decode(UsdFromDecimal, "--emergency-usd"))
        )
      ),
      ...(input.modelUsd.length === 0
        ? {}
        : {
            modelDailyUsd: {
              ...project.limits.modelDailyUsd,
              ...Object.fromEntries(yield* Effect.forEach(input.modelUsd, modelLimit))
            }
          }),
      dailyUsd: yield* read(UsdFromDecimal, "--daily-usd", input.dailyUsd, project.limits.dailyUsd),
      workOrderUsd: yield* read(UsdFromDecimal, "--order-usd", input.orderUsd, project.limits.workOrderUsd)
    },
    concurrency: yield* read(
      Project.fields.concurrency,
      "--concurrency",
      input.concurrency,
      project.concurrency
    ),
    checks: input.check.length === 0 ? project.checks : input.check.map(checkOf),
    timeZone: yield* read(TimeZone, "--time-zone", input.timeZone, project.timeZone),
    mode: Option.getOrElse(input.mode, () => project.mode)
  })
})

const print = ({ id, mode, repository, baseBranch, limits }: Project) =>
  Console.log(
    `${id.padEnd(32)}  ${mode.padEnd(6)}  $${format(Usd.make(limits.dailyUsd))} a day  ${repository.remoteUrl} (${baseBranch})`
  )

const change = Effect.fnUntraced(function* (name: string, rule: Rules) {
  const id = yield* Input.decode(ProjectId, "id")(name)
  yield* Effect.gen(function* () {
    const projects = yield* Projects
    const project = yield* projects.get({ id })
    yield* print(yield* projects.put(yield* withRules(project, rule)))
  }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
})

const add = Command.make(
  "add",
  {
    repo: Flag.String("repo").pipe(
      Flag.withDescription("Folder or URL of a git repository that has a remote")
    ),
    id: Flag.String("id").pipe(
      Flag.withDescription("Made from the repository's name when left out"),
      Flag.optional
    ),
    base: Flag.String("base").pipe(Flag.withDescription("The branch to start from"), Flag.optional),
    ...rules
  },
  Effect.fnUntraced(function* (input) {
    const id = yield* Effect.transposeOption(Option.map(input.id, Input.decode(ProjectId, "--id")))
    const remoteUrl = yield* remoteOf(input.repo).pipe(Effect.provide(GitCli.layer()))
    yield* Effect.gen(function* () {
      const projects = yield* Projects
      const fresh = yield* projectFor(remoteUrl, { id, base: input.base })
      yield* print(yield* projects.put(yield* withRules(fresh, input)))
    }).pipe(Effect.provide(Environment.everything), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Add a repository to work in"))

const list = Command.make(
  "list",
  { json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false)) },
  Effect.fnUntraced(
    function* ({ json }) {
      const projects = yield* Projects
      const all = yield* projects.list({})
      if (json) return yield* printJson(all.map((project) => Schema.encodeSync(Project)(project)))
      if (all.length === 0)
        return yield* Console.log("No projects yet. Add one with: moose project add --repo <folder or URL>")
      yield* Effect.forEach(all, print, { discard: true })
    },
    Effect.provide(Environment.stored),
    Effect.provide(Settings.layer)
  )
).pipe(Command.withDescription("Show all projects"))

const set = Command.make(
  "set",
  { id: Argument.String("id").pipe(Argument.withDescription("A project")), ...rules },
  (input) => change(input.id, input)
).pipe(Command.withDescription("Change a project's rules"))

const pause = Command.make(
  "pause",
  { id: Argument.String("id").pipe(Argument.withDescription("A project")) },
  ({ id }) =>
    change(id, {
      dailyUsd: Option.none(),
      emergencyUsd: Option.none(),
      modelUsd: [],
      orderUsd: Option.none(),
      concurrency: Option.none(),
      timeZone: Option.none(),
      mode: Option.some("off"),
      check: []
    })
).pipe(Command.withDescription("Start nothing more in a project, until it is set on again"))

/** `moose project`: the repositories Moose works in, and the rules it follows there. */
export const project = Command.make("project").pipe(
  Command.withDescription("Add, show and change projects"),
  Command.withSubcommands([add, list, set, pause])
)
