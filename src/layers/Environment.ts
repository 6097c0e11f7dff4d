import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer, Option, Path, Redacted } from "effect"
import { parseRepositoryUrl } from "../domain/RepositoryUrl.ts"
import * as PriceTable from "../domain/policies/PriceTable.ts"
import * as Notices from "../operations/Notices.ts"
import * as Reconciler from "../operations/Reconciler.ts"
import * as ReservationSweep from "../operations/ReservationSweep.ts"
import * as StuckWatch from "../operations/StuckWatch.ts"
import * as pipeline from "../pipeline.ts"
import * as AiderProcess from "./AiderProcess.ts"
import * as LocalForge from "./forge/LocalForge.ts"
import * as FileSpool from "./FileSpool.ts"
import * as GitCli from "./GitCli.ts"
import * as GitHubRest from "./GitHubRest.ts"
import * as Guarded from "./Guarded.ts"
import * as HomeFolder from "./HomeFolder.ts"
import * as HttpClientManager from "./HttpClientManager.ts"
import * as HttpManager from "./HttpManager.ts"
import * as LanguageModelProposer from "./LanguageModelProposer.ts"
import * as LoopbackGateway from "./LoopbackGateway.ts"
import * as Providers from "./models/Providers.ts"
import * as PatchEditor from "./PatchEditor.ts"
import * as BudgetStore from "./postgres/BudgetStore.ts"
import * as EmbeddedPostgres from "./postgres/EmbeddedPostgres.ts"
import * as EscalationsStore from "./postgres/EscalationsStore.ts"
import * as IncidentsStore from "./postgres/IncidentsStore.ts"
import * as JournalStore from "./postgres/JournalStore.ts"
import * as Migrations from "./postgres/Migrations.ts"
import * as ModelRepliesStore from "./postgres/ModelRepliesStore.ts"
import * as PostgresEngine from "./postgres/PostgresEngine.ts"
import * as ProjectsStore from "./postgres/ProjectsStore.ts"
import * as ReconciliationStore from "./postgres/ReconciliationStore.ts"
import * as Retention from "./postgres/Retention.ts"
import * as StoreCall from "./postgres/StoreCall.ts"
import * as WorkOrdersStore from "./postgres/WorkOrdersStore.ts"
import * as PricesFile from "./PricesFile.ts"
import * as RulesManager from "./RulesManager.ts"
import * as SubprocessChecks from "./SubprocessChecks.ts"
import { Settings } from "./Settings.ts"
import * as WorktreeWorkspace from "./WorktreeWorkspace.ts"

/** The folder of Moose's own things, made when it is missing and invisible to git. */
export const home = Effect.gen(function* () {
  const settings = yield* Settings
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = path.resolve(settings.home)
  yield* fs.makeDirectory(directory, { recursive: true })
  const ignore = path.join(directory, ".gitignore")
  if (!(yield* fs.exists(ignore))) yield* fs.writeFileString(ignore, "*\n")
  return directory
})

/** A connection to a database that must be of this version, and is left as it is. */
const external = (url: Redacted.Redacted<string>) =>
  Layer.effectDiscard(Migrations.verify).pipe(Layer.provideMerge(PgClient.layer({ url })))

/** The embedded server, whose database is kept up to date by itself. */
const embedded = Layer.unwrap(
  Effect.map(home, (directory) => {
    const client = Layer.unwrap(
      Effect.map(EmbeddedPostgres.EmbeddedPostgres, ({ url }) => PgClient.layer({ url }))
    )
    return Migrations.layer.pipe(
      Layer.provideMerge(client),
      Layer.provideMerge(EmbeddedPostgres.layer({ dataDirectory: `${directory}/postgres` }))
    )
  })
)

type Database = Layer.Layer<
  Layer.Success<ReturnType<typeof external>>,
  Layer.Error<ReturnType<typeof external> | typeof embedded>,
  Layer.Services<typeof embedded>
>

/** The database at DATABASE_URL, or the embedded one. */
export const database = Layer.unwrap(
  Effect.map(Settings, ({ databaseUrl }): Database =>
    databaseUrl === undefined ? embedded : external(databaseUrl)
  )
)

/** Everything that lives in the database, however its functions are called. */
export const stores = Layer.mergeAll(
  WorkOrdersStore.layer,
  ProjectsStore.layer,
  JournalStore.layerJournal,
  JournalStore.layerResources,
  BudgetStore.layer,
  EscalationsStore.layer,
  IncidentsStore.layer,
  ModelRepliesStore.layer,
  ReconciliationStore.layer
)

/** Everything that lives in the database. */
export const store = stores.pipe(Layer.provideMerge(StoreCall.layerPg))

/** git's `Authorization` header: the forge's token as the password, on the forge's own address only. */
const basic = (token: Redacted.Redacted<string>) =>
  Redacted.make(`Basic ${Buffer.from(`x-access-token:${Redacted.value(token)}`).toString("base64")}`)

/** The host that git talks to where the REST API is at `apiUrl`. */
export const gitHost = (apiUrl: string): string => {
  const host = URL.parse(apiUrl)?.host ?? apiUrl
  return host === "api.github.com" ? "github.com" : host
}

/** The forge that Moose brings along. */
export const localForge = Layer.unwrap(
  Effect.map(home, (directory) => LocalForge.layer({ directory: `${directory}/forge` }))
)

/** The forge's REST API, left alone for a while when it is down. */
const rest = (options: GitHubRest.Options) => Guarded.gitHub.pipe(Layer.provide(GitHubRest.layer(options)))

/** GitHub, for which a token is needed, or the forge that Moose brings along: the same REST API either way. */
export const forge = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    if (Settings.usesGitHub(settings)) {
      const { githubApiUrl, githubToken } = settings
      const host = gitHost(githubApiUrl)
      const isForge = (remoteUrl: string) =>
        Option.exists(parseRepositoryUrl(remoteUrl), (it) => it.host === host)
      const authorization = (remoteUrl: string) =>
        githubToken !== undefined && isForge(remoteUrl) ? basic(githubToken) : undefined
      return Layer.merge(rest({ apiUrl: githubApiUrl, token: githubToken }), GitCli.layer({ authorization }))
    }
    return Layer.unwrap(
      Effect.map(LocalForge.LocalForge, ({ url, token }) => {
        const authorization = (remoteUrl: string) =>
          remoteUrl.startsWith(`${url}/`) ? basic(token) : undefined
        return Layer.merge(rest({ apiUrl: url, token }), GitCli.layer({ authorization }))
      })
    ).pipe(Layer.provideMerge(localForge))
  })
)

/** What models cost: the built-in prices, and those of MOOSE_PRICES before them. */
export const prices = Effect.flatMap(Settings, (settings) =>
  settings.prices === undefined ? Effect.succeed(PriceTable.builtIn) : PricesFile.read(settings.prices)
)

/** Moose's home: where changes are made, and what is left there. */
const workspace = Layer.unwrap(
  Effect.map(home, (directory) =>
    Layer.merge(WorktreeWorkspace.layer({ directory }), HomeFolder.layer({ directory }))
  )
)

/** The providers that a key is set for. */
export const providers = Effect.map(
  Settings,
  ({ openaiApiKey, openaiBaseUrl, anthropicApiKey, anthropicBaseUrl }): Providers.Providers => ({
    ...(openaiApiKey === undefined
      ? {}
      : { openai: { apiKey: openaiApiKey, ...(openaiBaseUrl ? { baseUrl: openaiBaseUrl } : {}) } }),
    ...(anthropicApiKey === undefined
      ? {}
      : {
          anthropic: { apiKey: anthropicApiKey, ...(anthropicBaseUrl ? { baseUrl: anthropicBaseUrl } : {}) }
        })
  })
)

/** Their models, for programs that ask by themselves. */
export const gateway = Layer.unwrap(Effect.map(providers, LoopbackGateway.layer))

/** Aider, which asks its models through the gateway. */
const aider = Layer.unwrap(Effect.map(Settings, ({ aider }) => AiderProcess.layer({ command: aider }))).pipe(
  Layer.provide(gateway)
)

/** Who makes the edits. */
export const editor = Layer.unwrap(
  Effect.map(Settings, (settings): typeof aider | typeof PatchEditor.layer =>
    settings.editor === "aider" ? aider : PatchEditor.layer
  )
)

/** Their models, each left alone for a while when it is down; and who chooses between them. */
const models = Layer.unwrap(
  Effect.gen(function* () {
    const { model, managerUrl } = yield* Settings
    const real = yield* providers
    const named = Providers.connectedOf(real)
    const offline = named.length === 0
    const table = yield* prices
    const options = { providers: offline ? (["offline"] as const) : named, prices: table }
    const rules = RulesManager.layer({ ...options, ...(model === undefined ? {} : { model }) })
    return Layer.merge(
      Guarded.proposer.pipe(Layer.provide(LanguageModelProposer.layer({ ...real, offline }))),
      managerUrl === undefined
        ? rules
        : HttpManager.layer({ url: managerUrl, ...options }).pipe(Layer.provide(rules))
    )
  })
)

/** Who is told of escalations, and where they wait as long as they cannot be stored. */
const escalating = Layer.unwrap(
  Effect.gen(function* () {
    const { clientManagerUrl } = yield* Settings
    const directory = `${yield* home}/spool/escalations`
    return Layer.merge(
      clientManagerUrl === undefined
        ? HttpClientManager.layerNobody
        : HttpClientManager.layer({ url: clientManagerUrl }),
      FileSpool.layer({ directory })
    )
  })
)

/** What the steps reach the world through. */
export const tools = Layer.mergeAll(models, editor, SubprocessChecks.layer, workspace, escalating).pipe(
  Layer.provideMerge(forge)
)

/** The store and what it is kept in: enough to submit, look and decide. */
export const stored = store.pipe(Layer.provideMerge(database))

/** All that a worker needs. */
export const everything = tools.pipe(Layer.provideMerge(stored))

/** The pipeline on the durable engine, claiming work: everything, or only the executions named. */
export const worker = (options: Omit<PostgresEngine.Options, "slots"> = {}) =>
  Layer.unwrap(
    Effect.map(Settings, ({ slots }) =>
      pipeline.layer.pipe(
        Layer.provideMerge(PostgresEngine.layer({ slots, ...options })),
        Layer.merge(ReservationSweep.layer),
        Layer.merge(Notices.layer),
        Layer.merge(StuckWatch.layer),
        // Whoever runs one order of their own looks after that.
        Layer.merge(options.only === undefined ? Reconciler.layer : Layer.empty),
        Layer.merge(Retention.layer)
      )
    )
  )

export const platform = NodeServices.layer
