import { mkdirSync } from "node:fs"
import { parseArgs } from "node:util"
import { NodeServices } from "@effect/platform-node"
import { Cause, Effect, Exit, References, Schema } from "effect"
import * as WholeNumber from "./WholeNumber.ts"
import * as Lane from "./crash/Lane.ts"
import * as Plan from "./crash/Plan.ts"
import * as Processes from "./crash/Processes.ts"
import * as Report from "./crash/Report.ts"
import * as Schedule from "./crash/Schedule.ts"

/*
 * Can a worker be killed anywhere? Each schedule is one order on real parts: PostgreSQL, git over HTTP, a forge, a
 * provider of models with books of its own, and worker processes that are killed with SIGKILL before, during and
 * after what outlives them, up to three times, while something else may be broken too. Afterwards everything is
 * compared with everything: the order, its rows, the journal, the money, the forge, the remote, the disk.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "40" },
    /** The first of them; each seed is one schedule. */
    from: { type: "string", default: "1" },
    /** Only this one, twice: both must come to the same places. */
    seed: { type: "string" },
    /** Schedules at once, each with a server of its own. */
    lanes: { type: "string", default: "3" },
    /** A runner's lease, in milliseconds. A machine that stands still for longer gives work away that nobody has lost. */
    lease: { type: "string", default: "2000" },
    /** What is taken out: fencing, intents, adoption, reconciler; all: each in turn, until it is missed. */
    sabotage: { type: "string" },
    /** Where what is left of schedules with violations is kept. */
    keep: { type: "string" }
  }
})
// As in the workers: nothing goes over ssh, and git need not be asked which one.
process.env["GIT_SSH_COMMAND"] = "ssh"
const lanes = WholeNumber.read("lanes", values.lanes)
const leaseMs = WholeNumber.read("lease", values.lease)
/** So many schedules have kills in every place. */
const coversAll = 40
/** The p99 of fewer is one process that the machine let wait. */
const takeoversJudged = 200

const progressEvery = 20

const missed: Array<string> = []
const demand = (what: string, holds: boolean) => {
  console.log(`  ${holds ? "ok    " : "MISSED"} ${what}`)
  if (!holds) missed.push(what)
}
const figure = (what: string, ...figures: ReadonlyArray<string | number>) =>
  console.log(`    ${what.padEnd(54)}${figures.join(", ")}`)

const told = ({ disturbed, plan, status, failure, deaths, violations, ms }: Schedule.Result) => {
  const around = disturbed || plan.disturbance === "two workers" ? `, ${plan.disturbance}` : ""
  console.log(
    `  ${plan.seed}: ${plan.story}${around}: ${status}, ${deaths.length} kills, ${(ms / 1000).toFixed(1)} s`
  )
  if (failure !== "" && status !== "completed") console.log(`      ${failure}`)
  if (violations.length === 0) return
  for (const death of deaths) console.log(`      ${Report.place(death)}`)
  for (const violation of violations) console.log(`      VIOLATION ${violation}`)
}

/** Runs these schedules on lanes side by side, as long as `goesOn`. */
const schedules = Effect.fnUntraced(function* (
  program: string,
  plans: ReadonlyArray<Plan.Plan>,
  sabotage: Plan.Sabotage | null,
  tell: (result: Schedule.Result) => void,
  goesOn: (results: ReadonlyArray<Schedule.Result>) => boolean = () => true
) {
  const results: Array<Schedule.Result> = []
  const left = [...plans]
  const lane = Lane.use(program, sabotage, (its) =>
    Effect.gen(function* () {
      for (let plan = left.shift(); plan !== undefined && goesOn(results); plan = left.shift()) {
        const result = yield* Schedule.run(its, plan, { leaseMs, keep: values.keep })
        results.push(result)
        tell(result)
      }
    })
  )
  yield* Effect.all(
    Array.from({ length: Math.min(lanes, plans.length) }, () => lane),
    { concurrency: "unbounded", discard: true }
  )
  return results
})

/** The same schedule again comes to the same places, and is judged the same. */
const again = Effect.fnUntraced(function* (program: string, first: Schedule.Result) {
  const [second] = yield* schedules(program, [first.plan], null, told)
  const same = second !== undefined && Report.places(first) === Report.places(second)
  return { same, second }
})

const print = (results: ReadonlyArray<Schedule.Result>, seconds: number) => {
  const deaths = results.flatMap(({ deaths }) => deaths)
  const takeovers = (another: boolean) =>
    deaths.flatMap((death) =>
      death.another === another && death.takeoverMs !== undefined ? [death.takeoverMs] : []
    )
  const times = (of: ReadonlyArray<number>) =>
    `${of.length} times, p50 ${Report.quantile(of, 0.5)} ms, p99 ${Report.quantile(of, 0.99)} ms`
  figure("orders ended", Report.counted(results.map(({ status }) => status)))
  figure("their stories", Report.counted(results.map(({ plan }) => plan.story)))
  figure(
    "what else was broken",
    Report.counted(
      results.map(({ disturbed, plan }) =>
        disturbed || plan.disturbance === "two workers" ? plan.disturbance : "nothing"
      )
    )
  )
  figure("processes killed with SIGKILL", deaths.length)
  for (const line of Report.table(results)) console.log(line)
  figure("taken over by a worker that was there", times(takeovers(true)))
  figure("by one that was started when the other was dead", times(takeovers(false)))
  figure(
    "steps that ended",
    results.reduce((sum, { steps }) => sum + steps, 0)
  )
  figure(
    "took",
    `${seconds.toFixed(0)} s, ${((60 * results.length) / seconds).toFixed(1)} schedules a minute`
  )
  const violations = results.flatMap((result) => result.violations)
  figure("violations", violations.length)
  return { violations, takeovers: deaths.flatMap(({ takeoverMs }) => takeoverMs ?? []) }
}

const sabotaged = Effect.fnUntraced(function* (
  program: string,
  what: Plan.Sabotage,
  plans: ReadonlyArray<Plan.Plan>,
  untilMissed: boolean
) {
  console.log(`\nWithout ${what}`)
  const found = (results: ReadonlyArray<Schedule.Result>) => results.flatMap(({ violations }) => violations)
  const results = yield* schedules(program, plans, what, told, (so) => !untilMissed || found(so).length === 0)
  return found(results).length
})

const main = Effect.gen(function* () {
  if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true })
  const first = WholeNumber.read("from", values.from)
  const count = WholeNumber.read("schedules", values.schedules)
  const plans = Array.from({ length: count }, (_, index) => Plan.of(first + index))
  const program = yield* Processes.bundle

  if (values.sabotage === "all") {
    for (const what of Plan.Sabotage.literals) {
      const apt = plans.filter((plan) => Plan.shows[what](plan))
      demand(
        `without ${what} something is violated, and that is noticed`,
        (yield* sabotaged(program, what, apt, true)) > 0
      )
    }
    return
  }
  if (values.sabotage !== undefined) {
    const what = Schema.decodeUnknownSync(Plan.Sabotage)(values.sabotage)
    const violations = yield* sabotaged(program, what, plans, false)
    demand(`nothing is violated: ${violations} violations`, violations === 0)
    return
  }
  if (values.seed !== undefined) {
    const [one] = yield* schedules(program, [Plan.of(WholeNumber.read("seed", values.seed))], null, told)
    if (one === undefined) return
    for (const death of one.deaths) console.log(`      ${Report.place(death)}`)
    const { same, second } = yield* again(program, one)
    for (const death of second?.deaths ?? []) console.log(`      ${Report.place(death)}`)
    demand("both times processes were killed in the same places", same)
    demand("nothing is violated", one.violations.length + (second?.violations.length ?? 1) === 0)
    return
  }

  console.log(`${count} schedules from seed ${first}, ${lanes} at once`)
  const from = performance.now()
  let done = 0
  const results = yield* schedules(program, plans, null, (result) => {
    if (result.violations.length > 0) told(result)
    if (++done % progressEvery === 0) {
      console.log(`  ${done} done after ${((performance.now() - from) / 1000).toFixed(0)} s`)
    }
  })
  const { takeovers, violations } = print(results, (performance.now() - from) / 1000)
  demand("nothing is violated", violations.length === 0 && results.length === count)
  if (count >= coversAll) {
    demand(
      "processes were killed in every place",
      Plan.cells.every((cell) => Report.killsAt(results, cell) > 0)
    )
  }
  if (takeovers.length >= takeoversJudged) {
    demand(
      "a killed worker's work is taken over within its lease and a second (p99)",
      Report.quantile(takeovers, 0.99) < leaseMs + 1_000
    )
  }
  const calm = results.filter(({ disturbed, deaths }) => !disturbed && deaths.length > 0).slice(0, 2)
  const failed = results.filter((result) => result.violations.length > 0).slice(0, 3)
  for (const result of [...failed, ...calm]) {
    const { same } = yield* again(program, result)
    demand(`schedule ${result.plan.seed} again is killed in the same places`, same)
  }
}).pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  Effect.provideService(References.MinimumLogLevel, "None")
)

// Servers and workers end with their scopes, also when somebody has seen enough.
const enough = new AbortController()
process.once("SIGINT", () => enough.abort())
process.once("SIGTERM", () => enough.abort())
const exit = await Effect.runPromiseExit(main, { signal: enough.signal })
if (Exit.isFailure(exit)) {
  console.log(Cause.pretty(exit.cause))
  missed.push("it did not come to its end")
}
if (missed.length > 0) {
  console.log(`\nMISSED: ${missed.join("; ")}`)
  process.exitCode = 1
}
