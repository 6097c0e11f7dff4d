import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { WorkflowEngine } from "effect/workflow"
import * as PostgresEngine from "../../../src/layers/postgres/PostgresEngine.ts"
import * as StoreCall from "../../../src/layers/postgres/StoreCall.ts"
import * as Doubles from "../../../src/testing/Doubles.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { contract } from "./engine/Contract.ts"
import * as Fencing from "./engine/Fencing.ts"
import * as Harness from "./engine/Harness.ts"
import { type Register, firstIsNotHeard, isHeard } from "./engine/TakenOver.ts"

contract("layerMemory", WorkflowEngine.layerMemory)

contract(
  "PostgresEngine",
  PostgresEngine.layer({ slots: 8 }).pipe(Layer.provide(StoreCall.layerPg), Layer.provide(TestDatabase.layer))
)

describe("an execution that is taken over while its first holder is in a step", () => {
  it.live("hears nothing more of it, in memory", () =>
    Effect.gen(function* () {
      const doubles = Doubles.make()
      const context = yield* Layer.build(Layer.merge(doubles.services, doubles.engine))
      yield* doubles.submit()
      const engine = Context.get(context, WorkflowEngine.WorkflowEngine)
      const order = Doubles.at
      const takeOver = (_register: Register, claimed: () => boolean) =>
        Effect.suspend(() => {
          doubles.state.engine?.claimAgain(order.workOrderId, order.run)
          return Effect.as(Harness.until(claimed), engine)
        })
      yield* firstIsNotHeard({ engine, order, takeOver }).pipe(Effect.provide(context))
    }).pipe(Effect.scoped)
  )

  /** Two runners on one database, of which the first cannot renew its lease once the second is there. */
  const onPostgres = Effect.gen(function* () {
    let silent = false
    const store = yield* Harness.faulty((name) => (silent && name === "runner_tick" ? "fail" : "work"))
    const { engine } = yield* Harness.open({}, store)
    const { at } = yield* Harness.anOrder(yield* Harness.aProject())
    return {
      engine,
      order: at,
      takeOver: Effect.fnUntraced(function* (register: Register, claimed: () => boolean) {
        silent = true
        const sql = yield* PgClient.PgClient
        const before = yield* sql<{ id: string }>`select id from moose.runners`
        const other = yield* Harness.open()
        yield* register(other.engine)
        // Renewed once more perhaps, by a tick that was under way; the other's is left alone.
        const endTheirs = sql`
          update moose.runners set lease_until = moose.now() - interval '1 second'
          where ${sql.in(
            "id",
            before.map(({ id }) => id)
          )}`
        yield* Harness.eventually(endTheirs, claimed)
        return other.engine
      })
    }
  })

  it.live("hears nothing more of it, by PostgresEngine", () =>
    Harness.inDatabase(Effect.flatMap(onPostgres, firstIsNotHeard))
  )

  it.live("would hear of it, by PostgresEngine without its fence", () =>
    Harness.inDatabase(
      Effect.gen(function* () {
        yield* Fencing.without(Fencing.owner)
        yield* Fencing.without(Fencing.number)
        assert.isTrue(yield* isHeard(yield* onPostgres))
      })
    )
  )
})
