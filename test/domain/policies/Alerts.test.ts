import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { alerts, errorBudget } from "../../../src/domain/policies/Alerts.ts"
import { stepNames } from "../../../src/domain/Status.ts"

const runbook = readFileSync(new URL("../../../docs/runbook.md", import.meta.url), "utf8")

/** What the runbook says under each of its headings. */
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n")
      return [heading, lines.join("\n")] as const
    })
)

describe("alerts", () => {
  for (const [name, { audience, measure, runbook: heading, threshold, window }] of Object.entries(alerts)) {
    it(`${name}: the runbook says who hears of it, and what they do`, () => {
      const section = sections.get(heading)
      assert.isDefined(section, `docs/runbook.md has no heading "${heading}"`)
      const [who = ""] = /^\*\*[^*]+\*\*/.exec(section ?? "") ?? []
      assert.match(who, audience === "on_call" ? /^\*\*On call/ : /^\*\*Team/)
      assert.match(measure, /^\p{Ll}.{10,}/u)
      assert.isAtLeast(threshold, 0)
      assert.isAtLeast(Duration.toMinutes(window), 1)
      assert.isAtMost(Duration.toHours(window), 24)
    })
  }

  it("wake somebody only for what does not get better by itself", () => {
    const atNight = Object.entries(alerts).flatMap(([name, { audience }]) =>
      audience === "on_call" ? [name] : []
    )
    assert.sameMembers(atNight, ["bug", "incidentOpen", "storeUnreachable", "stuck"])
  })

  it("forgive every step a share of its orders, and the two that models have a part in the most", () => {
    assert.deepStrictEqual(Object.keys(errorBudget), [...stepNames])
    const generous = stepNames.toSorted((a, b) => errorBudget[b] - errorBudget[a]).slice(0, 2)
    assert.sameMembers(generous, ["generating", "applying"])
    for (const step of stepNames) {
      assert.isAbove(errorBudget[step], 0)
      assert.isBelow(errorBudget[step], 0.2)
    }
  })
})
