import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { Proposal } from "../../../src/domain/Proposal.ts"
import * as OfflineModel from "../../../src/layers/models/OfflineModel.ts"

const title = "Credit notes show the wrong amount"

layer(OfflineModel.layer.pipe(Layer.provide(NodeServices.layer)))("OfflineModel", (it) => {
  it.effect("answers the demo's order with a proposal that says it is offline, for nothing", () =>
    Effect.gen(function* () {
      const answer = yield* LanguageModel.generateText({ prompt: `The work order:\n\n${title}\r\nKind: bug` })
      const proposal = yield* Schema.decodeEffect(Schema.fromJsonString(Proposal))(answer.text)
      assert.include(proposal.summary, "offline")
      assert.strictEqual(answer.finishReason, "stop")
      assert.strictEqual(answer.usage.inputTokens.total, 0)
      assert.strictEqual(answer.usage.outputTokens.total, 0)
    })
  )

  it.effect("takes the first title when the prompt repeats another one later", () =>
    Effect.gen(function* () {
      const answer = yield* LanguageModel.generateText({
        prompt: `${title}\n\nsee also\nGive a discount on large quantities`
      })
      assert.include(answer.text, "Format negative amounts correctly")
    })
  )

  it.effect("streams the same answer", () =>
    Effect.gen(function* () {
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: title }))
      const whole = yield* LanguageModel.generateText({ prompt: title })
      assert.strictEqual(
        parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : [])).join(""),
        whole.text
      )
    })
  )

  for (const prompt of ["Make it faster", `prefix ${title}`, `${title}!`, title.toLowerCase(), ""]) {
    it.effect(`knows no order in "${prompt}", and says what to do`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(LanguageModel.generateText({ prompt }))
        assert.instanceOf(error.reason, AiError.InvalidUserInputError)
        assert.include(error.message, "only knows the demo's work orders")
        assert.include(error.message, title)
        assert.include(error.message, "OPENAI_API_KEY")
      })
    )
  }
})
