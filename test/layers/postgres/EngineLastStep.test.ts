import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Schema } from "effect"
import { Activity, DurableClock, Workflow } from "effect/workflow"
import { LastStep } from "../../../src/services/LastStep.ts"
import { StoreCall } from "../../../src/layers/postgres/StoreCall.ts"
import * as Harness from "./engine/Harness.ts"

const { inDatabase, journal, open } = Harness

/** The store, with the names of the calls that write something for a run. */
const listening = Effect.fnUntraced(function* (verdict: (name: string) => Harness.Verdict = () => "work") {
  const ends: Array<string> = []
  const faulty = yield* Harness.faulty(verdict)
  const store = StoreCall.of({
    call: (name, input) => {
      if (["commit_activity", "finish_execution", "schedule_clock"].includes(name)) ends.push(name)
      return faulty.call(name, input)
    }
  })
  return { ends, store }
})

const W = Workflow.make("W", {
  payload: Harness.id,
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const finish = ({ engine }: Harness.Opened, execution: string) =>
  Effect.exit(engine.execute(W, { executionId: execution, payload: { id: execution } }))

const last = (execute: Effect.Effect<string>) =>
  Activity.make({
    name: "last",
    success: Schema.String,
    execute,
    annotations: Context.make(LastStep, true)
  })

const stored = Effect.fnUntraced(function* (execution: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ state: string; results: ReadonlyArray<string> }>`
    select e.state, array(select a.name from moose.activity_results a where a.execution = e.id order by a.name) as results
    from moose.executions e where e.id = ${execution}`
  return row
})

describe("An activity that is its run's last", () => {
  it.live("ends together with the run, and what it answers is the run's to use", () =>
    inDatabase(
      Effect.gen(function* () {
        const { ends, store } = yield* listening()
        const log = journal()
        const a = yield* open({}, store)
        yield* a.register(W, () =>
          Effect.gen(function* () {
            yield* log.undoable("first")
            return `${yield* last(Effect.as(log.note("last"), "end"))} of the run`
          })
        )
        assert.deepStrictEqual(yield* finish(a, "1"), Exit.succeed("end of the run"))
        assert.deepStrictEqual(ends, ["commit_activity", "commit_activity"])
        assert.deepStrictEqual(yield* stored("1"), { state: "done", results: ["first", "last"] })
        assert.deepStrictEqual(log.lines, ["first", "last"])
      })
    )
  )

  it.live("is known to have ended when the reply to that was lost", () =>
    inDatabase(
      Effect.gen(function* () {
        let lost = 0
        const { store } = yield* listening((name) =>
          name === "commit_activity" && lost++ === 0 ? "lose the reply" : "work"
        )
        const log = journal()
        const a = yield* open({}, store)
        yield* a.register(W, () => last(Effect.as(log.note("last"), "end")))
        assert.deepStrictEqual(yield* finish(a, "1"), Exit.succeed("end"))
        assert.deepStrictEqual(log.lines, ["last"])
      })
    )
  )

  it.live("is committed by itself where something comes after it, before that begins", () =>
    inDatabase(
      Effect.gen(function* () {
        const { ends, store } = yield* listening()
        const log = journal()
        const before: Array<unknown> = []
        const a = yield* open({}, store)
        yield* a.register(W, () =>
          Effect.gen(function* () {
            const end = yield* last(Effect.as(log.note("last"), "end"))
            yield* Activity.make({
              name: "more",
              execute: Effect.map(Effect.orDie(stored("1")), (row) => before.push(row))
            })
            return end
          })
        )
        assert.deepStrictEqual(yield* finish(a, "1"), Exit.succeed("end"))
        assert.deepStrictEqual(before, [{ state: "running", results: ["last"] }])
        assert.deepStrictEqual(ends, ["commit_activity", "commit_activity", "finish_execution"])
      })
    )
  )

  it.live("is committed before the run waits for anything", () =>
    inDatabase(
      Effect.gen(function* () {
        const { ends, store } = yield* listening()
        const log = journal()
        const a = yield* open({}, store)
        yield* a.register(W, () =>
          Effect.gen(function* () {
            const end = yield* last(Effect.as(log.note("last"), "end"))
            yield* DurableClock.sleep({ name: "a while", duration: "1 second", inMemoryThreshold: 0 })
            return end
          })
        )
        assert.deepStrictEqual(yield* finish(a, "1"), Exit.succeed("end"))
        // A replay schedules the clock once more, which changes nothing.
        assert.deepStrictEqual([...new Set(ends)], ["commit_activity", "schedule_clock", "finish_execution"])
        assert.deepStrictEqual(log.lines, ["last"])
      })
    )
  )

  it.live("that is refused when something comes after it: the run is replayed with that", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const a = yield* open()
        yield* a.register(W, () =>
          Effect.gen(function* () {
            yield* log.undoable("first")
            const end = yield* last(Effect.as(log.note("last"), "a\u0000b"))
            yield* log.step("more")
            return end
          })
        )
        const exit = yield* finish(a, "1")
        assert.isTrue(Exit.hasDies(exit))
        assert.deepStrictEqual(log.lines, ["first", "last", "undo first"])
      })
    )
  )

  it.live("is a defect where the database refuses it, and the run compensates", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const a = yield* open()
        yield* a.register(W, () =>
          Effect.gen(function* () {
            yield* log.undoable("first")
            return yield* last(Effect.as(log.note("last"), "a\u0000b"))
          })
        )
        const exit = yield* finish(a, "1")
        assert.isTrue(
          Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("The result could not be stored")
        )
        assert.deepStrictEqual(log.lines, ["first", "last", "undo first"])
        assert.deepStrictEqual(yield* stored("1"), { state: "done", results: ["first", "last"] })
      })
    )
  )

  it.live("is done again by another process where neither end could be stored", () =>
    inDatabase(
      Effect.gen(function* () {
        let broken = true
        const { store } = yield* listening((name) => (broken && name === "commit_activity" ? "fail" : "work"))
        const log = journal()
        const a = yield* open({}, store)
        yield* a.register(W, () => last(Effect.as(log.note("last"), "end")))
        yield* a.engine.execute(W, { executionId: "1", payload: { id: "1" }, discard: true })
        yield* Harness.eventually(stored("1"), (row) => row?.state === "ready")
        assert.deepStrictEqual(yield* stored("1"), { state: "ready", results: [] })
        broken = false
        yield* Harness.call("resume_execution", { execution: "1" })
        yield* Harness.eventually(stored("1"), (row) => row?.state === "done")
        assert.deepStrictEqual(log.lines, ["last", "last"])
      })
    )
  )
})
