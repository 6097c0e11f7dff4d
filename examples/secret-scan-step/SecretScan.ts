import { Context, Effect, Layer, Schema } from "effect"
import * as Moose from "../../src/index.ts"

export class SecretFound extends Schema.TaggedError<SecretFound>()("SecretFound", {
  file: Schema.String,
  line: Schema.Int,
  kind: Schema.String
}) {
  override message = `${this.file}:${this.line} would publish ${this.kind}`
}

export class ScannerFailed extends Schema.TaggedError<ScannerFailed>()("ScannerFailed", {
  problem: Schema.String
}) {
  override message = `The change could not be searched for secrets: ${this.problem}`
}

/** Fails with the first secret that a patch adds. */
export class Scanner extends Context.Service<
  Scanner,
  { readonly scan: (patch: string) => Effect.Effect<void, SecretFound | ScannerFailed> }
>()("example/Scanner") {}

const kinds = { "an AWS key": /\bAKIA[0-9A-Z]{16}\b/, "a private key": /-----BEGIN [A-Z ]*PRIVATE KEY-----/ }

const scan = Effect.fnUntraced(function* (patch: string) {
  let [file, line] = ["", 0]
  for (const text of patch.split("\n")) {
    const kind = Object.entries(kinds).find(([, looks]) => text.startsWith("+") && looks.test(text))?.[0]
    if (kind !== undefined) return yield* new SecretFound({ file, line, kind })
    if (text.startsWith("+++ b/")) file = text.slice("+++ b/".length)
    else if (text.startsWith("@@")) line = Number(/\+(\d+)/.exec(text)?.[1] ?? 0)
    else if (!text.startsWith("-")) line++
  }
})
export const scannerLayer = Layer.succeed(Scanner, { scan })

/** Refuses a change that would publish a secret, while it is still on this machine only. */
export const secretScan = Moose.Step.make({
  name: "secret_scan",
  input: Moose.Applied,
  output: Moose.Applied,
  reasons: Schema.Union([SecretFound, ScannerFailed]),
  policies: {
    SecretFound: {
      meaning: Moose.Step.meaning("rejected", "task", "high", "Take the secret out, and revoke it."),
      recovery: { actions: [], decides: "client_manager" }
    },
    ScannerFailed: {
      meaning: Moose.Step.meaning("transient", "platform", "medium", "See what is wrong with the scanner."),
      recovery: { actions: ["retry", "wait"], decides: "human" }
    }
  },
  summary: ({ change }) => `no secret in ${change.files.length} files`,
  run: (applied) => Scanner.use((scanner) => Effect.as(scanner.scan(applied.change.patch), applied))
})

const applyingAndScan = Moose.Step.andThen(Moose.applying, secretScan)

/** The pipeline with one step more: its `layer` stands in for `pipelineLayer`. */
export const pipeline = Moose.makePipeline({
  error: Schema.Union([Moose.PipelineError, secretScan.error]),
  steps: Effect.fnUntraced(function* (at: Moose.At) {
    const generated = yield* Moose.generating(at, yield* Moose.routing(at, undefined))
    const { change, proposal } = yield* applyingAndScan(at, generated)
    const pullRequest = yield* Moose.creatingPr(at, { proposal, change })
    return yield* Moose.tracking(at, { model: generated.model?.model ?? null, change, pullRequest })
  })
})
