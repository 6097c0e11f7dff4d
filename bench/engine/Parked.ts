import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { PgClient } from "@effect/sql-pg"
import { Console, Effect, FileSystem, Layer, Redacted, Schedule } from "effect"
import * as Environment from "../../src/layers/Environment.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { median, verdict } from "./Figures.ts"
import { anOrder, seed } from "./Moose.ts"
import * as Servers from "./Servers.ts"

const megabytesMax = 300
const startMsMax = 2_000
const starts = 5

const program = fileURLToPath(new URL("../../bin/moose.js", import.meta.url))

/** Orders that were submitted as orders are, and then stand as ones that wait for a day stand. */
const park = Effect.fnUntraced(function* (count: number) {
  yield* seed
  const orders = yield* WorkOrders
  const sql = yield* PgClient.PgClient
  yield* Effect.forEach(
    Array.from({ length: count }).keys(),
    (index) => orders.submit(anOrder(`parked-${index}`, index)),
    { concurrency: 64, discard: true }
  )
  yield* sql`update work_orders set status = 'routing'`
  yield* sql`update work_orders set status = 'waiting', waiting_for = 'provider:openai', resume_at = now() + interval '1 day'`
  yield* sql`update moose.executions set state = 'suspended', fence = 1, version = 1`
  yield* sql`insert into moose.activity_results (execution, name, attempt, result)
    select id, 'routing', 1, '{"_tag":"Complete","exit":{"_tag":"Success","value":null}}' from moose.executions`
  yield* sql`insert into moose.clocks (execution, name, exit, wake_at)
    select id, 'routing/1', '{"_tag":"Success","value":null}', now() + interval '1 day' from moose.executions`
  yield* sql`analyze`
})

const residentBytes = (pid: number) =>
  1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0)

/** A real `moose worker`: how long until its runner has looked for work, and how much memory it has a while after. */
const startWorker = Effect.fnUntraced(function* (url: string, home: string) {
  const sql = yield* PgClient.PgClient
  yield* sql`delete from moose.runners`
  const from = performance.now()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, "worker"], {
        stdio: "ignore",
        env: { ...process.env, DATABASE_URL: url, MOOSE_HOME: home }
      })
    ),
    (it) =>
      Effect.callback<void>((resume) => {
        it.once("exit", () => resume(Effect.void))
        it.kill("SIGTERM")
      })
  )
  yield* Effect.repeat(sql`select 1 from moose.runners`, {
    schedule: Schedule.spaced("5 millis"),
    until: (rows) => rows.length > 0
  })
  const ms = performance.now() - from
  yield* Effect.sleep("3 seconds")
  return { ms, bytes: residentBytes(child.pid ?? 0) }
}, Effect.scoped)

/** Starts a worker beside so many parked orders, several times. Answers whether a target was missed. */
export const run = Effect.fnUntraced(function* (count: number) {
  const fs = yield* FileSystem.FileSystem
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "moose-bench-home-" })
  const url = yield* Servers.database("parked", true)
  const figures = yield* Effect.gen(function* () {
    const empty = yield* startWorker(url, home)
    yield* park(count)
    const all = []
    for (let start = 0; start < starts; start++) all.push(yield* startWorker(url, home))
    return { empty, all }
  }).pipe(
    Effect.provide(Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: Redacted.make(url) }))))
  )
  const ms = median(figures.all.map((it) => it.ms))
  const megabytes = median(figures.all.map((it) => it.bytes)) / 1024 / 1024
  yield* Console.log(
    `${count} parked orders, medians of ${starts} starts of moose worker (beside none: ${figures.empty.ms.toFixed(0)} ms, ${(figures.empty.bytes / 1024 / 1024).toFixed(0)} MB)`
  )
  const small = megabytes < megabytesMax
  const quick = ms < startMsMax
  yield* Console.log(verdict(small, `under ${megabytesMax} MB: ${megabytes.toFixed(0)} MB`))
  yield* Console.log(verdict(quick, `looks for work in under ${startMsMax} ms: ${ms.toFixed(0)} ms`))
  return !(small && quick)
})
