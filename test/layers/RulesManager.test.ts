import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Result, Schema } from "effect"
import { StoreUnavailable } from "../../src/domain/errors/Reasons.ts"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import * as PriceTable from "../../src/domain/policies/PriceTable.ts"
import * as Prices from "../../src/domain/policies/Prices.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Project } from "../../src/domain/Project.ts"
import { Proposal } from "../../src/domain/Proposal.ts"
import { PastOutcome } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { Kind, WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as RulesManager from "../../src/layers/RulesManager.ts"
import { Manager } from "../../src/services/Manager.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"

const dollars = (amount: number) => Usd.make(amount * 1_000_000)

const project = new Project({
  id: ProjectId.make("shop"),
  repository: { remoteUrl: "https://example.org/shop.git", forge: { owner: "acme", name: "shop" } },
  baseBranch: "main",
  checks: [],
  limits: { dailyUsd: dollars(10), workOrderUsd: dollars(1) },
  concurrency: 1,
  timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
  mode: "on"
})

const proposal = new Proposal({
  summary: "done",
  edits: [{ _tag: "DeleteFile", path: "a" }],
  commitMessage: "c",
  pullRequestTitle: "t",
  pullRequestBody: ""
})

const orderOf = (
  kind: Kind,
  filesInScope: ReadonlyArray<string> = [],
  more: { readonly maxUsd?: Usd; readonly proposal?: Proposal } = {}
): WorkOrder =>
  new WorkOrder({
    id: WorkOrderId.make("wo-1"),
    project: project.id,
    kind,
    title: "Do it",
    description: "",
    acceptanceCriteria: [],
    filesInScope,
    baseBranch: "main",
    priority: 0,
    limits: more.maxUsd === undefined ? {} : { maxUsd: more.maxUsd },
    metadata: {},
    ...(more.proposal === undefined ? {} : { proposal: more.proposal })
  })

const question = (more: Partial<RulesManager.Question>): RulesManager.Question => ({
  order: orderOf("feature"),
  project,
  providers: ["openai"],
  prices: PriceTable.builtIn,
  past: [],
  ...more
})

const strongFirst = ["gpt-5", "gpt-4.1", "gpt-5-mini"]
const cheapFirst = ["gpt-4.1-mini", "gpt-5-mini", "gpt-4.1"]
const bad = (model: string): PastOutcome => ({ model, succeeded: 2, failed: 3 })

const table: ReadonlyArray<{
  readonly name: string
  readonly question: Partial<RulesManager.Question>
  readonly models: ReadonlyArray<string>
  readonly says?: ReadonlyArray<string>
}> = [
  { name: "a feature", question: {}, models: strongFirst, says: ["strong models first for feature orders"] },
  { name: "auth, although it is small", question: { order: orderOf("auth", ["a"]) }, models: strongFirst },
  { name: "a refactoring", question: { order: orderOf("refactor", ["a"]) }, models: strongFirst },
  { name: "a bug", question: { order: orderOf("bug", ["a"]) }, models: strongFirst },
  {
    name: "small docs",
    question: { order: orderOf("docs", ["a"]) },
    models: cheapFirst,
    says: ["cheap models first for a small docs order"]
  },
  { name: "a small chore", question: { order: orderOf("chore", ["a", "b", "c"]) }, models: cheapFirst },
  { name: "small tests", question: { order: orderOf("test", ["a"]) }, models: cheapFirst },
  {
    name: "docs in four files",
    question: { order: orderOf("docs", ["a", "b", "c", "d"]) },
    models: strongFirst
  },
  { name: "docs in a folder", question: { order: orderOf("docs", ["docs/"]) }, models: strongFirst },
  { name: "docs anywhere", question: { order: orderOf("docs", []) }, models: strongFirst },
  {
    name: "a preferred model",
    question: { model: "gpt-4.1-mini" },
    models: ["gpt-4.1-mini", "gpt-5", "gpt-4.1"],
    says: ["MOOSE_MODEL asks for gpt-4.1-mini", "strong models first"]
  },
  {
    name: "a preferred model that fails often is still preferred",
    question: { model: "gpt-5", past: [bad("gpt-5")] },
    models: strongFirst
  },
  {
    name: "a model that fails often comes last",
    question: { past: [bad("gpt-4.1"), bad("gpt-5")] },
    models: ["gpt-5-mini", "gpt-4.1-mini", "gpt-5"],
    says: ["gpt-5 last, as most such orders failed with it"]
  },
  {
    name: "four tries say nothing",
    question: { past: [{ model: "gpt-5", succeeded: 0, failed: 4 }] },
    models: strongFirst
  },
  {
    name: "half is good enough",
    question: { past: [{ model: "gpt-5", succeeded: 5, failed: 5 }] },
    models: strongFirst
  },
  {
    name: "tries add up over lines",
    question: {
      past: [
        { model: "gpt-5", succeeded: 1, failed: 2 },
        { model: "gpt-5", succeeded: 0, failed: 2 }
      ]
    },
    models: ["gpt-4.1", "gpt-5-mini", "gpt-4.1-mini"]
  },
  {
    name: "what is too dear for the order is left out",
    question: { order: orderOf("feature", [], { maxUsd: Usd.make(50_000) }) },
    models: ["gpt-5-mini", "gpt-4.1-mini"],
    says: ["gpt-5 or gpt-4.1 may cost more than the order may spend"]
  },
  {
    name: "a preferred model that is too dear is left out as well",
    question: { model: "gpt-5", order: orderOf("feature", [], { maxUsd: Usd.make(50_000) }) },
    models: ["gpt-5-mini", "gpt-4.1-mini"]
  },
  {
    name: "the project's limit holds where the order has none",
    question: {
      project: new Project({ ...project, limits: { ...project.limits, workOrderUsd: Usd.make(35_000) } })
    },
    models: ["gpt-4.1-mini"]
  },
  { name: "offline alone", question: { providers: ["offline"] }, models: ["offline"] },
  {
    name: "offline beside a real one is the last resort",
    question: {
      providers: ["offline", "openai"],
      order: orderOf("docs", ["a"], { maxUsd: Usd.make(35_000) }),
      past: [bad("gpt-4.1-mini")]
    },
    models: ["gpt-4.1-mini", "offline"]
  },
  {
    name: "a provider that is named twice counts once",
    question: { providers: ["openai", "openai"] },
    models: strongFirst
  },
  {
    name: "a proposal needs no model, whatever else is wrong",
    question: { order: orderOf("bug", [], { proposal }), providers: [], model: "gpt-unknown" },
    models: [],
    says: ["the work order brings its own proposal"]
  }
]

describe("RulesManager.decide", () => {
  for (const { name, question: more, models, says = [] } of table) {
    it(name, () => {
      const route = Result.getOrThrow(RulesManager.decide(question(more)))
      assert.deepStrictEqual(
        route.models.map((choice) => choice.model),
        models
      )
      for (const words of says) assert.include(route.reason, words)
      assert.notMatch(route.reason, /\n|undefined/)
    })
  }

  const failure = (more: Partial<RulesManager.Question>) =>
    Result.getOrThrow(Result.flip(RulesManager.decide(question(more))))

  it("a preferred model without a price is UnknownPrice", () => {
    const reason = failure({ model: "gpt-99" })
    assert.strictEqual(reason._tag, "UnknownPrice")
    assert.include(reason.message, PriceTable.lineFor("openai", "gpt-99"))
  })

  it("a preferred model of a provider that Moose does not ask says whose it is", () => {
    const reason = failure({ model: "claude-opus-5" })
    assert.strictEqual(reason._tag, "NoEligibleModel")
    assert.include(reason.message, "its provider, anthropic, is not connected")
  })

  it("a model that is not automatic is asked when it is preferred, and only then", () => {
    const named = (more: Partial<RulesManager.Question>) =>
      Result.getOrThrow(RulesManager.decide(question(more))).models.map(({ model }) => model)
    assert.strictEqual(named({ model: "gpt-4o" })[0], "gpt-4o")
    assert.deepStrictEqual(named({}), ["gpt-5", "gpt-4.1", "gpt-5-mini"])
  })

  it("a preferred model whose provider is not connected says what to set", () => {
    const reason = failure({ model: "gpt-5", providers: ["offline"] })
    assert.strictEqual(reason._tag, "NoEligibleModel")
    assert.include(reason.message, "OPENAI_API_KEY")
  })

  it("no provider at all says what to set", () => {
    const reason = failure({ providers: [] })
    assert.strictEqual(reason._tag, "NoEligibleModel")
    assert.include(reason.message, "OPENAI_API_KEY")
  })

  it("no model that fits says what the cheapest would cost", () => {
    const reason = failure({ order: orderOf("bug", [], { maxUsd: Usd.make(100) }) })
    assert.strictEqual(reason._tag, "NoEligibleModel")
    assert.include(reason.message, "gpt-4.1-mini")
    assert.include(reason.message, "$0.000100")
  })

  const Models = Schema.Literals(
    PriceTable.models(PriceTable.builtIn, "openai").map((choice) => choice.model)
  )
  const Count = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 20 })))
  const History = Schema.Array(Schema.Struct({ model: Models, succeeded: Count, failed: Count }))
  const Files = Schema.Array(Schema.Literals(["a", "b/", "c.ts"]))
  const Limit = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 400_000 })))

  it.prop(
    "is the same each time, and for every order of the history",
    { past: History, kind: Kind, files: Files, preferred: Models },
    ({ past, kind, files, preferred }) => {
      const asked = question({ past, order: orderOf(kind, files), model: preferred })
      const decided = RulesManager.decide(asked)
      assert.deepStrictEqual(RulesManager.decide(asked), decided)
      assert.deepStrictEqual(RulesManager.decide({ ...asked, past: past.toReversed() }), decided)
      const sorted = past.toSorted((a, b) => a.failed - b.failed || a.model.localeCompare(b.model))
      assert.deepStrictEqual(RulesManager.decide({ ...asked, past: sorted }), decided)
    }
  )

  it.prop(
    "names few models, each once, none that could cost more than the order may spend",
    { past: History, kind: Kind, files: Files, maxUsd: Limit },
    ({ past, kind, files, maxUsd }) => {
      const limit = Usd.make(maxUsd)
      const decided = RulesManager.decide(question({ past, order: orderOf(kind, files, { maxUsd: limit }) }))
      if (Result.isFailure(decided)) return decided.failure._tag === "NoEligibleModel"
      const { models } = decided.success
      assert.isAtLeast(models.length, 1)
      assert.isAtMost(models.length, Limits.routedModelsMax)
      assert.strictEqual(new Set(models.map((choice) => choice.model)).size, models.length)
      for (const choice of models)
        assert.isAtMost(Prices.costOf(choice, Prices.dearestUsage(choice, Limits.routedPromptTokens)), limit)
    }
  )
})

describe("RulesManager", () => {
  const route = (order: WorkOrder, workOrders: Layer.Layer<WorkOrders>) =>
    Manager.use((manager) => manager.route({ order, project })).pipe(
      Effect.provide(
        RulesManager.layer({ providers: ["openai"], prices: PriceTable.builtIn }).pipe(
          Layer.provide(workOrders)
        )
      )
    )

  it.effect("reads the history of the order's kind in its project", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const workOrders = Layer.mock(WorkOrders, {
        pastOutcomes: (input) => {
          asked.push(input)
          return Effect.succeed([bad("gpt-5")])
        }
      })
      const { models } = yield* route(orderOf("auth"), workOrders)
      assert.deepStrictEqual(asked, [{ project: "shop", kind: "auth" }])
      assert.strictEqual(models[0]?.model, "gpt-4.1")
    })
  )

  it.effect("asks nobody about an order with a proposal", () =>
    Effect.gen(function* () {
      const decided = yield* route(orderOf("bug", [], { proposal }), Layer.mock(WorkOrders, {}))
      assert.deepStrictEqual(decided.models, [])
    })
  )

  it.effect("hands on what the store answers", () =>
    Effect.gen(function* () {
      const down = new StoreUnavailable({ evidence: { operation: "pastOutcomes", excerpt: "down" } })
      const workOrders = Layer.mock(WorkOrders, { pastOutcomes: () => Effect.fail(down) })
      assert.strictEqual(yield* Effect.flip(route(orderOf("bug"), workOrders)), down)
    })
  )
})
