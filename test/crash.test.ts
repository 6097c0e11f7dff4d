import { readFileSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem, Layer, Path, Redacted, Schedule, Schema, Struct } from "effect"
import { ProjectId, WorkOrderId, branchName } from "../src/domain/Ids.ts"
import { Project } from "../src/domain/Project.ts"
import { Proposal } from "../src/domain/Proposal.ts"
import { isSettled, stepNames } from "../src/domain/Status.ts"
import { Usd } from "../src/domain/Usd.ts"
import { WorkOrderRequest, fromRequest } from "../src/domain/WorkOrder.ts"
import * as DemoRepository from "../src/layers/DemoRepository.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as LocalForge from "../src/layers/forge/LocalForge.ts"
import * as GitCli from "../src/layers/GitCli.ts"
import * as GitHubRest from "../src/layers/GitHubRest.ts"
import { Git } from "../src/services/Git.ts"
import { GitHub } from "../src/services/GitHub.ts"
import { Projects } from "../src/services/Projects.ts"
import { Resources } from "../src/services/Resources.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import { AiMock } from "./support/AiMock.ts"
import * as Blockade from "./support/Blockade.ts"
import * as Cli from "./support/Cli.ts"
import * as Gate from "./support/Gate.ts"
import { git } from "./support/GitSandbox.ts"
import * as TestDatabase from "./support/TestDatabase.ts"

/** A whole test. Many processes share the processors. */
const timeoutMs = 300_000

/*
 * A worker is killed, without a chance to say anything, at a point that it was seen to reach; the next one
 * finishes the order. Real processes, PostgreSQL, git over HTTP, and a forge; the model is a mock of OpenAI.
 */

const demo = new URL("../fixtures/demo/", import.meta.url)
const read = <S extends Schema.Codec<unknown, unknown>>(file: string, schema: S) =>
  Schema.decodeUnknownSync(Schema.fromJsonString(schema))(readFileSync(new URL(file, demo), "utf8"))

const request = read("work-order.json", WorkOrderRequest.mapFields(Struct.omit(["project"])))
const { reply } = read("replies/credit-notes.json", Schema.Struct({ reply: Proposal }))

const id = WorkOrderId.make("order-1")
const projectId = ProjectId.make("sample")
const everyResult = ["routing", "generating/1/1/1", "generating", "applying", "creating_pr", "tracking"]

const forge = Layer.unwrap(
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) =>
      fs.makeTempDirectoryScoped({ prefix: "moose-crash-forge-" })
    ),
    (directory) => LocalForge.layer({ directory })
  )
)

const forgeTools = Layer.unwrap(
  Effect.map(LocalForge.LocalForge, ({ url, token }) => {
    const basic = Buffer.from(`x-access-token:${Redacted.value(token)}`).toString("base64")
    return Layer.merge(
      GitCli.layer({ authorization: () => Redacted.make(`Basic ${basic}`) }),
      GitHubRest.layer({ apiUrl: url, token })
    )
  })
)

const world = Layer.mergeAll(
  AiMock.layer,
  forgeTools.pipe(Layer.provideMerge(forge)),
  Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))
).pipe(Layer.provideMerge(NodeServices.layer))

const isPush = ({ method, path }: Gate.Request) => method === "POST" && path.endsWith("/git-receive-pack")
const isFetch = ({ path }: Gate.Request) => path.endsWith("?service=git-upload-pack")

/** The second request that matches, and those after it: the first is made by the preflight. */
const second = (matches: (request: Gate.Request) => boolean) => {
  let seen = 0
  return (request: Gate.Request) => matches(request) && ++seen > 1
}
const isListing = ({ method, path }: Gate.Request) => method === "GET" && path.includes("/pulls?")
const isCreation = ({ method, path }: Gate.Request) => method === "POST" && path.endsWith("/pulls")
const isModelCall = ({ method }: Gate.Request) => method === "POST"

/** A submitted order, everything a worker needs to run it, and gates in front of the forge and the model. */
const makeScene = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const projects = yield* Projects
  const orders = yield* WorkOrders
  const mock = yield* AiMock
  const { token, url } = yield* LocalForge.LocalForge
  const { url: databaseUrl } = yield* TestDatabase.TestDatabase
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "moose-crash-" })

  mock.onMessage(request.title, {
    content: JSON.stringify(Schema.encodeSync(Proposal)(reply)),
    usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
  })
  const forgeGate = yield* Gate.make(url)
  const modelGate = yield* Gate.make(mock.url)
  const { forge: name } = yield* DemoRepository.seed
  const remoteUrl = `${forgeGate.url}/${name.owner}/${name.name}.git`
  const project = yield* projects.put(
    new Project({
      id: projectId,
      repository: { remoteUrl, forge: name },
      baseBranch: DemoRepository.demoBranch,
      checks: [],
      limits: { dailyUsd: Usd.make(5_000_000), workOrderUsd: Usd.make(1_000_000) },
      concurrency: 4,
      timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
      mode: "on"
    })
  )
  yield* orders.submit(fromRequest({ ...request, project: projectId }, id, project.baseBranch))

  const startWorker = Cli.start(["worker"], {
    cwd: home,
    env: {
      MOOSE_HOME: path.join(home, "moose"),
      DATABASE_URL: Redacted.value(databaseUrl),
      GITHUB_API_URL: forgeGate.url,
      GITHUB_TOKEN: Redacted.value(token),
      OPENAI_BASE_URL: `${modelGate.url}/v1`,
      OPENAI_API_KEY: "not-a-real-key-0123456789",
      MOOSE_MODEL: "gpt-5-mini"
    }
  })
  return { home: path.join(home, "moose"), remoteUrl, project, name, forgeGate, modelGate, startWorker }
})
type Scene = Effect.Success<typeof makeScene>
type Worker = Effect.Success<Scene["startWorker"]>

/** Which results are journaled, in the order in which they were. */
const journaled = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ name: string }>`select name from moose.activity_results order by at`
  return rows.map(({ name }) => name)
})

/** What 15 seconds would do: the lease of a runner that does not answer any more has ended. */
const expireLeases = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* sql`update moose.runners set lease_until = moose.now() - interval '1 second'`
})

/** Waits until the worker has reached a point; says what it did instead. */
const untilReached = Effect.fnUntraced(function* <R>(
  worker: Worker,
  reached: Effect.Effect<unknown, unknown, R>
) {
  const ended = Effect.flatMap(worker.ended, ({ code }) => Effect.fail(`it ended with ${code}`))
  yield* Effect.raceFirst(reached, ended).pipe(
    Effect.timeout("150 seconds"),
    Effect.mapError((error) => new Error(`Not reached: ${String(error)}\n${worker.output()}`))
  )
})

const killed = Effect.fnUntraced(function* (worker: Worker) {
  yield* worker.kill("SIGKILL")
  const { signal, stderr } = yield* worker.ended
  assert.strictEqual(signal, "SIGKILL", stderr)
})

const filesIn = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const there = yield* fs.exists(directory)
  return there ? yield* fs.readDirectory(directory, { recursive: true }) : []
})

/** What lies about in Moose's folder that belongs to one order. */
const leftovers = Effect.fnUntraced(function* ({ home }: Scene) {
  const files = [...(yield* filesIn(`${home}/worktrees`)), ...(yield* filesIn(`${home}/instructions`))]
  return files.filter((file) => file.includes(id))
})

const isOver = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const view = yield* orders.get({ id })
  const [execution] = yield* sql<{ state: string }>`select state from moose.executions`
  return isSettled(view.status) && execution?.state === "done"
})

/** Waits for a worker to bring the order to its end, then stops it in good order. */
const finish = Effect.fnUntraced(function* (worker: Worker) {
  yield* Effect.repeat(isOver, {
    schedule: Schedule.spaced("50 millis"),
    until: (over) => over
  }).pipe((over) => untilReached(worker, over))
  yield* worker.kill("SIGTERM")
  const ended = yield* worker.ended
  assert.strictEqual(ended.code, 130, ended.stderr)
  return ended
})

/** All that must be true of the order once it is over, however often it was interrupted. */
const assertDoneOnce = Effect.fnUntraced(function* (scene: Scene, modelCalls = 1) {
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const resources = yield* Resources
  const github = yield* GitHub
  const remote = yield* Git

  const view = yield* orders.get({ id })
  assert.strictEqual(view.status, "completed", JSON.stringify(view.failure))
  assert.isNull(view.failure)
  assert.deepStrictEqual((yield* journaled).toSorted(), everyResult.toSorted())
  const events = yield* orders.timeline({ id, after: 0, limit: 500 })
  assert.deepStrictEqual(
    events.filter(({ kind }) => kind === "StepSucceeded").map(({ step }) => step),
    [...stepNames]
  )
  assert.isFalse(events.some(({ kind }) => kind === "StepFailed"))

  assert.strictEqual(scene.modelGate.came(isModelCall), modelCalls)
  assert.strictEqual(scene.forgeGate.passed(isPush), 1)

  const branch = view.branch ?? ""
  const pulls = yield* github.findPullRequests({ repository: scene.name, branch, state: "all" })
  assert.deepStrictEqual(
    pulls.map(({ number, state, head }) => ({ number, state, sha: head.sha })),
    [{ number: 1, state: "open", sha: view.headSha }]
  )
  assert.strictEqual(view.pullRequest?.number, 1)
  assert.strictEqual(yield* remote.remoteHead({ remoteUrl: scene.remoteUrl, branch }), view.headSha)

  assert.deepStrictEqual(yield* leftovers(scene), [])
  const mirror = `${scene.home}/mirrors/${projectId}.git`
  assert.strictEqual(git(mirror, "worktree", "list"), `${mirror}  (bare)`)
  assert.strictEqual(git(mirror, "for-each-ref", "refs/heads/moose"), "")

  const rows = yield* resources.list({ workOrderId: id })
  assert.deepStrictEqual(Object.fromEntries(rows.map(({ kind, state }) => [kind, state])), {
    worktree: "released",
    instruction_file: "released",
    branch: "released",
    remote_branch: "preserved",
    pull_request: "preserved"
  })
  const costs = yield* sql<{ state: string }>`select state from public.cost_tracking order by state`
  const lost = Array.from({ length: modelCalls - 1 }, () => "presumed")
  assert.deepStrictEqual(
    costs.map(({ state }) => state),
    [...lost, "settled"]
  )
  const [outcomes] = yield* sql<{ count: number }>`select count(*)::int as count from public.outcome_vectors`
  assert.strictEqual(outcomes?.count, 1)
  assert.deepStrictEqual(yield* sql`select id from moose.runners where lease_until > moose.now()`, [])
})

describe.concurrent("a worker that is told to stop", () => {
  it.live(
    "claims nothing more, finishes the step under way, and hands the order over",
    () =>
      Effect.gen(function* () {
        const scene = yield* makeScene
        const { reached, release } = yield* scene.modelGate.hold(isModelCall)
        const first = yield* scene.startWorker
        yield* untilReached(first, reached)
        yield* first.kill("SIGTERM")
        yield* Effect.repeat(
          Effect.sync(() => first.output()),
          { schedule: Schedule.spaced("50 millis"), until: (output) => output.includes("The worker stops") }
        ).pipe((stopping) => untilReached(first, stopping))
        const orders = yield* WorkOrders
        const later = WorkOrderId.make("order-2")
        yield* orders.submit(fromRequest({ ...request, project: projectId }, later, scene.project.baseBranch))
        assert.deepStrictEqual(yield* journaled, ["routing"])
        yield* release
        const { code, stderr } = yield* first.ended
        assert.strictEqual(code, 130, stderr)
        assert.deepStrictEqual(yield* journaled, everyResult.slice(0, 3))
        const sql = yield* PgClient.PgClient
        assert.deepStrictEqual(
          yield* sql`select id, state, owner, fence::integer as fence from moose.executions order by id`,
          [
            { id: "order-1/1", state: "ready", owner: null, fence: 1 },
            { id: "order-2/1", state: "ready", owner: null, fence: 0 }
          ]
        )
        yield* orders.cancel({ id: later, reason: "it was only there not to be claimed" })
        yield* sql`delete from moose.executions where work_order = ${later}`
        yield* finish(yield* scene.startWorker)
        yield* assertDoneOnce(scene)
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )
})

describe.concurrent("a worker that is killed", () => {
  /** Kills the worker where `gate` holds it, after exactly `results` were journaled; the next one finishes. */
  const heldAt = (
    name: string,
    stop: (scene: Scene) => Effect.Effect<{ readonly reached: Effect.Effect<unknown> }>,
    results: ReadonlyArray<string>,
    modelCalls = 1
  ) =>
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          const scene = yield* makeScene
          const { reached } = yield* stop(scene)
          const first = yield* scene.startWorker
          yield* untilReached(first, reached)
          assert.deepStrictEqual(yield* journaled, results)
          yield* killed(first)
          yield* expireLeases
          yield* finish(yield* scene.startWorker)
          yield* assertDoneOnce(scene, modelCalls)
        }).pipe(Effect.scoped, Effect.provide(world)),
      timeoutMs
    )

  /** Kills the worker in the middle of a change to the database, which is then not made. */
  const blockedAt = (
    name: string,
    where: readonly [table: string, event: "insert" | "update", when: string],
    results: ReadonlyArray<string>,
    seen: (scene: Scene) => Effect.Effect<void, unknown, FileSystem.FileSystem> = () => Effect.void
  ) =>
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          const scene = yield* makeScene
          const blockade = yield* Blockade.make(...where)
          const first = yield* scene.startWorker
          yield* untilReached(first, blockade.reached)
          assert.deepStrictEqual(yield* journaled, results)
          yield* seen(scene)
          yield* killed(first)
          yield* blockade.terminate
          yield* blockade.lift
          yield* expireLeases
          yield* finish(yield* scene.startWorker)
          yield* assertDoneOnce(scene)
        }).pipe(Effect.scoped, Effect.provide(world)),
      timeoutMs
    )

  heldAt("after routing, while it fetches", ({ forgeGate }) => forgeGate.hold(second(isFetch)), ["routing"])

  heldAt(
    "while the model thinks: the call counts as spent, and a second one is made",
    ({ modelGate }) => modelGate.hold(isModelCall),
    ["routing"],
    2
  )

  blockedAt(
    "after generating, with a worktree and instructions lying about",
    ["public.resources", "insert", "new.kind = 'branch'"],
    everyResult.slice(0, 3),
    Effect.fnUntraced(function* (scene) {
      assert.include(yield* leftovers(scene), `${projectId}/${id}-1/src/money.js`)
      assert.include(yield* leftovers(scene), `${id}-1.md`)
    })
  )

  blockedAt(
    "before applying is committed, with its commit made",
    ["moose.activity_results", "insert", "new.name = 'applying'"],
    everyResult.slice(0, 3)
  )

  heldAt(
    "after applying, while it pushes",
    ({ forgeGate }) => forgeGate.hold(isPush),
    everyResult.slice(0, 4)
  )

  heldAt(
    "between the push and the pull request",
    ({ forgeGate }) => forgeGate.hold(isListing),
    everyResult.slice(0, 4)
  )

  blockedAt(
    "before creating_pr is committed, with the pull request open",
    ["moose.activity_results", "insert", "new.name = 'creating_pr'"],
    everyResult.slice(0, 4)
  )

  blockedAt(
    "after creating_pr, before the outcome is recorded",
    ["public.outcome_vectors", "insert", "true"],
    everyResult.slice(0, 5)
  )

  blockedAt(
    "after tracking, whose end and the run's are one commit",
    ["moose.executions", "update", "new.state = 'done'"],
    everyResult.slice(0, 5)
  )
})

describe.concurrent("a reply that is lost", () => {
  it.live(
    "the pull request is there once, and the order knows of it",
    () =>
      Effect.gen(function* () {
        const scene = yield* makeScene
        const lost = yield* scene.forgeGate.loseReply(isCreation)
        const worker = yield* scene.startWorker
        yield* untilReached(worker, lost.reached)
        yield* finish(worker)

        const resources = yield* Resources
        const github = yield* GitHub
        const branch = branchName(id)
        const pulls = yield* github.findPullRequests({ repository: scene.name, branch, state: "all" })
        assert.deepStrictEqual(
          pulls.map(({ number, state }) => ({ number, state })),
          [{ number: 1, state: "open" }]
        )
        const kept = (yield* resources.list({ workOrderId: id })).find(({ kind }) => kind === "pull_request")
        assert.strictEqual(kept?.state, "preserved")
        assert.include(kept?.reason, "pull request #1")
        assert.strictEqual(scene.forgeGate.passed(isPush), 1)
        assert.deepStrictEqual(yield* leftovers(scene), [])
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )
})
