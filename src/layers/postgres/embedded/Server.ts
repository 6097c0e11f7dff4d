import { spawn } from "node:child_process"
import { open } from "node:fs/promises"
import { createServer } from "node:net"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import type { Binaries } from "./Binaries.ts"
import type { DataFolder } from "./DataFolder.ts"
import { EmbeddedPostgresFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"
import * as Postmaster from "./Postmaster.ts"
import * as Processes from "./Processes.ts"

/** Settings that outlive a crash are PostgreSQL's own defaults; these give them up. */
const forgetful = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }

const settings = (port: number, durable: boolean): Readonly<Record<string, string>> => ({
  listen_addresses: Postmaster.address,
  port: String(port),
  unix_socket_directories: "",
  max_connections: "200",
  timezone: "UTC",
  log_timezone: "UTC",
  // What clients did wrong they are told themselves; the log is for the server's own troubles, and stays small.
  log_min_messages: "log",
  log_checkpoints: "off",
  ...(durable ? {} : forgetful)
})

/** A port that is free now; someone else may still be quicker. With `wanted`, whether that one is free. */
const probePort = (wanted: number) =>
  Effect.callback<Option.Option<number>>((resume) => {
    const server = createServer()
    server.on("error", () => resume(Effect.succeedNone))
    server.listen({ host: Postmaster.address, port: wanted, exclusive: true }, () => {
      const bound = server.address()
      const port = bound === null || typeof bound === "string" ? Option.none() : Option.some(bound.port)
      server.close(() => resume(Effect.succeed(port)))
    })
    return Effect.sync(() => server.close())
  })

const logTail = Effect.fnUntraced(function* (folder: DataFolder) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(folder.log), () => "")
  return text.trim().slice(-Evidence.excerptCharactersMax)
})

const failed = (problem: "start_failed" | "timed_out", operation: string, excerpt: string, log: string) =>
  new EmbeddedPostgresFailed({
    problem,
    evidence: Evidence.make({ operation, excerpt: excerpt === "" ? "The log is empty" : excerpt }),
    fix: `The whole log is ${log}. ${useYourOwn}`
  })

interface Started {
  readonly pid: number
  readonly hasExited: () => boolean
}

/** Starts the program as a daemon of its own session, so that neither our end nor a Ctrl-C ends it. */
const spawnServer = (folder: DataFolder, binaries: Binaries, port: number, durable: boolean) =>
  Effect.acquireUseRelease(
    Effect.tryPromise({ try: () => open(folder.log, "w", 0o600), catch: String }),
    (log) =>
      Effect.callback<Started, string>((resume) => {
        const options = Object.entries(settings(port, durable)).flatMap(([name, value]) => [
          "-c",
          `${name}=${value}`
        ])
        const child = spawn(binaries.postgres, ["-D", folder.cluster, ...options], {
          cwd: "/",
          env: { ...binaries.env },
          stdio: ["ignore", log.fd, log.fd],
          detached: true,
          ...folder.user
        })
        child.on("error", (cause) => resume(Effect.fail(String(cause))))
        child.on("spawn", () => {
          child.unref()
          const { pid } = child
          if (pid === undefined) return
          const hasExited = () => child.exitCode !== null || child.signalCode !== null
          resume(Effect.succeed({ pid, hasExited }))
        })
      }),
    (log) => Effect.ignore(Effect.tryPromise(() => log.close()))
  ).pipe(Effect.mapError((excerpt) => failed("start_failed", "starting the server", excerpt, folder.log)))

const isGone = (pid: number) =>
  Effect.map(Processes.find(pid), (found) => (Option.isNone(found) ? Option.some(pid) : Option.none()))

/** Asks a server to close its connections and end; makes it when that takes longer than `Limits.postgresStop`. */
const end = Effect.fnUntraced(function* (pid: number) {
  yield* Processes.signal(pid, "SIGINT")
  if (Option.isSome(yield* Processes.waitFor(Limits.postgresStop, isGone(pid)))) return
  yield* Effect.logWarning(`PostgreSQL (process ${pid}) did not stop in time and is made to`)
  yield* Processes.signal(pid, "SIGQUIT")
  if (Option.isSome(yield* Processes.waitFor(Limits.postgresStop, isGone(pid)))) return
  yield* Effect.logWarning(`PostgreSQL (process ${pid}) does not stop and is left running`)
})

/** Stops the folder's server, if one runs. */
export const stop = Effect.fn("Server.stop")(function* (folder: DataFolder) {
  const running = yield* Postmaster.find(folder)
  if (Option.isSome(running)) yield* end(running.value.pid)
})

/** The folder's own server, if it runs and answers; waits for one that is starting or stopping. */
export const adopt = Effect.fn("Server.adopt")(function* (folder: DataFolder, password: string) {
  let pid = 0
  const state = Effect.gen(function* () {
    const running = yield* Postmaster.find(folder)
    if (Option.isNone(running)) return Option.some(Option.none<Postmaster.Postmaster>())
    pid = running.value.pid
    if (!running.value.ready) return Option.none<Option.Option<Postmaster.Postmaster>>()
    return Option.map(yield* Postmaster.answers(folder, running.value, password), Option.some)
  })
  yield* Postmaster.clearStale(folder)
  const settled = yield* Processes.waitFor(Limits.postgresStart, state)
  if (Option.isSome(settled)) return settled.value
  return yield* failed(
    "timed_out",
    `waiting for the running server (process ${pid})`,
    `It does not answer. ${yield* logTail(folder)}`,
    folder.log
  )
})

const startOnce = Effect.fnUntraced(function* (
  input: { readonly folder: DataFolder; readonly binaries: Binaries; readonly durable: boolean },
  password: string,
  port: number
) {
  const { folder } = input
  return yield* Effect.acquireUseRelease(
    spawnServer(folder, input.binaries, port, input.durable),
    (started) =>
      Effect.gen(function* () {
        const state = Effect.gen(function* () {
          if (started.hasExited()) return Option.some(Option.none<Postmaster.Postmaster>())
          const running = yield* Postmaster.find(folder)
          if (Option.isNone(running) || running.value.pid !== started.pid || !running.value.ready) {
            return Option.none<Option.Option<Postmaster.Postmaster>>()
          }
          return Option.map(yield* Postmaster.answers(folder, running.value, password), Option.some)
        })
        const settled = yield* Processes.waitFor(Limits.postgresStart, state)
        if (Option.isSome(settled)) return settled.value
        return yield* failed("timed_out", "starting the server", yield* logTail(folder), folder.log)
      }),
    (started, exit) => (exit._tag === "Success" ? Effect.void : end(started.pid))
  )
})

/** The parts of a server that was killed take a moment to notice. */
const remainsStillRun = /pre-existing shared memory block .* is still in use/

/** Starts a server on the folder's data and a port of its own. The caller holds the lock; none runs yet. */
export const start = Effect.fn("Server.start")(function* (
  input: { readonly folder: DataFolder; readonly binaries: Binaries; readonly durable: boolean },
  password: string
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { folder } = input
  const previous = path.join(folder.root, "server.previous.log")
  yield* Effect.ignore(fs.rename(folder.log, previous))
  for (let attempt = 1; attempt <= Limits.postgresStartAttempts; attempt++) {
    const port = yield* probePort(0)
    if (Option.isNone(port)) break
    const running = yield* startOnce(input, password, port.value)
    if (Option.isSome(running)) return running.value
    const portWasTaken = Option.isNone(yield* probePort(port.value))
    if (portWasTaken) continue
    if (!remainsStillRun.test(yield* logTail(folder))) break
    yield* Effect.sleep(Limits.postgresStartPause)
  }
  return yield* failed("start_failed", "starting the server", yield* logTail(folder), folder.log)
})
