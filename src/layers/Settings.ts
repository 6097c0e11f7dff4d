import { Config, Context, Effect, Layer, Option, type Redacted } from "effect"
import { Limits } from "../domain/policies/Limits.ts"

const githubApi = "https://api.github.com"

const optional = <A>(config: Config.Config<A>) =>
  Config.option(config).pipe(Config.map(Option.getOrUndefined))

/** Every environment variable that Moose reads, once. */
const config = Config.all({
  /** Where Moose keeps what is its own: database, mirrors, worktrees, the local forge. */
  home: Config.String("MOOSE_HOME").pipe(Config.withDefault(".moose")),
  databaseUrl: optional(Config.Redacted("DATABASE_URL")),
  forge: optional(Config.Literals(["github", "local"], "MOOSE_FORGE")),
  githubToken: optional(Config.Redacted("GITHUB_TOKEN")),
  githubApiUrl: Config.String("GITHUB_API_URL").pipe(Config.withDefault(githubApi)),
  openaiApiKey: optional(Config.Redacted("OPENAI_API_KEY")),
  openaiBaseUrl: optional(Config.String("OPENAI_BASE_URL")),
  anthropicApiKey: optional(Config.Redacted("ANTHROPIC_API_KEY")),
  anthropicBaseUrl: optional(Config.String("ANTHROPIC_BASE_URL")),
  model: optional(Config.NonEmptyString("MOOSE_MODEL")),
  prices: optional(Config.NonEmptyString("MOOSE_PRICES")),
  managerUrl: optional(Config.URL("MANAGER_URL")),
  clientManagerUrl: optional(Config.URL("CLIENT_MANAGER_URL")),
  editor: Config.Literals(["built-in", "aider"], "MOOSE_EDITOR").pipe(Config.withDefault("built-in")),
  aider: Config.NonEmptyString("MOOSE_AIDER").pipe(Config.withDefault("aider")),
  slots: Config.Int("MOOSE_SLOTS").pipe(Config.withDefault(Limits.runnerSlots))
})

export interface SettingsShape {
  readonly home: string
  readonly databaseUrl: Redacted.Redacted<string> | undefined
  readonly forge: "github" | "local" | undefined
  readonly githubToken: Redacted.Redacted<string> | undefined
  readonly githubApiUrl: string
  readonly openaiApiKey: Redacted.Redacted<string> | undefined
  readonly openaiBaseUrl: string | undefined
  readonly anthropicApiKey: Redacted.Redacted<string> | undefined
  readonly anthropicBaseUrl: string | undefined
  readonly model: string | undefined
  /** A file of prices that go before ours. */
  readonly prices: string | undefined
  /** Who is asked which models to use; the built-in rules when nothing is set, and when it does not answer. */
  readonly managerUrl: URL | undefined
  /** Who is told of escalations; they stand with their orders when nothing is set, and when it does not answer. */
  readonly clientManagerUrl: URL | undefined
  readonly editor: "built-in" | "aider"
  /** The program that is Aider: a name on PATH, or a path. */
  readonly aider: string
  readonly slots: number
}

/** What is replaced of the embedded defaults: one variable each. */
export class Settings extends Context.Service<Settings, SettingsShape>()("moose/layers/Settings") {
  /** Is pull request work done on GitHub, or on the forge that Moose brings along? */
  static usesGitHub = (settings: SettingsShape): boolean =>
    settings.forge === undefined ? settings.githubToken !== undefined : settings.forge === "github"
}

/** Settings from the environment. Fails with the name of the variable that cannot be read. */
export const layer = Layer.effect(Settings, config)

/** The embedded defaults, with everything below `home`. */
export const embedded = (home: string): SettingsShape => ({
  home,
  databaseUrl: undefined,
  forge: "local",
  githubToken: undefined,
  githubApiUrl: githubApi,
  openaiApiKey: undefined,
  openaiBaseUrl: undefined,
  anthropicApiKey: undefined,
  anthropicBaseUrl: undefined,
  model: undefined,
  prices: undefined,
  managerUrl: undefined,
  clientManagerUrl: undefined,
  editor: "built-in",
  aider: "aider",
  slots: Limits.runnerSlots
})

/** Nothing but the embedded defaults, whatever the environment says: the demo. */
export const layerEmbedded = Layer.effect(
  Settings,
  Effect.map(config, ({ home }) => embedded(home))
)
