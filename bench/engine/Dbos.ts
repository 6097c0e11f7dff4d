import { DBOS, type DLogger } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import { type Contender, steps } from "./Contender.ts"

const silent: DLogger = { info: () => {}, debug: () => {}, warn: () => {}, error: () => {} }

const dayInSeconds = 86_400

const five = DBOS.registerWorkflow(
  async () => {
    let sum = 0
    for (const [index, name] of steps.entries()) sum += await DBOS.runStep(async () => index, { name })
    return sum
  },
  { name: "five" }
)

let waiting = 0

const wait = DBOS.registerWorkflow(
  async () => {
    for (const [index, name] of steps.slice(0, 2).entries()) {
      await DBOS.runStep(async () => index, { name })
    }
    waiting++
    await DBOS.sleep(dayInSeconds * 1000)
  },
  { name: "wait" }
)

/** DBOS as its documentation sets it up: workflows that are started and awaited in one process. */
export const make = Effect.fnUntraced(function* (url: string) {
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logger: silent })
      await DBOS.launch()
    }),
    () => Effect.promise(() => DBOS.shutdown())
  )
  const contender: Contender = {
    order: Effect.promise(async () => {
      const handle = await DBOS.startWorkflow(five)()
      await handle.getResult()
    }),
    park: Effect.asVoid(Effect.promise(() => DBOS.startWorkflow(wait)())),
    parked: Effect.sync(() => waiting)
  }
  return contender
})
