import type Anthropic from "@anthropic-ai/sdk"
import { Result } from "effect"
import type { AiError, LanguageModel } from "effect/ai"
import { textOf, unsupported } from "./PromptText.ts"

/** Where Anthropic itself answers; its paths begin with `/v1`. */
export const anthropicUrl = "https://api.anthropic.com"

/** A request for one answer, streamed or not. */
export type Body = Omit<Anthropic.MessageCreateParamsNonStreaming, "stream">

/** The body of a request; fails for what text alone cannot say: files, tools, structured output. */
export const bodyOf = (
  wanted: { readonly model: string; readonly maxOutputTokens: number },
  asked: LanguageModel.ProviderOptions
): Result.Result<Body, AiError.AiErrorReason> => {
  if (asked.tools.length > 0 || asked.responseFormat.type === "json")
    return Result.fail(unsupported("AnthropicModel asks for text only, not for tools or structured output"))
  const system: Array<string> = []
  const messages: Array<Anthropic.MessageParam> = []
  for (const message of asked.prompt.content) {
    if (message.role === "tool")
      return Result.fail(unsupported("AnthropicModel sends text only, not the results of tools"))
    if (message.role === "system") system.push(message.content)
    else {
      const text = textOf("AnthropicModel", message.content)
      if (Result.isFailure(text)) return Result.fail(text.failure)
      messages.push({ role: message.role, content: text.success })
    }
  }
  return Result.succeed({
    model: wanted.model,
    max_tokens: wanted.maxOutputTokens,
    messages,
    ...(system.length === 0 ? {} : { system: system.join("\n\n") })
  })
}

/** Where messages are asked for, below a base URL. */
export const urlOf = (baseUrl: string): string => `${baseUrl.replace(/\/$/, "")}/v1/messages`
