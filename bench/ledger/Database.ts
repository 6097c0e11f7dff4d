import { PgClient } from "@effect/sql-pg"
import { DateTime, Effect, FileSystem, Layer } from "effect"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as EmbeddedPostgres from "../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../../src/layers/postgres/Migrations.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { order as anyOrder, project as anyProject } from "../../test/support/World.ts"

/** A server of one's own with durable commits, in a folder that goes with the scope, and the store on it. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDirectory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-ledger-" })
    const client = Layer.unwrap(
      Effect.map(EmbeddedPostgres.EmbeddedPostgres, ({ url }) => PgClient.layer({ url }))
    )
    const migrated = Migrations.layer.pipe(
      Layer.provideMerge(client),
      Layer.provideMerge(EmbeddedPostgres.layer({ dataDirectory }))
    )
    return Environment.store.pipe(Layer.provideMerge(migrated))
  })
)

/** A project with `orders` orders, named after it; answers the orders' ids. */
export const seed = Effect.fnUntraced(function* (id: string, dailyUsd: Usd, orders: number) {
  const projects = yield* Projects
  const workOrders = yield* WorkOrders
  const limits = { dailyUsd, workOrderUsd: dailyUsd }
  // A zone whose day does not end while somebody measures.
  const hours = 12 - DateTime.toParts(yield* DateTime.now).hour
  const timeZone = DateTime.zoneMakeNamedUnsafe(`Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`)
  const { id: project } = yield* projects.put(
    new Project({ ...anyProject, id: ProjectId.make(id), limits, timeZone })
  )
  return yield* Effect.forEach(Array.from({ length: orders }).keys(), (index) => {
    const order = WorkOrderId.make(`${id}-${index}`)
    return Effect.as(workOrders.submit(new WorkOrder({ ...anyOrder, id: order, project })), order)
  })
})
