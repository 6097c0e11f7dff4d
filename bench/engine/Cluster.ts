import { randomUUID } from "node:crypto"
import { NodeCrypto } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, Schema } from "effect"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import { Activity, DurableClock, Workflow } from "effect/workflow"
import { type Contender, steps } from "./Contender.ts"

const named = <const Name extends string>(name: Name) =>
  Workflow.make(name, { payload: { id: Schema.String }, success: Schema.Int, idempotencyKey: ({ id }) => id })

const Five = named("Five")
const Wait = named("Wait")

const step = (name: string, index: number) =>
  Activity.make({ name, success: Schema.Int, execute: Effect.succeed(index) })

let waiting = 0

const bodies = Layer.mergeAll(
  Five.toLayer(() => Effect.map(Effect.forEach(steps, step), (results) => results.length)),
  Wait.toLayer(() =>
    Effect.gen(function* () {
      yield* step(steps[0], 0)
      yield* step(steps[1], 1)
      waiting++
      yield* DurableClock.sleep({ name: "day", duration: "1 day", inMemoryThreshold: 0 })
      return 0
    })
  )
)

/** Effect's own engine, for one process, with all that it keeps in Postgres. */
export const make = Effect.fnUntraced(function* (url: string) {
  const engine = bodies.pipe(
    Layer.provideMerge(ClusterWorkflowEngine.layer),
    Layer.provide(SingleRunner.layer()),
    Layer.provide(NodeCrypto.layerDigest),
    Layer.provide(PgClient.layer({ url: Redacted.make(url) }))
  )
  const provide = Effect.provide(yield* Layer.build(engine))
  const contender: Contender = {
    order: Effect.suspend(() => Five.execute({ id: randomUUID() })).pipe(provide, Effect.asVoid),
    park: Effect.suspend(() => Wait.execute({ id: randomUUID() }, { discard: true })).pipe(
      provide,
      Effect.asVoid
    ),
    parked: Effect.sync(() => waiting)
  }
  return contender
})
