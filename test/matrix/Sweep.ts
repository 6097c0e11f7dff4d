import { Duration, Effect, Layer, References } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as ReservationSweep from "../../src/operations/ReservationSweep.ts"
import { Budget } from "../../src/services/Budget.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import type { Case } from "./Case.ts"
import { type Observed, counted } from "./Observed.ts"

/** A process reserved and is gone; the sweep of another one runs for five minutes, and for seven hours more. */
export const drive = (it: Case): Observed => {
  const doubles = Doubles.make()
  const { state } = doubles
  let calls = 0
  let early = ""
  const states = () => counted(state.ledger.map((row) => row.state))
  const faulty = it
    .watch(() => {
      calls++
    })
    .pipe(Layer.provideMerge(it.fault), Layer.provideMerge(doubles.services))
  const all = Effect.gen(function* () {
    yield* doubles.submit()
    const budget = yield* Budget
    const call = { call: "generating/1/1/1", category: "generating", model: "gpt-5-mini" } as const
    yield* budget.reserve({ ...Doubles.at, ...call, rule: "first", amount: Usd.make(1000) })
    yield* Effect.sleep("5 minutes")
    early = states()
    yield* Effect.sleep("7 hours")
  }).pipe(
    Effect.provide(Layer.provideMerge(ReservationSweep.layer, faulty)),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
  Simulation.run(all, { until: "8 hours" })
  const every = Math.floor(Duration.toMillis("7 hours") / Duration.toMillis(Limits.reservationSweep)) - 30
  const columns = [
    `after five minutes ${early}`,
    `after seven hours ${states()}`,
    calls >= every
      ? "then swept all the time"
      : `the sweep ended after ${calls} ${calls === 1 ? "call" : "calls"}`
  ]
  return { columns, broken: [] }
}
