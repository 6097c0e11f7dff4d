import { Redacted, Result, Schema } from "effect"
import { problemOf } from "../../domain/SchemaProblem.ts"
import * as OpenAiFailure from "../models/OpenAiFailure.ts"
import { reading } from "../models/OpenAiReading.ts"
import * as OpenAiRequest from "../models/OpenAiRequest.ts"
import { connected } from "../models/Providers.ts"
import { Count, type Protocol, Text, limited, modelNotFound, rejected } from "./Protocol.ts"

const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/**
 * What is forwarded. Whatever can cost more than its length and the output limit say (pictures, sound, tools of the
 * provider's, faster service, several answers at once) is refused by not being here.
 */
const Request = Schema.fromJsonString(
  Schema.Struct({
    model: Schema.String,
    messages: Schema.NonEmptyArray(
      Schema.Struct({
        role: Schema.String,
        content: maybe(Text),
        name: maybe(Schema.String),
        prefix: maybe(Schema.Boolean)
      })
    ),
    max_tokens: maybe(Count),
    max_completion_tokens: maybe(Count),
    n: maybe(Schema.Literal(1)),
    stream: maybe(Schema.Boolean),
    stream_options: maybe(Schema.Struct({ include_usage: maybe(Schema.Boolean) })),
    stop: maybe(Schema.Json),
    temperature: maybe(Schema.Finite),
    top_p: maybe(Schema.Finite),
    presence_penalty: maybe(Schema.Finite),
    frequency_penalty: maybe(Schema.Finite),
    seed: maybe(Schema.Int),
    user: maybe(Schema.String),
    reasoning_effort: maybe(Schema.String)
  })
)
const decode = Schema.decodeResult(Request, { onExcessProperty: "error" })

/** OpenAI's chat completions. */
export const openAi: Protocol = {
  provider: "openai",
  reading,
  ofAnswer: OpenAiFailure.ofAnswer,
  reasonOf: OpenAiFailure.reasonOf,
  accept: (text, granted, providers) => {
    const decoded = decode(text)
    if (Result.isFailure(decoded)) return Result.fail(rejected(problemOf(decoded.failure)))
    const asked = decoded.success
    if (asked.model !== granted.model) return Result.fail(modelNotFound(asked.model))
    const maxOutputTokens = limited(granted, asked.max_tokens, asked.max_completion_tokens)
    const { baseUrl = OpenAiRequest.openAiUrl, tokenLimit } = providers.openai ?? {}
    const stream = asked.stream === true
    const body = JSON.stringify({
      ...asked,
      max_tokens: undefined,
      max_completion_tokens: undefined,
      [tokenLimit ?? OpenAiRequest.tokenLimitOf(baseUrl)]: maxOutputTokens,
      // Without it a stream does not say what it cost.
      stream_options: stream ? { include_usage: true } : undefined
    })
    return Result.succeed({ body, stream, model: { ...granted, maxOutputTokens } })
  },
  target: (providers) => {
    const at = connected(providers, "openai")
    if (at === undefined) return undefined
    const apiKey = Redacted.value(at.apiKey)
    return {
      url: OpenAiRequest.urlOf(at.baseUrl ?? OpenAiRequest.openAiUrl),
      apiKey,
      headers: { authorization: `Bearer ${apiKey}` }
    }
  },
  isLast: (event) => /^data: ?\[DONE\]/m.test(event),
  error: (code, message) => ({
    error: {
      message,
      // Programs repeat what is the server's fault, and nothing else.
      type: code === "moose_provider_unreachable" ? "server_error" : "invalid_request_error",
      param: null,
      code
    }
  }),
  models: (model) => ({
    object: "list",
    data: [{ id: model, object: "model", created: 0, owned_by: "moose" }]
  })
}
