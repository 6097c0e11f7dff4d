import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { Effect, References } from "effect"
import { Usd, format } from "../src/domain/Usd.ts"
import * as WholeNumber from "./WholeNumber.ts"
import * as Chaos from "./ledger/Chaos.ts"

/*
 * Does the ledger hold when everything around it breaks? Processes reserve, pay a provider that keeps an account of
 * its own, settle, cancel and are killed, while PostgreSQL is stopped at once and started again. Somebody else adds
 * the raw rows up all the while. Afterwards the same with the lock taken out, which must be noticed. And two
 * processes ask for the last ten dollars at the same moment, again and again.
 */

const { values } = parseArgs({
  options: {
    reservations: { type: "string", default: "20000" },
    processes: { type: "string", default: "8" },
    repetitions: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    /** lock: only the run without it. */
    sabotage: { type: "string" }
  }
})
if (values.sabotage !== undefined && values.sabotage !== "lock") {
  throw new Error(`There is nothing called ${values.sabotage} to take out, only: lock`)
}
const reservations = WholeNumber.read("reservations", values.reservations)
const processes = WholeNumber.read("processes", values.processes)
const repetitions = WholeNumber.read("repetitions", values.repetitions)
const seed = WholeNumber.read("seed", values.seed)
const sabotagedReservations = Math.min(reservations, 2_000)

type Load = Effect.Success<ReturnType<typeof Chaos.load>>
type Race = Effect.Success<ReturnType<typeof Chaos.race>>

const missed: Array<string> = []
const demand = (what: string, holds: boolean) => {
  console.log(`  ${holds ? "ok    " : "MISSED"} ${what}`)
  if (!holds) missed.push(what)
}
const figure = (what: string, ...figures: ReadonlyArray<string | number>) =>
  console.log(`    ${what.padEnd(54)}${figures.join(", ")}`)
const usd = (micros: number) => `$${format(Usd.make(micros))}`

const print = ({ audit, deadlocks, gauge, kills, lost, outcomes, restarts, seconds, seen }: Load) => {
  figure(
    "reservations accepted, refused, of unknown outcome",
    audit.accepted,
    outcomes.refused,
    outcomes.unavailable
  )
  figure("of these settled, cancelled, presumed", audit.settled, audit.cancelled, audit.presumed)
  figure("processes killed; PostgreSQL stopped and started", kills, restarts)
  figure("replies of the provider lost", lost)
  figure("looks at the raw rows, every 50 ms; not answered", seen.samples, seen.missed)
  figure("settled + reserved + presumed at most, of $100", usd(seen.most))
  figure("looks that found more than the limit", seen.above)
  figure("the same from the rows' own times; moments above", usd(audit.highest.most), audit.highest.above)
  figure("looks that found other counters than rows", seen.different)
  figure("overruns: bills above their worst case", audit.overruns, usd(seen.overrun))
  figure("counted by the ledger; billed by the provider", usd(audit.total), usd(audit.billed))
  figure("settled at another amount; billed and not counted", audit.wrong, audit.forgotten)
  const { before, leaked, after } = gauge
  figure("gauge when owners were killed: open, leaked", before.open, before.leaked)
  figure("after their leases: open, leaked, oldest", leaked.open, leaked.leaked, `${leaked.oldestMs ?? 0} ms`)
  figure("after another process's sweep: open, leaked", after.abandoned.open, after.abandoned.leaked)
  figure("deadlocks that PostgreSQL resolved since it started", deadlocks)
  figure("took", `${seconds.toFixed(1)} s`)
}

const judge = ({ audit, failed, gauge, kills, restarts, seen }: Load) => {
  demand("settled + reserved + presumed were never above the limit", seen.above === 0 && seen.samples > 0)
  demand("nor between two looks", audit.highest.above === 0)
  demand("the counters were the sums of the raw rows", seen.different === 0)
  demand("at least half of the reservations were accepted", audit.accepted >= reservations / 2)
  demand("the limit was what stopped the others", audit.total > 0 && seen.most > 99_000_000)
  demand("no overruns", audit.overruns === 0)
  demand("settled rows are what the provider billed for them", audit.wrong === 0 && audit.settled > 0)
  demand("all that was billed is counted", audit.forgotten === 0 && audit.total >= audit.billed)
  demand("processes were killed and PostgreSQL was restarted", kills > 0 && restarts > 0)
  demand("no process ended in another way", failed === 0)
  demand(
    "killed owners' reservations showed as open, then as leaked",
    gauge.before.open > 0 && gauge.leaked.leaked === gauge.before.open && (gauge.leaked.oldestMs ?? 0) > 0
  )
  demand(
    "and none is open after a sweep",
    gauge.after.abandoned.open + gauge.after.day.open === 0 && gauge.after.abandoned.leaked === 0
  )
}

const judgeRace = (race: Race) => {
  const [one = 0, two = 0] = race.wins
  figure("won by the first, by the second, by both, by neither", one, two, race.both, race.neither)
  figure("the other one was told", race.message)
  demand(
    "exactly one got the ten dollars, every time",
    race.both + race.neither === 0 && one + two === repetitions
  )
  demand("the other one was told the figures", race.wrongFigures === 0)
  demand("each got them more than every tenth time", Math.min(one, two) > repetitions / 10)
}

const sabotaged = Effect.fnUntraced(function* (count: number) {
  console.log(`\nThe same without the lock, ${count} reservations`)
  const load = yield* Chaos.onOwnServer(Chaos.load({ reservations: count, processes, seed, sabotaged: true }))
  print(load)
  return load.seen.above + load.audit.highest.above
})

const main = Effect.gen(function* () {
  if (values.sabotage === "lock") {
    const above = yield* sabotaged(reservations)
    demand("settled + reserved + presumed were never above the limit", above === 0)
    return
  }
  console.log(`${reservations} reservations by ${processes} processes, seed ${seed}`)
  const load = yield* Chaos.onOwnServer(Chaos.load({ reservations, processes, seed, sabotaged: false }))
  print(load)
  judge(load)

  const above = yield* sabotaged(sabotagedReservations)
  demand("without the lock the limit is exceeded, and that is noticed", above > 0)

  console.log(`\nTwo processes, ten dollars each at the same moment, ${repetitions} times`)
  const races = yield* Chaos.onOwnServer(
    Effect.all([Chaos.race(85, repetitions, seed), Chaos.race(95, Math.ceil(repetitions / 10), seed)])
  )
  console.log("  $85 of $100 are spent")
  judgeRace(races[0])
  console.log("  $95 of $100 are spent")
  figure("the others were told", races[1].message)
  demand(
    "neither got ten dollars, and both were told that $5 is left",
    races[1].wins.every((wins) => wins === 0) && races[1].wrongFigures === 0 && races[1].neither > 0
  )
}).pipe(Effect.provide(NodeServices.layer), Effect.provideService(References.MinimumLogLevel, "None"))

await Effect.runPromise(main)
if (missed.length > 0) {
  console.log(`\nMISSED: ${missed.join("; ")}`)
  process.exitCode = 1
}
