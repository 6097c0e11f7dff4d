import { assert, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
// Of your own repository: from "moose" and "moose/testing".
import { run, Workspace } from "../../src/index.ts"
import { Doubles, Faults, Samples, Simulation } from "../../src/testing/index.ts"

it("an order whose first push fails is repeated, and makes one pull request", () => {
  const doubles = Doubles.make()
  const unreachable = Faults.inject(Workspace, {
    method: "push",
    what: Faults.fail(Samples.samples.RemoteUnreachable),
    when: Faults.nth(1)
  })
  const order = Effect.andThen(doubles.submit(), run(Doubles.at)).pipe(
    Effect.provide(Doubles.pipelineOn(doubles, unreachable))
  )
  // A clock of its own: hours pass in milliseconds.
  const exit = Simulation.run(order, { until: "1 day" })

  assert.isTrue(Option.exists(exit, Exit.isSuccess))
  assert.strictEqual(doubles.state.orders.get(Doubles.at.workOrderId)?.status, "completed")
  assert.strictEqual(doubles.outside.pullRequests.length, 1)
  assert.deepStrictEqual(
    doubles.state.errorEvents.map(({ failure, decision }) => [failure.tag, decision?.slice(0, 8)]),
    [["RemoteUnreachable", "retry in"]]
  )
})
