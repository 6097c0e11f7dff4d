import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, FileSystem, Layer, References } from "effect"
import * as EmbeddedPostgres from "../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../src/layers/postgres/Migrations.ts"
import * as Outage from "./chaos/Outage.ts"

/* What becomes of failures while neither the database nor the client manager can be reached. */

const failures = 30
const outage = Duration.seconds(20)

const missed: Array<string> = []
const demand = (what: string, holds: boolean) => {
  console.log(`  ${holds ? "holds " : "MISSED"}  ${what}`)
  if (!holds) missed.push(what)
}
const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`

const main = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-chaos-escalations-" })
  const server = yield* Layer.build(
    EmbeddedPostgres.layer({ dataDirectory: `${directory}/postgres`, durable: false })
  )
  const { url } = yield* Effect.provide(EmbeddedPostgres.EmbeddedPostgres, server)
  yield* Effect.provide(Migrations.run, PgClient.layer({ url }))

  console.log(
    `${failures} different failures, each raised two times, while database and client manager are away for ${Duration.format(outage)}`
  )
  const seen = yield* Outage.run({ url, failures, outage })
  console.log(`  on this machine's disk when they returned: ${seen.spooled}, in the end: ${seen.left}`)
  console.log(
    `  all stored ${seconds(seen.storedAfterMs)} after their return, all told ${seconds(seen.toldAfterMs)}`
  )
  console.log(`  escalations: ${seen.rows}; counted a second time: ${seen.twice}`)
  console.log(`  notices: ${seen.notices}, of ${seen.different} escalations`)
  demand(
    `${failures} escalations exist within 60 s`,
    seen.fingerprints === failures && seen.storedAfterMs < 60_000
  )
  demand(`${failures} are told within 60 s`, seen.different === failures && seen.toldAfterMs < 60_000)
  demand("none twice", seen.rows === failures && seen.twice === 0 && seen.notices === failures)
  demand("nothing is left behind", seen.left === 0)
}).pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  // What is logged of an outage is much, and known.
  Effect.provideService(References.MinimumLogLevel, "None")
)

await Effect.runPromise(main)
if (missed.length > 0) process.exitCode = 1
