import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Data, Deferred, Duration, Effect, Fiber, FileSystem } from "effect"
import { withLock } from "../../../../src/layers/postgres/embedded/FolderLock.ts"
import * as Processes from "../../../../src/layers/postgres/embedded/Processes.ts"

class Busy extends Data.TaggedError("Busy")<{ readonly ownerPid: number }> {}

const held = <A, E, R>(folder: string, within: Duration.Duration, use: Effect.Effect<A, E, R>) =>
  withLock({ folder, within, busy: (ownerPid) => new Busy({ ownerPid }), use })

const lockFolder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped({ prefix: "moose-lock-" })}/lock`
})

const long = Duration.seconds(20)

describe("FolderLock", () => {
  it.live("lets one in at a time", () =>
    Effect.gen(function* () {
      const folder = yield* lockFolder
      let inside = 0
      let most = 0
      const visit = Effect.gen(function* () {
        inside += 1
        most = Math.max(most, inside)
        yield* Effect.yieldNow
        yield* Processes.find(process.pid)
        inside -= 1
      })
      yield* Effect.all(
        Array.from({ length: 30 }, () => held(folder, long, visit)),
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(most, 1)
      assert.strictEqual(inside, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("says who holds it when the wait is over", () =>
    Effect.gen(function* () {
      const folder = yield* lockFolder
      const entered = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        held(folder, long, Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      )
      yield* Deferred.await(entered)
      const busy = yield* Effect.flip(held(folder, Duration.millis(30), Effect.void))
      assert.strictEqual(busy._tag, "Busy")
      assert.strictEqual(busy._tag === "Busy" ? busy.ownerPid : 0, process.pid)
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* held(folder, Duration.millis(30), Effect.succeed("in")), "in")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("passes on after a failure, and after a waiter gave up", () =>
    Effect.gen(function* () {
      const folder = yield* lockFolder
      const entered = yield* Deferred.make<void>()
      const leave = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        held(folder, long, Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(leave)))
      )
      yield* Deferred.await(entered)
      const waiter = yield* Effect.forkChild(held(folder, long, Effect.void))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiter)
      yield* Deferred.succeed(leave, undefined)
      yield* Fiber.join(holder)
      assert.strictEqual(yield* Effect.flip(held(folder, long, Effect.fail("no"))), "no")
      assert.strictEqual(yield* held(folder, Duration.millis(30), Effect.succeed("in")), "in")
      const fs = yield* FileSystem.FileSystem
      assert.lengthOf(yield* fs.readDirectory(folder), 1)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("goes to exactly one of those who find its owner gone", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* lockFolder
      yield* fs.makeDirectory(folder)
      // This process's number, and the start of an earlier one that had it.
      yield* fs.symlink(`${process.pid}-1`, `${folder}/7`)
      yield* fs.writeFileString(`${folder}/notes`, "not a lock")
      let inside = 0
      const visit = Effect.sync(() => (inside += 1)).pipe(
        Effect.tap((now) => Effect.sync(() => assert.strictEqual(now, 1))),
        Effect.tap(Processes.find(process.pid)),
        Effect.tap(() => Effect.sync(() => (inside -= 1)))
      )
      yield* Effect.all(
        Array.from({ length: 10 }, () => held(folder, long, visit)),
        { concurrency: "unbounded" }
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
