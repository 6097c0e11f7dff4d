import { Option } from "effect"
import { at, findJson, isRecord, listOf } from "./Json.ts"

export interface Problem {
  readonly codes: ReadonlyArray<string>
  readonly message: string
}

const depthMax = 6
const problemsMax = 32
const codeNames = ["type", "code", "status", "error_type", "error_code", "__type", "quotaId", "object"]

const words = (text: string): string => text.replace(/\s+/g, " ").trim()

const codesOf = (value: unknown): ReadonlyArray<string> =>
  codeNames
    .map((name) => at(value, name))
    .filter((code) => typeof code === "string" || typeof code === "number")
    .map((code) => String(code).toLowerCase())

/** Where servers, and the gateways before them, put the complaint they pass on. */
const inner = (value: Readonly<Record<string, unknown>>): ReadonlyArray<unknown> => [
  value["error"],
  ...listOf(value["errors"]),
  value["details"],
  ...listOf(value["violations"]),
  value["innererror"],
  value["extensions"],
  at(value, "metadata", "raw"),
  at(value, "response", "error"),
  ...listOf(value["choices"]).map((choice) => at(choice, "error"))
]

const collect = (value: unknown, depth: number, into: Array<Problem>): void => {
  if (depth === depthMax || into.length === problemsMax || value === null || value === undefined) return
  if (typeof value === "string") {
    into.push({ codes: [], message: words(value) })
    const nested = value.includes("{") ? findJson(value) : Option.none()
    if (Option.isSome(nested)) collect(nested.value.value, depth + 1, into)
    return
  }
  if (Array.isArray(value)) {
    for (const one of value) collect(one, depth + 1, into)
    return
  }
  if (!isRecord(value)) return
  const message = value["message"] ?? value["Message"] ?? value["detail"] ?? value["error_description"]
  into.push({
    codes: [...codesOf(value), ...listOf(at(value, "metadata", "reasons")).map(() => "flagged")],
    message: typeof message === "string" ? words(message) : ""
  })
  if (typeof message === "string" && message.includes("{")) {
    const nested = findJson(message)
    if (Option.isSome(nested)) collect(nested.value.value, depth + 1, into)
  }
  for (const one of inner(value)) collect(one, depth + 1, into)
}

/** An answer that carries what was asked for complains only in the places that are for it. */
const isComplaint = (document: unknown): boolean =>
  Array.isArray(document) ||
  ["error", "errors", "message", "Message", "detail"].some((name) => {
    const value = at(document, name)
    return name === "message" ? typeof value === "string" : value !== undefined && value !== null
  })

/** What an answer complains of: in its JSON, in the header that Amazon uses, or in plain words. */
export const problemsOf = (answer: {
  readonly documents: ReadonlyArray<unknown>
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  for (const document of answer.documents) {
    if (isComplaint(document)) collect(document, 0, found)
    else for (const one of isRecord(document) ? inner(document) : []) collect(one, 1, found)
  }
  const amazon = answer.headers["x-amzn-errortype"]?.split(":")[0]
  if (amazon !== undefined) found.push({ codes: [amazon.toLowerCase()], message: "" })
  if (answer.text !== "") found.push({ codes: [], message: words(answer.text) })
  return found
}
