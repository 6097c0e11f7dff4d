import { Option, Schema } from "effect"
import type { System } from "../domain/failures/Classified.ts"
import { type Classification, classifyAny } from "../layers/classifiers/Classify.ts"

/** What somebody copied from a terminal, and the figures that go with it. */
export interface Pasted {
  readonly system: System
  readonly operation: string
  readonly text: string
  readonly exitCode: number | null
  readonly status: number | null
}

/** Which of the two figures a system's failures come with. */
export const figureOf: Record<System, "exit code" | "status" | "none"> = {
  aider: "exit code",
  anthropic: "status",
  gh: "exit code",
  git: "exit code",
  github: "status",
  node: "none",
  openai: "status",
  postgres: "exit code",
  postgrest: "status"
}

const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const readObject = Schema.decodeUnknownOption(JsonObject)
const objectsIn = (text: string): ReadonlyArray<unknown> => Option.toArray(readObject(text.trim()))

const statusLine = /^HTTP\/[\d.]+ (\d{3})\b[^\n]*\n/
const headerLine = /^([\w-]+):[ \t]*([^\r\n]*)\r?\n/

/** The last of the answers that `curl -i` shows, or the whole text as a body. */
const answerOf = (text: string, status: number | null) => {
  let rest = text
  let named: number | null = null
  let headers: Record<string, string> = {}
  for (let line = statusLine.exec(rest); line !== null; line = statusLine.exec(rest)) {
    named = Number(line[1])
    headers = {}
    rest = rest.slice(line[0].length)
    for (let header = headerLine.exec(rest); header !== null; header = headerLine.exec(rest)) {
      headers[(header[1] ?? "").toLowerCase()] = header[2] ?? ""
      rest = rest.slice(header[0].length)
    }
    rest = rest.replace(/^\r?\n/, "")
  }
  return { status: status ?? named, headers, body: rest }
}

/** "TypeError: fetch failed" as the error it was. */
const thrownOf = (text: string) => {
  const [, name = "Error", message = ""] =
    /^\s*(?:Uncaught )?(\w*(?:Error|Exception)): ([^]*)$/.exec(text) ?? []
  return message === "" ? { name: "Error", message: text.trim() } : { name, message: message.trim() }
}

/** What a pasted text may be, most likely first. */
const readings = ({ system, text, exitCode, status }: Pasted): ReadonlyArray<unknown> => {
  const onStderr = { exitCode, stdout: "", stderr: text }
  const onStdout = { exitCode, stdout: text, stderr: "" }
  switch (system) {
    case "git":
    case "gh":
      return [onStderr, onStdout]
    case "aider":
      return [onStdout, onStderr]
    case "postgres":
      return exitCode === null ? [...objectsIn(text), text, onStderr] : [onStderr]
    case "node":
      return [...objectsIn(text), thrownOf(text)]
    case "anthropic":
    case "openai":
    case "github":
    case "postgrest": {
      const answer = answerOf(text, status)
      const thrown = system === "postgrest" ? { status: null, error: thrownOf(text) } : text
      return answer.status === null ? [thrown, answer] : [answer]
    }
  }
}

/** Classifies a pasted text as the first of the things it may be that a rule knows. */
export const classifyPasted = (pasted: Pasted): Classification => {
  const [first, ...others] = readings(pasted).map((input) =>
    classifyAny(pasted.system, pasted.operation, input)
  )
  const fallback = first ?? classifyAny(pasted.system, pasted.operation, pasted.text)
  return [fallback, ...others].find(({ rule }) => rule !== null) ?? fallback
}
