import { Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import * as Evidence from "../../domain/errors/Evidence.ts"
import type { Tag } from "../classifiers/llm/Conditions.ts"

/** Why a provider says that a request is wrong, as `InvalidRequestError.constraint`, where it can be told. */
export const contextLengthExceeded = "context_length_exceeded"
export const modelNotFound = "model_not_found"

/** What Effect's reasons have no field for, under `metadata.provider`. */
export const Facts = Schema.Struct({
  provider: Schema.Struct({
    /** Only `RateLimitError` has a field for it, and overloaded providers say it as well. */
    retryAfterMs: Schema.optionalKey(Schema.Int),
    overloaded: Schema.optionalKey(Schema.Boolean),
    condition: Schema.optionalKey(Evidence.Condition)
  })
})
type Facts = (typeof Facts.Type)["provider"]

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
  return Option.match(decodeFacts(given), { onNone: () => ({}), onSome: ({ provider }) => provider })
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

/** A failure as it was met. */
export interface Failed {
  /** What the classifier reads. */
  readonly raw: unknown
  readonly description: string
  /** Absent where no answer came. */
  readonly http?: { readonly status: number | undefined; readonly requestId?: string | null | undefined }
  readonly cause?: unknown
}

/** The beginning of a text, without secrets. */
export const excerpt = (text: string, request: Request): string =>
  Evidence.make({ operation: "", excerpt: request.conceal(text) }).excerpt

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
    provider: { ...met, ...(kind === "overloaded" ? { overloaded: true } : {}) }
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
