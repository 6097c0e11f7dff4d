import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Usd, UsdFromDecimal, add, format, perMillionTokens, zero } from "../../src/domain/Usd.ts"

const parse = Schema.decodeSync(UsdFromDecimal)
const print = Schema.encodeSync(UsdFromDecimal)

const Micros = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999_999_999 })))
const Price = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999_999 })))
const Tokens = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 })))

describe("Usd", () => {
  it.prop("is read as it was printed", [Micros], ([micros]) => {
    const amount = Usd.make(micros)
    assert.strictEqual(parse(format(amount)), amount)
    assert.strictEqual(parse(print(amount)), amount)
  })

  it.prop("is printed digit by digit, with six places", [Micros], ([micros]) => {
    const text = format(Usd.make(micros))
    assert.match(text, /^\d+\.\d{6}$/)
    assert.strictEqual(BigInt(text.replace(".", "")), BigInt(micros))
  })

  it.prop("adds without rounding", [Micros, Micros], ([a, b]) => {
    assert.strictEqual(BigInt(add(Usd.make(a), Usd.make(b))), BigInt(a) + BigInt(b))
  })

  it.prop(
    "prices tokens at the exact sum of their parts, rounded up once",
    [Schema.Array(Schema.Tuple([Price, Tokens])).pipe(Schema.check(Schema.isMaxLength(5)))],
    ([parts]) => {
      const cost = perMillionTokens(...parts.map(([price, tokens]) => [Usd.make(price), tokens] as const))
      const micros = BigInt(cost) * 1_000_000n
      const exact = parts.reduce((sum, [price, tokens]) => sum + BigInt(price) * BigInt(tokens), 0n)
      assert.isTrue(micros >= exact && micros - exact < 1_000_000n)
    }
  )

  it("rounds up where a float would have rounded down", () => {
    assert.strictEqual(perMillionTokens([Usd.make(3_530_000_001), 1_000_000_001]), 3_530_000_004_531)
    assert.strictEqual(perMillionTokens([Usd.make(1), 1]), Usd.make(1))
    // Five times a fifth of a micro-dollar is one, and not five.
    const fifth = [Usd.make(200_000), 1] as const
    assert.strictEqual(perMillionTokens(fifth, fifth, fifth, fifth, fifth), 1)
    assert.strictEqual(perMillionTokens([zero, 1_000_000]), zero)
  })

  it("reads what people write", () => {
    assert.strictEqual(parse("5"), 5_000_000)
    assert.strictEqual(parse("12.50"), 12_500_000)
    assert.strictEqual(parse("0.1"), 100_000)
    assert.strictEqual(parse("0.000001"), 1)
    // 0.1 + 0.2 is not 0.3 in floats of dollars; in micro-dollars it is.
    assert.strictEqual(add(parse("0.1"), parse("0.2")), parse("0.3"))
  })

  for (const text of [
    "",
    ".5",
    "5.",
    "-1",
    "+1",
    "1e3",
    "1,5",
    "0x1",
    "1.0000001",
    "NaN",
    "Infinity",
    " 1",
    "1\n",
    "1234567890",
    "٣"
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parse(text), /must be dollars/)
    })
  }

  for (const amount of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1]) {
    it(`is never ${amount}`, () => {
      assert.throws(() => Usd.make(amount))
    })
  }
})
