import { Option, Result, Schema } from "effect"
import * as AnthropicFailure from "./AnthropicFailure.ts"
import * as AnthropicReply from "./AnthropicReply.ts"
import { unreadable } from "./ProviderFailure.ts"
import type { Reading } from "./Reading.ts"

const decodeError = Schema.decodeUnknownOption(AnthropicReply.ErrorReply)
const decodeMessage = Schema.decodeUnknownResult(AnthropicReply.Message)
const decodeEvent = Schema.decodeUnknownResult(AnthropicReply.Event)

/** Anthropic's messages, streamed or not. */
export const reading: Reading = {
  whole: (foreign, request) => {
    const error = decodeError(foreign)
    if (Option.isSome(error))
      return Result.fail(AnthropicFailure.reasonOfDetail(error.value.error, JSON.stringify(foreign), request))
    const message = decodeMessage(foreign)
    if (Result.isFailure(message)) return Result.fail(unreadable(message.failure.message, request))
    const { content, stop_reason, usage } = message.success
    const text = content.map((block) => (block.type === "text" ? (block.text ?? "") : "")).join("")
    return Result.succeed({
      text,
      finish: AnthropicReply.finishOf(stop_reason),
      ...AnthropicReply.usageOf(AnthropicReply.merged({}, usage), text)
    })
  },
  stream: (request) => {
    let text = ""
    let finish: string | undefined
    let usage: AnthropicReply.Usage = {}
    return {
      event: (foreign) => {
        const error = decodeError(foreign)
        if (Option.isSome(error))
          return Result.fail(
            AnthropicFailure.reasonOfDetail(error.value.error, `data: ${JSON.stringify(foreign)}`, request)
          )
        const event = decodeEvent(foreign)
        if (Result.isFailure(event)) return Result.fail(unreadable(event.failure.message, request))
        const { message, delta } = event.success
        usage = AnthropicReply.merged(AnthropicReply.merged(usage, message?.usage), event.success.usage)
        finish = delta?.stop_reason ?? finish
        const added = delta?.text ?? ""
        text += added
        return Result.succeed(added)
      },
      end: () =>
        finish === undefined
          ? Result.fail(unreadable("the stream ended before the answer did", request))
          : Result.succeed({
              text,
              finish: AnthropicReply.finishOf(finish),
              ...AnthropicReply.usageOf(usage, text)
            })
    }
  }
}
