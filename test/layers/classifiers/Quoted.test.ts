import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { System } from "../../../src/domain/failures/Classified.ts"
import { classifyAny } from "../../../src/layers/classifiers/Classify.ts"

// A hook, a check, a request or a value may hold the words of any failure: they are not a failure of ours then.

const Row = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.String,
    retryable: Schema.Boolean,
    input: Schema.Struct({
      stderr: Schema.optional(Schema.String),
      stdout: Schema.optional(Schema.String),
      body: Schema.optional(Schema.String),
      message: Schema.optional(Schema.String)
    })
  })
)
const decode = Schema.decodeUnknownSync(Row)

/** What failures say that pass by themselves. */
const words = readFileSync(new URL("../../fixtures/failure-atlas.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => decode(line))
  .flatMap(({ id, retryable, input: { stderr, stdout, body, message } }) => {
    const text = [stderr, stdout, body, message].find((one) => one !== undefined && one !== "")
    return retryable && text !== undefined ? [{ id, text }] : []
  })

const lines = (text: string, before: string): string =>
  text
    .split("\n")
    .map((line) => `${before}${line}\n`)
    .join("")
const failed = "error: failed to push some refs to 'https://git.example.org/a.git'\n"
const answer = (status: number, body: unknown) => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

interface Quoting {
  readonly in: string
  readonly system: System
  readonly operation: string
  readonly input: (text: string) => unknown
}

const quotings: ReadonlyArray<Quoting> = [
  {
    in: "what a hook says of a commit",
    system: "git",
    operation: "commit",
    input: (text) => ({ exitCode: 1, stdout: "", stderr: text })
  },
  {
    in: "what a hook says of a rebase",
    system: "git",
    operation: "rebase",
    input: (text) => ({
      exitCode: 128,
      stdout: "",
      stderr: `${text}\nfatal: The pre-rebase hook refused to rebase.\n`
    })
  },
  {
    in: "the log that a remote's hook shows",
    system: "git",
    operation: "push",
    input: (text) => ({
      exitCode: 1,
      stdout: "",
      stderr: `remote: policy: the checks failed\n${lines(text, "remote:   > ")}To https://git.example.org/a.git\n ! [remote rejected] HEAD -> x (pre-receive hook declined)\n${failed}`
    })
  },
  {
    in: "a pull request's body that GitHub turns down",
    system: "github",
    operation: "POST /pulls",
    input: (text) =>
      answer(422, {
        message: "Validation Failed",
        errors: [
          { resource: "PullRequest", code: "custom", field: "title", message: `not accepted: ${text}` }
        ]
      })
  },
  {
    in: "a prompt that OpenAI turns down",
    system: "openai",
    operation: "chat",
    input: (text) =>
      answer(400, {
        error: { message: `Could not parse: ${text}`, type: "invalid_request_error", param: null, code: null }
      })
  },
  {
    in: "a prompt that Anthropic turns down",
    system: "anthropic",
    operation: "messages",
    input: (text) =>
      answer(400, {
        type: "error",
        error: { type: "invalid_request_error", message: `messages.0: unexpected text: ${text}` }
      })
  },
  {
    in: "a value that PostgreSQL turns down",
    system: "postgres",
    operation: "insert",
    input: (text) => ({
      sqlstate: "22P02",
      severity: "ERROR",
      message: `invalid input syntax for type json: "${text}"`
    })
  },
  {
    in: "what a function raises, through PostgREST",
    system: "postgrest",
    operation: "rpc",
    input: (text) => answer(400, { code: "P0001", message: `refused: ${text}`, details: null, hint: null })
  },
  {
    in: "the output of a check",
    system: "node",
    operation: "exec",
    input: (text) => ({
      name: "Error",
      message: `Command failed: npm test\n${text}`,
      code: 1,
      cmd: "npm test"
    })
  },
  {
    in: "an error of our own that tells of it",
    system: "node",
    operation: "run",
    input: (text) => ({ name: "Error", message: `the model wrote: ${text}` })
  }
]

describe("words that are quoted", () => {
  for (const quoting of quotings) {
    it(`are no failure that passes in ${quoting.in}`, () => {
      const repeated = words.flatMap(({ id, text }) => {
        const got = classifyAny(quoting.system, quoting.operation, quoting.input(text))
        return got.retryable ? [`${id}: ${got.tag} by ${got.rule}`] : []
      })
      assert.deepStrictEqual(repeated, [])
      assert.isAtLeast(words.length, 80)
    })
  }
})
