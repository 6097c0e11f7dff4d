import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { verify } from "../../src/domain/WebhookSignature.ts"

describe("WebhookSignature", () => {
  // From GitHub's documentation: "Validating webhook deliveries", "Testing the webhook payload validation".
  const secret = Redacted.make("It's a Secret to Everybody")
  const body = new TextEncoder().encode("Hello, World!")
  const digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

  it.effect("accepts what GitHub's documentation signs, in either case of letters", () =>
    Effect.andThen(
      verify({ secret, body, header: `sha256=${digits}` }),
      verify({ secret, body, header: `sha256=${digits.toUpperCase()}` })
    )
  )

  it.effect("refuses everything else by name", () =>
    Effect.gen(function* () {
      const refusal = (header: string | undefined, bytes: Uint8Array = body, key = secret) =>
        Effect.map(Effect.flip(verify({ secret: key, body: bytes, header })), ({ problem }) => problem)
      assert.strictEqual(yield* refusal(undefined), "missing")
      assert.strictEqual(yield* refusal(""), "missing")
      for (const header of [
        digits,
        `sha1=${digits}`,
        `sha256=${digits}00`,
        `sha256=${digits.slice(2)}`,
        "sha256="
      ]) {
        assert.strictEqual(yield* refusal(header), "malformed", header)
      }
      assert.strictEqual(yield* refusal(`sha256=${"0".repeat(64)}`), "mismatch")
      assert.strictEqual(yield* refusal(`sha256=${digits}`, new Uint8Array(0)), "mismatch")
      assert.strictEqual(yield* refusal(`sha256=${digits}`, body, Redacted.make("")), "unconfigured")
    })
  )
})
