import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import { type Answer, hasCode, isGood } from "../http/Answer.ts"
import { at, isRecord, listOf } from "../http/Json.ts"
import { waitMs } from "../http/Wait.ts"
import type { Tag } from "./Conditions.ts"

export type GitHubRule = Rule<Answer, Tag>

const method = /^(get|head|options|post|put|patch|delete)\b/i
const readingWord = /(?:^|[.\s/_])(?:get|list|read|find|fetch|view|search|compare|query)(?=[A-Z]|\b|_)/

/** GET and its like, and operations named for reading; a GraphQL call may be a mutation, so it counts as writing. */
export const isRead = (operation: string): boolean => {
  const name = method.exec(operation)?.[1]?.toLowerCase()
  return name === undefined ? readingWord.test(operation) : ["get", "head", "options"].includes(name)
}
export const isDelete = (operation: string): boolean => /^delete\b/i.test(operation)

/** The names of mutations begin with what they do. */
const mutation =
  /^(?:add|approve|archive|change|clear|clone|close|convert|create|delete|dequeue|disable|dismiss|enable|enqueue|follow|import|link|lock|mark|merge|minimize|move|pin|remove|reopen|request|rerequest|resolve|revert|revoke|set|start|submit|transfer|un[a-z]+|update)[A-Z]/
const errorsOf = (answer: Answer): ReadonlyArray<unknown> =>
  answer.documents.flatMap((document) => listOf(at(document, "errors")))

/** Errors in a GraphQL reply: its status is 200 whatever happened. */
export const isGraphQl = (answer: Answer): boolean =>
  (answer.status === null || isGood(answer)) && errorsOf(answer).length > 0

/** Some mutation of a GraphQL request has a result: that part was done, whatever else failed. */
const doneInPart = ({ documents }: Answer): boolean =>
  documents.some((document) => {
    const data = at(document, "data")
    return (
      isRecord(data) &&
      Object.entries(data).some(
        ([name, value]) => mutation.test(name) && value !== null && value !== undefined
      )
    )
  })

/** A refusal by GitHub, with what came before it in the same GraphQL request. */
export const refused = (tag: Tag, answer: Answer): Conclusion<Tag> => ({
  tag,
  reach: doneInPart(answer) ? "happened" : "refused"
})

export const concluded = (tag: Tag, reach: Reach, answer: Answer): Conclusion<Tag> => ({
  tag,
  reach: doneInPart(answer) ? "happened" : reach,
  retryAfterMs: waitMs(answer)
})

const typedAs = (code: RegExp) => (error: unknown) =>
  [at(error, "code")].some((value) => typeof value === "string" && code.test(value.toLowerCase()))

/** Does validation complain of this field in this way? */
export const complainsOf = (answer: Answer, field: string, code: RegExp): boolean =>
  errorsOf(answer).some((error) => at(error, "field") === field && typedAs(code)(error))

/** Refused by the content: 422, or GraphQL's name for it; not a fault of the server's. */
export const isRefusal = (answer: Answer): boolean =>
  answer.status === null ? errorsOf(answer).length > 0 : answer.status === 422 || isGraphQl(answer)

export const isForbidden = (answer: Answer): boolean =>
  answer.status === 403 || (isGraphQl(answer) && hasCode(answer, /^forbidden$/))
