import { assert, describe, it } from "@effect/vitest"
import { DateTime, Option } from "effect"
import { type BudgetStatus, leftOf, runsOutAt } from "../../src/domain/BudgetStatus.ts"
import { ProjectId } from "../../src/domain/Ids.ts"
import { Usd, zero } from "../../src/domain/Usd.ts"

const dollars = (amount: number) => Usd.make(amount * 1_000_000)

const status = (change: Partial<BudgetStatus>): BudgetStatus => ({
  project: ProjectId.make("shop"),
  day: "2026-03-28",
  timeZone: "UTC",
  limit: dollars(100),
  ceiling: dollars(200),
  settled: dollars(40),
  reserved: dollars(5),
  presumed: dollars(5),
  architect: zero,
  wasted: zero,
  burnPerHour: dollars(10),
  overruns: 0,
  overrun: zero,
  openReservations: 0,
  leakedReservations: 0,
  oldestOpenSince: null,
  now: DateTime.makeUnsafe("2026-03-28T12:00:00Z"),
  resetsAt: DateTime.makeUnsafe("2026-03-29T00:00:00Z"),
  models: [],
  waste: [],
  ...change
})

const iso = (change: Partial<BudgetStatus>) =>
  Option.getOrNull(Option.map(runsOutAt(status(change)), DateTime.formatIso))

describe("a project's budget", () => {
  it("has left what is neither spent nor set aside, and never less than nothing", () => {
    assert.strictEqual(leftOf(status({})), dollars(50))
    assert.strictEqual(leftOf(status({ settled: dollars(120) })), 0)
  })

  it("runs out when spending goes on like in the last hour, if that is before the reset", () => {
    assert.strictEqual(iso({}), "2026-03-28T17:00:00.000Z")
    assert.isNull(iso({ burnPerHour: dollars(4) }))
    assert.isNull(iso({ burnPerHour: zero }))
    assert.strictEqual(iso({ settled: dollars(90) }), "2026-03-28T12:00:00.000Z")
  })
})
