import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Clock, Effect, Redacted } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import { Refusal, notFound, refusal } from "./Refusal.ts"

type Response = HttpServerResponse.HttpServerResponse

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i
const requestsPerHour = 5_000
const hourMs = 3_600_000

/** GitHub's documentation of its REST API, which its refusals point to. */
const documentation = "https://docs.github.com/rest"

/** A refusal in GitHub's shape. */
const refuse = ({ status, message, errors }: Refusal): Response =>
  HttpServerResponse.jsonUnsafe(
    {
      message,
      ...(errors === undefined ? {} : { errors }),
      documentation_url: documentation,
      status: `${status}`
    },
    { status }
  )

/** Every failure of a route as an answer. What is the forge's own fault is also logged. */
export const answered = <R>(
  route: Effect.Effect<Response, Refusal | ForgeFailed | HttpServerError.HttpServerError, R>
): Effect.Effect<Response, never, R> =>
  Effect.catchTags(route, {
    Refusal: (failure) => Effect.succeed(refuse(failure)),
    ForgeFailed: (failure) =>
      Effect.as(Effect.logError(failure.message), refuse(refusal(500, failure.message))),
    HttpServerError: ({ reason }) => {
      if (reason._tag === "RouteNotFound") return Effect.succeed(refuse(notFound))
      if (reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge") {
        return Effect.succeed(refuse(refusal(413, "The request is too large")))
      }
      return Effect.succeed(refuse(refusal(400, "The request could not be read")))
    }
  })

const digest = (text: string) => createHash("sha256").update(text).digest()

/** The secret in an Authorization header: `Bearer x`, `token x`, or the password of `Basic`. */
const secretIn = (header: string): string => {
  const [, scheme = "", value = ""] = /^(bearer|token|basic) +(\S+)$/i.exec(header) ?? []
  if (scheme.toLowerCase() !== "basic") return value
  const pair = Buffer.from(value, "base64").toString("utf8")
  return pair.slice(pair.indexOf(":") + 1)
}

/** Does the request carry the token? Compared in constant time. */
export const carries = (
  request: HttpServerRequest.HttpServerRequest,
  token: Redacted.Redacted<string>
): boolean =>
  timingSafeEqual(digest(secretIn(request.headers["authorization"] ?? "")), digest(Redacted.value(token)))

/** How much of an hour's calls is used, as GitHub counts them. Only shown: the forge never refuses for it. */
export interface Rate {
  readonly limit: number
  readonly used: number
  readonly remaining: number
  /** Seconds since 1970. */
  readonly reset: number
}

/** Counts calls an hour at a time. */
export const makeQuota = () => {
  let rate: Rate = { limit: requestsPerHour, used: 0, remaining: requestsPerHour, reset: 0 }
  const take = (nowMs: number): Rate => {
    const over = nowMs >= rate.reset * 1000
    const used = over ? 1 : rate.used + 1
    const reset = over ? Math.ceil((nowMs + hourMs) / 1000) : rate.reset
    rate = { limit: requestsPerHour, used, remaining: Math.max(0, requestsPerHour - used), reset }
    return rate
  }
  return { take, latest: () => rate }
}
export type Quota = ReturnType<typeof makeQuota>

/**
 * Wraps the whole server: refuses requests that name it by a host other than loopback, since a page in a
 * browser can make any name point here, and gives every answer GitHub's headers.
 */
export const guard = <R>(app: Effect.Effect<Response, never, R>, quota: Quota) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (!loopback.test(request.headers["host"] ?? "")) {
      return refuse(refusal(421, "This server answers to loopback names only"))
    }
    const rate = quota.take(yield* Clock.currentTimeMillis)
    const id = randomBytes(16).toString("hex").toUpperCase()
    return HttpServerResponse.setHeaders(yield* app, {
      "x-github-request-id": id.replace(/^(.{4})(.{4})(.{6})(.{6})(.{8}).*$/, "$1:$2:$3:$4:$5"),
      "x-ratelimit-limit": `${rate.limit}`,
      "x-ratelimit-remaining": `${rate.remaining}`,
      "x-ratelimit-used": `${rate.used}`,
      "x-ratelimit-reset": `${rate.reset}`,
      "x-ratelimit-resource": "core",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer"
    })
  })
