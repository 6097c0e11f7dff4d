import { Schema, SchemaGetter } from "effect"

const microsPerDollar = 1_000_000

/** An amount of money in whole micro-dollars (1 USD = 1,000,000). Never a fraction, never a float of dollars. */
export const Usd = Schema.Int.pipe(
  Schema.check(Schema.isGreaterThanOrEqualTo(0, { message: "must not be negative" })),
  Schema.brand("Usd")
)
export type Usd = typeof Usd.Type

export const zero: Usd = Usd.make(0)

export const add = (a: Usd, b: Usd): Usd => Usd.make(a + b)

/** "1.234567", always six places, so that figures line up and nothing is rounded away. */
export const format = (amount: Usd): string => {
  const whole = Math.trunc(amount / microsPerDollar)
  const micros = String(amount % microsPerDollar).padStart(6, "0")
  return `${whole}.${micros}`
}

/**
 * The cost of tokens at prices per million tokens: the exact sum of all parts, rounded up once. An estimate may be
 * high, never low.
 */
export const perMillionTokens = (...parts: ReadonlyArray<readonly [price: Usd, tokens: number]>): Usd => {
  const exact = parts.reduce((sum, [price, tokens]) => sum + BigInt(price) * BigInt(tokens), 0n)
  return Usd.make(Number((exact + 999_999n) / 1_000_000n))
}

const decimal = /^(\d{1,9})(?:\.(\d{1,6}))?$/

/** A decimal string of dollars, as people write it ("12.50"), read digit by digit. */
export const UsdFromDecimal = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(decimal, { message: "must be dollars such as 5 or 12.50, at most six places" })
  ),
  Schema.decodeTo(Usd, {
    decode: SchemaGetter.transform((text) => {
      const [whole = "0", fraction = ""] = text.split(".")
      return Number(whole) * microsPerDollar + Number(fraction.padEnd(6, "0"))
    }),
    encode: SchemaGetter.transform((micros) => format(Usd.make(micros)))
  })
)
