import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result, Schema } from "effect"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import * as PriceTable from "../../../src/domain/policies/PriceTable.ts"
import { ModelChoice } from "../../../src/domain/Route.ts"
import { problemOf } from "../../../src/domain/SchemaProblem.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { UnknownPrice } from "../../../src/domain/errors/Reasons.ts"

const line = {
  provider: "openai",
  model: "m",
  input: "1.25",
  output: "10",
  contextWindow: 400_000,
  maxOutputTokens: 8_000,
  source: "https://example.org/prices",
  asOf: "2026-01-31"
}
const tier = { aboveInputTokens: 100_000, input: "2.5", output: "15" }

const read = (...lines: ReadonlyArray<unknown>) => Effect.runSync(PriceTable.decode(lines))

const refusal = (json: unknown): string => {
  const decoded = Effect.runSync(Effect.result(PriceTable.decode(json)))
  if (Result.isSuccess(decoded)) throw new Error("it was not refused")
  return problemOf(decoded.failure)
}

describe("the built-in prices", () => {
  const { rows } = PriceTable.builtIn

  it("each say where and when they were published", () => {
    for (const { choice, source, asOf } of rows) {
      assert.match(asOf, /^2026-\d{2}-\d{2}$/, choice.model)
      if (choice.provider !== "offline") assert.match(source, /^https:\/\//, choice.model)
    }
  })

  it("ask for no longer answer than the request's limit, nor than the model gives", () => {
    for (const { choice, contextWindow } of rows) {
      assert.isAtMost(choice.maxOutputTokens, Limits.requestOutputTokensMax)
      assert.isAtMost(choice.maxOutputTokens, contextWindow)
    }
  })

  it("leave to the rules what the rules have chosen from", () => {
    assert.deepStrictEqual(
      PriceTable.automatic(PriceTable.builtIn, "openai").map(({ model }) => model),
      ["gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4.1-mini"]
    )
  })

  it("are stored with a route and come back the same", () => {
    const codec = Schema.toCodecJson(ModelChoice)
    for (const { choice } of rows) {
      assert.deepStrictEqual(Schema.decodeSync(codec)(Schema.encodeSync(codec)(choice)), choice)
    }
  })

  it("hold no model that nobody named", () => {
    assert.isTrue(Option.isNone(PriceTable.find(PriceTable.builtIn, "openai", "gpt-99")))
    assert.isTrue(Option.isNone(PriceTable.find(PriceTable.builtIn, "anthropic", "gpt-5")))
  })
})

describe("a line", () => {
  it("is read to the micro-dollar", () => {
    const [row] = read({ ...line, cacheRead: "0.000001", longContext: [tier] })
    assert.deepStrictEqual(row?.choice, {
      provider: "openai",
      model: "m",
      maxOutputTokens: 8_000,
      inputPerMillion: Usd.make(1_250_000),
      outputPerMillion: Usd.make(10_000_000),
      cacheReadPerMillion: Usd.make(1),
      longContext: [
        {
          aboveInputTokens: 100_000,
          inputPerMillion: Usd.make(2_500_000),
          outputPerMillion: Usd.make(15_000_000)
        }
      ]
    })
    assert.strictEqual(row?.automatic, false)
  })

  const { output: _output, ...withoutOutput } = line
  const refused: ReadonlyArray<readonly [string, unknown, string]> = [
    ["without a price", withoutOutput, "[0].output is missing"],
    ["with a negative price", { ...line, input: "-1" }, "[0].input: must be dollars"],
    ["with a price that is a number", { ...line, input: 1.25 }, "[0].input: "],
    ["with an absurd price", { ...line, input: "12500" }, "[0].input: must be at most 10000 dollars"],
    ["that costs nothing", { ...line, output: "0" }, "[0].output: must be more than 0"],
    ["whose cache costs nothing", { ...line, cacheRead: "0" }, "[0].cacheRead: must be more than 0"],
    ["of a provider nobody knows", { ...line, provider: "acme" }, "[0].provider: "],
    ["with a field nobody knows", { ...line, cacheread: "1" }, "[0].cacheread: "],
    ["without tokens", { ...line, maxOutputTokens: 0 }, "[0].maxOutputTokens: must be a whole number"],
    ["of a day that is none", { ...line, asOf: "2026-02-30" }, "[0].asOf: must be the day"],
    [
      "whose price falls with the length",
      { ...line, longContext: [{ ...tier, output: "9.999999" }] },
      "[0].longContext[0].output: must not be below the price of shorter requests"
    ],
    [
      "whose cache gets cheaper with the length",
      { ...line, cacheWrite: "4", longContext: [tier] },
      "[0].longContext[0].cacheWrite: must not be below"
    ],
    [
      "whose limits do not rise",
      { ...line, longContext: [tier, tier] },
      "[0].longContext[1].aboveInputTokens: must rise"
    ]
  ]
  for (const [name, json, says] of refused) {
    it(`${name} is refused`, () => {
      assert.include(refusal([json]), says)
    })
  }

  it("that is there twice is refused", () => {
    assert.include(refusal([line, line]), "[1].model: openai/m is there twice")
  })

  it("alone is no list of lines", () => {
    assert.include(refusal(line), "the object")
  })
})

describe("a table with prices of one's own", () => {
  const table = PriceTable.overridden(
    PriceTable.builtIn,
    "/p.json",
    read({ ...line, model: "gpt-5", input: "9" }, { ...line, automatic: true })
  )

  it("takes them before ours, as a whole", () => {
    const gpt5 = Option.getOrThrow(PriceTable.find(table, "openai", "gpt-5"))
    assert.strictEqual(gpt5.inputPerMillion, 9_000_000)
    assert.isUndefined(gpt5.cacheReadPerMillion)
    assert.isFalse(PriceTable.automatic(table, "openai").some(({ model }) => model === "gpt-5"))
  })

  it("knows the models it adds, and each model once", () => {
    assert.isTrue(PriceTable.automatic(table, "openai").some(({ model }) => model === "m"))
    const names = PriceTable.models(table, "openai").map(({ model }) => model)
    assert.strictEqual(new Set(names).size, names.length)
    assert.strictEqual(table.rows.length, PriceTable.builtIn.rows.length + 1)
    assert.deepStrictEqual(table.override, { file: "/p.json", rows: 2 })
  })
})

describe("the line to add for an unknown model", () => {
  const added = PriceTable.lineFor("openai", 'a "new" model')

  it("is in the refusal's words, in one line", () => {
    const { message } = new UnknownPrice({ model: 'a "new" model', line: added })
    assert.include(message, added)
    assert.notInclude(message, "\n")
  })

  it("is refused until it is filled in, field by field", () => {
    const problem = refusal([JSON.parse(added)])
    for (const field of ["input", "output", "contextWindow", "maxOutputTokens"]) {
      assert.include(problem, `[0].${field}: `)
    }
  })

  it("is accepted when it is", () => {
    const filled: unknown = { ...JSON.parse(added), ...line, model: 'a "new" model' }
    assert.deepStrictEqual(Object.keys(JSON.parse(added)).toSorted(), Object.keys(line).toSorted())
    assert.strictEqual(read(filled)[0]?.choice.model, 'a "new" model')
  })
})
