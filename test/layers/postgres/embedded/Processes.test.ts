import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, FileSystem, Option } from "effect"
import * as Processes from "../../../../src/layers/postgres/embedded/Processes.ts"

describe("Processes", () => {
  it.live("knows a process again, and another one of the same number not", () =>
    Effect.gen(function* () {
      const reference = yield* Processes.ownReference
      assert.deepStrictEqual(yield* Processes.findReferenced(reference), Option.some(process.pid))
      assert.deepStrictEqual(yield* Processes.findReferenced(`${process.pid}-1`), Option.none())
      for (const strange of ["", "free", "0-1", "-1-1", "99999999999-1", "x-1"]) {
        assert.deepStrictEqual(yield* Processes.findReferenced(strange), Option.none())
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("reads the same from ps, where there is one", () =>
    Effect.gen(function* () {
      const found = yield* Processes.fromPs(process.pid)
      assert.isTrue(Option.isSome(found))
      assert.strictEqual(
        Option.exists(found, ({ pid }) => pid === process.pid),
        true
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("kills what it started when it is interrupted", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/pid`
      const running = yield* Effect.forkChild(
        Processes.run({
          command: "/bin/sh",
          args: ["-c", `echo $$ > ${file}.new && mv ${file}.new ${file}; while :; do :; done`],
          env: { PATH: "/usr/bin:/bin" },
          runAs: null
        })
      )
      const written = Effect.map(Effect.option(fs.readFileString(file)), Option.map(Number))
      const pid = yield* Processes.waitFor(Duration.seconds(10), written)
      yield* Fiber.interrupt(running)
      const gone = Effect.map(Processes.find(Option.getOrElse(pid, () => process.pid)), (found) =>
        Option.isNone(found) ? Option.some(true) : Option.none()
      )
      assert.isTrue(Option.isSome(yield* Processes.waitFor(Duration.seconds(5), gone)))
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
