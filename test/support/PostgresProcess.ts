import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"

const Said = Schema.fromJsonString(
  Schema.Struct({
    url: Schema.String,
    port: Schema.Int,
    dataDirectory: Schema.String,
    reused: Schema.Boolean,
    processId: Schema.Int
  })
)

const script = fileURLToPath(new URL("postgresUser.ts", import.meta.url))

export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** Another process that uses the embedded server in `dataDirectory`; killed with the scope if it still runs. */
export const use = Effect.fn("PostgresProcess.use")(function* (dataDirectory: string, runAs?: RunAs) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [script, dataDirectory], { cwd: "/", stdio: "pipe", ...runAs })
    ),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  const exited = once(child, "exit")
  let errors = ""
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
  const line = yield* Effect.callback<string>((resume) => {
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes("\n")) resume(Effect.succeed(text))
    })
    child.on("exit", () => resume(Effect.succeed(text)))
  })
  const server = yield* Schema.decodeUnknownEffect(Said)(line).pipe(
    Effect.mapError(() => new Error(`The process said: ${line}${errors}`))
  )
  return {
    server,
    /** Lets it leave in order, and waits until it has. */
    leave: Effect.promise(() => {
      child.stdin.end()
      return exited
    }),
    kill: Effect.promise(() => {
      child.kill("SIGKILL")
      return exited
    })
  }
})
