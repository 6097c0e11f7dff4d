import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Redacted } from "effect"
import { EmbeddedPostgres, layer } from "../../src/layers/postgres/EmbeddedPostgres.ts"

/**
 * A process that uses the embedded server: says where it is (or why not) in one line of JSON, and leaves when
 * its standard input ends.
 */
const inputEnded = Effect.callback<void>((resume) => {
  process.stdin.on("end", () => resume(Effect.void))
  process.stdin.resume()
})

const say = (line: unknown) => Effect.sync(() => process.stdout.write(`${JSON.stringify(line)}\n`))

const [dataDirectory = "", ...binaries] = process.argv.slice(2)

const use = Effect.gen(function* () {
  const server = yield* EmbeddedPostgres
  yield* say({ ...server, url: Redacted.value(server.url) })
  yield* inputEnded
})

await use.pipe(
  Effect.provide(layer({ dataDirectory, durable: false, ...(binaries[0] ? { binaries: binaries[0] } : {}) })),
  Effect.catchTag("EmbeddedPostgresFailed", (error) =>
    say({ problem: error.problem, message: error.message })
  ),
  Effect.provide(NodeServices.layer),
  Effect.runPromise
)
