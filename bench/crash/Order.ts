import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { DateTime, Effect, FileSystem } from "effect"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import type { Status } from "../../src/domain/Status.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"

/* The order of a schedule. */

export const projectId = ProjectId.make("crash")
export const execution = (order: string) => `${order}/1`

/** The project and its one order. */
export const submit = Effect.fnUntraced(function* (
  remoteUrl: string,
  repository: { readonly owner: string; readonly name: string },
  order: string
) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(
    new Project({
      id: projectId,
      repository: { remoteUrl, forge: repository },
      baseBranch: "main",
      checks: [],
      limits: { dailyUsd: Usd.make(50_000_000), workOrderUsd: Usd.make(10_000_000) },
      concurrency: 4,
      timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
      mode: "on"
    })
  )
  yield* orders.submit(
    new WorkOrder({
      id: WorkOrderId.make(order),
      project: projectId,
      kind: "feature",
      title: "Answer the question",
      description: "Write the answer to src/question.txt into src/answer.txt.",
      acceptanceCriteria: [],
      filesInScope: [],
      baseBranch: "main",
      priority: 0,
      limits: {},
      metadata: {}
    })
  )
})

/** Where the order stands. A database that is down is asked again. */
export const look = Effect.fnUntraced(function* (order: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ status: Status; disposition: string | null; state: string }>`
    select w.status, w.disposition, x.state from public.work_orders w
    join moose.executions x on x.work_order = w.id and x.run = w.run where w.id = ${order}`
  return row
})

/** A repository takes no pushes any more. */
export const refusePushes = Effect.fnUntraced(function* (location: string) {
  const fs = yield* FileSystem.FileSystem
  const hooks = join(location, "hooks")
  yield* fs.makeDirectory(hooks, { recursive: true })
  yield* fs.writeFileString(
    join(hooks, "pre-receive"),
    "#!/bin/sh\ncat >/dev/null\necho 'not today' >&2\nexit 1\n",
    { mode: 0o755 }
  )
})
