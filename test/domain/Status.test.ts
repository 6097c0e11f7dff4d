import { assert, describe, it } from "@effect/vitest"
import { Status, afterStep, isSettled, legalMoves, stepNames } from "../../src/domain/Status.ts"

const statuses = Status.literals
const movesFrom = (from: Status): ReadonlyArray<Status> => legalMoves[from]
const sourcesOf = (to: Status): ReadonlyArray<Status> =>
  statuses.filter((from) => movesFrom(from).includes(to))

const failedStatuses = stepNames.map((step): Status => afterStep[step].failed)

describe("Status", () => {
  it("has one row of moves for every status, and no other", () => {
    assert.sameMembers(Object.keys(legalMoves), [...statuses])
  })

  for (const from of statuses) {
    it(`${from} moves to statuses that exist, each once, and not to itself`, () => {
      const moves = movesFrom(from)
      assert.includeMembers([...statuses], [...moves])
      assert.strictEqual(new Set(moves).size, moves.length)
      assert.notInclude(moves, from)
    })

    it(`${from} can be reached, or is where an order begins`, () => {
      if (from !== "pending") assert.isNotEmpty(sourcesOf(from))
    })
  }

  for (const [index, step] of stepNames.entries()) {
    it(`${step} leads on to the next step or to its own failure`, () => {
      const { failed, succeeded } = afterStep[step]
      assert.strictEqual(succeeded, stepNames[index + 1] ?? "completed")
      assert.include(movesFrom(step), succeeded)
      assert.include(movesFrom(step), failed)
      assert.isTrue(isSettled(failed))
      assert.isFalse(isSettled(step))
    })

    it(`${step} cannot be skipped while the order runs`, () => {
      const earlier: ReadonlyArray<Status> = ["pending", ...stepNames.slice(0, index)]
      const before = earlier.at(-1)
      for (const from of earlier) {
        if (from !== before) assert.notInclude(movesFrom(from), step)
      }
    })

    it(`${step}'s failure comes from ${step}, or from a review of it`, () => {
      assert.sameMembers([...sourcesOf(afterStep[step].failed)], [step, "needs_review"])
    })
  }

  it("is completed after tracking and after nothing else, for good", () => {
    assert.deepStrictEqual(sourcesOf("completed"), ["tracking"])
    assert.isEmpty(movesFrom("completed"))
  })

  it("is cancelled from everything but a completed or cancelled order", () => {
    assert.sameMembers(
      [...sourcesOf("cancelled")],
      statuses.filter((status) => status !== "completed" && status !== "cancelled")
    )
  })

  it("leaves a settled status only for another try or for being cancelled", () => {
    const settled = statuses.filter(isSettled)
    assert.sameMembers(settled, ["completed", "cancelled", ...failedStatuses])
    for (const from of settled) assert.includeMembers(["pending", "cancelled"], [...movesFrom(from)])
  })

  it("goes back to pending from failures and cancelled orders alone", () => {
    assert.sameMembers([...sourcesOf("pending")], [...failedStatuses, "cancelled"])
  })
})
