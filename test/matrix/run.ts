import { availableParallelism } from "node:os"
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads"
import { Schema } from "effect"
import { type Case, cases } from "./Case.ts"
import { drive } from "./Drive.ts"
import * as Expectations from "./Expectations.ts"
import { mutate } from "./Mutate.ts"

/*
 * npm run test:matrix                  every case against expectations.txt
 * npm run test:matrix -- Workspace.    the cases whose names contain it
 * npm run test:matrix -- --draft       what expectations.txt would say, to be read before it is believed
 * npm run test:matrix -- --draft --new the same of the cases of which it says nothing yet
 * npm run test:matrix -- --mutate      turns each row of the policies, and counts which turns are noticed
 */

/* eslint-disable no-console -- a command. */

const options = process.argv.slice(2)
const filter = options.find((it) => !it.startsWith("--")) ?? ""
const known = options.includes("--new") ? Expectations.read() : new Map<string, string>()
const chosen = cases.filter(({ name }) => name.includes(filter) && !known.has(name))

const Share = Schema.Struct({ index: Schema.Int, of: Schema.Int })
const Answer = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    observed: Schema.Struct({
      columns: Schema.Array(Schema.String),
      broken: Schema.Array(Schema.String)
    })
  })
)

const Turned = Schema.Array(
  Schema.Struct({ name: Schema.String, noticed: Schema.Boolean, touched: Schema.Int })
)

/** A share of the cases, every n-th, so that the long ones are spread. */
const runShare = ({ index, of }: typeof Share.Type): typeof Answer.Type =>
  chosen.filter((_, place) => place % of === index).map((it) => ({ name: it.name, observed: drive(it) }))

/** What all shares answer, each in a thread of its own. */
const inShares = async <A>(shares: Schema.Codec<ReadonlyArray<A>, unknown>, most: number) => {
  const of = Math.min(availableParallelism(), most)
  const answers = await Promise.all(
    Array.from(
      { length: of },
      (_, index) =>
        new Promise<ReadonlyArray<A>>((resolve, reject) => {
          const worker = new Worker(new URL(import.meta.url), { argv: options, workerData: { index, of } })
          worker.on("message", (answer) => resolve(Schema.decodeUnknownSync(shares)(answer)))
          worker.on("error", reject)
        })
    )
  )
  return answers.flat()
}

const runAll = async () => {
  const answers = await inShares(Answer, chosen.length)
  const byName = new Map(answers.map(({ name, observed }) => [name, observed]))
  return chosen.flatMap((it) => {
    const observed = byName.get(it.name)
    return observed === undefined ? [] : [{ it, observed }]
  })
}

const reportMutants = async () => {
  const all = await inShares(Turned, availableParallelism())
  const survivors = all.filter(({ noticed }) => !noticed)
  for (const { name, touched } of survivors) {
    console.log(`survives: ${name} (${touched === 0 ? "no case meets it" : `${touched} cases`})`)
  }
  const killed = all.length - survivors.length
  console.log(`${killed} of ${all.length} mutants killed`)
  console.log(`${killed} passed, ${survivors.length} failed`)
  process.exitCode = survivors.length === 0 && all.length > 0 ? 0 : 1
}

const report = async () => {
  const started = performance.now()
  const all = await runAll()
  if (options.includes("--draft")) {
    console.log(Expectations.draft(all))
    for (const { it, observed } of all)
      for (const text of observed.broken) console.error(`${it.name}: ${text}`)
    return
  }
  const expected = Expectations.read()
  let failed = 0
  for (const { it, observed } of all) {
    const wanted = expected.get(it.name)
    const found = Expectations.textOf(observed)
    const wrong = [
      ...observed.broken,
      ...(wanted === found
        ? []
        : [`expected ${wanted ?? "by nobody: expectations.txt has no line"}`, `   found ${found}`])
    ]
    if (wrong.length === 0) continue
    failed++
    console.log(`${it.name}\n${wrong.map((text) => `  ${text}`).join("\n")}`)
  }
  const names = new Set(cases.map(({ name }: Case) => name))
  for (const name of expected.keys()) {
    if (names.has(name)) continue
    failed++
    console.log(`${name}\n  is expected, and there is no such case`)
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`${all.length} cases, ${failed} failed (${seconds} s)`)
  console.log(`${all.length - Math.min(failed, all.length)} passed, ${failed} failed`)
  process.exitCode = failed === 0 && all.length > 0 ? 0 : 1
}

const mutating = options.includes("--mutate")
if (isMainThread) await (mutating ? reportMutants() : report())
else {
  const share = Schema.decodeUnknownSync(Share)(workerData)
  parentPort?.postMessage(mutating ? mutate(filter, share) : runShare(share))
}
