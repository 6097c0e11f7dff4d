import { Clock, Data, Duration, Effect, Result, Schema } from "effect"
import { AiError } from "effect/ai"
import { redact } from "../../domain/errors/Evidence.ts"
import { TimedOut } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { RawReply } from "../../services/ModelReplies.ts"
import { type Reason, translate } from "../LanguageModelProposer.ts"
import type * as ModelReason from "../models/ModelReason.ts"
import { descriptionOf, unreadable } from "../models/ProviderFailure.ts"
import { concealing } from "../models/ProviderModel.ts"
import type { Read } from "../models/Reading.ts"
import type { Accepted, Protocol, Target } from "./Protocol.ts"
import { type Posted, post } from "./Post.ts"
import * as Sse from "./Sse.ts"

/** The beginning of an answer that is handed on. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** Where a streamed answer goes while it comes. */
export interface Sink {
  readonly begin: (head: Head) => Effect.Effect<void>
  readonly piece: (text: string) => Effect.Effect<void>
}

/** A reply as it came, and what it means. */
export interface Answer {
  readonly head: Head
  readonly reply: RawReply
  readonly read: Read
  /** What of a stream has not been handed on yet: its last event, which waits until the reply is kept. */
  readonly held: string
}

/** The provider failed. What is handed on is its own answer, as far as there is one. */
export class Failed extends Data.TaggedError("Failed")<{
  readonly reason: Reason
  /** Its whole answer; none where it never came, or has been handed on as a stream. */
  readonly answer?: Head & { readonly body: string }
  /** The answer broke off, and whoever reads it must not take it for whole. */
  readonly cut: boolean
}> {}

const handedOn = [
  "content-type",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "request-id",
  "x-request-id"
]

const headOf = ({ status, headers }: Posted): Head => ({
  status,
  headers: Object.fromEntries(
    handedOn.flatMap((name) => {
      const value = headers[name]
      return value === undefined ? [] : [[name, value]]
    })
  )
})

const isGood = ({ status }: Posted): boolean => status >= 200 && status < 300

const parse = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

const textOf = async (read: () => Promise<Uint8Array | undefined>): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  for (let chunk = await read(); chunk !== undefined; chunk = await read()) {
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Postgres keeps neither NUL characters nor halves of surrogate pairs. */
const storable = (text: string): string => text.replaceAll("\u0000", "").toWellFormed()

/**
 * Sends one request to the provider, once, within `Limits.modelCall`, and reads its answer to the end; a stream goes
 * to the sink on the way. `sent` hears when the request leaves. Interrupting it aborts the request.
 */
export const forward = (options: {
  readonly protocol: Protocol
  readonly target: Target
  readonly accepted: Accepted
  readonly sink: Sink
  readonly sent: Effect.Effect<void>
}): Effect.Effect<Answer, Failed> => {
  const { protocol, target, accepted, sink } = options
  const conceal = concealing(target.apiKey)
  const url = redact(target.url)
  const request = Effect.map(Clock.currentTimeMillis, (now): ModelReason.Request => ({ url, now, conceal }))

  const failed = (
    reason: AiError.AiErrorReason,
    how: { readonly answer?: Head & { readonly body: string }; readonly cut: boolean }
  ) =>
    new Failed({
      reason: translate(accepted.model)(AiError.make({ module: "ModelGateway", method: "forward", reason })),
      ...how
    })
  /** Something that the client of the network threw. */
  const thrown = (failure: unknown) =>
    Effect.flatMap(request, (met) => Effect.fail(failed(protocol.reasonOf(failure, met), { cut: true })))
  const attempt = <A>(promise: (signal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({ try: promise, catch: (failure) => failure }).pipe(Effect.catch(thrown))

  const whole = Effect.fnUntraced(function* (head: Head, response: Posted, text: string) {
    const body = conceal(text)
    const met = yield* request
    const answer = { ...head, body }
    if (!isGood(response)) {
      const { status } = response
      const headers = new Headers(response.headers)
      const description = descriptionOf(body)
      return yield* failed(protocol.ofAnswer({ status, headers, body, description }, met), {
        answer,
        cut: false
      })
    }
    const read = Result.flatMap(
      Result.mapError(parse(body), ({ message }) => unreadable(message, met)),
      (foreign) => protocol.reading.whole(foreign, met)
    )
    if (Result.isFailure(read)) return yield* failed(read.failure, { answer, cut: false })
    const contentType = head.headers["content-type"] ?? "application/json"
    return { head, reply: { contentType, body: storable(body) }, read: read.success, held: "" }
  })

  const stream = Effect.fnUntraced(function* (head: Head, read: () => Promise<Uint8Array | undefined>) {
    const met = yield* request
    const reader = protocol.reading.stream(met)
    const decoder = new TextDecoder()
    const splitter = Sse.splitter()
    let body = ""
    let held = ""
    let complaint: AiError.AiErrorReason | undefined
    yield* sink.begin(head)
    for (let ended = false; !ended;) {
      const chunk = yield* attempt(read)
      ended = chunk === undefined
      for (const event of splitter.push(decoder.decode(chunk, { stream: !ended })).map(conceal)) {
        body += event
        const data = Sse.dataOf(event)
        if (held !== "" || protocol.isLast(event)) held += event
        if (data !== undefined && data !== "[DONE]" && complaint === undefined) {
          const understood = Result.flatMap(
            Result.mapError(parse(data), ({ message }) => unreadable(message, met)),
            reader.event
          )
          if (Result.isFailure(understood)) complaint = understood.failure
        }
        if (held === "") yield* sink.piece(event)
      }
    }
    const rest = conceal(splitter.rest())
    if (rest !== "") yield* sink.piece(rest)
    if (complaint !== undefined) return yield* failed(complaint, { cut: false })
    const answered = reader.end()
    if (Result.isFailure(answered)) return yield* failed(answered.failure, { cut: true })
    const contentType = head.headers["content-type"] ?? "text/event-stream"
    return { head, reply: { contentType, body: storable(body + rest) }, read: answered.success, held }
  })

  return Effect.gen(function* () {
    let ended = false
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      // Of an answer that has been read to its end nothing is left to be aborted.
      (controller) => Effect.sync(() => (ended ? undefined : controller.abort()))
    )
    yield* options.sent
    const response = yield* attempt(() =>
      post({
        url: target.url,
        headers: { "content-type": "application/json", ...target.headers },
        body: accepted.body,
        signal: abort.signal
      })
    )
    const head = headOf(response)
    const isStream = (head.headers["content-type"] ?? "").includes("text/event-stream")
    const read = async () => {
      const chunk = await response.read()
      ended = chunk === undefined
      return chunk
    }
    if (isGood(response) && isStream) return yield* stream(head, read)
    return yield* whole(head, response, yield* attempt(() => textOf(read)))
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: Limits.modelCall,
      orElse: () =>
        Effect.fail(
          new Failed({
            reason: new TimedOut({
              operation: `asking ${accepted.model.model}`,
              limitMs: Duration.toMillis(Limits.modelCall)
            }),
            cut: true
          })
        )
    })
  )
}
