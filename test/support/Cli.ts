import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ConfigProvider, Console, Deferred, Effect, Runtime } from "effect"
import { program as moose } from "../../src/cli/Program.ts"

const program = fileURLToPath(new URL("../../bin/moose.js", import.meta.url))

/** How a command ended; `signal` if it was killed by one. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** In a process group of its own, as a shell starts what is in the foreground. */
  readonly group?: boolean
  /** With nobody who reads its standard output. */
  readonly unread?: boolean
}

/** Starts `moose <args>` and sees nothing of this machine's settings; killed with the scope if it still runs. */
export const start = Effect.fnUntraced(function* (args: ReadonlyArray<string>, options: Options = {}) {
  const ended = Deferred.makeUnsafe<Ended>()
  let stdout = ""
  let stderr = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const started = spawn(process.execPath, [program, ...args], {
        cwd: options.cwd,
        detached: options.group ?? false,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          PATH: process.env["PATH"],
          HOME: process.env["HOME"],
          TMPDIR: process.env["TMPDIR"],
          // Where Node keeps it by itself, too. Halves the time that a command takes to begin.
          NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"),
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_CONFIG_GLOBAL: "/dev/null",
          ...options.env
        }
      })
      if (options.unread === true) started.stdout.destroy()
      started.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
      started.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
      started.on("close", (code, signal) =>
        Deferred.doneUnsafe(ended, Effect.succeed({ code, signal, stdout, stderr }))
      )
      return started
    }),
    (started) => Effect.sync(() => started.kill("SIGKILL"))
  )
  return {
    pid: child.pid ?? 0,
    /** What it has written so far. */
    output: () => stdout + stderr,
    ended: Deferred.await(ended),
    kill: (signal: "SIGKILL" | "SIGINT" | "SIGTERM") =>
      Effect.sync(() => {
        if (options.group === true && child.pid !== undefined) process.kill(-child.pid, signal)
        else child.kill(signal)
      })
  }
})

/** `moose <args>` from beginning to end. */
export const run = (args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.scoped(Effect.flatMap(start(args, options), ({ ended }) => ended))

/** The same in this process, which is quicker: no folder to be in, and no settings but those in `env`. */
export const here = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const said = { stdout: "", stderr: "" }
  const console: Console.Console = {
    ...globalThis.console,
    log: (...parts) => (said.stdout += `${parts.join(" ")}\n`),
    error: (...parts) => (said.stderr += `${parts.join(" ")}\n`)
  }
  return moose(args).pipe(
    Effect.provideService(Console.Console, console),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))),
    Effect.exit,
    Effect.map((exit) => {
      let code: number | null = null
      Runtime.defaultTeardown(exit, (it) => (code = it))
      const ended: Ended = { code, signal: null, ...said }
      return ended
    })
  )
}
