import {
  Clock,
  Data,
  Duration,
  Effect,
  Layer,
  Option,
  Predicate,
  Random,
  Result,
  Schedule,
  Stream
} from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as Evidence from "../domain/errors/Evidence.ts"
import { TimedOut } from "../domain/errors/Reasons.ts"
import { ManagerRejected, ManagerUnreachable } from "../domain/errors/RoutingError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import * as PriceTable from "../domain/policies/PriceTable.ts"
import { jitter, retry } from "../domain/policies/Retry.ts"
import { type Provider, Route } from "../domain/Route.ts"
import type { Input } from "../services/Contract.ts"
import { Manager, type ManagerContract } from "../services/Manager.ts"
import { Question, clean, questionOf, readAnswer, readRejection, routeOf } from "./manager/Protocol.ts"
import { headersWaitMs } from "./classifiers/http/Wait.ts"

export interface Options {
  /** Where questions are posted to. A name and password in it become an `Authorization` header. */
  readonly url: URL
  /** Whose models may be asked. */
  readonly providers: ReadonlyArray<Provider>
  readonly prices: PriceTable.PriceTable
}

type Asked = Input<typeof ManagerContract, "route">

/** The manager gave no answer that could be used. `again`: it may give one if it is asked once more. */
class Unanswered extends Data.TaggedError("Unanswered")<{
  readonly reason: ManagerUnreachable | TimedOut
  readonly again: boolean
  /** How long it asks us to wait, in milliseconds. */
  readonly askedMs: number
}> {}

const tooLate = (operation: string, limit: Duration.Duration) =>
  new Unanswered({
    reason: new TimedOut({ operation, limitMs: Duration.toMillis(limit) }),
    again: true,
    askedMs: 0
  })

/** Statuses that are about the moment and not about the question. */
const isPassing = (status: number): boolean =>
  status >= 500 || status === 408 || status === 425 || status === 429

/** What went wrong on the way; the errors of fetch say it in their causes only. */
const wordsOf = (error: Error): string => {
  const words: Array<string> = []
  let next: unknown = error
  for (let depth = 0; depth < Limits.classifiedCausesMax && Predicate.isError(next); depth++) {
    words.push(next.message)
    next = next.cause
  }
  return [...new Set(words)].filter((word) => word !== "").join(": ")
}

class TooLong extends Data.TaggedError("TooLong")<{ readonly message: string }> {}

/** The body as text, if it is not longer than a manager has reason to be. */
const readBody = ({ stream }: HttpClientResponse.HttpClientResponse) =>
  stream.pipe(
    Stream.runFoldEffect(
      () => ({ bytes: 0, chunks: new Array<Uint8Array>() }),
      ({ bytes, chunks }, chunk) => {
        chunks.push(chunk)
        const read = bytes + chunk.byteLength
        return read > Limits.managerReplyBytesMax
          ? Effect.fail(
              new TooLong({ message: `the answer is longer than ${Limits.managerReplyBytesMax} bytes` })
            )
          : Effect.succeed({ bytes: read, chunks })
      }
    ),
    Effect.map(({ chunks }) => Buffer.concat(chunks).toString("utf8")),
    // An answer without a body is an answer.
    Effect.catchReason("HttpClientError", "EmptyBodyError", () => Effect.succeed(""))
  )

/** The waits of the retry table, spread by its jitter, or what the manager asks for if that is longer. */
const waits = Schedule.recurs(retry.routing.delays.length).pipe(
  Schedule.setInputType<Unanswered | ManagerRejected>(),
  Schedule.modifyDelay(({ attempt, input }) =>
    Effect.map(Random.nextBetween(1 - jitter, 1 + jitter), (spread) => {
      const ours = Duration.times(retry.routing.delays[attempt - 1] ?? Duration.zero, spread)
      return input._tag === "Unanswered" ? Duration.max(ours, Duration.millis(input.askedMs)) : ours
    })
  )
)

/** A redirected POST would arrive as a GET, so an answer that redirects is none. */
const http = FetchHttpClient.layer.pipe(
  Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
)

/** The address without what must not be logged, and the header that its name and password become. */
const addressed = (url: URL) => {
  const { username, password } = url
  const address = new URL(url)
  address.username = ""
  address.password = ""
  const request = HttpClientRequest.post(address).pipe(HttpClientRequest.acceptJson)
  const decoded = (part: string) =>
    Option.getOrElse(Option.liftThrowable(decodeURIComponent)(part), () => part)
  return {
    operation: `POST ${address.origin}${address.pathname}`,
    request:
      username === "" ? request : HttpClientRequest.basicAuth(request, decoded(username), decoded(password))
  }
}

/**
 * A manager at an address. It is posted `Question` and answers `Answer`, or a 4xx with `{"reason"}` when the
 * order itself must change. When it cannot be asked it is asked again as the retry table's row for routing says;
 * then the manager that this layer is given decides in its place, and the route's reason says so.
 */
export const layer = (options: Options): Layer.Layer<Manager, never, Manager> =>
  Layer.effect(
    Manager,
    Effect.gen(function* () {
      const standIn = yield* Manager
      const client = yield* HttpClient.HttpClient
      const { operation, request } = addressed(options.url)
      const candidates = options.providers.flatMap((name) => PriceTable.models(options.prices, name))
      const { deadline } = retry.routing

      const noAnswer = (excerpt: string, again: boolean, more: Partial<Evidence.Evidence> = {}) =>
        new Unanswered({
          reason: new ManagerUnreachable({ evidence: Evidence.make({ operation, excerpt, ...more }) }),
          again,
          askedMs: more.retryAfterMs ?? 0
        })

      /** Sends one question and reads what comes back, whatever it is. */
      const post = Effect.fnUntraced(function* ({ order, project }: Asked) {
        const question = yield* HttpClientRequest.schemaBodyJson(Question)(
          request,
          questionOf(order, project, candidates)
        ).pipe(
          Effect.mapError((cause) => noAnswer("the question cannot be written as JSON", false, { cause }))
        )
        return yield* client.execute(question).pipe(
          Effect.flatMap((response) => Effect.map(readBody(response), (body) => ({ response, body }))),
          Effect.mapError((cause) => noAnswer(wordsOf(cause), cause._tag !== "TooLong", { cause })),
          Effect.timeoutOrElse({
            duration: Limits.managerCall,
            orElse: () => Effect.fail(tooLate(operation, Limits.managerCall))
          })
        )
      })

      const ask = Effect.fnUntraced(function* (input: Asked) {
        const { response, body } = yield* post(input)
        const { status: httpStatus, headers } = response
        if (httpStatus >= 200 && httpStatus <= 299) {
          const answer = readAnswer(body)
          if (Result.isSuccess(answer)) return answer.success
          return yield* noAnswer(`the answer is not a route: ${answer.failure.message}`, false, {
            httpStatus
          })
        }
        const excerpt = `${httpStatus} ${body}`
        if (isPassing(httpStatus)) {
          const now = yield* Clock.currentTimeMillis
          const asked = headersWaitMs({ headers, now })
          return yield* noAnswer(excerpt, true, {
            httpStatus,
            ...(asked === undefined ? {} : { retryAfterMs: asked })
          })
        }
        const rejection = httpStatus >= 400 ? readRejection(body) : Option.none()
        if (Option.isNone(rejection)) return yield* noAnswer(excerpt, false, { httpStatus })
        return yield* new ManagerRejected({ why: clean(rejection.value.reason) })
      })

      const askAgain = Effect.fnUntraced(function* (input: Asked) {
        const lastMs = (yield* Clock.currentTimeMillis) + Duration.toMillis(deadline)
        return yield* ask(input).pipe(
          Effect.retry({
            schedule: waits,
            while: (failure) =>
              Effect.map(
                Clock.currentTimeMillis,
                (now) => failure._tag === "Unanswered" && failure.again && now + failure.askedMs < lastMs
              )
          }),
          Effect.timeoutOrElse({
            duration: deadline,
            orElse: () => Effect.fail(tooLate(operation, deadline))
          })
        )
      })

      const decideInstead = Effect.fnUntraced(function* (input: Asked, { reason }: Unanswered) {
        yield* Effect.logWarning("The manager gave no answer, so the built-in rules decide", reason)
        const { models, reason: why } = yield* standIn.route(input)
        const because = `the built-in rules decided, because the manager gave no answer: ${reason.message}`
        return new Route({ models, reason: `${why}; ${because}` })
      })

      const route = Effect.fn("Manager.route")((input: Asked) =>
        askAgain(input).pipe(
          Effect.flatMap((answer) =>
            Effect.fromResult(routeOf(input.order, answer, candidates, options.prices))
          ),
          Effect.catchTag("Unanswered", (unanswered) => decideInstead(input, unanswered))
        )
      )

      return Manager.of({ route })
    })
  ).pipe(Layer.provide(http))
