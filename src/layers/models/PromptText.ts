import { Result } from "effect"
import { AiError, type Prompt } from "effect/ai"

/** What a model here does not send. */
export const unsupported = (description: string): AiError.AiErrorReason =>
  new AiError.InvalidUserInputError({ description })

/** The text of one message; fails for parts that are none. */
export const textOf = (
  module: string,
  parts: Prompt.UserMessage["content"] | Prompt.AssistantMessage["content"]
): Result.Result<string, AiError.AiErrorReason> => {
  const texts: Array<string> = []
  for (const part of parts) {
    if (part.type !== "text") return Result.fail(unsupported(`${module} sends text only, not ${part.type}`))
    texts.push(part.text)
  }
  return Result.succeed(texts.join("\n"))
}
