import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Redacted } from "effect"
import { EscalationId } from "../../src/domain/Escalation.ts"
import * as PriceTable from "../../src/domain/policies/PriceTable.ts"
import { Sha, WorkOrderId } from "../../src/domain/Ids.ts"
import type { RepositoryName } from "../../src/domain/Project.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as FileSpool from "../../src/layers/FileSpool.ts"
import * as GitHubRest from "../../src/layers/GitHubRest.ts"
import * as HttpClientManager from "../../src/layers/HttpClientManager.ts"
import * as LanguageModelProposer from "../../src/layers/LanguageModelProposer.ts"
import * as PatchEditor from "../../src/layers/PatchEditor.ts"
import * as RulesManager from "../../src/layers/RulesManager.ts"
import * as SubprocessChecks from "../../src/layers/SubprocessChecks.ts"
import { Checks } from "../../src/services/Checks.ts"
import { ClientManager } from "../../src/services/ClientManager.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Manager } from "../../src/services/Manager.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Spool } from "../../src/services/Spool.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as FaultyForge from "../../src/testing/real/FaultyForge.ts"
import { AiMock } from "../support/AiMock.ts"
import * as GitSandbox from "../support/GitSandbox.ts"
import * as Loopback from "../support/Loopback.ts"
import { has, onEach } from "./OnEach.ts"

const inMemory = Layer.unwrap(Effect.sync(() => Doubles.make().services))

/** A repository at the forge, and how a branch comes there. */
class Repository extends Context.Service<
  Repository,
  { readonly name: RepositoryName; readonly push: (branch: string) => Effect.Effect<Sha> }
>()("moose/test/contracts/Repository") {}

const memoryForge = Layer.unwrap(
  Effect.sync(() => {
    const doubles = Doubles.make()
    const push = (branch: string) =>
      Effect.sync(() => {
        doubles.outside.remote.set(branch, Doubles.headSha)
        return Doubles.headSha
      })
    const repository = Repository.of({ name: Doubles.project.repository.forge, push })
    return Layer.merge(doubles.services, Layer.succeed(Repository, repository))
  })
)

const localForge = Layer.unwrap(
  Effect.map(FaultyForge.make(), ({ apiUrl, token, repository, directory }) => {
    const push = (branch: string) =>
      Effect.sync(() => {
        const tree = GitSandbox.git(directory, "rev-parse", "main^{tree}")
        const made = GitSandbox.git(directory, "commit-tree", tree, "-p", "main", "-m", branch)
        GitSandbox.git(directory, "update-ref", `refs/heads/${branch}`, made)
        return Sha.make(made)
      })
    return Layer.merge(
      GitHubRest.layer({ apiUrl, token }),
      Layer.succeed(Repository, Repository.of({ name: repository, push }))
    )
  })
).pipe(Layer.provide(NodeServices.layer))

const forges: Readonly<Record<string, Layer.Layer<GitHub | Repository, Layer.Error<typeof localForge>>>> = {
  "in memory": memoryForge,
  "by REST": localForge
}

onEach("GitHub", forges, (it) => {
  const asked = (repository: RepositoryName, branch: string) => ({
    repository,
    branch,
    base: "main",
    title: "Round half up",
    body: "It rounded down."
  })

  it.effect("opens one pull request for a branch, and shows, comments and closes it", () =>
    Effect.gen(function* () {
      const github = yield* GitHub
      const { name: repository, push } = yield* Repository
      const branch = "moose/wo-1"
      assert.deepStrictEqual(yield* github.getRepository(repository), {
        defaultBranch: "main",
        canPush: true
      })
      const find = (state: "open" | "all") => github.findPullRequests({ repository, branch, state })
      assert.deepStrictEqual(yield* find("all"), [])
      const sha = yield* push(branch)
      const made = yield* github.createPullRequest(asked(repository, branch))
      has(made, { state: "open", merged: false })
      assert.deepStrictEqual({ ...made.head }, { branch, sha })
      assert.strictEqual(made.base.branch, "main")
      const { number } = made
      assert.deepStrictEqual(yield* github.getPullRequest({ repository, number }), made)
      assert.deepStrictEqual(yield* find("open"), [made])
      const again = yield* Effect.flip(github.createPullRequest(asked(repository, branch)))
      has(again, { _tag: "PullRequestExists", branch })
      yield* github.commentPullRequest({ repository, number, body: "It was cancelled." })
      has(yield* github.closePullRequest({ repository, number }), { number, state: "closed" })
      has(yield* github.closePullRequest({ repository, number }), { number, state: "closed" })
      assert.deepStrictEqual(yield* find("open"), [])
      assert.deepStrictEqual(
        (yield* find("all")).map((it) => it.number),
        [number]
      )
    })
  )

  it.effect("opens none for a branch that is not there, and knows no number that is not there", () =>
    Effect.gen(function* () {
      const github = yield* GitHub
      const { name: repository } = yield* Repository
      const nothing = yield* Effect.flip(github.createPullRequest(asked(repository, "moose/absent")))
      has(nothing, { _tag: "NothingToMerge", branch: "moose/absent" })
      const at = { repository, number: 99 }
      const every = [
        github.getPullRequest(at),
        github.closePullRequest(at),
        github.commentPullRequest({ ...at, body: "Hello?" })
      ]
      for (const call of every) {
        assert.strictEqual(
          (yield* Effect.flip<unknown, { readonly _tag: string }, never>(call))._tag,
          "RepositoryMissing"
        )
      }
    })
  )
})

const trouble = (key: string) => ({
  key,
  type: "trouble",
  severity: "high" as const,
  fingerprint: key,
  context: { message: "the mirror is gone" },
  options: [
    { option: "acknowledge" as const, label: "It is back.", usd: Usd.make(0), recommended: true }
  ] as const,
  defaultOption: null
})

const spoolFolder = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-spool-" })
    return FileSpool.layer({ directory: `${directory}/escalations` })
  })
).pipe(Layer.provide(NodeServices.layer))
const spools: Readonly<Record<string, Layer.Layer<Spool, Layer.Error<typeof spoolFolder>>>> = {
  "in memory": inMemory,
  "in a folder": spoolFolder
}

onEach("Spool", spools, (it) => {
  it.effect("keeps each once, oldest first, until it is removed", () =>
    Effect.gen(function* () {
      const spool = yield* Spool
      const keys = Effect.map(spool.peek(), (all) => all.map(({ key }) => key))
      assert.deepStrictEqual(yield* keys, [])
      // Not in the order of their letters, however these are spelled in the name of a file.
      for (const key of ["b", "zz", "a/../c", "b"]) yield* spool.put(trouble(key))
      assert.deepStrictEqual(yield* keys, ["b", "zz", "a/../c"])
      assert.deepStrictEqual((yield* spool.peek())[1], trouble("zz"))
      yield* spool.remove({ keys: ["zz", "absent"] })
      assert.deepStrictEqual(yield* keys, ["b", "a/../c"])
    })
  )
})

const httpManager = Layer.unwrap(
  Effect.map(Loopback.serve(Loopback.reply(201, { id: "card-1" })), ({ url }) =>
    HttpClientManager.layer({ url: new URL(url) })
  )
)
const clientManagers: Readonly<Record<string, Layer.Layer<ClientManager>>> = {
  "in memory": inMemory,
  "over HTTP": httpManager
}

onEach("ClientManager", clientManagers, (it) => {
  it.effect("takes a notice in, and answers with what it is called there", () =>
    Effect.gen(function* () {
      const clientManager = yield* ClientManager
      const escalation = yield* Effect.gen(function* () {
        const escalations = yield* Escalations
        return yield* escalations.get({ id: yield* escalations.raise(trouble("told")) })
      }).pipe(Effect.provide(inMemory))
      assert.strictEqual(escalation.id, EscalationId.make(1))
      const receipt = yield* clientManager.notify({ escalation })
      assert.deepStrictEqual(receipt, { channel: "client_manager", reference: "card-1" })
    })
  )
})

/** A folder with src/a.js in it. */
class Folder extends Context.Service<Folder, { readonly directory: string }>()(
  "moose/test/contracts/Folder"
) {}

const realFolder = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "moose-folder-" })
    const directory = yield* fs.realPath(temporary)
    yield* fs.makeDirectory(`${directory}/src`)
    yield* fs.writeFileString(`${directory}/src/a.js`, "Math.floor(total)\n")
    return Layer.mergeAll(
      PatchEditor.layer,
      SubprocessChecks.layer,
      Layer.succeed(Folder, Folder.of({ directory }))
    )
  })
).pipe(Layer.provide(NodeServices.layer))
const noFolder = Layer.merge(inMemory, Layer.succeed(Folder, Folder.of({ directory: "/memory" })))
type Working = CodeEditor | Checks | Folder
const folders: Readonly<Record<string, Layer.Layer<Working, Layer.Error<typeof realFolder>>>> = {
  "in memory": noFolder,
  "in a folder": realFolder
}

onEach("CodeEditor and Checks", folders, (it) => {
  it.effect("make a proposal's edits, say where, and find the result well", () =>
    Effect.gen(function* () {
      const editor = yield* CodeEditor
      const checks = yield* Checks
      const { directory } = yield* Folder
      yield* editor.ready({})
      const { proposal } = Doubles
      const instructions = `${directory}/instructions.md`
      const written = yield* editor.apply({
        ...Doubles.at,
        call: "applying/1",
        category: "applying",
        rule: "first",
        model: null,
        directory,
        instructions,
        proposal,
        filesInScope: [],
        timeoutMs: 20_000
      })
      assert.deepStrictEqual([...written], ["src/a.js"])
      const check = { name: "test", command: ["true"] as const, timeoutMs: 20_000 }
      yield* checks.run({ directory, check })
    })
  )
})

const rules = RulesManager.layer({ providers: ["openai"], prices: PriceTable.builtIn }).pipe(
  Layer.provide(inMemory)
)
const managers: Readonly<Record<string, Layer.Layer<Manager>>> = { "in memory": inMemory, "by rules": rules }

onEach("Manager", managers, (it) => {
  it.effect("names priced models, the best first, and why", () =>
    Effect.gen(function* () {
      const manager = yield* Manager
      const order = new WorkOrder({ ...Doubles.order, id: WorkOrderId.make("routed") })
      const route = yield* manager.route({ order, project: Doubles.project })
      assert.isAbove(route.models.length, 1)
      assert.notStrictEqual(route.reason, "")
      for (const { provider, model, inputPerMillion } of route.models) {
        assert.strictEqual(provider, "openai")
        assert.isAbove(inputPerMillion, 0)
        assert.isTrue(PriceTable.find(PriceTable.builtIn, provider, model)._tag === "Some")
      }
    })
  )
})

const askedModel = Layer.unwrap(
  Effect.map(AiMock, (mock) => {
    mock.onMessage(/.*/, {
      content: Doubles.reply.text,
      finishReason: "stop",
      usage: { prompt_tokens: 1000, completion_tokens: 100 }
    })
    const openai = { apiKey: Redacted.make("not-a-real-key"), baseUrl: `${mock.url}/v1` }
    return LanguageModelProposer.layer({ openai, offline: false })
  })
).pipe(Layer.provide([AiMock.layer, NodeServices.layer]))
const proposers: Readonly<Record<string, Layer.Layer<Proposer>>> = {
  "in memory": inMemory,
  "of a model": askedModel
}

onEach("Proposer", proposers, (it) => {
  it.effect("answers with the model's text, how it ended, and what it used", () =>
    Effect.gen(function* () {
      const proposer = yield* Proposer
      const [model] = Doubles.route.models
      if (model === undefined) return assert.fail("the route has no model")
      const reply = yield* proposer.ask({ model, system: "You are careful.", prompt: "Totals lose cents" })
      assert.deepStrictEqual(reply, Doubles.reply)
    })
  )
})
