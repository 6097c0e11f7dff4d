import { Option, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { ForgeFailed } from "../domain/errors/PullRequestError.ts"
import { conditionOf } from "./classifiers/Condition.ts"
import { classifier } from "./classifiers/GitHub.ts"
import {
  type Branches,
  type Call,
  type CreateReason,
  type Reason,
  createReasonOf,
  reasonOf
} from "./GitHubReasons.ts"

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

/** What an answer that is not the one hoped for was read as. */
const read = (call: Call, answer: Answer, now: number) => {
  const { status, headers, data } = answer
  const body = typeof data === "string" ? data : JSON.stringify(data)
  const met = conditionOf(classifier, call.operation, { status, headers, body, now })
  const evidence = Evidence.make({
    operation: call.operation,
    excerpt: excerptOf(answer),
    httpStatus: status,
    ...met
  })
  return { tag: met.condition.tag, evidence }
}

export const fromAnswer = (call: Call, answer: Answer, now: number): Reason => {
  const { tag, evidence } = read(call, answer, now)
  return reasonOf(call, tag, evidence)
}

export const fromCreateAnswer = (call: Call, pull: Branches, answer: Answer, now: number): CreateReason => {
  const { tag, evidence } = read(call, answer, now)
  return createReasonOf(call, pull, tag, evidence)
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

/** Octokit gives what it throws without an answer the status 500, which nobody said. */
const thrown = (cause: unknown): unknown => {
  if (!(cause instanceof Error)) return cause
  return cause.cause ?? { name: cause.name, message: cause.message }
}

/** No answer came at all. */
export const fromConnection = (call: Call, cause: unknown): Reason => {
  const met = conditionOf(classifier, call.operation, thrown(cause))
  const { operation } = call
  return reasonOf(call, met.condition.tag, Evidence.make({ operation, excerpt: describe(cause), ...met }))
}
