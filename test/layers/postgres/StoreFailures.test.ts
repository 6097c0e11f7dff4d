import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import * as Evidence from "../../../src/domain/errors/Evidence.ts"
import { storeReasons } from "../../../src/domain/errors/Reasons.ts"
import { classifier } from "../../../src/layers/classifiers/Postgres.ts"
import { StoreCall, layerPg } from "../../../src/layers/postgres/StoreCall.ts"
import { standings, storeReason } from "../../../src/layers/postgres/StoreFailures.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const isDeclared = Schema.is(Schema.Union(storeReasons))
const evidence = Evidence.make({ operation: "moose.any", excerpt: "words" })

describe("StoreFailures", () => {
  it("has a declared reason for every condition that the classifier knows", () => {
    assert.deepStrictEqual(Object.keys(standings).toSorted(), Object.keys(classifier.conditions).toSorted())
    for (const standing of Object.values(standings)) {
      assert.isTrue(isDeclared(storeReason("moose.any", standing, evidence)))
    }
  })

  it("repeats nothing by itself that the condition says is of no use, but for a database that is away", () => {
    for (const [tag, standing] of Object.entries(standings)) {
      const { retryable } = Object.entries(classifier.conditions).find(([name]) => name === tag)?.[1] ?? {}
      if (standing === "unsettled" && tag !== "Unrecognised") assert.isTrue(retryable, tag)
      if (standing === "refused") assert.isFalse(retryable, tag)
    }
  })
})

/** A function of the schema that fails as it is told, so that the server itself says it. */
const failing = `create function moose.fails(said jsonb) returns jsonb language plpgsql as $$
  begin raise exception using errcode = said->>'code', message = said->>'message'; end $$`

layer(layerPg.pipe(Layer.provideMerge(TestDatabase.layer)), { excludeTestServices: true })(
  "what the server itself says",
  (it) => {
    it.effect("is a reason with its condition, and ours is ours", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* sql.unsafe(failing).unprepared
        const store = yield* StoreCall
        const cases = [
          ["40P01", "deadlock detected", "StoreUnavailable", "DeadlockDetected"],
          ["53100", "could not extend file", "StoreUnavailable", "DiskFull"],
          ["57014", "canceling statement due to statement timeout", "StoreUnavailable", "StatementTimeout"],
          // Somebody's wish is not repeated against.
          ["57014", "canceling statement due to user request", "StoreConflict", "QueryCancelled"],
          ["23505", "duplicate key value violates unique constraint", "StoreConflict", "UniqueViolation"],
          ["XX000", "unexpected", "StoreConflict", "InternalError"],
          ["MO409", "illegal move", "StoreConflict", undefined],
          ["MO404", "no such order", "StoreMissing", undefined]
        ] as const
        for (const [code, message, tag, condition] of cases) {
          const failure = yield* Effect.flip(store.call("fails", { code, message }))
          assert.strictEqual(failure._tag, tag, message)
          assert.include(failure.message, message)
          if (failure._tag === "StoreMissing") continue
          assert.strictEqual(failure.evidence.sqlState, code)
          assert.strictEqual(failure.evidence.condition?.tag, condition)
        }
      })
    )
  }
)
