import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Logger, Redacted, Schema } from "effect"
import { Activity, Workflow } from "effect/workflow"
import * as PostgresEngine from "../../src/layers/postgres/PostgresEngine.ts"
import * as StoreCall from "../../src/layers/postgres/StoreCall.ts"

/* A worker whose executions finish one step and stay in the next, until it is killed. Says which it begins. */

const Killed = Workflow.make("Killed", {
  payload: { id: Schema.String },
  idempotencyKey: ({ id }) => id
})

const say = (step: string, id: string) => Effect.sync(() => void process.send?.(`${step} ${id}`))

const body = Killed.toLayer(({ id }) =>
  Effect.gen(function* () {
    yield* Activity.make({ name: "first", execute: say("first", id) })
    yield* Activity.make({ name: "second", execute: Effect.andThen(say("second", id), Effect.never) })
  })
)

const [url = "", slots = ""] = process.argv.slice(2)

process.on("disconnect", () => process.exit(0))

await Effect.runPromise(
  Layer.launch(
    body.pipe(
      Layer.provide(PostgresEngine.layer({ slots: Number(slots) })),
      Layer.provide(StoreCall.layerPg),
      Layer.provide(PgClient.layer({ url: Redacted.make(url) })),
      Layer.provide(Logger.layer([]))
    )
  )
)
