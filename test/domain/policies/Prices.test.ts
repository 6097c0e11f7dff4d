import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import * as PriceTable from "../../../src/domain/policies/PriceTable.ts"
import * as Prices from "../../../src/domain/policies/Prices.ts"
import type { ModelChoice } from "../../../src/domain/Route.ts"
import { Usage } from "../../../src/domain/Spending.ts"
import { Usd, format } from "../../../src/domain/Usd.ts"

const whole = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

const kinds = ["input", "output", "cacheRead", "cacheWrite", "cacheWriteLong"] as const
type Kind = (typeof kinds)[number]

const each = <S extends Schema.Constraint>(schema: S) => ({
  input: schema,
  output: schema,
  cacheRead: schema,
  cacheWrite: schema,
  cacheWriteLong: schema
})

/** Prices in micro-dollars per million tokens, and by how much they rise with the length of a request. */
const Table = Schema.Struct({
  base: Schema.Struct(each(whole(1, 200_000_000))),
  tiers: Schema.Array(
    Schema.Struct({ span: whole(1, 300_000), rise: Schema.Struct(each(whole(0, 50_000_000))) })
  ).pipe(Schema.check(Schema.isMaxLength(3))),
  maxOutputTokens: whole(1, 200_000)
})
type Table = typeof Table.Type

interface Tier extends Record<Kind, number> {
  readonly aboveInputTokens: number
}

const tiersOf = ({ base, tiers }: Table): ReadonlyArray<Tier> =>
  tiers.reduce<ReadonlyArray<Tier>>(
    (before, { span, rise }) => {
      const last = before.at(-1) ?? { aboveInputTokens: 0, ...base }
      return [
        ...before,
        {
          aboveInputTokens: last.aboveInputTokens + span,
          input: last.input + rise.input,
          output: last.output + rise.output,
          cacheRead: last.cacheRead + rise.cacheRead,
          cacheWrite: last.cacheWrite + rise.cacheWrite,
          cacheWriteLong: last.cacheWriteLong + rise.cacheWriteLong
        }
      ]
    },
    [{ aboveInputTokens: 0, ...base }]
  )

const dollars = (prices: Record<Kind, number>): Record<Kind, string> => ({
  input: format(Usd.make(prices.input)),
  output: format(Usd.make(prices.output)),
  cacheRead: format(Usd.make(prices.cacheRead)),
  cacheWrite: format(Usd.make(prices.cacheWrite)),
  cacheWriteLong: format(Usd.make(prices.cacheWriteLong))
})

/** The model as a file of prices would give it. */
const modelOf = (table: Table): ModelChoice => {
  const [short, ...long] = tiersOf(table)
  const [row] = Effect.runSync(
    PriceTable.decode([
      {
        provider: "openai",
        model: "m",
        ...dollars(short ?? table.base),
        longContext: long.map((tier) => ({ aboveInputTokens: tier.aboveInputTokens, ...dollars(tier) })),
        contextWindow: 1_000_000,
        maxOutputTokens: table.maxOutputTokens,
        source: "a test",
        asOf: "2026-01-31"
      }
    ])
  )
  if (row === undefined) throw new Error("no row")
  return row.choice
}

const Parts = Schema.Struct(each(whole(0, 400_000)))
type Parts = typeof Parts.Type

const usageOf = ({ input, output, cacheRead, cacheWrite, cacheWriteLong }: Parts): Usage => ({
  inputTokens: input + cacheRead + cacheWrite + cacheWriteLong,
  cacheReadTokens: cacheRead,
  cacheWriteTokens: cacheWrite,
  cacheWriteLongTokens: cacheWriteLong,
  outputTokens: output
})

/** The cost in millionths of a micro-dollar: nothing is rounded. */
const exactly = (table: Table, parts: Parts): bigint => {
  const { inputTokens } = usageOf(parts)
  const tier = tiersOf(table).findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens)
  const prices = tier ?? table.base
  return kinds.reduce((sum, kind) => sum + BigInt(prices[kind]) * BigInt(parts[kind]), 0n)
}

describe("costOf", () => {
  it.prop("is the exact cost of all parts, rounded up once", [Table, Parts], ([table, parts]) => {
    const micros = BigInt(Prices.costOf(modelOf(table), usageOf(parts))) * 1_000_000n
    const exact = exactly(table, parts)
    assert.isTrue(micros >= exact && micros - exact < 1_000_000n)
  })

  it.prop(
    "never falls when there are more tokens of any kind, across the limits of long requests too",
    [Table, Parts, Parts],
    ([table, parts, more]) => {
      const model = modelOf(table)
      const sum = {
        input: parts.input + more.input,
        output: parts.output + more.output,
        cacheRead: parts.cacheRead + more.cacheRead,
        cacheWrite: parts.cacheWrite + more.cacheWrite,
        cacheWriteLong: parts.cacheWriteLong + more.cacheWriteLong
      }
      assert.isAtLeast(Prices.costOf(model, usageOf(sum)), Prices.costOf(model, usageOf(parts)))
    }
  )

  it.prop("one token more never costs less, at any limit", [Table], ([table]) => {
    const model = modelOf(table)
    for (const { aboveInputTokens } of tiersOf(table)) {
      const at = { inputTokens: aboveInputTokens, outputTokens: 1000 }
      const above = { ...at, inputTokens: aboveInputTokens + 1 }
      assert.isAtLeast(Prices.costOf(model, above), Prices.costOf(model, at))
    }
  })

  const price = (model: string) => {
    const found = PriceTable.builtIn.rows.find(({ choice }) => choice.model === model)
    if (found === undefined) throw new Error(`no price for ${model}`)
    return found.choice
  }

  it("charges what was read from the cache at its own price", () => {
    const usage = { inputTokens: 100_000, cacheReadTokens: 80_000, outputTokens: 1_000 }
    // 20,000 at $1.25, 80,000 at $0.125 and 1,000 at $10.
    assert.strictEqual(format(Prices.costOf(price("gpt-5"), usage)), "0.045000")
  })

  it("charges both kinds of writes to the cache at theirs", () => {
    const usage = {
      inputTokens: 30_000,
      cacheWriteTokens: 10_000,
      cacheWriteLongTokens: 20_000,
      outputTokens: 0
    }
    // 10,000 at $6.25 and 20,000 at $10.
    assert.strictEqual(format(Prices.costOf(price("claude-opus-5"), usage)), "0.262500")
  })

  it("charges all of a long request at the long prices, from the first token above the limit on", () => {
    const at = { inputTokens: 272_000, outputTokens: 1_000 }
    assert.strictEqual(format(Prices.costOf(price("gpt-5.4"), at)), "0.695000")
    const above = { ...at, inputTokens: 272_001 }
    assert.strictEqual(format(Prices.costOf(price("gpt-5.4"), above)), "1.382505")
  })

  it("a price below one micro-dollar per token is not lost", () => {
    const usage = { inputTokens: 1, cacheReadTokens: 1, outputTokens: 0 }
    assert.strictEqual(Prices.costOf(price("gpt-5-nano"), usage), 1)
    assert.strictEqual(
      Prices.costOf(price("gpt-5-nano"), { ...usage, inputTokens: 1000, cacheReadTokens: 1000 }),
      5
    )
  })

  it("charges the parts where a provider says that they are more than the whole", () => {
    const usage = { inputTokens: 10, cacheReadTokens: 1_000_000, outputTokens: 0 }
    assert.strictEqual(format(Prices.costOf(price("gpt-5"), usage)), "0.125000")
  })

  it("the offline model costs nothing, and no other", () => {
    const usage = { inputTokens: 1_000_000, outputTokens: 1_000_000 }
    for (const { choice } of PriceTable.builtIn.rows) {
      assert.strictEqual(Prices.costOf(choice, usage) === 0, choice.provider === "offline", choice.model)
    }
  })

  it("prices a route that an older Moose stored", () => {
    const old = { provider: "openai" as const, model: "m", maxOutputTokens: 10 }
    const model = { ...old, inputPerMillion: Usd.make(2_000_000), outputPerMillion: Usd.make(8_000_000) }
    const usage = { inputTokens: 1_000, cacheReadTokens: 500, outputTokens: 100 }
    assert.strictEqual(Prices.costOf(model, usage), 2_800)
  })
})

describe("worstCase", () => {
  const Share = Schema.Struct({ ...each(whole(0, 1000)), unused: whole(0, 1000) })
  const Text = Schema.String.pipe(Schema.check(Schema.isMaxLength(200)))
  const repeated = whole(0, 5_000)

  it.prop(
    "is at least the cost of whatever the request can end in",
    [Table, Text, repeated, Share, whole(0, 1000)],
    ([table, text, times, share, ended]) => {
      const model = modelOf(table)
      const input = text.repeat(times)
      const bound = Prices.inputTokensUpperBound(input)
      const shares =
        share.input + share.cacheRead + share.cacheWrite + share.cacheWriteLong + share.unused || 1
      const tokens = (of: number) => Math.floor((bound * of) / shares)
      const usage = usageOf({
        input: tokens(share.input),
        cacheRead: tokens(share.cacheRead),
        cacheWrite: tokens(share.cacheWrite),
        cacheWriteLong: tokens(share.cacheWriteLong),
        output: Math.floor((model.maxOutputTokens * ended) / 1000)
      })
      assert.isAtMost(usage.inputTokens, bound)
      assert.isAtLeast(Prices.worstCase(model, input), Prices.costOf(model, usage))
    }
  )

  it("is no more than it must be: there is a usage that costs it", () => {
    for (const { choice } of PriceTable.builtIn.rows) {
      const bound = Prices.inputTokensUpperBound("größer")
      assert.strictEqual(bound, "größer".length + 2 + Limits.requestFramingTokens)
      const usage = Prices.dearestUsage(choice, bound)
      assert.strictEqual(usage.inputTokens, bound)
      assert.strictEqual(usage.outputTokens, choice.maxOutputTokens)
      assert.strictEqual(Prices.costOf(choice, usage), Prices.worstCase(choice, "größer"))
    }
  })

  it("counts writes to the cache, the ones that are kept longest too", () => {
    const opus = Option.getOrThrow(PriceTable.find(PriceTable.builtIn, "anthropic", "claude-opus-5"))
    assert.deepStrictEqual(Prices.dearestUsage(opus, 1000), {
      inputTokens: 1000,
      cacheWriteLongTokens: 1000,
      outputTokens: opus.maxOutputTokens
    })
  })

  it("counts the prices of long requests as soon as the text could be one", () => {
    const model = Option.getOrThrow(PriceTable.find(PriceTable.builtIn, "openai", "gpt-5.4"))
    const fits = "x".repeat(272_000 - Limits.requestFramingTokens)
    const output = (perMillion: number) => (model.maxOutputTokens * perMillion) / 1_000_000
    const usd = (amount: Usd) => Number(format(amount))
    assert.closeTo(usd(Prices.worstCase(model, fits)), 0.272 * 2.5 + output(15), 1e-5)
    assert.closeTo(usd(Prices.worstCase(model, `${fits}x`)), 0.272 * 5 + output(22.5), 1e-4)
  })
})

describe("Usage", () => {
  const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Usage))

  it("is read as it was stored before there were prices for the cache", () => {
    const old = { inputTokens: 20, outputTokens: 5 }
    assert.deepStrictEqual(decode(old), old)
  })

  it("is never negative", () => {
    assert.throws(() => decode({ inputTokens: -1, outputTokens: 5 }), /must not be negative/)
  })
})
