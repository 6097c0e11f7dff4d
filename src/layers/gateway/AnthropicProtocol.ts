import { Redacted, Result, Schema } from "effect"
import { problemOf } from "../../domain/SchemaProblem.ts"
import * as AnthropicFailure from "../models/AnthropicFailure.ts"
import { reading } from "../models/AnthropicReading.ts"
import * as AnthropicRequest from "../models/AnthropicRequest.ts"
import { connected } from "../models/Providers.ts"
import { type Code, Count, type Protocol, Text, limited, modelNotFound, rejected } from "./Protocol.ts"

const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** What is forwarded; as for OpenAI's protocol, nothing whose price its length and the output limit do not bound. */
const Request = Schema.fromJsonString(
  Schema.Struct({
    model: Schema.String,
    messages: Schema.NonEmptyArray(Schema.Struct({ role: Schema.String, content: Text })),
    system: maybe(Text),
    max_tokens: maybe(Count),
    stream: maybe(Schema.Boolean),
    stop_sequences: maybe(Schema.Array(Schema.String)),
    temperature: maybe(Schema.Finite),
    top_p: maybe(Schema.Finite),
    top_k: maybe(Schema.Int),
    thinking: maybe(Schema.Json),
    metadata: maybe(Schema.Json)
  })
)
const decode = Schema.decodeResult(Request, { onExcessProperty: "error" })

/** The version of the protocol that is spoken where a program names none. */
const version = "2023-06-01"

const types: Partial<Record<Code, string>> = {
  moose_token_unknown: "authentication_error",
  model_not_found: "not_found_error",
  not_found: "not_found_error",
  moose_provider_unreachable: "api_error"
}

/** Anthropic's messages. */
export const anthropic: Protocol = {
  provider: "anthropic",
  reading,
  ofAnswer: AnthropicFailure.ofAnswer,
  reasonOf: AnthropicFailure.reasonOf,
  accept: (text, granted) => {
    const decoded = decode(text)
    if (Result.isFailure(decoded)) return Result.fail(rejected(problemOf(decoded.failure)))
    const { model, ...asked } = decoded.success
    if (model !== granted.model) return Result.fail(modelNotFound(model))
    const maxOutputTokens = limited(granted, asked.max_tokens)
    const body = JSON.stringify({ model, ...asked, max_tokens: maxOutputTokens })
    return Result.succeed({
      body,
      stream: asked.stream === true,
      model: { ...granted, maxOutputTokens }
    })
  },
  target: (providers, headers) => {
    const at = connected(providers, "anthropic")
    if (at === undefined) return undefined
    const apiKey = Redacted.value(at.apiKey)
    return {
      url: AnthropicRequest.urlOf(at.baseUrl ?? AnthropicRequest.anthropicUrl),
      apiKey,
      headers: { "x-api-key": apiKey, "anthropic-version": headers["anthropic-version"] ?? version }
    }
  },
  isLast: (event) =>
    /^event: ?message_stop\b/m.test(event) || /^data: ?\{"type": ?"message_stop"/m.test(event),
  error: (code, message) => ({
    type: "error",
    error: { type: types[code] ?? "invalid_request_error", message, code }
  }),
  models: (model) => ({
    data: [{ type: "model", id: model, display_name: model, created_at: "1970-01-01T00:00:00Z" }],
    has_more: false,
    first_id: model,
    last_id: model
  })
}
