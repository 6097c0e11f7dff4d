import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer, References } from "effect"
import { ModelNotFound } from "../src/domain/errors/GenerationError.ts"
import { RemoteUnreachable, RepositoryMissing } from "../src/domain/errors/Reasons.ts"
import { ProjectId, WorkOrderId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { Project } from "../src/domain/Project.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as EmbeddedPostgres from "../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../src/layers/postgres/Migrations.ts"
import * as PostgresEngine from "../src/layers/postgres/PostgresEngine.ts"
import * as pipeline from "../src/pipeline.ts"
import { CodeEditor } from "../src/services/CodeEditor.ts"
import { GitHub } from "../src/services/GitHub.ts"
import { Projects } from "../src/services/Projects.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import { Workspace } from "../src/services/Workspace.ts"
import * as Outside from "../test/support/Outside.ts"
import { order, project } from "../test/support/World.ts"

/*
 * Does a project that fails all of its orders slow down another one in the same worker? Store and engine are
 * real; the world outside is doubles that take their time. Blocks with and without the noisy neighbour take
 * turns, so that whatever else this machine does meets both.
 */

const blocks = Number(process.env["ISOLATION_BLOCKS"] ?? 6)
const ordersPerBlock = Number(process.env["ISOLATION_ORDERS"] ?? 32)
const inFlight = 4
const noisyEveryMs = 100
const ratioMax = 1.25
const decidedMsMax = 100

/**
 * How the noisy projects fail: the one because its remote is down, which makes it wait most of the time, the
 * other for good, in two ways.
 */
const noises = ["remote-down", "repository-missing", "remote-down", "model-missing"] as const
type Noise = (typeof noises)[number]
const noiseOf = (id: string): Noise | undefined => noises.find((it) => id.includes(it))
const evidence = { operation: "bench", excerpt: "as told" }

/** When the failing call of an order returned, by the clock of this machine. */
const failedAt = new Map<string, number>()
const failing = <E>(id: string, reason: E) =>
  Effect.suspend(() => {
    failedAt.set(id, Date.now())
    return Effect.fail(reason)
  })

/** How long each call takes, in milliseconds. */
const takes = { git: 40, model: 250, here: 15, forge: 30 }

const outside = Layer.mergeAll(
  Layer.effect(
    Proposer,
    Effect.map(Proposer, (real) => ({
      ask: (input) => {
        const id = /noisy-\S+/.exec(input.prompt)?.[0] ?? ""
        const missing = new ModelNotFound({ model: input.model.model, evidence })
        return Effect.delay(
          noiseOf(id) === "model-missing" ? failing(id, missing) : real.ask(input),
          takes.model
        )
      }
    }))
  ),
  Layer.effect(
    Workspace,
    Effect.map(Workspace, (real) => ({
      ...real,
      snapshot: (input) => Effect.delay(real.snapshot(input), takes.git),
      openWorktree: (input) => {
        const { workOrderId: id, project: of } = input
        const remote = of.repository.remoteUrl
        const noise = noiseOf(id)
        if (noise === "remote-down") {
          return Effect.delay(failing(id, new RemoteUnreachable({ remote, evidence })), takes.git)
        }
        if (noise === "repository-missing") {
          return Effect.delay(failing(id, new RepositoryMissing({ repository: remote, evidence })), takes.git)
        }
        return Effect.delay(real.openWorktree(input), takes.here)
      },
      commit: (input) => Effect.delay(real.commit(input), takes.here),
      remoteHead: (input) => Effect.delay(real.remoteHead(input), takes.git),
      push: (input) => Effect.delay(real.push(input), takes.git)
    }))
  ),
  Layer.effect(
    CodeEditor,
    Effect.map(CodeEditor, (real) => ({
      ...real,
      apply: (input) => Effect.delay(real.apply(input), takes.here)
    }))
  ),
  Layer.effect(
    GitHub,
    Effect.map(GitHub, (real) => ({
      ...real,
      getRepository: (input) => Effect.delay(real.getRepository(input), takes.forge),
      findPullRequests: (input) => Effect.delay(real.findPullRequests(input), takes.forge),
      createPullRequest: (input) => Effect.delay(real.createPullRequest(input), takes.forge),
      getPullRequest: (input) => Effect.delay(real.getPullRequest(input), takes.forge)
    }))
  )
).pipe(Layer.provideMerge(Outside.layer))

const database = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDirectory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-isolation-" })
    const client = Layer.unwrap(
      Effect.map(EmbeddedPostgres.EmbeddedPostgres, ({ url }) => PgClient.layer({ url }))
    )
    return Migrations.layer.pipe(
      Layer.provideMerge(client),
      Layer.provideMerge(EmbeddedPostgres.layer({ dataDirectory }))
    )
  })
)

const worker = pipeline.layer.pipe(
  Layer.provideMerge(PostgresEngine.layer({ slots: Limits.runnerSlots })),
  Layer.provide(outside),
  Layer.provideMerge(Environment.store),
  Layer.provideMerge(database),
  Layer.provideMerge(NodeServices.layer)
)

const healthy = ProjectId.make("healthy")
const waiting = ProjectId.make("waiting")
const failed = ProjectId.make("failed")

const submit = Effect.fnUntraced(function* (of: ProjectId, name: string) {
  const orders = yield* WorkOrders
  yield* orders.submit(new WorkOrder({ ...order, id: WorkOrderId.make(name), project: of, title: name }))
})

/** Healthy orders, always `inFlight` of them at once, until so many are completed. Answers their times in milliseconds. */
const measure = Effect.fnUntraced(function* (block: number) {
  const sql = yield* PgClient.PgClient
  const prefix = `healthy-${block}-`
  let submitted = 0
  let completed = 0
  while (completed < ordersPerBlock) {
    for (; submitted < ordersPerBlock && submitted - completed < inFlight; submitted++) {
      yield* submit(healthy, `${prefix}${submitted}`)
    }
    yield* Effect.sleep("25 millis")
    const [row] = yield* sql<{ count: number }>`select count(*)::int as count from public.work_orders
      where id like ${`${prefix}%`} and status = 'completed'`
    completed = row?.count ?? 0
  }
  const rows = yield* sql<{ ms: number }>`
    select (extract(epoch from e.at - w.created_at) * 1000)::float8 as ms
    from public.work_orders w join public.work_order_events e on e.work_order = w.id
    where w.id like ${`${prefix}%`} and e.kind = 'StatusMoved' and e.message = 'completed'`
  return rows.map(({ ms }) => ms)
})

let noisySubmitted = 0
const makeNoise = Effect.gen(function* () {
  while (true) {
    const noise = noises[noisySubmitted % noises.length]
    yield* submit(noise === "remote-down" ? waiting : failed, `noisy-${noise}-${noisySubmitted++}`)
    yield* Effect.sleep(noisyEveryMs)
  }
})

/** No order of the noisy projects is left that could do anything. */
const silence = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const left = sql<{ id: string }>`select work_order as id from moose.executions
    where work_order like 'noisy-%' and state <> 'done'`
  for (const { id } of yield* left)
    yield* orders.cancel({ id: WorkOrderId.make(id), reason: "the block is over" })
  while ((yield* left).length > 0) yield* Effect.sleep("50 millis")
})

const quantile = (numbers: ReadonlyArray<number>, share: number) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}
const ms = (value: number) => `${value.toFixed(0)} ms`

const main = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const projects = yield* Projects
  yield* projects.put(new Project({ ...project, id: healthy, concurrency: 4 }))
  for (const id of [waiting, failed]) {
    const repository = { ...project.repository, remoteUrl: `https://${id}.invalid/o/r.git` }
    yield* projects.put(new Project({ ...project, id, concurrency: 2, repository }))
  }
  const alone: Array<number> = []
  const beside: Array<number> = []
  yield* measure(0)
  for (let block = 1; block <= blocks * 2; block++) {
    if (block % 2 === 1) alone.push(...(yield* measure(block)))
    else {
      const noise = yield* Effect.forkChild(makeNoise)
      beside.push(...(yield* measure(block)))
      noise.interruptUnsafe()
      yield* silence
    }
  }
  const final = yield* sql<{ id: string; at: number }>`
    select work_order as id, (extract(epoch from at) * 1000)::float8 as at from public.work_order_events
    where kind = 'StepFailed' and (work_order like '%repository-missing%' or work_order like '%model-missing%')`
  const retried = yield* sql`select 1 from public.work_order_events
    where kind in ('AttemptFailed', 'Parked') and (work_order like '%repository-missing%' or work_order like '%model-missing%')`
  const decided = final.flatMap(({ id, at }) => {
    const from = failedAt.get(id)
    return from === undefined ? [] : [at - from]
  })
  return { alone, beside, decided, retried: retried.length }
}).pipe(Effect.provide(worker), Effect.provideService(References.MinimumLogLevel, "None"))

const { alone, beside, decided, retried } = await Effect.runPromise(main)
const line = (what: string, times: ReadonlyArray<number>) =>
  console.log(
    `${what.padEnd(28)} median ${ms(quantile(times, 0.5))}, p95 ${ms(quantile(times, 0.95))} (${times.length} orders)`
  )
line("the healthy project alone", alone)
line("beside two noisy ones", beside)
const ratio = quantile(beside, 0.95) / quantile(alone, 0.95)
console.log(
  `ratio of the p95: ${ratio.toFixed(3)} (at most ${ratioMax}); noisy orders submitted: ${noisySubmitted}, none of which can succeed`
)
const p99 = quantile(decided, 0.99)
console.log(
  `a final failure is decided in: median ${ms(quantile(decided, 0.5))}, p99 ${ms(p99)} (${decided.length} failures, below ${decidedMsMax} ms); retries and waits of those: ${retried}`
)
if (ratio > ratioMax || p99 >= decidedMsMax || retried > 0 || decided.length === 0) process.exitCode = 1
