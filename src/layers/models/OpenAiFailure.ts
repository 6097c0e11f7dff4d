import { Cause, Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import OpenAI, { type APIError } from "openai"
import { conditionOf } from "../classifiers/Condition.ts"
import { classifier } from "../classifiers/OpenAi.ts"
import { type Failed, type Request, excerpt, ofCondition } from "./OpenAiReason.ts"
import { ErrorDetail } from "./OpenAiReply.ts"

/** The answer was longer than `Limits.modelReplyBytesMax`. */
export class ReplyTooLong extends Schema.TaggedError<ReplyTooLong>()("ReplyTooLong", {
  bytesMax: Schema.Int
}) {
  override get message() {
    return `the answer is longer than ${this.bytesMax} bytes`
  }
}

/** The one reading of a failure. */
const aiError = (failed: Failed, request: Request): AiError.AiErrorReason => {
  const met = conditionOf(classifier, "chat", failed.raw)
  return ofCondition(met.condition.tag, met, failed, request)
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
  const body =
    error === undefined ? message.replace(/^\d{3} (?:status code \(no body\)$)?/, "") : JSON.stringify(error)
  return aiError(
    {
      raw:
        status === undefined
          ? { body: `data: ${body}` }
          : { status, headers: Object.fromEntries(headers ?? []), body, now: request.now },
      description: messageOf(error, message),
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
