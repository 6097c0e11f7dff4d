import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Activity, Workflow } from "effect/workflow"
import * as PostgresEngine from "../../../../src/layers/postgres/PostgresEngine.ts"
import * as StoreCall from "../../../../src/layers/postgres/StoreCall.ts"

/**
 * A process with an engine of its own that claims executions of Killed, commits one activity and stays in the
 * next, until it is killed or told to leave.
 */
const Killed = Workflow.make("Killed", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const body = Killed.toLayer(() =>
  Effect.gen(function* () {
    yield* Activity.make({ name: "first", execute: say("first") })
    yield* Activity.make({
      name: "second",
      execute: Effect.gen(function* () {
        yield* Effect.addFinalizer(() => say("left second"))
        yield* say("second")
        return yield* Effect.never
      }).pipe(Effect.scoped)
    })
  }).pipe(Workflow.withCompensation(() => say("compensated")))
)

const [url = ""] = process.argv.slice(2)

const controller = new AbortController()
process.once("SIGTERM", () => controller.abort())

await Effect.runPromiseExit(
  Layer.launch(
    body.pipe(
      Layer.provide(PostgresEngine.layer({ slots: 4 })),
      Layer.provide(StoreCall.layerPg),
      Layer.provide(PgClient.layer({ url: Redacted.make(url) }))
    )
  ),
  { signal: controller.signal }
)
