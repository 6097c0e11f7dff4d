import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import * as Together from "../../../src/layers/postgres/Together.ts"

type Problem = { readonly _tag: "Away" | "Refused"; readonly input: number }

/** Calls that wait for a gate, and note who was called for together. */
const recorded = Effect.fnUntraced(function* (most = 3, callsMax = 1, least?: number) {
  const gate = yield* Latch.make()
  const groups: Array<ReadonlyArray<number>> = []
  const answer = (input: number): Effect.Effect<string, Problem> =>
    input < 0 ? Effect.fail({ _tag: "Refused", input }) : Effect.succeed(`${input}`)
  const call = yield* Together.make({
    most,
    callsMax,
    ...(least === undefined ? {} : { least }),
    alone: (input: number) =>
      Effect.andThen(
        gate.await,
        Effect.suspend(() => {
          groups.push([input])
          return answer(input)
        })
      ),
    together: (inputs: ReadonlyArray<number>): Effect.Effect<ReadonlyArray<string>, Problem> =>
      Effect.andThen(
        gate.await,
        Effect.suspend(() => {
          groups.push(inputs)
          return inputs.includes(0)
            ? Effect.fail<Problem>({ _tag: "Away", input: 0 })
            : Effect.forEach(inputs, answer)
        })
      ),
    isOneCallers: ({ _tag }) => _tag === "Refused"
  })
  const ask = (input: number) => Effect.forkChild(Effect.result(call(input)), { startImmediately: true })
  return { gate, groups, ask }
})

describe("calls made together", () => {
  it.effect(
    "whoever comes alone is called for at once; who comes meanwhile goes together, a few at a time",
    () =>
      Effect.gen(function* () {
        const { gate, groups, ask } = yield* recorded()
        const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], ask)
        yield* Effect.yieldNow
        yield* gate.open
        const answers = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(
          answers.map((it) => (it._tag === "Success" ? it.success : it._tag)),
          ["1", "2", "3", "4", "5"]
        )
        assert.strictEqual(groups.flat().length, 5)
        assert.isBelow(groups.length, 5)
        assert.isTrue(groups.every((group) => group.length <= 3))
      }).pipe(Effect.scoped)
  )

  it.effect(
    "many at once are called for in as many groups as may be under way, none smaller than the least",
    () =>
      Effect.gen(function* () {
        const { gate, groups, ask } = yield* recorded(64, 2, 4)
        const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ask)
        yield* Effect.yieldNow
        yield* gate.open
        yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(groups, [
          [1, 2, 3, 4, 5],
          [6, 7, 8, 9, 10]
        ])
      }).pipe(Effect.scoped)
  )

  it.effect("beside a call that is under way no other begins for fewer than the least", () =>
    Effect.gen(function* () {
      const { gate, groups, ask } = yield* recorded(64, 2, 4)
      const first = yield* ask(1)
      yield* Effect.yieldNow
      const few = yield* Effect.forEach([2, 3, 4], ask)
      yield* Effect.yieldNow
      yield* gate.open
      yield* Effect.forEach([first, ...few], Fiber.join)
      assert.deepStrictEqual(groups, [[1], [2, 3, 4]])
    }).pipe(Effect.scoped)
  )

  it.effect("and for as many as the least, one does", () =>
    Effect.gen(function* () {
      const { gate, groups, ask } = yield* recorded(64, 2, 4)
      const first = yield* ask(1)
      yield* Effect.yieldNow
      const enough = yield* Effect.forEach([2, 3, 4, 5], ask)
      yield* Effect.yieldNow
      const more = yield* ask(6)
      yield* Effect.yieldNow
      yield* gate.open
      yield* Effect.forEach([first, ...enough, more], Fiber.join)
      assert.sameDeepMembers(groups, [[1], [2, 3, 4, 5], [6]])
    }).pipe(Effect.scoped)
  )

  it.effect("nobody fails for what somebody else asked", () =>
    Effect.gen(function* () {
      const { gate, ask } = yield* recorded()
      const fibers = yield* Effect.forEach([1, 2, -3, 4], ask)
      yield* gate.open
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        answers.map((it) => (it._tag === "Success" ? it.success : it.failure)),
        ["1", "2", { _tag: "Refused", input: -3 }, "4"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("what is nobody's fault is everybody's failure, and is not asked again for each", () =>
    Effect.gen(function* () {
      const { gate, groups, ask } = yield* recorded(8)
      const first = yield* ask(1)
      yield* Effect.yieldNow
      const fibers = yield* Effect.forEach([2, 0, 3], ask)
      yield* gate.open
      yield* Fiber.join(first)
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.isTrue(answers.every((it) => it._tag === "Failure" && it.failure._tag === "Away"))
      assert.strictEqual(groups.at(-1)?.length, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("who gives up waiting is left out", () =>
    Effect.gen(function* () {
      const { gate, groups, ask } = yield* recorded(8)
      const first = yield* ask(1)
      yield* Effect.yieldNow
      const gone = yield* ask(2)
      const stays = yield* ask(3)
      yield* Fiber.interrupt(gone)
      yield* gate.open
      yield* Effect.all([Fiber.join(first), Fiber.join(stays)])
      assert.isFalse(groups.flat().includes(2))
    }).pipe(Effect.scoped)
  )
})
