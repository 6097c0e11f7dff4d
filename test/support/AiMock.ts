import { LLMock } from "@copilotkit/aimock"
import { Context, Effect, Layer } from "effect"

/** A server on 127.0.0.1 that speaks OpenAI's protocol and keeps a journal of what it was asked. */
export class AiMock extends Context.Service<AiMock, LLMock>()("moose/test/AiMock") {
  static readonly layer = Layer.effect(
    AiMock,
    Effect.acquireRelease(
      Effect.promise(async () => {
        const mock = new LLMock({ port: 0, host: "127.0.0.1" })
        await mock.start()
        return mock
      }),
      (mock) => Effect.promise(() => mock.stop())
    )
  )
}

/** How often a prompt with this text in it has arrived. */
export const timesAsked = (mock: LLMock, text: string): number =>
  mock.getRequests().filter((entry) => JSON.stringify(entry.body).includes(text)).length
