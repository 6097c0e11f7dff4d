import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { StoreUnavailable } from "../../src/domain/errors/Reasons.ts"
import * as Step from "../../src/steps/Step.ts"

/* What must not compile. An expectation that no longer fails is itself an error, in `npm run check:types`. */

class Stale extends Schema.TaggedError<Stale>()("Stale", { days: Schema.Int }) {}
class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { path: Schema.String }) {}

const row = {
  meaning: Step.meaning("rejected", "task", "low", "Renew it."),
  recovery: { actions: [], decides: "human" }
} satisfies Step.Policy

const common = {
  input: Schema.String,
  output: Schema.Int,
  summary: (length: number) => `${length} characters`
} as const

describe("a step of somebody else's", () => {
  it("has its own reasons, and those of any step", () => {
    const step = Step.make({
      ...common,
      name: "age_check",
      reasons: Schema.Union([Stale, Unreadable]),
      policies: { Stale: row, Unreadable: row },
      run: (text) => (text === "" ? Effect.fail(new Stale({ days: 3 })) : Effect.succeed(text.length))
    })
    assert.strictEqual(step.name, "age_check")
    type Reason = (typeof step.error)["Type"]["reason"]
    expectTypeOf<Stale>().toExtend<Reason>()
    expectTypeOf<StoreUnavailable>().toExtend<Reason>()
  })

  it("needs a row for each of its reasons", () => {
    Step.make({
      ...common,
      name: "age_check",
      reasons: Schema.Union([Stale, Unreadable]),
      // @ts-expect-error Unreadable has no row.
      policies: { Stale: row },
      run: (text) => Effect.succeed(text.length)
    })
  })

  it("says what each reason means, and what is done about it", () => {
    Step.make({
      ...common,
      name: "age_check",
      reasons: Stale,
      // @ts-expect-error There is no recovery.
      policies: { Stale: { meaning: row.meaning } },
      run: (text) => Effect.succeed(text.length)
    })
    Step.make({
      ...common,
      name: "age_check",
      reasons: Stale,
      // @ts-expect-error There is no meaning.
      policies: { Stale: { recovery: row.recovery } },
      run: (text) => Effect.succeed(text.length)
    })
  })

  it("has no rows for what it cannot end in", () => {
    Step.make({
      ...common,
      name: "age_check",
      reasons: Stale,
      // @ts-expect-error Nobody fails with Unreadable.
      policies: { Stale: row, Unreadable: row },
      run: (text) => Effect.succeed(text.length)
    })
  })

  it("fails with nothing that it does not declare", () => {
    Step.make({
      ...common,
      name: "age_check",
      reasons: Stale,
      policies: { Stale: row },
      // @ts-expect-error Unreadable is not one of its reasons.
      run: () => Effect.fail(new Unreadable({ path: "a" }))
    })
  })

  it("is not called like one of the five", () => {
    Step.make({
      ...common,
      // @ts-expect-error There is a step of this name.
      name: "applying",
      reasons: Stale,
      policies: { Stale: row },
      run: (text) => Effect.succeed(text.length)
    })
  })

  it("is put only after a step that answers what it takes", () => {
    const first = Object.assign(() => Effect.succeed(1), { status: "applying" as const })
    const second = Step.make({
      ...common,
      name: "age_check",
      reasons: Stale,
      policies: { Stale: row },
      run: (text) => Effect.succeed(text.length)
    })
    // @ts-expect-error It takes a string, and is given a number.
    Step.andThen(first, second)
  })
})
