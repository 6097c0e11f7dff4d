import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, References } from "effect"
import { Run, type WorkOrderId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { Usd } from "../src/domain/Usd.ts"
import { EmbeddedPostgres } from "../src/layers/postgres/EmbeddedPostgres.ts"
import * as Together from "../src/layers/postgres/Together.ts"
import { Budget } from "../src/services/Budget.ts"
import * as WholeNumber from "./WholeNumber.ts"
import * as Database from "./ledger/Database.ts"

/*
 * How many reservations a second? Through the Budget service, where callers that wait share a commit; with one
 * call of the SQL function for each caller; with the same function that locks the table instead of the project's
 * day; and by both functions grouped as the service groups its callers. Cells of a round take turns, so that whatever
 * else this machine does meets all of them. Commits are durable.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    "cell-ms": { type: "string", default: "500" }
  }
})
const rounds = WholeNumber.read("rounds", values.rounds)
const cellMs = WholeNumber.read("cell-ms", values["cell-ms"])

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

type Way = "grouped" | "bare" | "table" | "rowsTogether" | "tableTogether"

const noRates = (): Record<Way, Array<number>> => ({
  grouped: [],
  bare: [],
  table: [],
  rowsTogether: [],
  tableTogether: []
})

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

const direct = Effect.gen(function* () {
  const { url } = yield* EmbeddedPostgres
  const sql = yield* PgClient.PgClient.pipe(
    Effect.provide(yield* Layer.build(PgClient.layer({ url, maxConnections: connections })))
  )
  const inputOf = (order: WorkOrderId) => {
    const call = nextCall()
    return {
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
  }
  type Input = ReturnType<typeof inputOf>
  const ask = (name: string, inputs: ReadonlyArray<Input>) =>
    sql`select ${sql.literal(name)}(${sql.json(inputs)}) as result`
  const tableLock = "moose.check_and_reserve_budgets_table_lock"
  /** As the service groups its callers, without the service. */
  const together = Effect.fnUntraced(function* (name: string) {
    const grouped = yield* Together.make({
      most: Limits.reservationsTogether,
      callsMax: Limits.reservationCommits,
      together: (inputs: ReadonlyArray<Input>) => Effect.as(ask(name, inputs), inputs),
      isOneCallers: () => false
    })
    return (order: WorkOrderId) => grouped(inputOf(order))
  })
  const alone =
    (name: string): Reserve =>
    (order) =>
      ask(name, [inputOf(order)])
  return {
    bare: alone("moose.check_and_reserve_budgets"),
    table: alone(tableLock),
    rowsTogether: yield* together("moose.check_and_reserve_budgets"),
    tableTogether: yield* together(tableLock)
  }
})

const main = Effect.gen(function* () {
  const budget = yield* Budget
  const one = yield* Database.seed("one", roomy, ordersOfOneProject)
  const many = (yield* Effect.forEach(Array.from({ length: manyProjects }).keys(), (index) =>
    Database.seed(`many-${index}`, roomy, 1)
  )).flat()
  yield* makeTableLock
  const { bare, table, rowsTogether, tableTogether } = yield* direct
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
    ["table", table],
    ["rowsTogether", rowsTogether],
    ["tableTogether", tableTogether]
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
    table: median(rates.table),
    rowsTogether: median(rates.rowsTogether),
    tableTogether: median(rates.tableTogether)
  }))
}).pipe(
  Effect.scoped,
  Effect.provide(Database.layer.pipe(Layer.provideMerge(NodeServices.layer))),
  Effect.provideService(References.MinimumLogLevel, "None")
)

const rows = await Effect.runPromise(main)
const column = (text: string) => text.padStart(15)
const rate = (value: number) => column(value.toFixed(0))
const times = (value: number) => column(`x ${value.toFixed(2)}`)
console.log(
  `Reservations a second, medians of ${rounds} rounds; durable commits, ${connections} connections.`
)
const head = [
  "service",
  "one by one",
  "LOCK TABLE",
  "both grouped:",
  "LOCK TABLE",
  "service/table",
  "single/table",
  "both grouped"
]
console.log(`${"".padEnd(26)}${head.map(column).join("")}`)
for (const { bare, count, grouped, place, rowsTogether, table, tableTogether } of rows) {
  const what = `${place}, ${count} ${count === 1 ? "caller" : "callers"}`
  const ratios = [grouped / table, bare / table, rowsTogether / tableTogether]
  console.log(
    `${what.padEnd(26)}${[grouped, bare, table, rowsTogether, tableTogether].map(rate).join("")}${ratios.map(times).join("")}`
  )
}
const most = Math.max(...callers)
const demand = (what: string, least: number, ratio: number) => {
  const holds = ratio >= least
  console.log(`${holds ? "ok    " : "MISSED"} at least x ${least} of ${what}: x ${ratio.toFixed(2)}`)
  if (!holds) process.exitCode = 1
}
for (const { count, grouped, place, rowsTogether, table, tableTogether } of rows) {
  if (count !== most) continue
  if (place === "1 project") {
    demand(`LOCK TABLE through the same grouping, ${most} callers, ${place}`, 1, rowsTogether / tableTogether)
  } else {
    demand(`LOCK TABLE, ${most} callers, ${place}`, ratioMin, grouped / table)
  }
}
