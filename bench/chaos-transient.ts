import { Effect } from "effect"
import type { PolicyTables } from "../src/domain/policies/Policies.ts"
import { retry } from "../src/domain/policies/Retry.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import * as Proxy from "./chaos/Proxy.ts"
import * as Rates from "./chaos/Rates.ts"
import * as RealParts from "./chaos/RealParts.ts"
import * as Seeds from "./chaos/Seeds.ts"

/*
 * Do transient failures need a person? (a) Seeded runs of the pipeline on doubles, each of which met a fault,
 * with the tables as they are; (b) the same seeds without retries, waits, repair and fallbacks; (c) runs on a
 * real PostgreSQL, git, forge and HTTP, through proxies that misbehave.
 */

const faultyRuns = Number(process.env["CHAOS_RUNS"] ?? 2_000)
const realRuns = Number(process.env["CHAOS_REAL_RUNS"] ?? 50)
const firstSeed = Number(process.env["CHAOS_SEED"] ?? 1)

const giveUp: PolicyTables = {
  recoveryOf: () => ({ actions: [], decides: "human" }),
  retry,
  park: { first: Limits.parkFirst, longest: Limits.parkLongest }
}

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(2)} %`
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

const tally = (all: ReadonlyArray<string>) => {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)
}

const missed: Array<string> = []
const demand = (what: string, holds: boolean) => {
  console.log(`  ${holds ? "ok    " : "MISSED"} ${what}`)
  if (!holds) missed.push(what)
}

const invariants = (runs: ReadonlyArray<Seeds.Run>) => {
  const broken = runs.flatMap(({ seed, broken }) => broken.map((what) => `seed ${seed}: ${what}`))
  for (const line of broken.slice(0, 10)) console.log(`    ${line}`)
  demand("one pull request at most, no reservation left open, legal statuses", broken.length === 0)
}

const report = (runs: ReadonlyArray<Seeds.Run>) => {
  const completed = runs.filter((run) => run.completed)
  console.log(`  ${completed.length} of ${runs.length} completed (${percent(completed.length, runs.length)})`)
  console.log(
    `  median time of those, on the pipeline's clock: ${seconds(median(completed.map(({ ms }) => ms)))}`
  )
  const others = runs.filter((run) => !run.completed)
  for (const [end, count] of tally(others.map(({ reason }) => reason)).slice(0, 12)) {
    const seeds = others.filter(({ reason }) => reason === end).map(({ seed }) => seed)
    const some = seeds.length > 3 ? "" : ` (seed ${seeds.join(", ")})`
    console.log(`    ${String(count).padStart(5)}  ended in ${end}${some}`)
  }
  return completed.length / runs.length
}

const rows = (table: ReadonlyArray<{ readonly name: string; readonly perMille: number }>) =>
  table.map(({ name, perMille }) => `${name} ${perMille}`).join(", ")

const main = Effect.gen(function* () {
  console.log("Faults in a thousand calls:")
  for (const table of [
    Rates.provider,
    Rates.push,
    Rates.gitHere,
    Rates.creation,
    Rates.store,
    Rates.manager,
    Rates.editor,
    Rates.checks
  ]) {
    console.log(`  ${rows(table)}`)
  }
  console.log("  model: an answer that is no proposal 20, an answer that is cut off 10")
  console.log(
    `  and in a thousand runs ${Rates.outages.perMille} outages of 1 to 60 minutes (${Rates.outages.dependencies.join(", ")})`
  )

  const runs: Array<Seeds.Run> = []
  let seed = firstSeed
  for (; runs.length < faultyRuns; seed++) {
    const run = yield* Seeds.run(seed, undefined)
    if (run.met.size > 0) runs.push(run)
  }
  console.log(
    `\n(a) ${seed - firstSeed} runs, of which ${runs.length} met a fault (doubles, one worker's retry budget)`
  )
  const share = report(runs)
  demand("99 % complete without a person", share >= 0.99)
  invariants(runs)

  const without: Array<Seeds.Run> = []
  for (const run of runs) without.push(yield* Seeds.run(run.seed, giveUp))
  console.log("\n(b) the same seeds without retries, waits, repair and fallbacks")
  const shareWithout = report(without)
  demand("fewer than 40 % complete", shareWithout < 0.4)
  invariants(without)

  const startedAt = performance.now()
  const real = yield* RealParts.run(realRuns, firstSeed)
  const completed = real.views.filter(({ status }) => status === "completed").length
  console.log(
    `\n(c) real parts: ${completed} of ${realRuns} completed in ${seconds(performance.now() - startedAt)}`
  )
  console.log(
    `  proxies, in a thousand requests: ${rows(Object.entries(Proxy.rates).map(([name, perMille]) => ({ name, perMille })))}`
  )
  for (const [name, { met, requests }] of Object.entries(real.proxies)) {
    const harmed = [...met].map(([what, count]) => `${what} ${count}`).join(", ")
    console.log(`  ${name}: ${requests()} requests; ${harmed}`)
  }
  console.log(
    `  failures met and recorded: ${real.failures.map(({ tag, count }) => `${tag} ${count}`).join(", ")}; waits: ${real.waits}`
  )
  console.log(
    `  median time from submission to the pull request, all submitted at once: ${seconds(median(real.times))}`
  )
  for (const { order, status, failure } of real.views) {
    if (status !== "completed")
      console.log(`    ${order.id}: ${status}, ${failure?.step} ${failure?.tag}: ${failure?.message}`)
  }
  demand("all complete", completed === realRuns)
  demand("one pull request at most per order", real.pullsMax <= 1)
  demand("no reservation left open", real.reserved === 0)
})

await Effect.runPromise(main)
if (missed.length > 0) process.exitCode = 1
