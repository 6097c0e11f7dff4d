import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, FileSystem, Layer, Schedule } from "effect"
import type { OptionName } from "../../../src/domain/Escalation.ts"
import { WorkOrderId } from "../../../src/domain/Ids.ts"
import { Policies } from "../../../src/domain/policies/Policies.ts"
import { recoveryOf } from "../../../src/domain/policies/Recovery.ts"
import { retry } from "../../../src/domain/policies/Retry.ts"
import { Project } from "../../../src/domain/Project.ts"
import { Proposal } from "../../../src/domain/Proposal.ts"
import { WorkOrder } from "../../../src/domain/WorkOrder.ts"
import * as Environment from "../../../src/layers/Environment.ts"
import * as GitCli from "../../../src/layers/GitCli.ts"
import * as GitHubRest from "../../../src/layers/GitHubRest.ts"
import * as PatchEditor from "../../../src/layers/PatchEditor.ts"
import * as PostgresEngine from "../../../src/layers/postgres/PostgresEngine.ts"
import * as WorktreeWorkspace from "../../../src/layers/WorktreeWorkspace.ts"
import * as pipeline from "../../../src/pipeline.ts"
import { Escalations } from "../../../src/services/Escalations.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import type { FaultyForge } from "../../../src/testing/real/FaultyForge.ts"
import * as Outside from "../../support/Outside.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { order, project } from "../../support/World.ts"

/** An order that is run for real: git, the forge, the editor, the engine and its database. It brings its own change. */
export const id: WorkOrderId = order.id

export const files = { "src/a.js": "export const total = Math.floor(1.5)\n" }

export const proposal = new Proposal({
  summary: "Round half up",
  edits: [{ _tag: "SearchReplace", path: "src/a.js", search: "floor", replace: "round" }],
  commitMessage: "Round half up",
  pullRequestTitle: "Round half up",
  pullRequestBody: "It rounded down."
})

const short = { delays: [Duration.millis(10), Duration.millis(10)], deadline: Duration.minutes(1) }

/** As in earnest, but for the waits. */
export const tables = {
  recoveryOf,
  retry: { ...retry, routing: short, generating: short, applying: short, creating_pr: short },
  park: { first: Duration.millis(50), longest: Duration.millis(500) }
}

export const database = Environment.store.pipe(
  Layer.provideMerge(TestDatabase.layer),
  Layer.provideMerge(NodeServices.layer)
)

export const submit = Effect.fnUntraced(function* (remoteUrl: string, change: Partial<WorkOrder> = {}) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  const repository = { remoteUrl, forge: { owner: "moose", name: "example" } }
  yield* projects.put(new Project({ ...project, repository }))
  yield* orders.submit(new WorkOrder({ ...order, proposal, ...change }))
})

export interface Options {
  /** Where mirrors and worktrees are; a folder of its own when nothing is said. */
  readonly home?: string
}

/** git, the forge and the editor as they are. */
export const tools = ({ remoteUrl, authorization, apiUrl, token }: FaultyForge, options: Options = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = options.home ?? (yield* fs.makeTempDirectoryScoped({ prefix: "moose-real-" }))
      const git = GitCli.layer({
        authorization: (url) => (url === remoteUrl ? authorization : undefined),
        timeouts: { local: Duration.seconds(20), remote: Duration.seconds(2) }
      })
      return Layer.mergeAll(
        GitHubRest.layer({ apiUrl, token }),
        WorktreeWorkspace.layer({ directory, freeBytesMin: 0 }).pipe(Layer.provideMerge(git)),
        PatchEditor.layer
      )
    })
  )

/** A worker on those; whatever is not given in `real` does well. */
export const worker = <A, E, R>(real: Layer.Layer<A, E, R>) =>
  pipeline.layer.pipe(
    Layer.provideMerge(PostgresEngine.layer({ slots: 4 })),
    Layer.provide(real),
    Layer.provide(Outside.layer),
    Layer.provide(Layer.succeed(Policies, tables)),
    Layer.fresh
  )

export const view = Effect.flatMap(WorkOrders, (orders) => orders.get({ id }))

/** Asks again and again until it holds, at most 20 seconds; then says what was seen last. */
export const until = <A, E, R>(look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* Effect.andThen(sql`select pg_notify('moose_work', '')`, look).pipe(
      Effect.flatMap((seen) =>
        holds(seen) ? Effect.succeed(seen) : Effect.fail(new Error(`not yet: ${JSON.stringify(seen)}`))
      ),
      Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
    )
  })

export const ends = (status: string) =>
  until(view, (it) => it.status === status && it.disposition !== "rollback_pending")

/** The reasons that attempts and steps ended in, in that order. */
export const met = Effect.flatMap(PgClient.PgClient, (sql) =>
  Effect.map(sql<{ tag: string }>`select tag from public.error_events order by id`, (rows) =>
    rows.map(({ tag }) => tag)
  )
)

export const escalated = Effect.flatMap(Escalations, (escalations) =>
  Effect.map(escalations.list({ status: "open", limit: 20 }), (found) =>
    found.map(({ context }) => context["tag"])
  )
)

/** Somebody decides about the one escalation that is open. */
export const choose = Effect.fnUntraced(function* (option: OptionName) {
  const escalations = yield* Escalations
  const [one] = yield* escalations.list({ status: "open", limit: 1 })
  if (one === undefined) return yield* Effect.fail(new Error("no escalation is open"))
  return yield* escalations.resolve({ id: one.id, option, by: "ada" })
})
