import { Cause, Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import OpenAI, { type APIError } from "openai"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/OpenAi.ts"
import type { Tag } from "../classifiers/llm/Conditions.ts"
import { ErrorDetail } from "./OpenAiReply.ts"

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
type Facts = (typeof Facts.Type)["openai"]

/** `NetworkError` has no metadata: what is known of a connection that failed goes with its cause. */
class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>()("ConnectionFailed", {
  ...Facts.fields,
  description: Schema.String,
  cause: Schema.optional(Schema.Defect({ includeStack: true }))
}) {
  override get message() {
    return this.description
  }
}

const decodeFacts = Schema.decodeUnknownOption(Facts)

/** What a failure of the model's says beyond what Effect's reason does. */
export const factsOf = (reason: AiError.AiErrorReason): Facts => {
  const given =
    reason._tag === "NetworkError" ? reason.cause : "metadata" in reason ? reason.metadata : undefined
  return Option.match(decodeFacts(given), { onNone: () => ({}), onSome: ({ openai }) => openai })
}

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

type Kind =
  | "key"
  | "permission"
  | "quota"
  | "rate"
  | "content"
  | "context"
  | "model"
  | "request"
  | "overloaded"
  | "fault"
  | "connection"
  | "answer"
  | "unknown"

/** Which of Effect's reasons every condition of a language model is: a new one does not compile without a row. */
export const kinds: Record<Tag, Kind> = {
  AuthenticationFailed: "key",
  PermissionDenied: "permission",
  QuotaExhausted: "quota",
  RateLimited: "rate",
  ContentFiltered: "content",
  ModelRefused: "content",
  ContextWindowExceeded: "context",
  RequestTooLarge: "context",
  // Asked again it is as large: less must be sent, now as in a minute.
  RequestOverRate: "context",
  ModelNotFound: "model",
  AddressWrong: "request",
  RequestUnsuited: "request",
  RequestRejected: "request",
  ProviderOverloaded: "overloaded",
  ProviderServerError: "fault",
  ProviderConflict: "fault",
  RemoteServerError: "fault",
  NetworkReset: "connection",
  NetworkUnreachable: "connection",
  NetworkTimeout: "connection",
  NetworkDns: "connection",
  TlsFailure: "connection",
  ProxyFailure: "connection",
  Abandoned: "connection",
  ResponseMalformed: "answer",
  StreamTruncated: "answer",
  OutputTruncated: "answer",
  DiskFull: "unknown",
  ToolMissing: "unknown",
  OutcomeUnknown: "unknown",
  Unrecognised: "unknown"
}

interface Failed {
  /** What the classifier reads. */
  readonly raw: unknown
  readonly description: string
  /** Absent where no answer came. */
  readonly http?: { readonly status: number | undefined; readonly requestId?: string | null | undefined }
  readonly cause?: unknown
}

const aiError = (failed: Failed, request: Request): AiError.AiErrorReason => {
  const met = conditionOf(classifier, "chat", failed.raw)
  return ofCondition(met.condition.tag, met, failed, request)
}

/** The reason for one condition. */
export const ofCondition = (
  tag: Tag,
  met: Omit<Facts, "overloaded">,
  { description: words, http: answered, cause }: Failed,
  request: Request
): AiError.AiErrorReason => {
  const kind = kinds[tag]
  const description = excerpt(words, request)
  const facts: typeof Facts.Type = {
    openai: { ...met, ...(kind === "overloaded" ? { overloaded: true } : {}) }
  }
  const { status, requestId } = answered ?? {}
  const common = {
    metadata: facts,
    http: {
      ...(status === undefined
        ? {}
        : { response: { status, headers: requestId ? { "x-request-id": requestId } : {} } }),
      body: description
    }
  }
  const network = (reason: AiError.NetworkError["reason"]) =>
    new AiError.NetworkError({
      reason,
      method: "POST",
      url: excerpt(request.url, request),
      cause: new ConnectionFailed({ ...facts, description, cause }),
      description
    })
  const invalid = (constraint?: string) =>
    new AiError.InvalidRequestError({ ...common, description, ...(constraint ? { constraint } : {}) })
  switch (kind) {
    case "key":
      return new AiError.AuthenticationError({ ...common, description, kind: "InvalidKey" })
    case "permission":
      return new AiError.AuthenticationError({ ...common, description, kind: "InsufficientPermissions" })
    case "quota":
      return new AiError.QuotaExhaustedError(common)
    case "rate":
      return new AiError.RateLimitError({
        ...common,
        ...(met.retryAfterMs === undefined ? {} : { retryAfter: Duration.millis(met.retryAfterMs) })
      })
    case "content":
      return new AiError.ContentPolicyError({ ...common, description })
    case "context":
      return invalid(contextLengthExceeded)
    case "model":
      return invalid(modelNotFound)
    case "request":
      return answered === undefined ? network("InvalidUrlError") : invalid()
    case "overloaded":
    case "fault":
      return new AiError.InternalProviderError({ ...common, description })
    case "connection":
      return network("TransportError")
    case "answer":
      return new AiError.InvalidResponseError({ ...common, description })
    case "unknown":
      return new AiError.UnknownError({ ...common, description })
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

/** An answer with a bad status, or an error that came in the middle of a stream, which the client gives no status. */
const fromAnswer = ({ status, headers, error, message }: APIError, request: Request) => {
  const { message: said } = detailOf(error, message)
  const body =
    error === undefined ? message.replace(/^\d{3} (?:status code \(no body\)$)?/, "") : JSON.stringify(error)
  return aiError(
    {
      raw:
        status === undefined
          ? { body: `data: ${body}` }
          : { status, headers: Object.fromEntries(headers ?? []), body, now: request.now },
      description: said ?? message,
      http: { status, requestId: headers?.get("x-request-id") }
    },
    request
  )
}

/** What the `openai` package threw, as one of Effect's reasons, with what the answer said and no key in it. */
export const reasonOf = (failure: unknown, request: Request): AiError.AiErrorReason => {
  const isConnection =
    failure instanceof OpenAI.APIConnectionError || failure instanceof OpenAI.APIUserAbortError
  if (!isConnection && failure instanceof OpenAI.APIError) return fromAnswer(failure, request)
  const chain = chainOf(failure)
  if (!isConnection && chain.some((error) => error instanceof SyntaxError || error instanceof ReplyTooLong))
    return unreadable(chain.map((error) => error.message).join(": "), request)
  const description = chain.length === 0 ? String(failure) : chain.map(wordsOf).join(": ")
  return aiError({ raw: failure, description, cause: failure }, request)
}

/** An error that came with status 200, in `body` as a whole. */
export const reasonOfDetail = (
  detail: ErrorDetail,
  body: string,
  request: Request
): AiError.AiErrorReason => {
  const code = Number(detail.code)
  const named = Number.isInteger(code) && code >= 400 && code <= 599
  return aiError(
    {
      raw: { status: 200, body, now: request.now },
      description: detail.message || "an error without a message",
      http: { status: named ? code : undefined }
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
