import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { NewEscalation } from "../../../src/domain/Escalation.ts"
import { type AnyReason, Failure } from "../../../src/domain/errors/Failure.ts"
import type { Reason } from "../../../src/domain/errors/PipelineError.ts"
import { BudgetExceeded } from "../../../src/domain/errors/Reasons.ts"
import { ProjectId, Run, WorkOrderId } from "../../../src/domain/Ids.ts"
import { componentOf } from "../../../src/domain/policies/Component.ts"
import { meaningOf } from "../../../src/domain/policies/Meaning.ts"
import { escalationOf, optionsFor } from "../../../src/domain/policies/Options.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { samples } from "../../../src/testing/Samples.ts"
import { proposal } from "../../support/World.ts"

const order = { project: ProjectId.make("shop") }
const withProposal = { ...order, proposal }
const spent = Usd.make(1_200_000)

const held: Failure["state"] = {
  status: "applying",
  branch: null,
  baseSha: null,
  headSha: null,
  pullRequest: null,
  resources: [],
  reservations: [],
  spent
}

const failureOf = (step: Failure["step"], reason: Reason, more: Partial<Failure> = {}) =>
  new Failure({
    step,
    component: componentOf(reason),
    operation: "git push",
    workOrderId: WorkOrderId.make("add-discount"),
    run: Run.make(2),
    attempt: 3,
    tag: reason._tag,
    message: reason.message,
    ...meaningOf(reason),
    retryAfterMs: null,
    excerpt: "as it was said",
    causes: [],
    state: held,
    ...more
  })

/** The options as somebody on call reads them, the recommended one with a star. */
const read = (options: NewEscalation["options"]) =>
  options.map(
    ({ option, recommended, step, usd }) =>
      `${recommended ? "*" : ""}${option}${step === undefined ? "" : ` from ${step}`} $${usd / 1_000_000}`
  )

const of = (step: Failure["step"], reason: Reason, more: Partial<Failure> = {}) =>
  optionsFor(failureOf(step, reason, more), reason, order)

describe("the options of a failure", () => {
  for (const [tag, reason] of Object.entries(samples)) {
    it(`${tag}: one is recommended, each says what it does, and giving up or taking over is always one`, () => {
      for (const asked of [order, withProposal]) {
        for (const step of ["routing", "applying", "creating_pr"] as const) {
          const options = optionsFor(failureOf(step, reason), reason, asked)
          assert.strictEqual(options.filter(({ recommended }) => recommended).length, 1)
          assert.isTrue(options.some(({ option }) => option === "abandon"))
          assert.strictEqual(new Set(options.map(({ option }) => option)).size, options.length)
          for (const { label } of options) assert.match(label, /^\p{Lu}.{10,}\.$/su)
        }
      }
    })
  }

  it("what has to be mended first is tried again from its step, at what it cost so far; the hint says what to mend", () => {
    const again = of("generating", samples.AuthenticationFailed)
    assert.deepStrictEqual(read(again), ["*retry from generating $1.2", "abandon $0"])
    assert.include(again[0].label, `When it is mended (${meaningOf(samples.AuthenticationFailed).hint})`)
    const passing = of("routing", samples.StoreUnavailable, { category: "transient" })
    assert.deepStrictEqual(read(passing), ["*retry from routing $1.2", "abandon $0"])
  })

  it("what was paid for is not paid again by a step that takes it over", () => {
    assert.deepStrictEqual(read(of("applying", samples.EditorMissing))[0], "*retry from applying $0")
    assert.deepStrictEqual(read(of("creating_pr", samples.PushProtected))[0], "*retry from creating_pr $0")
  })

  it("costs what is not known as nothing, rather than as a guess", () => {
    const state = { unknown: "the database does not answer" }
    assert.deepStrictEqual(
      read(of("generating", samples.QuotaExhausted, { state }))[0],
      "*retry from generating $0"
    )
  })

  it("what may have happened is looked at first", () => {
    const options = of("creating_pr", samples.ForgeFailed)
    assert.deepStrictEqual(read(options), ["*retry from creating_pr $0", "take_over $0", "abandon $0"])
    assert.match(options[0].label, /^When it is known what happened \(Look at the forge's status page/)
  })

  it("what nothing will mend is finished by hand", () => {
    const options = of("tracking", samples.OutcomeUnknown, { category: "permanent" })
    assert.deepStrictEqual(read(options), ["*take_over $0", "retry from tracking $0", "abandon $0"])
    assert.strictEqual(options[1]?.label, "Try tracking again all the same.")
  })

  it("work that was rejected is asked of another model while nobody has brought a change", () => {
    for (const step of ["generating", "applying"] as const) {
      assert.deepStrictEqual(read(of(step, samples.ChecksFailed)), [
        "*switch_model from routing $1.2",
        "take_over $0",
        "abandon $0"
      ])
    }
  })

  it("a change that the order brought itself goes back to its author", () => {
    const options = optionsFor(
      failureOf("applying", samples.ChecksFailed),
      samples.ChecksFailed,
      withProposal
    )
    assert.deepStrictEqual(read(options), ["*abandon $0", "take_over $0"])
    assert.include(options[0].label, "submit a corrected change under another id")
  })

  it("what the remote rejected is a person's, and is never bought again", () => {
    assert.deepStrictEqual(read(of("creating_pr", samples.SecretBlocked)), [
      "*take_over $0",
      "retry from creating_pr $0",
      "abandon $0"
    ])
  })
})

const exceeded = (more: Partial<BudgetExceeded> = {}) =>
  new BudgetExceeded({ ...samples.BudgetExceeded, ...more })

describe("the options when money does not fit", () => {
  it("raise the limit by exactly what is missing, or go on when it resets", () => {
    // Of 5 dollars, 4.65 are gone: 0.35 are left of the 0.42 that were asked for.
    const options = of("generating", exceeded())
    assert.deepStrictEqual(read(options), [
      "*raise_budget from generating $0.07",
      "resume_later from generating $0.42",
      "abandon $0"
    ])
    assert.strictEqual(options[0].label, "Raise the limit by $0.070000 to $5.070000, and go on.")
    assert.include(options[1]?.label, "2026-03-01T00:00:00.000Z or later")
  })

  it("have no later where a limit never resets", () => {
    assert.deepStrictEqual(read(of("generating", exceeded({ resetsAt: null, scope: "work_order" }))), [
      "*raise_budget from generating $0.07",
      "abandon $0"
    ])
  })

  it("never ask to lower a limit", () => {
    const reason = exceeded({ settled: Usd.make(0), reserved: Usd.make(0), presumed: Usd.make(0) })
    assert.strictEqual(of("generating", reason)[0].usd, 0)
  })
})

describe("an escalation", () => {
  const escalate = (reason: Reason, more: Partial<Failure> = {}, asked: typeof order = order) =>
    escalationOf(failureOf("generating", reason, more), reason, asked, "human")

  it("of everybody's trouble is one for all projects; of the task's, one for each", () => {
    assert.strictEqual(
      escalate(samples.AuthenticationFailed).fingerprint,
      "failure/*/generating/AuthenticationFailed/forge"
    )
    assert.strictEqual(escalate(samples.Refused).fingerprint, "failure/shop/generating/Refused/provider")
  })

  it("of an order's own limit is that order's, and of a project's is the project's", () => {
    const place = (scope: BudgetExceeded["scope"]) => escalate(exceeded({ scope })).fingerprint.split("/")[1]
    assert.deepStrictEqual(
      [place("work_order"), place("project_day"), place("emergency"), place("model_day")],
      ["add-discount", "shop", "shop", "shop"]
    )
  })

  it("does not mix orders that bring their own change with those that do not: they have other options", () => {
    assert.strictEqual(
      escalate(samples.NoChanges, {}, withProposal).fingerprint,
      "failure/shop/generating/NoChanges/editor/own proposal"
    )
  })

  it("tells what was met, who is asked, and where its trace is", () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const { context, severity, type } = escalate(samples.Refused, { traceId })
    assert.deepStrictEqual([type, severity], ["failure", meaningOf(samples.Refused).severity])
    assert.deepInclude(context, {
      step: "generating",
      tag: "Refused",
      component: "provider",
      excerpt: "as it was said",
      hint: meaningOf(samples.Refused).hint,
      decides: "human",
      project: "shop",
      traceId
    })
    assert.notProperty(escalate(samples.Refused).context, "traceId")
  })

  it("of money holds what raising the limit has to know, and the model's name where the limit is a model's", () => {
    assert.deepInclude(escalate(exceeded()).context, {
      scope: "project_day",
      limit: 5_000_000,
      requested: 420_000,
      left: 350_000
    })
    assert.notProperty(escalate(exceeded()).context, "model")
    const ofModel = escalate(exceeded({ scope: "model_day", model: "gpt-5" }))
    assert.deepInclude(ofModel.context, { scope: "model_day", model: "gpt-5" })
  })

  it("means giving up after silence only where an order waits for the answer", () => {
    const failure = failureOf("applying", samples.ChecksFailed)
    const met: AnyReason = samples.ChecksFailed
    const asked = escalationOf(failure, met, order, "client_manager", "applying/1")
    assert.deepInclude(asked, { defaultOption: "abandon", question: "applying/1" })
    const told = escalationOf(failure, met, order, "client_manager")
    assert.strictEqual(told.defaultOption, null)
    assert.notProperty(told, "question")
  })

  it("says when a limit resets in words that somebody reads", () => {
    const resetsAt = DateTime.makeUnsafe("2026-03-02T00:00:00Z")
    assert.include(exceeded({ resetsAt }).message, "; it resets at 2026-03-02T00:00:00.000Z")
  })
})
