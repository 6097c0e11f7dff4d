import type { LLMock } from "@copilotkit/aimock"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { DateTime, Duration, Effect, FileSystem, Layer, Redacted, Schedule, Schema } from "effect"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Policies } from "../../src/domain/policies/Policies.ts"
import { recoveryOf } from "../../src/domain/policies/Recovery.ts"
import { retry } from "../../src/domain/policies/Retry.ts"
import { Project } from "../../src/domain/Project.ts"
import { type Edit, Proposal } from "../../src/domain/Proposal.ts"
import { isSettled } from "../../src/domain/Status.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import { LocalForge } from "../../src/layers/forge/LocalForge.ts"
import { Settings } from "../../src/layers/Settings.ts"
import { Git } from "../../src/services/Git.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { AiMock } from "../support/AiMock.ts"
import { git, sha } from "../support/GitSandbox.ts"
import { order as anyOrder, project as anyProject } from "../support/World.ts"
import { before, teach } from "./Replies.ts"
import * as Venv from "./Venv.ts"

/** The key of the provider, which Aider must never see. */
export const key = "real-key-of-the-provider-0123456789"
export const modelName = "gpt-5-mini"
export const anthropicModel = "claude-haiku-4-5"

/** Whose models there are, and in whose protocol both Moose and Aider ask. */
type Provider = "openai" | "anthropic"

/** In earnest, but for the waits. */
const short = { delays: [Duration.millis(10)], deadline: Duration.minutes(30) }
const tables = {
  recoveryOf,
  retry: { ...retry, generating: short, applying: short },
  park: { first: Duration.millis(500), longest: Duration.seconds(5) }
}

/** `null`: no Aider at all. */
const settings = (aider: string | null | undefined, provider: Provider) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const mock = yield* AiMock
      return Layer.succeed(Settings, {
        home: yield* fs.makeTempDirectoryScoped({ prefix: "moose-aider-home-" }),
        databaseUrl: undefined,
        forge: "local",
        githubToken: undefined,
        githubApiUrl: "https://api.github.com",
        openaiApiKey: provider === "openai" ? Redacted.make(key) : undefined,
        openaiBaseUrl: `${mock.url}/v1`,
        anthropicApiKey: provider === "anthropic" ? Redacted.make(key) : undefined,
        anthropicBaseUrl: mock.url,
        model: provider === "openai" ? modelName : anthropicModel,
        prices: undefined,
        managerUrl: undefined,
        clientManagerUrl: undefined,
        editor: aider === null ? "built-in" : "aider",
        aider: aider === null ? "aider" : (aider ?? (yield* Venv.aider)),
        slots: 8
      })
    })
  )

/** A worker as it is in earnest: PostgreSQL, git, the local forge, Aider, the gateway; only the model is a mock. */
export const layerOn = <E, R>(
  database: Layer.Layer<PgClient.PgClient, E, R>,
  aider?: string | null,
  provider: Provider = "openai"
) =>
  Environment.worker().pipe(
    Layer.provideMerge(Environment.tools),
    Layer.provideMerge(Environment.localForge),
    Layer.provideMerge(Environment.store),
    Layer.provideMerge(database),
    Layer.provideMerge(settings(aider, provider)),
    Layer.provide(Layer.succeed(Policies, tables)),
    Layer.provideMerge(AiMock.layer),
    Layer.provideMerge(NodeServices.layer)
  )

export const rounding: Edit = { _tag: "SearchReplace", path: "src/a.js", search: "floor", replace: "round" }

/** The step that proposes asks in other words than Aider does. */
const isProposer = (messages: ReadonlyArray<unknown>) =>
  JSON.stringify(messages[0] ?? "").includes("You are a careful software engineer")

/** What the model proposes for an order with this word in it. */
export const proposes = (
  mock: LLMock,
  word: string,
  edits: readonly [Edit, ...Array<Edit>],
  promptTokens = 1_000
): void => {
  const proposal = new Proposal({
    summary: `A change for ${word}`,
    edits,
    commitMessage: `Change ${word}`,
    pullRequestTitle: `Change ${word}`,
    pullRequestBody: ""
  })
  mock.prependFixture({
    match: {
      predicate: ({ messages }) =>
        isProposer(messages) && messages.some(({ content }) => JSON.stringify(content).includes(`(${word})`))
    },
    response: {
      content: JSON.stringify(Schema.encodeSync(Proposal)(proposal)),
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: 50,
        total_tokens: promptTokens + 50,
        input_tokens: promptTokens,
        output_tokens: 50
      }
    }
  })
}

const forge = { owner: "moose", name: "example" }
const projectId = ProjectId.make("aider")

/** A repository on the local forge, and its project. */
export const seed = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const local = yield* LocalForge
  const remote = yield* Git
  const projects = yield* Projects
  teach(yield* AiMock)
  yield* local.createRepository({ ...forge, defaultBranch: "main" })
  const remoteUrl = local.repositoryUrl(forge)
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-aider-seed-" })
  yield* fs.makeDirectory(`${directory}/src`)
  yield* fs.writeFileString(`${directory}/src/a.js`, `${before}\n`)
  yield* fs.writeFileString(`${directory}/src/b.js`, "export {}\n")
  // What Aider would take for settings of its own, if it were shown them.
  yield* fs.writeFileString(
    `${directory}/.env`,
    "OPENAI_API_KEY=stolen\nOPENAI_API_BASE=http://127.0.0.1:9/v1\n"
  )
  yield* fs.writeFileString(`${directory}/.aider.conf.yml`, "auto-commits: true\nread: /etc/passwd\n")
  git(directory, "init", "--quiet", "--initial-branch=main", "--template=")
  git(directory, "add", "--all")
  git(directory, "commit", "--quiet", "--message", "base")
  const tip = sha(git(directory, "rev-parse", "HEAD"))
  yield* remote.push({ directory, remoteUrl, sha: tip, branch: "main", expected: null })
  yield* projects.put(
    new Project({
      ...anyProject,
      id: projectId,
      repository: { remoteUrl, forge },
      limits: { dailyUsd: Usd.make(500_000_000), workOrderUsd: Usd.make(20_000_000) },
      concurrency: 8,
      timeZone: DateTime.zoneMakeNamedUnsafe("UTC")
    })
  )
  return { remoteUrl }
}).pipe(Effect.scoped)

/** Submits an order with a word in it that the model server goes by. */
export const submit = Effect.fnUntraced(function* (word: string, change: Partial<WorkOrder> = {}) {
  const orders = yield* WorkOrders
  const id = WorkOrderId.make(word)
  yield* orders.submit(
    new WorkOrder({ ...anyOrder, id, project: projectId, title: `Round half up (${word})`, ...change })
  )
  return id
})

/** Waits until nothing more happens to an order by itself, and answers it. */
export const ends = Effect.fnUntraced(function* (id: WorkOrderId) {
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const look = Effect.andThen(sql`select pg_notify('moose_work', '')`, orders.get({ id }))
  return yield* look.pipe(
    Effect.flatMap((view) =>
      (isSettled(view.status) && view.disposition !== "rollback_pending") || view.status === "needs_review"
        ? Effect.succeed(view)
        : Effect.fail(new Error(`it is still ${view.status}`))
    ),
    Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: Limits.step.applying })))
  )
})

interface Paid {
  readonly call: string
  readonly state: string
  readonly settled: number | null
}

/** What the ledger has of an order's calls. */
export const ledger = (id: WorkOrderId) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Paid>`select call, state, settled_micros::int as settled from public.cost_tracking
      where work_order = ${id} order by created_at, call`
  )

/** The reasons that an order met, in that order. */
export const met = (id: WorkOrderId) =>
  Effect.map(
    Effect.flatMap(
      PgClient.PgClient,
      (sql) => sql<{ tag: string }>`select tag from public.error_events where work_order = ${id} order by id`
    ),
    (rows) => rows.map(({ tag }) => tag)
  )

/** Files that Moose keeps for orders: nothing of Aider's may be among them once its order is over. */
export const leftovers = Effect.gen(function* () {
  const { home } = yield* Settings
  const fs = yield* FileSystem.FileSystem
  const found: Array<string> = []
  for (const folder of ["worktrees", "instructions"]) {
    const there = yield* Effect.orElseSucceed(
      fs.readDirectory(`${home}/${folder}`, { recursive: true }),
      () => []
    )
    found.push(...there.filter((name) => name !== "aider").map((name) => `${folder}/${name}`))
  }
  return found
})
