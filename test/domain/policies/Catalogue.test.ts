import { assert, describe, it } from "@effect/vitest"
import { catalogue } from "../../../src/domain/policies/Catalogue.ts"
import { recovery, recoveryOf } from "../../../src/domain/policies/Recovery.ts"
import { stepNames } from "../../../src/domain/Status.ts"
import { samples } from "../../../src/testing/Samples.ts"

const rules = catalogue(samples)
const entryOf = (step: string, reason: string) =>
  rules.flatMap(({ failures }) => failures).find((it) => it.step === step && it.reason === reason)

describe("the catalogue", () => {
  it("has every reason of every step once, in the order of names", () => {
    assert.deepStrictEqual(
      rules.map(({ step }) => step),
      [...stepNames]
    )
    for (const { failures, step } of rules) {
      assert.deepStrictEqual(
        failures.map(({ reason }) => reason),
        Object.keys(recovery[step]).toSorted()
      )
      for (const { meaning, sample } of failures) {
        assert.isNotEmpty(sample)
        assert.isNotEmpty(meaning.hint)
      }
    }
  })

  it("promises a repetition only where there is one", () => {
    for (const { actions, reason, retries, retryDelaysMs } of rules.flatMap(({ failures }) => failures)) {
      assert.strictEqual(actions.includes("retry"), retries !== null, reason)
      assert.strictEqual(retryDelaysMs.length > 0, retries !== null, reason)
    }
    assert.deepInclude(entryOf("routing", "ManagerUnreachable"), {
      retries: "always",
      retryDelaysMs: [1_000, 2_000, 4_000],
      rollback: "undo"
    })
    // A hook that says no says it again; one that a classifier knows to pass is asked again.
    assert.strictEqual(entryOf("creating_pr", "PushRejected")?.retries, "recognised")
    assert.deepInclude(entryOf("generating", "Refused"), { retries: null, actions: ["next_model"] })
  })

  it("leaves to a person what a step does not declare", () => {
    assert.deepStrictEqual(recoveryOf("tracking", { _tag: "SecretFound" }), { actions: [], decides: "human" })
  })
})
