import { DateTime, Duration, Option, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { ForgeFailed, NothingToMerge, PullRequestExists } from "../domain/errors/PullRequestError.ts"
import {
  AuthenticationFailed,
  BaseBranchMissing,
  PermissionDenied,
  RateLimited,
  RemoteUnreachable,
  RepositoryMissing
} from "../domain/errors/Reasons.ts"
import { conditionOf } from "./classifiers/Condition.ts"
import { classifier } from "./classifiers/GitHub.ts"
import { Limits } from "../domain/policies/Limits.ts"

/** What was asked, as failures name it. */
export interface Call {
  /** `POST /repos/{owner}/{repo}/pulls` */
  readonly operation: string
  /** The API's address. */
  readonly service: string
  /** `owner/name` */
  readonly repository: string
}

/** What the forge answered, whatever the status. */
export const Answer = Schema.Struct({
  status: Schema.Int,
  headers: Schema.Record(Schema.String, Schema.Unknown),
  data: Schema.Unknown
})
export type Answer = typeof Answer.Type

const Complaint = Schema.Struct({
  code: Schema.optionalKey(Schema.String),
  field: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String)
})
type Complaint = typeof Complaint.Type

/** GitHub's error body. Entries of `errors` are objects, or now and then plain words. */
const ErrorBody = Schema.Struct({
  message: Schema.String,
  documentation_url: Schema.optionalKey(Schema.String),
  errors: Schema.optionalKey(Schema.Array(Schema.Union([Complaint, Schema.String])))
})
const readErrorBody = Schema.decodeUnknownOption(ErrorBody)

const header = (answer: Answer, name: string): string | undefined => {
  const value = answer.headers[name]
  return value === undefined ? undefined : String(value)
}

const complaintsOf = (answer: Answer): ReadonlyArray<Complaint> =>
  Option.match(readErrorBody(answer.data), {
    onNone: () => [],
    onSome: ({ errors = [] }) =>
      errors.map((error) => (typeof error === "string" ? { message: error } : error))
  })

const wordsOf = (answer: Answer): string => {
  const body = readErrorBody(answer.data)
  if (Option.isNone(body)) return typeof answer.data === "string" ? answer.data : ""
  const details = complaintsOf(answer).map(
    ({ field, code, message }) => message ?? `${field ?? "?"} ${code ?? "?"}`
  )
  return [body.value.message, ...details].join("; ")
}

/** Room for the request's id after the forge's own words. */
const wordsMax = 350

/** What to show of an answer: its words, the id that GitHub's support asks for, and where to mend it. */
const excerptOf = (answer: Answer): string => {
  const words = wordsOf(answer).trim()
  const id = header(answer, "x-github-request-id")
  const sso = header(answer, "x-github-sso")
  return [
    words === "" ? "an empty or unreadable body" : words.slice(0, wordsMax),
    ...(id === undefined ? [] : [`(request ${id})`]),
    ...(sso === undefined ? [] : [`(single sign-on: ${sso})`])
  ].join(" ")
}

/** The form that HTTP gives dates: Thu, 01 Jan 2026 00:00:30 GMT. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** How long the answer asks to wait, in milliseconds: Retry-After as seconds or as a date, else the reset. */
const retryAfterMs = (answer: Answer, nowMs: number): number | undefined => {
  const after = header(answer, "retry-after")?.trim()
  if (after !== undefined && /^\d{1,9}$/.test(after)) return Number(after) * 1000
  const date = after !== undefined && httpDate.test(after) ? DateTime.make(after) : Option.none()
  if (Option.isSome(date)) return Math.max(0, date.value.epochMilliseconds - nowMs)
  const reset = header(answer, "x-ratelimit-reset") ?? ""
  if (header(answer, "x-ratelimit-remaining") !== "0" || !/^\d{1,12}$/.test(reset)) return undefined
  // The reset is cut to whole seconds: one more is surely past it.
  return Math.max(0, (Number(reset) + 1) * 1000 - nowMs)
}

/** A 403 that means "later", not "never": the quota is used up, or the calls came too fast. */
const isRateLimit = (answer: Answer): boolean =>
  header(answer, "retry-after") !== undefined ||
  header(answer, "x-ratelimit-remaining") === "0" ||
  Option.exists(
    readErrorBody(answer.data),
    ({ message, documentation_url = "" }) =>
      /secondary rate limit/i.test(message) || documentation_url.includes("secondary-rate-limits")
  )

const evidenceOf = (call: Call, answer: Answer, waitMs?: number) =>
  Evidence.make({
    operation: call.operation,
    excerpt: excerptOf(answer),
    httpStatus: answer.status,
    ...conditionOf(classifier, call.operation, {
      status: answer.status,
      headers: answer.headers,
      body: typeof answer.data === "string" ? answer.data : JSON.stringify(answer.data)
    }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs })
  })

/** An answer that is not the one hoped for, by its status, its headers and the structure of its body. */
export const fromAnswer = (call: Call, answer: Answer, nowMs: number) => {
  const { service, repository } = call
  const { status } = answer
  const waitMs = retryAfterMs(answer, nowMs)
  if (status === 401) return new AuthenticationFailed({ service, evidence: evidenceOf(call, answer) })
  if (status === 429 || (status === 403 && isRateLimit(answer))) {
    const wait = waitMs ?? Duration.toMillis(Limits.forgeRateLimitWait)
    return new RateLimited({ service, evidence: evidenceOf(call, answer, wait) })
  }
  if (status === 403) return new PermissionDenied({ service, evidence: evidenceOf(call, answer) })
  if (status === 404) return new RepositoryMissing({ repository, evidence: evidenceOf(call, answer) })
  return new ForgeFailed({ evidence: evidenceOf(call, answer, waitMs) })
}

/** The same for opening a pull request, which 422 can refuse for reasons that have names. */
export const fromCreateAnswer = (
  call: Call,
  { branch, base }: { readonly branch: string; readonly base: string },
  answer: Answer,
  nowMs: number
) => {
  if (answer.status !== 422) return fromAnswer(call, answer, nowMs)
  const complaints = complaintsOf(answer)
  const says = (beginning: string) => complaints.some(({ message = "" }) => message.startsWith(beginning))
  const isInvalid = (field: string) => complaints.some((one) => one.field === field && one.code === "invalid")
  const evidence = evidenceOf(call, answer)
  if (says("A pull request already exists")) return new PullRequestExists({ branch, evidence })
  if (says("No commits between")) return new NothingToMerge({ branch, evidence })
  if (isInvalid("head") && isInvalid("base")) {
    // Neither branch is known there, so it is not the repository that was pushed to.
    return new RepositoryMissing({ repository: call.repository, evidence })
  }
  if (isInvalid("head")) return new NothingToMerge({ branch, evidence })
  if (isInvalid("base")) return new BaseBranchMissing({ repository: call.repository, branch: base })
  return new ForgeFailed({ evidence })
}

/** A good status with a body that does not say what it should: cut short, a login page, another API. */
export const fromUndecodable = (call: Call, answer: Answer, error: Schema.SchemaError) =>
  new ForgeFailed({
    evidence: Evidence.make({
      operation: call.operation,
      excerpt: `${typeof answer.data === "string" ? excerptOf(answer) : "the body"} is not what was asked for: ${error.message}`,
      httpStatus: answer.status,
      ...conditionOf(classifier, call.operation, {
        status: answer.status,
        headers: answer.headers,
        body: typeof answer.data === "string" ? answer.data : ""
      })
    })
  })

const chainMax = 8

/** What a failed connection says of itself; Node hides the reason in causes, or in a list of errors. */
const describe = (cause: unknown): string => {
  const words: Array<string> = []
  let next: unknown = cause
  for (let depth = 0; depth < chainMax && next instanceof Error; depth++) {
    const code = "code" in next && typeof next.code === "string" ? next.code : undefined
    for (const word of [next.message, code]) {
      if (word !== undefined && word !== "" && !words.some((known) => known.includes(word))) words.push(word)
    }
    next = next instanceof AggregateError ? next.errors[0] : next.cause
  }
  return words.length === 0 ? String(cause) : words.join(": ")
}

/** No answer came at all. */
export const fromConnection = (call: Call, cause: unknown) =>
  new RemoteUnreachable({
    remote: call.service,
    evidence: Evidence.make({
      operation: call.operation,
      excerpt: describe(cause),
      ...conditionOf(classifier, call.operation, cause)
    })
  })
