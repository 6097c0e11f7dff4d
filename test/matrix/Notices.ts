import { Duration, Effect, Layer, References } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as Operation from "../../src/operations/Notices.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Faults from "../../src/testing/Faults.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { samples } from "../../src/testing/Samples.ts"
import type { Case } from "./Case.ts"
import { type Observed, counted } from "./Observed.ts"

/** Something that no step's result carries, which is given up when nobody answers. */
export const trouble = {
  key: "trouble-1",
  type: "trouble",
  severity: "critical" as const,
  fingerprint: "trouble",
  context: { message: "the mirror is gone" },
  options: [
    { option: "acknowledge" as const, label: "It is back.", usd: Usd.make(0), recommended: true },
    { option: "abandon" as const, label: "Do without.", usd: Usd.make(0), recommended: false }
  ] as const,
  defaultOption: "abandon" as const
}

/** Longer than the fault, and than all four notices take after it. */
const until = Duration.hours(10)

/** The spool is used only when the store is down, so that the fault of the spool comes with that. */
const scripted = (it: Case) =>
  it.method.startsWith("Spool")
    ? Faults.inject(Escalations, {
        method: "raise",
        what: Faults.fail(samples.StoreUnavailable),
        when: Faults.first(1)
      })
    : Layer.empty

/** Trouble is raised, told, told again and again, and given up; the worker's own loop does all but the first. */
export const drive = (it: Case): Observed => {
  const doubles = Doubles.make()
  const { state, desk } = doubles
  let calls = 0
  let raised = "never ended"
  const faulty = it
    .watch(() => {
      calls++
    })
    .pipe(
      Layer.provideMerge(it.fault),
      Layer.provideMerge(scripted(it)),
      Layer.provideMerge(doubles.services)
    )
  const raising = Operation.raise(trouble).pipe(
    Effect.exit,
    Effect.flatMap((exit) =>
      Effect.sync(() => {
        const spooled = desk.spooled.size > 0 ? "spooled" : "only in the log"
        raised = exit._tag === "Failure" ? "broke off" : state.escalations.length > 0 ? "stored" : spooled
      })
    )
  )
  const all = Effect.gen(function* () {
    yield* Effect.forkDetach(raising)
    yield* Effect.sleep("1 second")
    yield* Effect.provide(Effect.sleep(until), Operation.layer)
  }).pipe(Effect.provide(faulty), Effect.provideService(References.MinimumLogLevel, "None"))
  Simulation.run(all, { until: Duration.sum(until, Duration.hours(1)) })
  const every = Math.floor(Duration.toMillis(until) / Duration.toMillis(Limits.noticePoll)) - 200
  const columns = [
    `raised: ${raised}`,
    `told ${desk.notices.length === 0 ? "nobody" : counted(desk.notices.map(({ notice }) => `${notice}`))}`,
    counted(
      state.escalations.map(
        ({ status, resolvedBy, receipt }) =>
          `${status}${resolvedBy === null ? "" : ` by ${resolvedBy}`}, ${receipt?.channel ?? "no receipt"}`
      )
    ),
    desk.spooled.size === 0 ? "nothing spooled" : `${desk.spooled.size} spooled`,
    calls >= every ? "called all the time" : `${calls} ${calls === 1 ? "call" : "calls"}`
  ]
  return { columns, broken: [] }
}
