import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { EmbeddedPostgres, layer } from "./src/layers/postgres/EmbeddedPostgres.ts"
const dir = process.argv[2] ?? ""
const t0 = performance.now()
const main = Effect.gen(function* () {
  const pg = yield* EmbeddedPostgres
  console.log(performance.now() - t0, pg, Redacted.value(pg.url).length)
}).pipe(Effect.provide(layer({ dataDirectory: dir, durable: process.argv[3] !== "fast" })), Effect.provide(NodeServices.layer))
const t1 = performance.now()
await Effect.runPromise(main)
console.log("all", performance.now() - t1)
