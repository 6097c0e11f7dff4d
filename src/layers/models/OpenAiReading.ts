import { Option, Result, Schema } from "effect"
import * as OpenAiFailure from "./OpenAiFailure.ts"
import * as OpenAiReply from "./OpenAiReply.ts"
import { unreadable } from "./ProviderFailure.ts"
import type { Reading } from "./Reading.ts"

const decodeError = Schema.decodeUnknownOption(OpenAiReply.ErrorReply)
const decodeCompletion = Schema.decodeUnknownResult(OpenAiReply.Completion)
const decodeChunk = Schema.decodeUnknownResult(OpenAiReply.Chunk)

/** OpenAI's chat completions, streamed or not. */
export const reading: Reading = {
  whole: (foreign, request) => {
    const error = decodeError(foreign)
    if (Option.isSome(error))
      return Result.fail(OpenAiFailure.reasonOfDetail(error.value.error, JSON.stringify(foreign), request))
    const completion = decodeCompletion(foreign)
    if (Result.isFailure(completion)) return Result.fail(unreadable(completion.failure.message, request))
    const { choices, usage } = completion.success
    const [{ message, finish_reason, error: failed }] = choices
    if (failed) return Result.fail(OpenAiFailure.reasonOfDetail(failed, JSON.stringify(foreign), request))
    const refusal = message?.refusal || undefined
    const text = message?.content || refusal || ""
    const finish = OpenAiReply.finishOf(finish_reason, refusal !== undefined)
    return Result.succeed({ text, finish, usage: OpenAiReply.usageOf(usage, text) })
  },
  stream: (request) => {
    let text = ""
    let refused = false
    let finish: string | undefined
    let usage: unknown
    const failed = (detail: Parameters<typeof OpenAiFailure.reasonOfDetail>[0], foreign: unknown) =>
      Result.fail(OpenAiFailure.reasonOfDetail(detail, `data: ${JSON.stringify(foreign)}`, request))
    return {
      event: (foreign) => {
        const error = decodeError(foreign)
        if (Option.isSome(error)) return failed(error.value.error, foreign)
        const chunk = decodeChunk(foreign)
        if (Result.isFailure(chunk)) return Result.fail(unreadable(chunk.failure.message, request))
        usage = chunk.success.usage ?? usage
        const choice = chunk.success.choices?.[0]
        if (choice?.error) return failed(choice.error, foreign)
        finish = choice?.finish_reason ?? finish
        refused = refused || Boolean(choice?.delta?.refusal)
        const delta = choice?.delta?.content || choice?.delta?.refusal || ""
        text += delta
        return Result.succeed(delta)
      },
      end: () =>
        finish === undefined
          ? Result.fail(unreadable("the stream ended before the answer did", request))
          : Result.succeed({
              text,
              finish: OpenAiReply.finishOf(finish, refused),
              usage: OpenAiReply.usageOf(usage, text)
            })
    }
  }
}
