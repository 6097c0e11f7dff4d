import { Effect, Redacted, Schema } from "effect"

/** A delivery that is not known to come from the forge: nothing of it may be believed, and the answer is 401. */
export class SignatureRefused extends Schema.TaggedError<SignatureRefused>()(
  "SignatureRefused",
  {
    /**
     * missing: it is not signed; malformed: the header is no SHA-256 signature; mismatch: somebody else's secret, or
     * another body; unconfigured: we have no secret to compare with, so that nobody may come in.
     */
    problem: Schema.Literals(["missing", "malformed", "mismatch", "unconfigured"])
  },
  { httpApiStatus: 401 }
) {
  override get message() {
    return `The webhook's signature is refused: ${this.problem}`
  }
}

/** `X-Hub-Signature-256`, as GitHub documents it: 32 bytes in hexadecimal digits. */
const signature = /^sha256=([0-9a-f]{64})$/i

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))

/**
 * Says that a delivery was signed with our secret, or fails. `body` is what arrived, byte for byte and before any
 * parsing; `header` is the value of `X-Hub-Signature-256`. Compares in constant time.
 */
export const verify = Effect.fn("WebhookSignature.verify")(function* (delivery: {
  readonly secret: Redacted.Redacted<string>
  readonly body: Uint8Array
  readonly header: string | undefined
}) {
  const { body, header } = delivery
  const secret = Redacted.value(delivery.secret)
  if (secret === "") return yield* new SignatureRefused({ problem: "unconfigured" })
  if (header === undefined || header === "") return yield* new SignatureRefused({ problem: "missing" })
  const [, hex] = signature.exec(header) ?? []
  if (hex === undefined) return yield* new SignatureRefused({ problem: "malformed" })
  const algorithm = { name: "HMAC", hash: "SHA-256" }
  // Web Crypto compares in constant time itself; with a key that is not empty it has no way to fail.
  const matches = yield* Effect.promise(async () => {
    const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, [
      "verify"
    ])
    return crypto.subtle.verify(algorithm, key, bytesOf(hex), Uint8Array.from(body))
  })
  if (!matches) return yield* new SignatureRefused({ problem: "mismatch" })
})
