import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import { Change } from "../../src/domain/Change.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import { World, at, change } from "../../test/support/World.ts"
import { Scanner, ScannerFailed, pipeline, scannerLayer } from "./SecretScan.ts"

/** Runs an order whose change adds `line` as the eighth of its file. */
const runWith = Effect.fn(function* (world: World, line: string, scanner: Layer.Layer<Scanner>) {
  const patch = `+++ b/src/a.js\n@@ -7,1 +7,2 @@\n const a = 1\n+${line}\n`
  const commit = () => Effect.succeed(new Change({ ...change, patch }))
  const workspace = Layer.effect(
    Workspace,
    Effect.map(Workspace, (real) => ({ ...real, commit }))
  )
  const layers = pipeline.layer.pipe(
    Layer.provide([workspace, scanner]),
    Layer.provide(world.services()),
    Layer.provideMerge(WorkflowEngine.layerMemory)
  )
  const fiber = yield* Effect.forkChild(Effect.provide(pipeline.run(at), layers))
  yield* TestClock.adjust("5 minutes")
  return yield* Fiber.join(fiber)
})

it.effect("refuses a change with a secret before it leaves the machine", () =>
  Effect.gen(function* () {
    const world = new World()
    const ended = yield* runWith(world, 'const key = "AKIAABCDEFGHIJKLMNOP"', scannerLayer)
    if (ended._tag !== "Failed") return assert.fail(ended._tag)
    assert.deepInclude(ended.error.reason, { _tag: "SecretFound", file: "src/a.js", line: 8 })
    assert.deepEqual([world.status, world.disposition], ["aider_failed", "rolled_back"])
    assert.isFalse(world.calls.includes("Workspace.push"))
  })
)

it.effect("is a step of its own, and repeats what may pass", () =>
  Effect.gen(function* () {
    const world = new World()
    const answers = [Effect.fail(new ScannerFailed({ problem: "busy" })), Effect.void]
    const scan = () => Effect.suspend(() => answers.shift() ?? Effect.void)
    const ended = yield* runWith(world, "const b = 2", Layer.succeed(Scanner, { scan }))
    assert.strictEqual(ended._tag, "Completed")
    const steps = world.facts.flatMap((fact) => (fact._tag === "StepSucceeded" ? [fact.step] : []))
    assert.deepEqual(steps.slice(2, 4), ["applying", "secret_scan"])
  })
)
