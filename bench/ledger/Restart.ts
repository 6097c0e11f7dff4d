import { spawn } from "node:child_process"
import { open } from "node:fs/promises"
import { Effect, FileSystem, Option, Path } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as Binaries from "../../src/layers/postgres/embedded/Binaries.ts"
import * as DataFolder from "../../src/layers/postgres/embedded/DataFolder.ts"
import * as Postmaster from "../../src/layers/postgres/embedded/Postmaster.ts"
import * as Processes from "../../src/layers/postgres/embedded/Processes.ts"

const until = Effect.fnUntraced(function* <E, R>(what: string, state: Effect.Effect<boolean, E, R>) {
  const asked = Effect.map(state, (is) => (is ? Option.some(true) : Option.none()))
  const seen = yield* Processes.waitFor(Limits.postgresStart, asked)
  if (Option.isNone(seen)) return yield* Effect.die(new Error(`PostgreSQL ${what} in time`))
})

/**
 * Stops the embedded server of a folder at once, as a crash would (its immediate mode), leaves it down for
 * `downMs`, and starts it again as it was started, on the same port. It is stopped by whoever opened the folder.
 */
export const restart = Effect.fn("Restart.restart")(function* (dataDirectory: string, downMs: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* DataFolder.open(dataDirectory)
  const running = yield* Postmaster.find(folder)
  if (Option.isNone(running)) return yield* Effect.die(new Error("There is no server to stop"))
  const options = yield* fs.readFileString(path.join(folder.cluster, "postmaster.opts"))
  const args = Array.from(options.matchAll(/"([^"]*)"/g), ([, arg = ""]) => arg)
  const native = yield* Binaries.locate(`${process.platform}-${process.arch}`)
  const binaries = yield* Binaries.prepare({ native, root: folder.root, user: folder.user })

  yield* Processes.signal(running.value.pid, "SIGQUIT")
  yield* until("did not stop", Effect.map(Processes.find(running.value.pid), Option.isNone))
  yield* Effect.sleep(downMs)
  yield* Effect.acquireUseRelease(
    Effect.promise(() => open(folder.log, "a", 0o600)),
    (log) =>
      Effect.sync(() =>
        spawn(binaries.postgres, args, {
          cwd: "/",
          env: { ...binaries.env },
          stdio: ["ignore", log.fd, log.fd],
          detached: true,
          ...folder.user
        }).unref()
      ),
    (log) => Effect.promise(() => log.close())
  )
  yield* until(
    "did not start",
    Effect.map(Postmaster.find(folder), (found) => Option.exists(found, ({ ready }) => ready))
  )
})
