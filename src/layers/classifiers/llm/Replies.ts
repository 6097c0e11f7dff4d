import { type Answer, isGood } from "../http/Answer.ts"
import { at, listOf } from "../http/Json.ts"
import { conclude, type LlmRule } from "./Conclude.ts"

const reasonsIn = (document: unknown): ReadonlyArray<unknown> => [
  at(document, "stop_reason"),
  at(document, "delta", "stop_reason"),
  at(document, "message", "stop_reason"),
  at(document, "incomplete_details", "reason"),
  at(document, "response", "incomplete_details", "reason"),
  ...listOf(at(document, "choices")).flatMap((choice) => [
    at(choice, "finish_reason"),
    typeof at(choice, "message", "refusal") === "string" ? "refusal" : undefined
  ])
]

/** Did the model stop for such a reason? In the words of the Messages, Chat Completions and Responses interfaces. */
export const stopped = (answer: Answer, reasons: RegExp): boolean =>
  isGood(answer) &&
  answer.documents
    .flatMap(reasonsIn)
    .some((reason) => typeof reason === "string" && reasons.test(reason.toLowerCase()))

const ends: ReadonlyArray<unknown> = [
  "message_stop",
  "response.completed",
  "response.incomplete",
  "response.failed"
]
const hasEnded = ({ body, documents }: Answer): boolean =>
  /^data: ?\[DONE\]/m.test(body) || documents.some((document) => ends.includes(at(document, "type")))
const complainsInside = ({ documents }: Answer): boolean =>
  documents.some((document) => (at(document, "error") ?? at(document, "response", "error") ?? null) !== null)

/** Good answers that are none: the stream broke off, or it does not come from a model at all. */
export const replyRules: ReadonlyArray<LlmRule> = [
  {
    id: "reply.broke-off",
    when: (answer) =>
      isGood(answer) && !complainsInside(answer) && (answer.stream ? !hasEnded(answer) : answer.cut)
        ? conclude("StreamTruncated", "unknown", answer)
        : undefined
  },
  {
    id: "reply.not-from-a-model",
    when: (answer) =>
      isGood(answer) && answer.documents.length === 0 && !answer.stream
        ? conclude("ResponseMalformed", "unknown", answer)
        : undefined
  }
]
