import { Cause, Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import type { Classifier } from "../../domain/failures/Classified.ts"
import { conditionOf } from "../classifiers/Condition.ts"
import type { Answer } from "../classifiers/http/Answer.ts"
import type { Tag } from "../classifiers/llm/Conditions.ts"
import { ReplyTooLong } from "./BoundedFetch.ts"
import { type Failed, type Request, excerpt, ofCondition } from "./ModelReason.ts"

const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** An error as a provider words it. Compatible servers send it without the `error` around it, too. */
export const ErrorDetail = Schema.Struct({
  message: maybe(Schema.String),
  code: maybe(Schema.Union([Schema.String, Schema.Number]))
})
export type ErrorDetail = typeof ErrorDetail.Type

/** What the official clients throw for an answer; both are generated alike. */
export interface ApiError {
  readonly status: number | undefined
  readonly headers: Headers | undefined
  readonly error: unknown
  readonly message: string
}

/** Whose failures are read, and by what. */
export interface Source {
  readonly classifier: Classifier<Answer, Tag>
  /** What was being done, for the classifier. */
  readonly operation: string
  /** Of a failure that is the client's report of an answer; not of a connection, which it reports in the same way. */
  readonly apiError: (failure: unknown) => Option.Option<ApiError>
  readonly isConnection: (failure: unknown) => boolean
  readonly requestIdHeader: string
}

const Wrapped = Schema.Struct({ error: Schema.Union([ErrorDetail, Schema.String]) })
const decodeWrapped = Schema.decodeUnknownOption(Wrapped)
const decodeDetail = Schema.decodeUnknownOption(ErrorDetail)

/** What the provider said, from a body in any of the shapes that OpenAI and compatible servers use. */
const messageOf = (body: unknown, fallback: string): string =>
  decodeWrapped(body).pipe(
    Option.map(({ error }) => (typeof error === "string" ? error : error.message)),
    Option.orElse(() =>
      typeof body === "string" ? Option.some(body) : Option.map(decodeDetail(body), ({ message }) => message)
    ),
    Option.getOrUndefined,
    (message) => message || fallback
  )

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The same of a body as it came: JSON, a page, or nothing. */
export const descriptionOf = (body: string): string =>
  messageOf(
    Option.getOrElse(parse(body), () => body),
    body
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

/** What is known of an answer that was a failure, as it came. */
export interface Answered {
  /** None for an error that came in the middle of a stream. */
  readonly status: number | undefined
  readonly headers: Headers | undefined
  readonly body: string
  readonly description: string
}

/** The reading of one provider's failures: each is read once, by its classifier. */
export const make = (source: Source) => {
  const aiError = (failed: Failed, request: Request): AiError.AiErrorReason => {
    const met = conditionOf(source.classifier, source.operation, failed.raw)
    return ofCondition(met.condition.tag, met, failed, request)
  }

  /** An answer with a bad status, or an error that came in the middle of a stream. */
  const ofAnswer = ({ status, headers, body, description }: Answered, request: Request) =>
    aiError(
      {
        raw:
          status === undefined
            ? { body: `data: ${body}` }
            : { status, headers: Object.fromEntries(headers ?? []), body, now: request.now },
        description,
        http: { status, requestId: headers?.get(source.requestIdHeader) }
      },
      request
    )

  const fromClient = ({ status, headers, error, message }: ApiError, request: Request) => {
    const body =
      error === undefined
        ? message.replace(/^\d{3} (?:status code \(no body\)$)?/, "")
        : JSON.stringify(error)
    return ofAnswer({ status, headers, body, description: messageOf(error, message) }, request)
  }

  /** What the client threw, as one of Effect's reasons, with what the answer said and no key in it. */
  const reasonOf = (failure: unknown, request: Request): AiError.AiErrorReason => {
    const isConnection = source.isConnection(failure)
    const answered = source.apiError(failure)
    if (!isConnection && Option.isSome(answered)) return fromClient(answered.value, request)
    const chain = chainOf(failure)
    if (!isConnection && chain.some((error) => error instanceof SyntaxError || error instanceof ReplyTooLong))
      return unreadable(chain.map((error) => error.message).join(": "), request)
    const description = chain.length === 0 ? String(failure) : chain.map(wordsOf).join(": ")
    return aiError({ raw: failure, description, cause: failure }, request)
  }

  /** An error that came with status 200, in `body` as a whole. */
  const reasonOfDetail = (detail: ErrorDetail, body: string, request: Request): AiError.AiErrorReason => {
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

  return { ofAnswer, reasonOf, reasonOfDetail }
}
export type ProviderFailure = ReturnType<typeof make>

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
