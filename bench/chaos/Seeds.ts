import { Clock, Effect, Fiber, Layer, Random, References } from "effect"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import { Policies, type PolicyTables } from "../../src/domain/policies/Policies.ts"
import { type Status, legalMoves } from "../../src/domain/Status.ts"
import * as pipeline from "../../src/pipeline.ts"
import { at } from "../../test/support/World.ts"
import { Stormy } from "./Stormy.ts"

/** What became of one run. */
export interface Run {
  readonly seed: number
  readonly completed: boolean
  readonly met: ReadonlyMap<string, number>
  /** Of the pipeline's own clock, in milliseconds. */
  readonly ms: number
  readonly reason: string
  /** What must hold whatever happens, and did not. */
  readonly broken: ReadonlyArray<string>
}

/** Moves the clock until an effect ends, at most two days. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    for (let tens = 0; tens < 2 * 24 * 6 && fiber.pollUnsafe() === undefined; tens++) {
      yield* TestClock.adjust("10 minutes")
    }
    return yield* Fiber.join(fiber)
  })

const illegal = (world: Stormy): ReadonlyArray<string> => {
  let status: Status = "routing"
  const found: Array<string> = []
  for (const fact of world.facts) {
    if (fact._tag !== "StatusMoved" || fact.to === status) continue
    const allowed: ReadonlyArray<Status> = legalMoves[status]
    if (!allowed.includes(fact.to)) found.push(`moved from ${status} to ${fact.to}`)
    status = fact.to
  }
  return found
}

const broken = (world: Stormy): ReadonlyArray<string> => [
  ...(world.pullRequests.length > 1 ? [`${world.pullRequests.length} pull requests`] : []),
  ...[...world.reservations.values()]
    .filter((it) => it === "reserved")
    .map(() => "a reservation is left open"),
  ...illegal(world)
]

/** One run of the pipeline on doubles, in the weather of `seed`, under `tables`. */
export const run = (seed: number, tables: PolicyTables | undefined) =>
  Effect.gen(function* () {
    const world = new Stormy(seed)
    const policies = tables === undefined ? Layer.empty : Layer.succeed(Policies, tables)
    const layer = pipeline.layer.pipe(
      Layer.provideMerge(world.stormy()),
      Layer.provideMerge(world.services()),
      Layer.provideMerge(WorkflowEngine.layerMemory),
      Layer.provideMerge(policies)
    )
    const ended = yield* pipeline.run(at).pipe(
      Effect.flatMap((it) => Effect.map(Clock.currentTimeMillis, (ms) => ({ it, ms }))),
      Effect.provide(layer),
      inTime
    )
    const { it, ms } = ended
    const reason = it._tag === "Failed" ? `${it.error.failure.step} ${it.error.reason._tag}` : it._tag
    const result: Run = {
      seed,
      completed: it._tag === "Completed",
      met: world.weather.met,
      ms,
      reason,
      broken: broken(world)
    }
    return result
  }).pipe(
    Effect.provide(TestClock.layer()),
    Random.withSeed(seed),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
