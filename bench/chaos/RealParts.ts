import { readFileSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import {
  DateTime,
  Duration,
  Effect,
  FileSystem,
  Layer,
  Redacted,
  References,
  Schedule,
  Schema,
  Struct
} from "effect"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Policies, type PolicyTables } from "../../src/domain/policies/Policies.ts"
import { recoveryOf } from "../../src/domain/policies/Recovery.ts"
import { type RetryRow, retry } from "../../src/domain/policies/Retry.ts"
import { Project } from "../../src/domain/Project.ts"
import { Proposal } from "../../src/domain/Proposal.ts"
import { isSettled } from "../../src/domain/Status.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrderRequest, fromRequest } from "../../src/domain/WorkOrder.ts"
import * as DemoRepository from "../../src/layers/DemoRepository.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as LocalForge from "../../src/layers/forge/LocalForge.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import * as GitHubRest from "../../src/layers/GitHubRest.ts"
import * as Settings from "../../src/layers/Settings.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { AiMock } from "../../test/support/AiMock.ts"
import * as Proxy from "./Proxy.ts"

const demo = new URL("../../fixtures/demo/", import.meta.url)
const read = <S extends Schema.Codec<unknown, unknown>>(file: string, schema: S) =>
  Schema.decodeUnknownSync(Schema.fromJsonString(schema))(readFileSync(new URL(file, demo), "utf8"))

const request = read("work-order.json", WorkOrderRequest.mapFields(Struct.omit(["project"])))
const { reply } = read("replies/credit-notes.json", Schema.Struct({ reply: Proposal }))
const projectId = ProjectId.make("sample")

/** So much shorter are the waits than in earnest. Retry-After is kept as ever. */
const hurry = 1 / 50

const shorter = ({ delays, deadline }: RetryRow): RetryRow => ({
  delays: delays.map((delay) => Duration.times(delay, hurry)),
  deadline
})

const tables: PolicyTables = {
  recoveryOf,
  retry: {
    routing: shorter(retry.routing),
    generating: shorter(retry.generating),
    applying: shorter(retry.applying),
    creating_pr: shorter(retry.creating_pr),
    tracking: shorter(retry.tracking)
  },
  park: { first: Duration.millis(600), longest: Duration.seconds(12) }
}

const inTemporaryFolder = <A, E, R>(use: (directory: string) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(
    Effect.map(
      Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "moose-chaos-" })),
      use
    )
  )

/** The forge as it is, and git and REST that reach it without a proxy, for looking on. */
const forge = Layer.unwrap(
  Effect.map(LocalForge.LocalForge, ({ url, token }) => {
    const basic = Buffer.from(`x-access-token:${Redacted.value(token)}`).toString("base64")
    return Layer.merge(
      GitCli.layer({ authorization: () => Redacted.make(`Basic ${basic}`) }),
      GitHubRest.layer({ apiUrl: url, token })
    )
  })
).pipe(Layer.provideMerge(inTemporaryFolder((directory) => LocalForge.layer({ directory }))))

const settled = Effect.fnUntraced(function* (count: number) {
  const orders = yield* WorkOrders
  const views = yield* orders.list({ limit: count })
  return views.every(({ status, disposition }) => isSettled(status) && disposition !== "rollback_pending")
})

/** Runs orders on real parts, with the forge and the models behind proxies that misbehave. */
export const run = Effect.fnUntraced(
  function* (count: number, seed: number) {
    const { url, token } = yield* LocalForge.LocalForge
    const mock = yield* AiMock
    mock.onMessage(request.title, {
      content: JSON.stringify(Schema.encodeSync(Proposal)(reply)),
      usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
    })
    const forgeProxy = yield* Proxy.make(url, seed, Proxy.forgeRates)
    const modelProxy = yield* Proxy.make(mock.url, seed + 1, Proxy.rates)
    const { forge: name } = yield* DemoRepository.seed
    const looking = yield* GitHub

    const settings = inTemporaryFolder((home) =>
      Layer.succeed(Settings.Settings, {
        ...Settings.embedded(home),
        forge: "github",
        githubToken: token,
        githubApiUrl: forgeProxy.url,
        openaiApiKey: Redacted.make("not-a-real-key-0123456789"),
        openaiBaseUrl: `${modelProxy.url}/v1`,
        model: "gpt-5-mini",
        slots: 8
      })
    )
    const worker = Environment.worker().pipe(
      Layer.provideMerge(Environment.everything),
      Layer.provideMerge(settings),
      Layer.provide(Layer.succeed(Policies, tables))
    )

    return yield* Effect.gen(function* () {
      const projects = yield* Projects
      const orders = yield* WorkOrders
      const sql = yield* PgClient.PgClient
      const project = yield* projects.put(
        new Project({
          id: projectId,
          repository: { remoteUrl: `${forgeProxy.url}/${name.owner}/${name.name}.git`, forge: name },
          baseBranch: DemoRepository.demoBranch,
          checks: [],
          limits: { dailyUsd: Usd.make(500_000_000), workOrderUsd: Usd.make(10_000_000) },
          concurrency: 8,
          timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
          mode: "on"
        })
      )
      for (let index = 1; index <= count; index++) {
        const id = WorkOrderId.make(`chaos-${index}`)
        yield* orders.submit(fromRequest({ ...request, project: projectId }, id, project.baseBranch))
      }
      yield* Effect.repeat(settled(count), {
        schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: "8 minutes" })),
        until: (all) => all
      })
      const views = yield* orders.list({ limit: count })
      const open = yield* sql<{ count: number }>`
        select count(*)::int as count from public.cost_tracking where state = 'reserved'`
      const waits = yield* sql<{ count: number }>`
        select count(*)::int as count from public.work_order_events where kind = 'Parked'`
      const failures = yield* sql<{ tag: string; count: number }>`
        select tag, count(*)::int as count from public.error_events group by tag order by 2 desc`
      const pulls = yield* Effect.forEach(views, ({ branch }) =>
        branch === null
          ? Effect.succeed(0)
          : Effect.map(
              looking.findPullRequests({ repository: name, branch, state: "all" }),
              (found) => found.length
            )
      )
      return {
        views,
        times: views.map(
          ({ submittedAt, updatedAt }) =>
            DateTime.toEpochMillis(updatedAt) - DateTime.toEpochMillis(submittedAt)
        ),
        reserved: open[0]?.count ?? 0,
        waits: waits[0]?.count ?? 0,
        failures,
        pullsMax: Math.max(...pulls),
        proxies: { forge: forgeProxy, model: modelProxy }
      }
    }).pipe(Effect.provide(worker))
  },
  Effect.scoped,
  Effect.provide(Layer.merge(AiMock.layer, forge).pipe(Layer.provideMerge(NodeServices.layer))),
  Effect.provideService(References.MinimumLogLevel, "None")
)
