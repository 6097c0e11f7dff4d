import { Cause, Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import OpenAI from "openai"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/OpenAi.ts"
import { ErrorDetail } from "./OpenAiReply.ts"
import { retryAfterMs } from "./RetryAfter.ts"

/** Why a provider says that a request is wrong, as `InvalidRequestError.constraint`, where it can be told. */
export const contextLengthExceeded = "context_length_exceeded"
export const modelNotFound = "model_not_found"

/** What Effect's reasons have no field for, under `metadata.openai`. */
export const Facts = Schema.Struct({
  openai: Schema.Struct({
    /** Only `RateLimitError` has a field for it, and overloaded providers say it as well. */
    retryAfterMs: Schema.optionalKey(Schema.Int),
    overloaded: Schema.optionalKey(Schema.Boolean),
    condition: Schema.optionalKey(Evidence.Condition)
  })
})

/** The answer was longer than `Limits.modelReplyBytesMax`. */
export class ReplyTooLong extends Schema.TaggedError<ReplyTooLong>()("ReplyTooLong", {
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the answer is longer than ${this.bytesMax} bytes`
  }
}

/** Where a request went and when its failure was met; `conceal` takes the key out of what servers echo. */
export interface Request {
  readonly url: string
  readonly now: number
  readonly conceal: (text: string) => string
}

interface Failed {
  readonly status: number | undefined
  readonly detail: ErrorDetail
  readonly headers: { readonly get: (name: string) => string | null } | undefined
}

/** The headers that say something about a failure. */
const namedHeaders = (headers: NonNullable<Failed["headers"]>) =>
  ["content-type", "retry-after", "retry-after-ms", "x-should-retry", "server"].flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })

const quotaCodes: ReadonlyArray<unknown> = [
  "insufficient_quota",
  "billing_hard_limit_reached",
  "billing_not_active"
]
const contentCodes: ReadonlyArray<unknown> = ["content_filter", "content_policy_violation"]
const contextCodes: ReadonlyArray<unknown> = [contextLengthExceeded, "exceed_context_size_error"]
/** What servers without a code for it say: vLLM and others, llama.cpp, and gateways to Anthropic. */
const contextText = /maximum context length|exceeds the available context size|prompt is too long/i
const overloadedText = /\boverloaded\b/i

const isOverloaded = ({ status, detail }: Failed): boolean =>
  status === 503 ||
  status === 529 ||
  detail.type === "overloaded_error" ||
  ((status === undefined || status >= 500) && overloadedText.test(detail.message ?? ""))

/** By status and code before text; a text is only read where compatible servers send no code. */
const fromAnswer = (failed: Failed, request: Request): AiError.AiErrorReason => {
  const { status, detail, headers } = failed
  const is = (codes: ReadonlyArray<unknown>) => codes.includes(detail.code) || codes.includes(detail.type)
  const message = detail.message ?? ""
  const wait = headers === undefined ? Option.none<number>() : retryAfterMs(headers, request.now)
  const description = excerpt(
    message === "" ? `HTTP ${status ?? "error"} without a message` : message,
    request
  )
  const overloaded = isOverloaded(failed)
  const requestId = headers?.get("x-request-id")
  const common = {
    metadata: {
      openai: {
        ...(Option.isSome(wait) ? { retryAfterMs: wait.value } : {}),
        ...(overloaded ? { overloaded } : {}),
        ...conditionOf(classifier, "chat", {
          status,
          headers: headers === undefined ? {} : Object.fromEntries(namedHeaders(headers)),
          body: JSON.stringify({ error: detail })
        })
      }
    },
    http: {
      ...(status === undefined
        ? {}
        : { response: { status, headers: requestId ? { "x-request-id": requestId } : {} } }),
      body: description
    }
  }
  if (status === 402 || is(quotaCodes)) return new AiError.QuotaExhaustedError(common)
  if (is(contentCodes)) return new AiError.ContentPolicyError({ ...common, description })
  const invalid = (constraint?: string) =>
    new AiError.InvalidRequestError({ ...common, description, ...(constraint ? { constraint } : {}) })
  if (is(contextCodes) || status === 413) return invalid(contextLengthExceeded)
  if (is([modelNotFound])) return invalid(modelNotFound)
  switch (status) {
    case 401:
      return new AiError.AuthenticationError({ ...common, description, kind: "InvalidKey" })
    case 403:
      return new AiError.AuthenticationError({ ...common, description, kind: "InsufficientPermissions" })
    case 404:
      // A wrong base URL answers 404 as well, and then nobody speaks of a model.
      return invalid(/\bmodel\b/i.test(message) ? modelNotFound : undefined)
    case 429:
      return new AiError.RateLimitError({
        ...common,
        ...(Option.isSome(wait) ? { retryAfter: Duration.millis(wait.value) } : {})
      })
    case 408:
    case 409:
      return new AiError.InternalProviderError({ ...common, description })
    default:
      if (status === undefined || status >= 500 || overloaded)
        return new AiError.InternalProviderError({ ...common, description })
      return invalid(contextText.test(message) ? contextLengthExceeded : undefined)
  }
}

const excerpt = (text: string, request: Request): string =>
  Evidence.make({ operation: "", excerpt: request.conceal(text) }).excerpt

const Wrapped = Schema.Struct({ error: Schema.Union([ErrorDetail, Schema.String]) })
const decodeWrapped = Schema.decodeUnknownOption(Wrapped)
const decodeDetail = Schema.decodeUnknownOption(ErrorDetail)

/** What the provider said, from a body in any of the shapes that OpenAI and compatible servers use. */
const detailOf = (body: unknown, fallback: string): ErrorDetail =>
  decodeWrapped(body).pipe(
    Option.map(({ error }) => (typeof error === "string" ? { message: error } : error)),
    Option.orElse(() => (typeof body === "string" ? Option.some({ message: body }) : decodeDetail(body))),
    Option.getOrElse((): ErrorDetail => ({})),
    (detail) => (detail.message ? detail : { ...detail, message: fallback })
  )

const Code = Schema.Struct({ code: Schema.String })
const decodeCode = Schema.decodeUnknownOption(Code)
const causesMax = 5

/** "Connection error. fetch failed. connect ECONNREFUSED 127.0.0.1:1": each cause says a little more. */
const chainOf = (failure: unknown): ReadonlyArray<Error> => {
  const chain: Array<Error> = []
  let error = failure
  while (error instanceof Error && chain.length < causesMax) {
    chain.push(error)
    error = error.cause
  }
  return chain
}

const wordsOf = (error: Error): string => {
  const code = Option.match(decodeCode(error), { onNone: () => "", onSome: ({ code }) => code })
  const message = error.message.replace(/\.$/, "")
  return code === "" || message.includes(code) ? message : `${message} (${code})`
}

const fromTransport = (failure: unknown, request: Request): AiError.AiErrorReason => {
  const chain = chainOf(failure)
  const invalidUrl = chain.some((error) =>
    Option.exists(decodeCode(error), ({ code }) => code === "ERR_INVALID_URL")
  )
  return new AiError.NetworkError({
    reason: invalidUrl ? "InvalidUrlError" : "TransportError",
    method: "POST",
    url: excerpt(request.url, request),
    cause: failure,
    description: excerpt(chain.length === 0 ? String(failure) : chain.map(wordsOf).join(": "), request)
  })
}

/** What the `openai` package threw, as one of Effect's reasons, with what the answer said and no key in it. */
export const reasonOf = (failure: unknown, request: Request): AiError.AiErrorReason => {
  if (failure instanceof OpenAI.APIConnectionError || failure instanceof OpenAI.APIUserAbortError)
    return fromTransport(failure, request)
  if (failure instanceof OpenAI.APIError) {
    const { status, headers } = failure
    return fromAnswer({ status, headers, detail: detailOf(failure.error, failure.message) }, request)
  }
  const chain = chainOf(failure)
  if (chain.some((error) => error instanceof SyntaxError || error instanceof ReplyTooLong))
    return unreadable(chain.map((error) => error.message).join(": "), request)
  return fromTransport(failure, request)
}

/** An error that came with status 200, by the status it names. */
export const reasonOfDetail = (detail: ErrorDetail, request: Request): AiError.AiErrorReason => {
  const code = Number(detail.code)
  const named = Number.isInteger(code) && code >= 400 && code <= 599
  const raw = Option.match(decodeDetail(detail.metadata?.raw), {
    onNone: () => null,
    onSome: (inner) => inner.type
  })
  return fromAnswer(
    {
      status: named ? code : undefined,
      headers: undefined,
      detail: raw === undefined || raw === null ? detail : { ...detail, type: raw }
    },
    request
  )
}

/** The provider answered, and not with what the protocol says. */
export const unreadable = (description: string, request: Request): AiError.AiErrorReason =>
  new AiError.InvalidResponseError({ description: excerpt(description, request) })

/** The answer did not come in time; recognised by its cause (`Cause.isTimeoutError`). */
export const timedOut = (limit: Duration.Duration, url: string): AiError.AiErrorReason =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url,
    description: `no complete answer within ${Duration.format(limit)}`,
    cause: new Cause.TimeoutError()
  })
