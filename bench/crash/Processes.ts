import { type ChildProcess, spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Deferred, Duration, Effect, FileSystem, Path, Queue, Schema, Scope } from "effect"
import * as Subprocess from "../../src/layers/Subprocess.ts"
import { Command, Report } from "./Messages.ts"

/** A worker process: loaded, and doing nothing until it is told to. */
export interface Worker {
  readonly pid: number
  readonly send: (command: Command) => void
  readonly kill: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void
  /** When it ended. */
  readonly died: Effect.Effect<number>
  /** Who hears what it says from now on. */
  readonly listen: (hear: (report: Report) => void) => void
}

const read = Schema.decodeUnknownSync(Report)
const write = Schema.encodeSync(Command)

const started = Effect.fnUntraced(function* (program: string) {
  const ready = yield* Deferred.make<void>()
  const died = yield* Deferred.make<number>()
  let hear: (report: Report) => void = () => undefined
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const it: ChildProcess = spawn(process.execPath, [program], {
        env: {
          PATH: process.env["PATH"],
          HOME: process.env["HOME"],
          TMPDIR: process.env["TMPDIR"],
          NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"),
          // Nothing goes over ssh: git need not be asked which one.
          GIT_SSH_COMMAND: "ssh",
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_CONFIG_GLOBAL: "/dev/null"
        },
        stdio: ["ignore", "inherit", "inherit", "ipc"]
      })
      it.on("message", (message) => {
        const report = read(message)
        if (report._tag === "Ready") Deferred.doneUnsafe(ready, Effect.void)
        else hear(report)
      })
      it.on("exit", () => Deferred.doneUnsafe(died, Effect.succeed(Date.now())))
      // What was said to it while it died.
      it.on("error", () => undefined)
      return it
    }),
    (it) => Effect.sync(() => it.kill("SIGKILL"))
  )
  yield* Effect.raceFirst(Deferred.await(ready), Deferred.await(died)).pipe(Effect.timeout("1 minute"))
  const worker: Worker = {
    pid: child.pid ?? 0,
    send: (command) => {
      if (child.connected) child.send(write(command))
    },
    kill: (signal) => child.kill(signal),
    died: Deferred.await(died),
    listen: (to) => {
      hear = to
    }
  }
  return worker
})

/** A worker's code in one file, gone with the scope. */
export const bundle = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-crash-worker-" })
  const file = path.join(directory, "worker.mjs")
  const ended = yield* Subprocess.run({
    command: process.execPath,
    args: [fileURLToPath(new URL("Bundle.ts", import.meta.url)), file],
    timeout: Duration.minutes(2),
    outputBytesMax: 64 * 1024
  })
  return ended.exitCode === 0 ? file : yield* Effect.fail(new Error(`No worker was made: ${ended.stderr}`))
})

/** Workers that are ready to begin, `spare` of them at any time; killed with the scope. */
export const pool = Effect.fnUntraced(function* (program: string, spare: number) {
  const scope = yield* Effect.scope
  const ready = yield* Queue.bounded<Worker>(spare)
  const returned: Array<Worker> = []
  const start = Effect.provideService(started(program), Scope.Scope, scope)
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(start, (worker) => Queue.offer(ready, worker))))
  return {
    take: Effect.suspend(() => {
      const worker = returned.pop()
      return worker === undefined ? Queue.take(ready) : Effect.succeed(worker)
    }),
    /** One that lives and has stopped what it was told to do. */
    giveBack: (worker: Worker) =>
      Effect.sync(() => {
        returned.push(worker)
      })
  }
})
export type Pool = Effect.Success<ReturnType<typeof pool>>
