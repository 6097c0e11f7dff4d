import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, References } from "effect"
import { Run, type WorkOrderId } from "../src/domain/Ids.ts"
import { Usd } from "../src/domain/Usd.ts"
import { EmbeddedPostgres } from "../src/layers/postgres/EmbeddedPostgres.ts"
import { Budget } from "../src/services/Budget.ts"
import * as Database from "./ledger/Database.ts"

/*
 * How many reservations a second? Through the Budget service, where callers that wait share a commit; with one
 * call of the SQL function for each caller; and with the same function that locks the table instead of the
 * project's day. Cells of a round take turns, so that whatever else this machine does meets all of them. Commits
 * are durable.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    "cell-ms": { type: "string", default: "500" }
  }
})
const rounds = Number(values.rounds)
const cellMs = Number(values["cell-ms"])

const callers = [1, 16, 64]
const manyProjects = 100
const ordersOfOneProject = 64
const connections = 64
const ratioMin = 3

const roomy = Usd.make(Number.MAX_SAFE_INTEGER)
const amount = Usd.make(1)
let calls = 0
const nextCall = () => `generating/${++calls}`

/** The function as it is, under another name, with the whole table locked before anything else. */
const makeTableLock = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const name = "moose.check_and_reserve_budgets"
  const [row] = yield* sql<{ source: string }>`
    select pg_get_functiondef(${`${name}(jsonb)`}::regprocedure) as source`
  const source = (row?.source ?? "")
    .replace(name, `${name}_table_lock`)
    .replace(/\bbegin\b/i, "begin\n  lock table public.cost_tracking in exclusive mode;\n")
  yield* sql.unsafe(source).unprepared
})

/** Reserves once for an order. */
type Reserve = (order: WorkOrderId) => Effect.Effect<unknown, unknown>

/** Reservations a second of so many callers, each of which begins again when it has its answer. */
const measure = Effect.fnUntraced(function* (
  reserve: Reserve,
  orders: ReadonlyArray<WorkOrderId>,
  count: number
) {
  let next = 0
  let done = 0
  const from = performance.now()
  const caller = Effect.gen(function* () {
    while (performance.now() - from < cellMs) {
      // Every caller with an order of its own at any moment, and all orders in turn.
      const order = orders[next++ % orders.length]
      if (order === undefined) return
      yield* reserve(order)
      done++
    }
  })
  yield* Effect.all(
    Array.from({ length: count }, () => caller),
    { concurrency: "unbounded", discard: true }
  )
  return (done * 1000) / (performance.now() - from)
})

const noRates = (): Record<"grouped" | "bare" | "table", Array<number>> => ({
  grouped: [],
  bare: [],
  table: []
})

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

const direct = Effect.gen(function* () {
  const { url } = yield* EmbeddedPostgres
  const sql = yield* PgClient.PgClient.pipe(
    Effect.provide(yield* Layer.build(PgClient.layer({ url, maxConnections: connections })))
  )
  const reserveBy =
    (name: string): Reserve =>
    (order) => {
      const call = nextCall()
      const input = {
        id: call,
        workOrderId: order,
        run: 1,
        call,
        category: "generating",
        model: "gpt-5",
        rule: "first",
        amount,
        owner: "bench",
        leaseMs: 3_600_000
      }
      return sql`select ${sql.literal(name)}(${sql.json([input])}) as result`
    }
  return {
    bare: reserveBy("moose.check_and_reserve_budgets"),
    table: reserveBy("moose.check_and_reserve_budgets_table_lock")
  }
})

const main = Effect.gen(function* () {
  const budget = yield* Budget
  const one = yield* Database.seed("one", roomy, ordersOfOneProject)
  const many = (yield* Effect.forEach(Array.from({ length: manyProjects }).keys(), (index) =>
    Database.seed(`many-${index}`, roomy, 1)
  )).flat()
  yield* makeTableLock
  const { bare, table } = yield* direct
  const grouped: Reserve = (workOrderId) =>
    budget.reserve({
      workOrderId,
      run: Run.make(1),
      call: nextCall(),
      category: "generating",
      model: "gpt-5",
      rule: "first",
      amount
    })
  const ways = [
    ["grouped", grouped],
    ["bare", bare],
    ["table", table]
  ] as const
  const places = [
    { place: "1 project", orders: one },
    { place: `${manyProjects} projects`, orders: many }
  ]
  const cells = places.flatMap(({ orders, place }) =>
    callers.map((count) => ({
      place,
      orders,
      count,
      rates: noRates()
    }))
  )
  // The first round warms connections and plans up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { count, orders, rates } of cells) {
      for (const [name, reserve] of ways) {
        const rate = yield* measure(reserve, orders, count)
        if (round > 0) rates[name].push(rate)
      }
    }
  }
  return cells.map(({ count, place, rates }) => ({
    place,
    count,
    grouped: median(rates.grouped),
    bare: median(rates.bare),
    table: median(rates.table)
  }))
}).pipe(
  Effect.scoped,
  Effect.provide(Database.layer.pipe(Layer.provideMerge(NodeServices.layer))),
  Effect.provideService(References.MinimumLogLevel, "None")
)

const rows = await Effect.runPromise(main)
const column = (text: string) => text.padStart(14)
const rate = (value: number) => column(value.toFixed(0))
const times = (value: number) => column(`x ${value.toFixed(2)}`)
console.log(
  `Reservations a second, medians of ${rounds} rounds; durable commits, ${connections} connections.`
)
console.log(
  `${"".padEnd(26)}${["grouped", "one by one", "LOCK TABLE", "grouped/table", "single/table"].map(column).join("")}`
)
for (const { bare, count, grouped, place, table } of rows) {
  const what = `${place}, ${count} ${count === 1 ? "caller" : "callers"}`
  console.log(
    `${what.padEnd(26)}${rate(grouped)}${rate(bare)}${rate(table)}${times(grouped / table)}${times(bare / table)}`
  )
}
const [worst] = rows.filter(({ count, place }) => place !== "1 project" && count === Math.max(...callers))
const ratio = worst === undefined ? 0 : worst.grouped / worst.table
console.log(
  `${ratio >= ratioMin ? "ok    " : "MISSED"} at least x ${ratioMin} of LOCK TABLE at ${Math.max(...callers)} callers on ${manyProjects} projects: x ${ratio.toFixed(2)}`
)
if (ratio < ratioMin) process.exitCode = 1
