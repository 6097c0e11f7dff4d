import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option } from "effect"
import { Checks } from "../../src/services/Checks.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Faults from "../../src/testing/Faults.ts"
import { samples, serviceSamples } from "../../src/testing/Samples.ts"
import { subjects } from "../../src/testing/Services.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

const failsWith = Faults.fail(samples.EditorMissing)

/** How `count` calls of the editor end, a minute apart, under a fault. */
const ends = (what: Faults.What<typeof samples.EditorMissing>, when: Faults.When, count = 4) => {
  const calls = Effect.gen(function* () {
    const editor = yield* CodeEditor
    const all: Array<string> = []
    for (let call = 0; call < count; call++) {
      const exit = yield* Effect.exit(Effect.timeoutOption(editor.ready({}), "10 seconds"))
      all.push(Exit.isFailure(exit) ? "fails" : Option.isNone(exit.value) ? "hangs" : "ok")
      yield* Effect.sleep("1 minute")
    }
    return all
  })
  const faulty = Faults.inject(CodeEditor, { method: "ready", what, when })
  const layer = Layer.provide(faulty, Doubles.make().services)
  const exit = Simulation.run(Effect.provide(calls, layer), { until: "1 day" })
  return Option.isSome(exit) && Exit.isSuccess(exit.value) ? exit.value.value : []
}

describe("a fault", () => {
  it("is met by the calls whose turn it is", () => {
    assert.deepStrictEqual(ends(failsWith, Faults.always), ["fails", "fails", "fails", "fails"])
    assert.deepStrictEqual(ends(failsWith, Faults.nth(2)), ["ok", "fails", "ok", "ok"])
    assert.deepStrictEqual(ends(failsWith, Faults.first(3)), ["fails", "fails", "fails", "ok"])
    assert.deepStrictEqual(ends(failsWith, Faults.during("90 seconds")), ["fails", "fails", "ok", "ok"])
  })

  it("comes by chance the same way for the same seed, as often as it should", () => {
    const once = ends(failsWith, Faults.chance(3, 0.3), 1000)
    assert.deepStrictEqual(ends(failsWith, Faults.chance(3, 0.3), 1000), once)
    assert.closeTo(once.filter((it) => it === "fails").length, 300, 50)
  })

  it("hangs, dies and interrupts", () => {
    assert.deepStrictEqual(ends(Faults.hang, Faults.nth(1), 2), ["hangs", "ok"])
    assert.deepStrictEqual(ends(Faults.die(new Error("oops")), Faults.nth(1), 2), ["fails", "ok"])
    assert.deepStrictEqual(ends(Faults.interrupt, Faults.nth(1), 2), ["fails", "ok"])
  })

  it("that loses the reply lets the call happen", () => {
    let runs = 0
    const checks = Layer.succeed(Checks, { run: () => Effect.sync(() => void runs++) })
    const what = Faults.loseReply(samples.ChecksFailed)
    const faulty = Faults.inject(Checks, { method: "run", what, when: Faults.always })
    const call = Effect.flatMap(Checks, (it) =>
      it.run({ directory: "/w", check: { name: "test", command: ["true"], timeoutMs: 1 } })
    )
    const exit = Simulation.run(Effect.provide(Effect.flip(call), Layer.provide(faulty, checks)), {
      until: "1 second"
    })
    assert.isTrue(
      Option.isSome(exit) && Exit.isSuccess(exit.value) && exit.value.value === samples.ChecksFailed
    )
    assert.strictEqual(runs, 1)
  })
})

describe("the samples", () => {
  it("have one of every reason that a method declares", () => {
    const known = new Set([...Object.keys(samples), ...Object.keys(serviceSamples)])
    const missing = Object.values(subjects).flatMap((subject) =>
      subject.methods.flatMap((method) => subject.reasonsOf(method).filter((tag) => !known.has(tag)))
    )
    assert.deepStrictEqual(missing, [])
  })
})

describe("the example in docs/testing.md", () => {
  it("is the test beside this one", () => {
    const docs = readFileSync(new URL("../../docs/testing.md", import.meta.url), "utf8")
    const example = readFileSync(new URL("Example.test.ts", import.meta.url), "utf8")
      .replace('// Of your own repository: from "moose" and "moose/testing".\n', "")
      .replace("../../src/index.ts", "moose")
      .replace("../../src/testing/index.ts", "moose/testing")
    assert.include(docs, example.trim())
  })
})
