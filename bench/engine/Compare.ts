import { PgClient } from "@effect/sql-pg"
import { Console, Effect } from "effect"
import * as EmbeddedPostgres from "../../src/layers/postgres/EmbeddedPostgres.ts"
import { type ContenderName, contenders, titles } from "./Contender.ts"
import * as Counting from "./Counting.ts"
import * as Figures from "./Figures.ts"
import * as Processor from "./Processor.ts"
import * as Servers from "./Servers.ts"

const inFlight = [1, 16, 128] as const
const counted = { 1: 40, 128: 640 } as const
const idleSeconds = 10
const waitingOrders = 1000

export interface Options {
  readonly rounds: number
  readonly cellMs: number
  readonly only: ReadonlyArray<string> | undefined
  /** False: orders a second, and nothing else. */
  readonly counts: boolean
}

const { column, median, verdict } = Figures

const isMoose = (name: ContenderName) => name === "moose" || name === "limit"

/** Orders a second and latencies of all contenders, in turns. */
const speeds = Effect.fnUntraced(function* (options: Options, names: ReadonlyArray<ContenderName>) {
  const { processId } = yield* EmbeddedPostgres.EmbeddedPostgres
  const entered = yield* Effect.forEach(names, (name) =>
    Effect.gen(function* () {
      const url = yield* Servers.database(`speed_${name}`, isMoose(name))
      const process = yield* Servers.start(name, url)
      return { name, process, cells: new Map(inFlight.map((callers) => [callers, Figures.cell()])) }
    })
  )
  // The first round warms everything up, and is not counted.
  for (let round = 0; round <= options.rounds; round++) {
    for (const callers of inFlight) {
      for (const { cells, process } of entered) {
        const before = Processor.serverMs(processId)
        const reply = yield* process.ask({ _tag: "Load", callers, ms: options.cellMs })
        const serverMs = Processor.serverMs(processId) - before
        const cell = cells.get(callers)
        if (round > 0 && reply._tag === "Loaded" && cell !== undefined) {
          Figures.add(cell, reply.ms, reply.cpuMs + serverMs, reply.latencies)
        }
      }
    }
  }
  return entered.map(({ cells, name }) => ({ name, cells }))
}, Effect.scoped)

/** What each contender asks of the database, counted on the wire; and what waiting orders cost it in memory. */
const counts = Effect.fnUntraced(function* (name: ContenderName) {
  const { port } = yield* EmbeddedPostgres.EmbeddedPostgres
  const relay = yield* Counting.relay(port)
  const url = new URL(yield* Servers.database(`count_${name}`, isMoose(name)))
  url.port = String(relay.port)
  const process = yield* Servers.start(name, url.href)
  yield* process.ask({ _tag: "Batch", callers: 16, orders: 64 })
  const per = Effect.fnUntraced(function* (callers: 1 | 128) {
    const orders = counted[callers]
    const before = relay.counted()
    yield* process.ask({ _tag: "Batch", callers, orders })
    const after = relay.counted()
    return {
      statements: (after.statements - before.statements) / orders,
      transactions: (after.transactions - before.transactions) / orders
    }
  })
  const one = yield* per(1)
  const many = yield* per(128)
  const before = relay.counted()
  yield* Effect.sleep(`${idleSeconds} seconds`)
  const idle = (relay.counted().statements - before.statements) / idleSeconds
  const parked = yield* process.ask({ _tag: "Park", orders: waitingOrders })
  return {
    name,
    one,
    many,
    idle,
    megabytes: parked._tag === "Parked" ? parked.heapBytes / 1024 / 1024 / (waitingOrders / 1000) : 0
  }
}, Effect.scoped)

/** Each costs somebody a second of waiting. */
const deadlocks = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ deadlocks: number }>`
    select coalesce(sum(deadlocks), 0)::integer as deadlocks from pg_stat_database where datname = 'speed_moose'`
  return row?.deadlocks ?? 0
})

type Speeds = Effect.Success<ReturnType<typeof speeds>>

const printSpeeds = (all: Speeds) =>
  Effect.gen(function* () {
    const head = inFlight.flatMap((callers) => [`${callers}: /s`, "p50 ms", "p99 ms", "cpu ms"])
    yield* Console.log(`${"".padEnd(44)}${head.map(column).join("")}`)
    for (const { cells, name } of all) {
      const figures = inFlight.flatMap((callers) => {
        const { cpus, p50s, p99s, rates } = cells.get(callers) ?? Figures.cell()
        return [median(rates), median(p50s), median(p99s), median(cpus)].map((it) => column(it.toFixed(1)))
      })
      yield* Console.log(`${titles[name].padEnd(44)}${figures.join("")}`)
    }
  })

const targets = [
  [128, 3],
  [16, 2],
  [1, 1.5]
] as const

const judge = (all: Speeds, met: number) => {
  const of = (name: ContenderName, callers: (typeof inFlight)[number]) =>
    all.find((it) => it.name === name)?.cells.get(callers) ?? Figures.cell()
  const ratios = targets.map(([callers, wanted]) => {
    const ratio = median(of("moose", callers).rates) / median(of("dbos", callers).rates)
    return {
      holds: ratio >= wanted,
      what: `at least x ${wanted} of DBOS at ${callers} in flight: x ${ratio.toFixed(2)}`
    }
  })
  const ours = median(of("moose", 128).p99s)
  const theirs = median(of("dbos", 128).p50s)
  const tail = {
    holds: ours < theirs,
    what: `our p99 below DBOS's p50 at 128 in flight: ${ours.toFixed(0)} ms, ${theirs.toFixed(0)} ms`
  }
  return [...ratios, tail, { holds: met === 0, what: `no deadlock among our own calls: ${met}` }]
}

/** Compares them, and prints what came of it. Answers whether a target was missed. */
export const run = Effect.fnUntraced(function* (options: Options) {
  const names = contenders.filter((name) => options.only === undefined || options.only.includes(name))
  yield* Console.log(
    `Orders of five trivial steps, medians of ${options.rounds} rounds of ${options.cellMs} ms; durable commits.`
  )
  const all = yield* speeds(options, names)
  yield* printSpeeds(all)
  const verdicts = names.includes("dbos") && names.includes("moose") ? judge(all, yield* deadlocks) : []
  for (const { holds, what } of verdicts) yield* Console.log(verdict(holds, what))
  if (options.counts) {
    yield* Console.log("")
    const head = ["stmts at 1", "commits at 1", "stmts at 128", "commits 128", "idle stmts/s", "MB/1k waits"]
    yield* Console.log(
      `${"An order asks of the database".padEnd(44)}${head.map((it) => it.padStart(14)).join("")}`
    )
    for (const name of names) {
      const { idle, many, megabytes, one } = yield* counts(name)
      const figures = [one.statements, one.transactions, many.statements, many.transactions, idle, megabytes]
      yield* Console.log(
        `${titles[name].padEnd(44)}${figures.map((it) => it.toFixed(2).padStart(14)).join("")}`
      )
    }
  }
  return verdicts.some(({ holds }) => !holds)
})
