import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { PgClient } from "@effect/sql-pg"
import { DateTime, Deferred, Effect, Fiber, Layer, Option, Redacted, Schedule } from "effect"
import { ProjectId, Run, type WorkOrderId } from "../../src/domain/Ids.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { EmbeddedPostgres } from "../../src/layers/postgres/EmbeddedPostgres.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import { Budget } from "../../src/services/Budget.ts"
import * as Database from "./Database.ts"
import { type RaceAnswer, type Ticket, chance, deaths } from "./Messages.ts"
import * as Provider from "./Provider.ts"
import * as Restart from "./Restart.ts"

export interface Options {
  readonly reservations: number
  readonly processes: number
  readonly seed: number
  /** Take the lock out: whoever reserves looks and writes as before, but nobody waits for anybody. */
  readonly sabotaged: boolean
}

const dollars = (amount: number) => Usd.make(amount * 1_000_000)
const dayLimit = dollars(100)
const ordersOfTheDay = 200
const ordersToAbandon = 16
const processesToKill = 2
/** What a call may cost at most, on average, when there are 20,000 of them: about 13,000 fit in the day. */
const meanWorstCase = 46_000
const sampleEvery = "50 millis"
const restartsAt = [0.12, 0.3, 0.5, 0.7, 0.88]
const downMs = 400
/** Kills of each kind in a thousand reservations. */
const killsPerMille = 0.6
const lostPerMille = 20
const latePerMille = 50
const cancelledPerMille = 400
/** A child that is needed longer than this has hung. */
const deadline = "8 minutes"

const fateOf = (seed: number, number: number): Ticket["fate"] => {
  const dice = 1000 * chance(seed, "fate", number)
  const death = deaths[Math.floor(dice / killsPerMille)]
  if (death !== undefined) return death
  const rest = dice - deaths.length * killsPerMille
  if (rest < cancelledPerMille) return "cancel"
  return rest < cancelledPerMille + latePerMille ? "late" : "settle"
}

const script = fileURLToPath(new URL("Worker.ts", import.meta.url))

/** Starts a process of the run; answers how it ended. It is killed with the scope. */
const start = Effect.fnUntraced(function* (provider: string, mode: string) {
  const { url } = yield* EmbeddedPostgres
  const ended = yield* Deferred.make<{ readonly code: number | null; readonly signal: string | null }>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [script, provider, mode], {
        env: { PATH: process.env["PATH"], CHAOS_DATABASE_URL: Redacted.value(url) },
        stdio: ["ignore", "inherit", "inherit"]
      })
      child.on("exit", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal })))
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  return yield* Deferred.await(ended)
})

interface Sample {
  readonly total: number
  readonly overrun: number
  readonly counted: number
}

/** Sums the day's raw rows on a connection of its own, again and again. */
const watch = Effect.fnUntraced(function* (project: string) {
  const { url } = yield* EmbeddedPostgres
  const seen = { samples: 0, missed: 0, above: 0, different: 0, most: 0, overrun: 0 }
  const look = Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<Sample>`
      select coalesce(sum(case state when 'settled' then settled_micros when 'cancelled' then 0 else reserved_micros end), 0)::float8 as total,
             coalesce(sum(overrun_micros), 0)::float8 as overrun,
             coalesce((select sum(settled + reserved + presumed) from moose.budget_days where project = ${project}), 0)::float8 as counted
      from public.cost_tracking where project = ${project}`
    if (row === undefined) return
    seen.samples++
    seen.most = Math.max(seen.most, row.total)
    seen.overrun = Math.max(seen.overrun, row.overrun)
    if (row.total - row.overrun > dayLimit) seen.above++
    if (row.total !== row.counted) seen.different++
  })
  yield* look.pipe(
    Effect.timeout("5 seconds"),
    // The server is down now and then.
    Effect.catch(() => Effect.sync(() => seen.missed++)),
    Effect.repeat(Schedule.fixed(sampleEvery)),
    Effect.provide(PgClient.layer({ url, maxConnections: 1 })),
    Effect.forkScoped
  )
  return seen
})

interface Row {
  readonly id: string
  readonly state: "reserved" | "settled" | "cancelled" | "presumed"
  readonly reserved: number
  readonly settled: number
  readonly overrun: number
  /** Microseconds of the server's clock. */
  readonly created: number
  readonly updated: number
}

const countedOf = ({ reserved, settled, state }: Row) =>
  state === "settled" ? settled : state === "cancelled" ? 0 : reserved

/**
 * The most that was counted at any moment, and at how many moments it was above the limit, from the rows' own times:
 * also what came and went between two looks. A closing is dated before its commit, so this is never too high.
 */
const highest = (rows: ReadonlyArray<Row>) => {
  const events = rows.flatMap((row) => [
    { at: row.created, change: row.reserved },
    ...(row.state === "reserved" ? [] : [{ at: row.updated, change: countedOf(row) - row.reserved }])
  ])
  let [total, most, above] = [0, 0, 0]
  for (const { change } of events.toSorted((a, b) => a.at - b.at || a.change - b.change)) {
    total += change
    most = Math.max(most, total)
    if (change > 0 && total > dayLimit) above++
  }
  return { most, above }
}

/** Compares the ledger with the provider's account. */
const audit = Effect.fnUntraced(function* (project: string, account: ReadonlyMap<string, Usd>) {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<Row>`
    select id, state, reserved_micros::float8 as reserved, coalesce(settled_micros, 0)::float8 as settled,
           coalesce(overrun_micros, 0)::float8 as overrun,
           (extract(epoch from created_at) * 1000000)::float8 as created,
           (extract(epoch from updated_at) * 1000000)::float8 as updated
    from public.cost_tracking where project = ${project}`
  const byId = new Map(rows.map((row) => [row.id, row]))
  const count = (state: Row["state"]) => rows.filter((row) => row.state === state).length
  const total = rows.reduce((sum, row) => sum + countedOf(row), 0)
  const settledRows = rows.filter(({ state }) => state === "settled")
  return {
    accepted: rows.length,
    settled: count("settled"),
    cancelled: count("cancelled"),
    presumed: count("presumed"),
    reserved: count("reserved"),
    overruns: rows.filter(({ overrun }) => overrun > 0).length,
    highest: highest(rows),
    total,
    billed: [...account.values()].reduce((sum, bill) => sum + bill, 0),
    /** Settled at something else than the provider billed. */
    wrong: settledRows.filter(({ id, settled }) => account.get(id) !== settled).length,
    /** Billed by the provider, and not counted as spent. */
    forgotten: [...account.keys()].filter((id) => {
      const state = byId.get(id)?.state
      return state === undefined || state === "cancelled"
    }).length
  }
})

/** Until something is so, for at most half a minute. */
const until = <E, R>(is: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(is, {
    schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 300 })),
    until: (so) => so
  })

const gauge = (project: string) =>
  Effect.gen(function* () {
    const budget = yield* Budget
    const [status] = yield* budget.status({ project: ProjectId.make(project) })
    const { leakedReservations, now, oldestOpenSince, openReservations } = Option.getOrThrow(
      Option.fromUndefinedOr(status)
    )
    const oldestMs =
      oldestOpenSince === null ? null : DateTime.toEpochMillis(now) - DateTime.toEpochMillis(oldestOpenSince)
    return { open: openReservations, leaked: leakedReservations, oldestMs }
  })

/** One run: tickets for all, processes that die and are started again, a server that is restarted. */
export const load = Effect.fnUntraced(function* (options: Options) {
  const { processes, reservations, sabotaged, seed } = options
  const { dataDirectory } = yield* EmbeddedPostgres
  const sql = yield* PgClient.PgClient
  const orders = yield* Database.seed("day", dayLimit, ordersOfTheDay)
  // Whose owners are all killed when everything else is over, so that it is known what they leave behind.
  const abandoned: Array<WorkOrderId> = []
  const toAbandon = yield* Database.seed("abandoned", dayLimit, ordersToAbandon)
  if (sabotaged) {
    yield* sql`create or replace function moose.lock_budget(scope text) returns void language sql as 'select'`
  }

  let drawn = 0
  const worstCaseMax = (2 * meanWorstCase * 20_000) / reservations
  const nextTicket = (): Ticket | undefined => {
    const number = drawn++
    if (number < reservations) {
      const order = orders[Math.floor(chance(seed, "order", number) * orders.length)]
      const amount = Usd.make(1 + Math.floor(chance(seed, "amount", number) * worstCaseMax))
      return order && { number, order, amount, fate: fateOf(seed, number) }
    }
    const order = abandoned.pop()
    return order && { number, order, amount: dollars(1), fate: "after reserving" }
  }
  const provider = yield* Provider.make({
    seed,
    lostPerMille,
    nextTicket,
    nextRace: () => undefined,
    onRaced: () => undefined
  })
  const seen = yield* watch("day")

  let kills = 0
  let failed = 0
  const process = Effect.gen(function* () {
    while (drawn < reservations) {
      const { code, signal } = yield* Effect.scoped(start(provider.url, "work"))
      if (signal === "SIGKILL") kills++
      else if (code !== 0) return yield* Effect.sync(() => failed++)
    }
  })
  let restarts = 0
  let over = false
  const restarting = Effect.forEach(restartsAt, (share) =>
    Effect.gen(function* () {
      yield* Effect.repeat(
        Effect.sync(() => over || drawn >= share * reservations),
        { schedule: Schedule.spaced("20 millis"), until: (reached) => reached }
      )
      if (over) return
      yield* Restart.restart(dataDirectory, downMs)
      restarts++
    })
  )
  const from = performance.now()
  const servers = yield* Effect.forkChild(restarting)
  yield* Effect.all(
    Array.from({ length: processes }, () => process),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeout(deadline))
  over = true
  // A server that is down is up again afterwards.
  yield* Fiber.join(servers)
  const seconds = (performance.now() - from) / 1000

  abandoned.push(...toAbandon)
  yield* Effect.all(
    Array.from({ length: processesToKill }, () => Effect.scoped(start(provider.url, "work"))),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.timeout(deadline))

  // All owners are gone. Another process, this one, sweeps when their leases have ended.
  const before = yield* gauge("abandoned")
  yield* until(Effect.map(gauge("abandoned"), ({ leaked, open }) => leaked === open))
  const leaked = yield* gauge("abandoned")
  yield* until(Effect.map(gauge("day"), ({ leaked, open }) => leaked === open))
  yield* ReservationSweep.sweep()
  const after = { abandoned: yield* gauge("abandoned"), day: yield* gauge("day") }
  const [server] = yield* sql<{ deadlocks: number }>`
    select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()`
  return {
    seconds,
    kills,
    failed,
    restarts,
    deadlocks: server?.deadlocks ?? 0,
    lost: provider.lost(),
    outcomes: provider.outcomes,
    seen,
    gauge: { before, leaked, after },
    audit: yield* audit("day", provider.account)
  }
})

/** Two processes that ask for ten dollars at the same moment, with so much of a hundred spent. */
export const race = Effect.fnUntraced(function* (spent: number, repetitions: number, seed: number) {
  const budget = yield* Budget
  const [first, ...others] = yield* Database.seed(`race-${spent}`, dayLimit, 3)
  if (first === undefined) return yield* Effect.die(new Error("There is no order"))
  const reservation = yield* budget.reserve({
    workOrderId: first,
    run: Run.make(1),
    call: "generating/1",
    category: "generating",
    model: "gpt-5",
    rule: "first",
    amount: dollars(spent)
  })
  const usage = { inputTokens: 1, outputTokens: 1 }
  yield* budget.settle({ reservation, settlement: "bill", amount: dollars(spent), usage })

  /** How often each got the money; how often both or neither did; refusals with figures that were not so. */
  const wins = [0, 0]
  const result = { both: 0, neither: 0, wrongFigures: 0, message: "" }
  let begun = 0
  const onRaced = (answers: ReadonlyArray<typeof RaceAnswer.Type>) => {
    const winners = answers.flatMap((answer, racer) => (answer?.won === true ? [racer] : []))
    for (const racer of winners) wins[racer] = (wins[racer] ?? 0) + 1
    if (winners.length === 0) result.neither++
    if (winners.length === 2) result.both++
    for (const answer of answers) {
      if (answer === null || answer.refusal === null) continue
      const { left, limit, message, reserved, settled } = answer.refusal
      result.message = message
      const held = winners.length === 1 ? dollars(10) : 0
      const expected = [dayLimit, dollars(spent), held, dayLimit - dollars(spent) - held]
      if ([limit, settled, reserved, left].some((figure, index) => figure !== expected[index])) {
        result.wrongFigures++
      }
    }
  }
  const order = (): WorkOrderId | undefined => others[begun % others.length]
  const provider = yield* Provider.make({
    seed,
    lostPerMille: 0,
    nextTicket: () => undefined,
    nextRace: () => (begun++ < repetitions ? order() : undefined),
    onRaced
  })
  yield* Effect.all([start(provider.url, "0"), start(provider.url, "1")], { concurrency: 2 }).pipe(
    Effect.scoped,
    Effect.timeout(deadline)
  )
  return { ...result, wins }
})

/** A server of its own for one run. */
export const onOwnServer = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.scoped(run), Layer.fresh(Database.layer))
