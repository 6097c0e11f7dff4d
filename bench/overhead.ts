import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as Venv from "../test/aider/Venv.ts"
import * as WholeNumber from "./WholeNumber.ts"
import * as Gateway from "./overhead/Gateway.ts"
import * as Orders from "./overhead/Orders.ts"
import { type Kind, type Split, kinds, others, parts, total } from "./overhead/Split.ts"

/*
 * What Moose itself costs in time. An order on real parts, with a model's provider and a forge in a process of their
 * own: where its time goes, by step, and by who is at work. What is neither git, nor the model, nor Aider is Moose's own;
 * the built-in editor makes the edits, or with --aider the Aider of `npm run test:aider`. The parts come from spans, and
 * the time on the wall from outside: they must agree. With --gateway: what the model gateway adds to a call.
 */

const { values } = parseArgs({
  options: {
    gateway: { type: "boolean", default: false },
    aider: { type: "boolean", default: false },
    orders: { type: "string", default: "20" },
    calls: { type: "string", default: "1000" },
    "model-ms": { type: "string", default: "500" }
  }
})

const overheadMsMax = 150
const shareMax = 0.05
const usualOrderMs = 30_000
const differenceMax = 0.02
const gatewayMsMax = 10
/** A worker stays for days: what its first calls load and compile is said beside the figures, and not in them. */
const gatewayWarmUp = 50

const quantile = (numbers: ReadonlyArray<number>, share: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}
const median = (numbers: ReadonlyArray<number>): number => quantile(numbers, 0.5)
const mean = (numbers: ReadonlyArray<number>): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const ms = (value: number): string => `${value.toFixed(1)} ms`
const cell = (text: string): string => text.padStart(10)

const missed: Array<string> = []
const promise = (kept: boolean, what: string): void => {
  if (!kept) missed.push(what)
}

const ofOrders = async (): Promise<void> => {
  const modelMs = WholeNumber.read("model-ms", values["model-ms"])
  const aider = values.aider ? Venv.found() : undefined
  if (values.aider && aider === undefined)
    throw new Error("there is no Aider: npm run test:aider installs one")
  const found = await Effect.runPromise(
    Orders.measure({ orders: WholeNumber.read("orders", values.orders), warmUp: 3, modelMs, aider })
  )
  const splits = found.map(({ split }) => split)
  const of = (which: (split: Split) => number): number => mean(splits.map(which))
  console.log(
    `Where the time of ${found.length} orders went, one after the other, in milliseconds, on average:\n`
  )
  console.log(["".padEnd(16), ...kinds.map(cell), cell("all")].join(""))
  for (const part of parts) {
    const row = kinds.map((kind: Kind) => of((split) => split[part][kind]))
    const sum = row.reduce((all, one) => all + one, 0)
    console.log([part.padEnd(16), ...[...row, sum].map((value) => cell(value.toFixed(1)))].join(""))
  }
  const columns = kinds.map((kind) => of((split) => total(split, [kind])))
  const whole = of((split) => total(split))
  console.log(["all".padEnd(16), ...[...columns, whole].map((value) => cell(value.toFixed(1)))].join(""))

  const wall = mean(found.map((order) => order.wall))
  const difference = Math.abs(whole - wall) / wall
  const own = splits.map((split) => total(split) - total(split, others))
  const overhead = median(own)
  console.log(
    `\nThe clock on the wall: ${ms(wall)}; the sum of the spans: ${ms(whole)}, which differs by ` +
      `${(difference * 100).toFixed(2)} % (at most ${differenceMax * 100} %).`
  )
  console.log(
    `Ours: median ${ms(overhead)}, p95 ${ms(quantile(own, 0.95))} (below ${overheadMsMax} ms); ` +
      `${((overhead / usualOrderMs) * 100).toFixed(2)} % of an order of 30 s (below 5 %).`
  )
  promise(difference <= differenceMax, "the split does not sum to the time on the wall")
  promise(overhead < overheadMsMax, `an order costs ${ms(overhead)} of our own`)
  promise(overhead / usualOrderMs < shareMax, "that is more than 5 % of an order of 30 s")
}

const ofGateway = async (): Promise<void> => {
  const { pairs, warmUp, computing } = await Effect.runPromise(
    Gateway.measure({ calls: WholeNumber.read("calls", values.calls), warmUp: gatewayWarmUp, takesMs: 20 })
  )
  const addedTo = (these: typeof pairs) => these.map(({ through, direct }) => through - direct)
  const added = addedTo(pairs)
  const line = (what: string, times: ReadonlyArray<number>): void =>
    console.log(
      `${what.padEnd(40)} median ${ms(median(times))}, p95 ${ms(quantile(times, 0.95))}, p99 ${ms(quantile(times, 0.99))}`
    )
  console.log(
    `${pairs.length} calls through the gateway, and as many without it, beside the provider's own time:\n`
  )
  line(
    "through the gateway",
    pairs.map(({ through }) => through)
  )
  line(
    "without it",
    pairs.map(({ direct }) => direct)
  )
  line("what it adds", added)
  // The same work always: where its p99 is far from its median, so is everybody's.
  line(
    "work of a fixed size, in between",
    pairs.map(({ work }) => work)
  )
  line("the gateway's process computes for a call", computing)
  const first = addedTo(warmUp)
  console.log(
    `Left out: the first ${first.length} calls after the start, to which it added ${ms(first[0] ?? 0)} at first, and ${ms(median(first))} at the median.`
  )
  const p99 = quantile(added, 0.99)
  promise(p99 < gatewayMsMax, `the gateway adds ${ms(p99)} to a call at p99, and may ${gatewayMsMax} ms`)
}

await (values.gateway ? ofGateway() : ofOrders())
for (const what of missed) console.log(`MISSED: ${what}`)
process.exit(missed.length === 0 ? 0 : 1)
