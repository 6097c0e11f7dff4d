import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import {
  DateTime,
  Deferred,
  Effect,
  FileSystem,
  Layer,
  Queue,
  Redacted,
  References,
  Schema,
  Struct,
  Tracer
} from "effect"
import { readFileSync } from "node:fs"
import type { SqlError } from "effect/sql/SqlError"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrderRequest, fromRequest } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import { Settings } from "../../src/layers/Settings.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Message, type Outside, type Served } from "./Messages.ts"
import * as Spans from "./Spans.ts"
import { type Split, split } from "./Split.ts"

const demo = new URL("../../fixtures/demo/work-order.json", import.meta.url)
const Request = Schema.fromJsonString(WorkOrderRequest.mapFields(Struct.omit(["project"])))
const request = Schema.decodeUnknownSync(Request)(readFileSync(demo, "utf8"))
const projectId = ProjectId.make("sample")
const readMessage = Schema.decodeUnknownSync(Message)

/** The world outside, until the scope closes; what it serves is put on `served`. */
const outside = (modelMs: number, served: Array<Served>) =>
  Effect.gen(function* () {
    const found = yield* Deferred.make<Outside>()
    yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => {
        const child = fork(fileURLToPath(new URL("World.ts", import.meta.url)), [String(modelMs)])
        child.on("message", (raw) => {
          const message = readMessage(raw)
          if (message._tag === "Outside") Deferred.doneUnsafe(found, Effect.succeed(message))
          else served.push(message.served)
        })
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return yield* Effect.timeout(Deferred.await(found), "1 minute")
  })

const settings = ({ model, forge, token }: Outside, aider: string | undefined) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* fs.makeTempDirectoryScoped({ prefix: "moose-overhead-" })
      // Under root PostgreSQL runs as somebody else, who must be able to enter.
      yield* fs.chmod(home, 0o755)
      return Layer.succeed(Settings, {
        home,
        databaseUrl: undefined,
        forge: "github",
        githubToken: Redacted.make(token),
        githubApiUrl: forge,
        openaiApiKey: Redacted.make("not-a-real-key-0123456789"),
        openaiBaseUrl: `${model}/v1`,
        anthropicApiKey: undefined,
        anthropicBaseUrl: undefined,
        model: "gpt-5-mini",
        prices: undefined,
        managerUrl: undefined,
        clientManagerUrl: undefined,
        editor: aider === undefined ? "built-in" : "aider",
        aider: aider ?? "aider",
        slots: 8
      })
    })
  )

const now = () => performance.timeOrigin + performance.now()

/** One order from its submission to the moment at which it is seen to be completed. */
const one = Effect.fnUntraced(function* (name: string, changes: Queue.Dequeue<unknown, SqlError>) {
  const orders = yield* WorkOrders
  const sql = yield* PgClient.PgClient
  const id = WorkOrderId.make(name)
  const order = fromRequest({ ...request, project: projectId }, id, "main")
  const completed = Effect.gen(function* () {
    const [row] = yield* sql<{ status: string }>`select status from public.work_orders where id = ${name}`
    if (row !== undefined && /failed|review|cancelled/.test(row.status)) {
      return yield* Effect.die(new Error(`order ${name} is ${row.status}`))
    }
    return row?.status === "completed"
  })
  const from = now()
  yield* orders.submit(order)
  // Looking all the time would slow down what is measured: the store says when there is something to see.
  while (!(yield* completed)) yield* Effect.timeoutOption(Queue.take(changes), "250 millis")
  return { from, to: now() }
})

/** So many orders, one after the other, and where the time of each went. */
export const measure = (options: {
  readonly orders: number
  readonly warmUp: number
  readonly modelMs: number
  /** The Aider that makes the edits; the built-in editor does where there is none. */
  readonly aider: string | undefined
}) =>
  Effect.gen(function* () {
    const served: Array<Served> = []
    const recorder = Spans.recorder()
    const world = yield* outside(options.modelMs, served)
    const worker = Environment.worker().pipe(
      Layer.provideMerge(Environment.everything),
      Layer.provideMerge(settings(world, options.aider))
    )
    return yield* Effect.gen(function* () {
      const projects = yield* Projects
      yield* projects.put(
        new Project({
          id: projectId,
          repository: world.repository,
          baseBranch: world.branch,
          checks: [],
          limits: { dailyUsd: Usd.make(500_000_000), workOrderUsd: Usd.make(10_000_000) },
          concurrency: 8,
          timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
          mode: "on"
        })
      )
      const sql = yield* PgClient.PgClient
      const changes = yield* sql.listen("moose_events")
      const found: Array<{ readonly wall: number; readonly split: Split }> = []
      for (let index = 0; index < options.warmUp + options.orders; index++) {
        recorder.take()
        served.length = 0
        const window = yield* one(`overhead-${index}`, changes)
        // What the other process says of its last answers may still be on its way.
        yield* Effect.sleep("50 millis")
        const its = split(recorder.take(), served)
        if (its === undefined)
          return yield* Effect.die(new Error(`overhead-${index}: not all steps were seen`))
        if (index >= options.warmUp) found.push({ wall: window.to - window.from, split: its })
      }
      return found
    }).pipe(Effect.scoped, Effect.provide(worker), Effect.provideService(Tracer.Tracer, recorder.tracer))
  }).pipe(
    Effect.scoped,
    Effect.provide(NodeServices.layer),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
