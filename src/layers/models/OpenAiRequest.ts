import { Result } from "effect"
import type { AiError, LanguageModel, Prompt } from "effect/ai"
import type OpenAI from "openai"
import { textOf, unsupported } from "./PromptText.ts"

/** How a request names its output limit. */
export type TokenLimit = "max_completion_tokens" | "max_tokens"

/** Where OpenAI itself answers. */
export const openAiUrl = "https://api.openai.com/v1"

/** Compatible servers often know only the older name; OpenAI's reasoning models refuse it. */
export const tokenLimitOf = (baseUrl: string): TokenLimit =>
  baseUrl.startsWith("https://api.openai.com/") ? "max_completion_tokens" : "max_tokens"

const messageOf = (
  message: Prompt.Message
): Result.Result<OpenAI.ChatCompletionMessageParam, AiError.AiErrorReason> => {
  switch (message.role) {
    case "system":
      return Result.succeed({ role: "system", content: message.content })
    case "user":
    case "assistant": {
      const { role } = message
      return Result.map(textOf("OpenAiModel", message.content), (content) => ({ role, content }))
    }
    case "tool":
      return Result.fail(unsupported("OpenAiModel sends text only, not the results of tools"))
  }
}

/** A request for one answer, streamed or not. */
export type Body = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream">

interface Asked {
  readonly model: string
  readonly maxOutputTokens: number
  readonly tokenLimit: TokenLimit
}

/** The body of a request; fails for what text alone cannot say: files, tools, structured output. */
export const bodyOf = (
  wanted: Asked,
  asked: LanguageModel.ProviderOptions
): Result.Result<Body, AiError.AiErrorReason> => {
  if (asked.tools.length > 0 || asked.responseFormat.type === "json")
    return Result.fail(unsupported("OpenAiModel asks for text only, not for tools or structured output"))
  return Result.map(Result.all(asked.prompt.content.map(messageOf)), (messages) => ({
    model: wanted.model,
    messages,
    [wanted.tokenLimit]: wanted.maxOutputTokens
  }))
}

/** Where chat completions are asked for, below a base URL. */
export const urlOf = (baseUrl: string): string => `${baseUrl.replace(/\/$/, "")}/chat/completions`
