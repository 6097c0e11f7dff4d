import { PgClient } from "@effect/sql-pg"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { look } from "../../layers/aider/Look.ts"
import * as GitCli from "../../layers/GitCli.ts"
import * as Environment from "../../layers/Environment.ts"
import * as PriceTable from "../../domain/policies/PriceTable.ts"
import * as Keys from "../../layers/models/Keys.ts"
import { type RealProvider, connectedOf, keyVariables } from "../../layers/models/Providers.ts"
import { EmbeddedPostgres } from "../../layers/postgres/EmbeddedPostgres.ts"
import * as Settings from "../../layers/Settings.ts"
import { LocalForge } from "../../layers/forge/LocalForge.ts"
import { Git } from "../../services/Git.ts"
import { Projects } from "../../services/Projects.ts"
import { explain } from "../ErrorWords.ts"
import { printJson } from "../Report.ts"
import { style } from "../Style.ts"
import { NotCompleted, UserError } from "../UserError.ts"

/** One part, what is in its place, and what to do when it is not usable. */
interface Finding {
  readonly part: string
  readonly ok: boolean
  readonly what: string
  readonly fix: string | null
}

const fine = (part: string, what: string): Finding => ({ part, ok: true, what, fix: null })

const checked = <E, R>(part: string, check: Effect.Effect<string, E, R>): Effect.Effect<Finding, never, R> =>
  Effect.match(check, {
    onSuccess: (what) => fine(part, what),
    onFailure: (error) => {
      const { problem, fix } = explain(error)
      return { part, ok: false, what: problem, fix }
    }
  })

const gitVersion = Effect.gen(function* () {
  const git = yield* Git
  return yield* git.version({})
})

const databaseAnswers = Effect.gen(function* () {
  const { databaseUrl } = yield* Settings.Settings
  const embedded = yield* Effect.serviceOption(EmbeddedPostgres)
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ version: string }>`select current_setting('server_version') as version`
  const projects = yield* Projects
  yield* projects.list({})
  const where = Option.match(embedded, {
    onNone: () => "DATABASE_URL",
    onSome: ({ dataDirectory }) => `embedded, in ${dataDirectory}`
  })
  return `PostgreSQL ${row?.version ?? ""} (${databaseUrl === undefined ? where : "DATABASE_URL"})`
})

const forgeInUse = Effect.gen(function* () {
  const settings = yield* Settings.Settings
  const local = yield* Effect.serviceOption(LocalForge)
  if (Option.isSome(local)) {
    return `the local forge (${local.value.url}); set GITHUB_TOKEN for pull requests on GitHub`
  }
  return `${settings.githubApiUrl}, with ${settings.githubToken === undefined ? "no token" : "GITHUB_TOKEN"}`
})

const modelInUse = Effect.gen(function* () {
  const { openaiBaseUrl, anthropicBaseUrl, model } = yield* Settings.Settings
  const named = connectedOf(yield* Environment.providers)
  if (named.length === 0) {
    return `the offline model, which knows only the demo's orders; set ${Object.values(keyVariables).join(" or ")} for a real one`
  }
  const where = { openai: openaiBaseUrl ?? "OpenAI", anthropic: anthropicBaseUrl ?? "Anthropic" }
  return `${named.map((name) => where[name]).join(" and ")}, ${model ?? "chosen by price and kind of work"}`
})

/** Asks a provider for its list of models, which costs nothing, and which a wrong key does not get. */
const keyWorks = (provider: RealProvider) =>
  Effect.gen(function* () {
    const { model } = yield* Settings.Settings
    const table = yield* Environment.prices
    const listed = yield* Keys.models(yield* Environment.providers, provider)
    const isIts = model !== undefined && Option.isSome(PriceTable.find(table, provider, model))
    const missing = isIts && !listed.includes(model) ? `; ${model} (MOOSE_MODEL) is not among them` : ""
    return `${keyVariables[provider]} is accepted, ${listed.length} models listed${missing}`
  })

/** A row for each provider that a key is set for. */
const keysWork = Effect.gen(function* () {
  const named = connectedOf(yield* Environment.providers)
  return yield* Effect.forEach(named, (provider) => checked(provider, keyWorks(provider)), {
    concurrency: "unbounded"
  })
})

const managerInUse = Effect.map(Settings.Settings, ({ managerUrl }) =>
  managerUrl === undefined
    ? "the built-in rules"
    : `${managerUrl.origin}, and the built-in rules when it is silent`
)

/** Aider is asked which it is, as an order's first step does. */
const editorInUse = Effect.gen(function* () {
  const settings = yield* Settings.Settings
  if (settings.editor === "built-in") return "built-in; MOOSE_EDITOR=aider lets Aider make the edits"
  const version = yield* look(settings.aider)
  if (connectedOf(yield* Environment.providers).length === 0) {
    return yield* new UserError({
      problem: `${settings.aider} is ${version}, and there is no model that it could ask`,
      fix: "Set OPENAI_API_KEY or ANTHROPIC_API_KEY, or unset MOOSE_EDITOR: the offline model answers the built-in editor only."
    })
  }
  return `${version} (${settings.aider}), which asks its models through the gateway`
})

const pricesInUse = Effect.map(Environment.prices, ({ rows, override }) => {
  const [oldest = "", ...newer] = rows
    .filter(({ choice }) => choice.provider !== "offline")
    .map(({ asOf }) => asOf)
    .toSorted()
  const days = newer.length === 0 ? oldest : `${oldest} to ${newer.at(-1)}`
  const whose =
    override === undefined
      ? "built in; MOOSE_PRICES names a file of others"
      : `${override.rows} of them from ${override.file} (MOOSE_PRICES)`
  return `${rows.length} models, prices of ${days}; ${whose}`
})

const findings = Effect.fnUntraced(function* (options: { readonly keys: boolean }) {
  const node = fine("node", process.versions.node)
  const settings = yield* Settings.Settings
  const git = yield* checked("git", gitVersion.pipe(Effect.provide(GitCli.layer())))
  const database = yield* checked("database", databaseAnswers.pipe(Effect.provide(Environment.stored)))
  const forge = yield* checked("forge", forgeInUse.pipe(Effect.provide(Environment.forge)))
  const model = yield* checked("model", modelInUse)
  const keys = options.keys ? yield* keysWork : []
  const prices = yield* checked("prices", pricesInUse)
  const manager = yield* checked("manager", managerInUse)
  const editor = yield* checked("editor", editorInUse)
  return [node, git, database, forge, model, ...keys, prices, manager, editor, fine("home", settings.home)]
})

/** `moose doctor`: what is in use, what is missing, and how to put it right. */
export const doctor = Command.make(
  "doctor",
  {
    keys: Flag.Boolean("keys").pipe(
      Flag.withDescription("Ask each provider whether it accepts its key; costs nothing"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ json, keys }) {
    const found = yield* findings({ keys })
    if (json) yield* printJson(found)
    else {
      yield* Effect.forEach(
        found,
        ({ part, ok, what, fix }) =>
          Console.log(
            `  ${ok ? style.good("✓") : style.bad("✗")} ${part.padEnd(10)} ${what}${fix === null ? "" : `\n${" ".repeat(15)}${fix}`}`
          ),
        { discard: true }
      )
    }
    if (found.some(({ ok }) => !ok)) return yield* new NotCompleted({})
  }, Effect.provide(Settings.layer))
).pipe(Command.withDescription("Say what is in use, and what is missing"))
