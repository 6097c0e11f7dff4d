import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Redacted, Schedule } from "effect"
import { Activity } from "effect/workflow"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import { CurrentClaim, whileHeld } from "../../../src/services/Claim.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"
import * as Harness from "./engine/Harness.ts"

const { call, inDatabase, journal, open, row, stop, workflow } = Harness

const script = fileURLToPath(new URL("engine/runner.ts", import.meta.url))

/** Another process with an engine. */
const runner = Effect.gen(function* () {
  const { url } = yield* TestDatabase
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [script, Redacted.value(url)], { stdio: ["ignore", "pipe", "inherit"] })
    ),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  const exited = once(child, "exit")
  let said = ""
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
  return {
    said: () => said,
    signal: (signal: "SIGTERM" | "SIGKILL") =>
      Effect.promise(() => {
        child.kill(signal)
        return exited
      })
  }
})

const W = workflow("W")

describe("PostgresEngine takes over", () => {
  it.live(
    "at once what a runner gives back in good order; what was under way runs again, the rest does not",
    () =>
      inDatabase(
        Effect.gen(function* () {
          const log = journal()
          const first = yield* stop(log, "b")
          const a = yield* open()
          yield* a.register(W, () => Effect.andThen(log.undoable("a"), first.activity))
          yield* Harness.begin(a, W, "1")
          yield* first.begun
          yield* a.close
          assert.deepStrictEqual(log.lines, ["a", "b", "left b"])
          assert.deepInclude(yield* row("1"), { state: "ready", owner: null, pause: 0 })
          const sql = yield* PgClient.PgClient
          assert.deepStrictEqual(yield* sql`select id from moose.runners`, [])

          const second = yield* stop(log, "b")
          yield* second.goOn
          const b = yield* open()
          yield* b.register(W, () => Effect.andThen(log.undoable("a"), second.activity))
          assert.deepStrictEqual(yield* Harness.finish(b, W, "1"), Exit.void)
          assert.deepStrictEqual(log.lines, ["a", "b", "left b", "b", "left b"])
        })
      )
  )

  it.live("what a runner hands over that drains: its step comes to an end, and no other begins", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const log = journal()
        const b = yield* stop(log, "b")
        const a = yield* open({ drain: Duration.minutes(5) })
        yield* a.register(W, () => Effect.andThen(b.activity, log.step("c")))
        yield* Harness.begin(a, W, "1")
        yield* b.begun
        const closing = yield* Effect.forkChild(a.close, { startImmediately: true })
        yield* sql`insert into moose.executions (id, workflow, payload) values ('2', 'W', '{"id":"2"}')`
        // It looks for work all the while, and keeps its lease.
        yield* Harness.endLeases
        yield* Harness.eventually(
          sql`select 1 from moose.runners where lease_until > moose.now()`,
          (rows) => rows.length > 0
        )
        assert.isUndefined(closing.pollUnsafe())
        yield* b.goOn
        yield* Fiber.join(closing)
        assert.deepStrictEqual(log.lines, ["b", "left b"])
        assert.deepStrictEqual(yield* sql`select execution, name from moose.activity_results`, [
          { execution: "1", name: "b" }
        ])
        assert.deepInclude(yield* row("1"), { state: "ready", owner: null, pause: 0 })
        assert.deepInclude(yield* row("2"), { state: "ready", owner: null })
      })
    )
  )

  it.live("what a runner hands over whose step does not end within the time it has to drain", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const b = yield* stop(log, "b")
        const a = yield* open({ drain: Duration.millis(100) })
        yield* a.register(W, () => b.activity)
        yield* Harness.begin(a, W, "1")
        yield* b.begun
        yield* a.close
        assert.deepStrictEqual(log.lines, ["b", "left b"])
        assert.deepInclude(yield* row("1"), { state: "ready", owner: null, pause: 0 })
      })
    )
  )

  it.live(
    "what a process had begun that then stood still: it begins nothing more, and removes nothing",
    () => {
      const ahead = { ms: 0 }
      return inDatabase(
        Effect.gen(function* () {
          const log = journal()
          const b = Activity.make({
            name: "b",
            interruptRetryPolicy: Schedule.recurs(0),
            execute: Effect.gen(function* () {
              const { isLost } = yield* CurrentClaim
              yield* Effect.addFinalizer(() =>
                Effect.flatMap(isLost, (lost) => log.note(lost ? "leaves it alone" : "removes it"))
              )
              yield* whileHeld(log.note("makes it"))
              // It wakes up in the middle of its step, before anything has told it.
              if (ahead.ms === 0) ahead.ms = 2 * Duration.toMillis(Limits.runnerLease)
              yield* whileHeld(log.note("goes on"))
            }).pipe(Effect.scoped)
          })
          const a = yield* open()
          yield* a.register(W, () => Effect.andThen(b, log.step("c")))
          assert.deepStrictEqual(yield* Harness.finish(a, W, "1"), Exit.void)
          assert.deepStrictEqual(log.lines, [
            "makes it",
            "leaves it alone",
            "makes it",
            "goes on",
            "removes it",
            "c"
          ])
        }),
        ahead
      )
    }
  )

  it.live("what belongs to a runner whose lease has run out, which can then do no more harm", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        let silent = false
        const store = yield* Harness.faulty((name) => (silent && name === "runner_tick" ? "fail" : "work"))
        const first = yield* stop(log, "b")
        const a = yield* open({}, store)
        yield* a.register(W, () =>
          Effect.andThen(log.undoable("a"), Effect.andThen(first.activity, log.step("c")))
        )
        yield* Harness.begin(a, W, "1")
        yield* first.begun
        silent = true
        const other = journal()
        const second = yield* stop(other, "b")
        const b = yield* open()
        yield* b.register(W, () =>
          Effect.andThen(other.undoable("a"), Effect.andThen(second.activity, other.step("c")))
        )
        // Renewed once more perhaps, by a tick that was under way.
        yield* Harness.eventually(Harness.endLeases, () => other.lines.length > 0)
        yield* second.begun
        yield* first.goOn
        yield* Harness.until(() => log.count("left b") === 1)
        const sql = yield* PgClient.PgClient
        const committed = sql`select name from moose.activity_results order by name`
        assert.deepStrictEqual(yield* committed, [{ name: "a" }])
        yield* second.goOn
        assert.deepStrictEqual(yield* Harness.finish(b, W, "1"), Exit.void)
        assert.deepStrictEqual(log.lines, ["a", "b", "left b"])
        assert.deepStrictEqual(other.lines, ["b", "left b", "c"])
        assert.deepStrictEqual(yield* committed, [{ name: "a" }, { name: "b" }, { name: "c" }])
      })
    )
  )

  it.live("what belongs to a runner that has fallen silent, as soon as the lease that it chose is over", () =>
    inDatabase(
      Effect.gen(function* () {
        const log = journal()
        let silent = false
        const store = yield* Harness.faulty((name) => (silent && name === "runner_tick" ? "fail" : "work"))
        const first = yield* stop(log, "b")
        const a = yield* open({ lease: Duration.seconds(1) }, store)
        yield* a.register(W, () => first.activity)
        yield* Harness.begin(a, W, "1")
        yield* first.begun
        silent = true
        const second = yield* stop(journal(), "b")
        const b = yield* open()
        yield* b.register(W, () => second.activity)
        yield* second.begun
        assert.deepInclude(yield* row("1"), { state: "running", fence: 2n })
        yield* second.goOn
        assert.deepStrictEqual(yield* Harness.finish(b, W, "1"), Exit.void)
      })
    )
  )

  it.live("stops by itself when it could not renew its lease, and goes on when it can", () => {
    const ahead = { ms: 0 }
    return inDatabase(
      Effect.gen(function* () {
        const log = journal()
        let silent = false
        const store = yield* Harness.faulty((name) => (silent && name === "runner_tick" ? "fail" : "work"))
        const first = yield* stop(log, "b")
        const a = yield* open({}, store)
        yield* a.register(W, () => Effect.andThen(log.undoable("a"), first.activity))
        yield* Harness.begin(a, W, "1")
        yield* first.begun
        silent = true
        ahead.ms = 20_000
        yield* Harness.until(() => log.count("left b") === 1)
        assert.deepInclude(yield* row("1"), { state: "running", fence: 1n })
        yield* first.goOn
        silent = false
        assert.deepStrictEqual(yield* Harness.finish(a, W, "1"), Exit.void)
        assert.deepStrictEqual(log.lines, ["a", "b", "left b", "b", "left b"])
        assert.deepInclude(yield* row("1"), { state: "done", fence: 2n })
      }),
      ahead
    )
  })

  it.live("waits with an execution that it has again until its last run there has cleaned up", () => {
    const ahead = { ms: 0 }
    return inDatabase(
      Effect.gen(function* () {
        const log = journal()
        const cleaned = yield* Deferred.make<void>()
        const begun = yield* Deferred.make<void>()
        let silent = false
        const store = yield* Harness.faulty((name) => (silent && name === "runner_tick" ? "fail" : "work"))
        const a = yield* open({}, store)
        let times = 0
        yield* a.register(W, () =>
          Effect.andThen(
            Activity.make({
              name: "a",
              execute: Effect.gen(function* () {
                yield* log.note("a")
                if (times++ > 0) return
                yield* Effect.addFinalizer(() => Effect.andThen(Deferred.await(cleaned), log.note("cleaned")))
                yield* Deferred.succeed(begun, undefined)
                return yield* Effect.never
              }).pipe(Effect.scoped)
            }),
            log.step("b")
          )
        )
        yield* Harness.begin(a, W, "1")
        yield* Deferred.await(begun)
        silent = true
        ahead.ms = 20_000
        // Somebody had it meanwhile, and gave it back.
        yield* Harness.eventually(Harness.endLeases, () => true)
        const { claims } = yield* Harness.tickAs("other", ["W"])
        assert.deepStrictEqual(claims, [{ id: "1", fence: 2 }])
        yield* call("release_runner", { runner: "other" })
        silent = false
        yield* Harness.eventually(row("1"), ({ fence }) => fence === 3n)
        yield* Effect.sleep("3 seconds")
        assert.deepStrictEqual(log.lines, ["a"])
        yield* Deferred.succeed(cleaned, undefined)
        assert.deepStrictEqual(yield* Harness.finish(a, W, "1"), Exit.void)
        assert.deepStrictEqual(log.lines, ["a", "cleaned", "a", "b"])
      }),
      ahead
    )
  })

  it.live("what a killed process left", () =>
    inDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const Killed = workflow("Killed")
        const log = journal()
        const insert = (name: string) => sql`
          insert into moose.executions (id, workflow, payload)
          values (${name}, 'Killed', jsonb_build_object('id', ${name}::text))`
        const takeOver = Effect.fnUntraced(function* (name: string) {
          const b = yield* open()
          yield* b.register(Killed, () => Effect.andThen(log.step("first"), log.step("second")))
          assert.deepStrictEqual(yield* Harness.finish(b, Killed, name), Exit.void)
          yield* b.close
        })

        const child = yield* runner
        yield* insert("1")
        yield* Harness.until(() => child.said() === "first\nsecond\n")
        yield* child.signal("SIGKILL")
        assert.deepInclude(yield* row("1"), { state: "running", fence: 1n })
        yield* Harness.endLeases
        yield* takeOver("1")
        assert.deepStrictEqual(log.lines, ["second"])

        const polite = yield* runner
        yield* insert("2")
        yield* Harness.until(() => polite.said() === "first\nsecond\n")
        yield* polite.signal("SIGTERM")
        assert.strictEqual(polite.said(), "first\nsecond\nleft second\n")
        assert.deepInclude(yield* row("2"), { state: "ready", owner: null, pause: 0 })
        yield* takeOver("2")
        assert.deepStrictEqual(log.lines, ["second", "second"])
      })
    )
  )
})
