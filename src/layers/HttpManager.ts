import { Clock, Data, Duration, Effect, Layer, Option, Random, Result, Schedule } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { TimedOut } from "../domain/errors/Reasons.ts"
import { ManagerRejected, ManagerUnreachable } from "../domain/errors/RoutingError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import * as PriceTable from "../domain/policies/PriceTable.ts"
import { jitter, retry } from "../domain/policies/Retry.ts"
import { type Provider, Route } from "../domain/Route.ts"
import type { Input } from "../services/Contract.ts"
import { Manager, type ManagerContract } from "../services/Manager.ts"
import * as PostJson from "./PostJson.ts"
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
      const { operation, ask: post } = yield* PostJson.make({
        url: options.url,
        question: Question,
        timeout: Limits.managerCall,
        bytesMax: Limits.managerReplyBytesMax
      })
      const candidates = options.providers.flatMap((name) => PriceTable.models(options.prices, name))
      const { deadline } = retry.routing

      const noAnswer = (excerpt: string, again: boolean, more: Partial<Evidence.Evidence> = {}) =>
        new Unanswered({
          reason: new ManagerUnreachable({ evidence: Evidence.make({ operation, excerpt, ...more }) }),
          again,
          askedMs: more.retryAfterMs ?? 0
        })

      const ask = Effect.fnUntraced(function* (input: Asked) {
        const {
          status: httpStatus,
          headers,
          body
        } = yield* post(questionOf(input.order, input.project, candidates)).pipe(
          Effect.mapError(({ excerpt, again, timedOutMs, cause }) =>
            timedOutMs === undefined
              ? noAnswer(excerpt, again, { cause })
              : tooLate(operation, Duration.millis(timedOutMs))
          )
        )
        if (PostJson.isGood(httpStatus)) {
          const answer = readAnswer(body)
          if (Result.isSuccess(answer)) return answer.success
          return yield* noAnswer(`the answer is not a route: ${answer.failure.message}`, false, {
            httpStatus
          })
        }
        const excerpt = `${httpStatus} ${body}`
        if (PostJson.isPassing(httpStatus)) {
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
  ).pipe(Layer.provide(PostJson.httpClient))
