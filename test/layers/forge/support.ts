import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { Ajv } from "ajv"
import addFormats from "ajv-formats"
import { Context, Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import * as LocalForge from "../../../src/layers/forge/LocalForge.ts"

/** GitHub's own description of the operations that it covers, made into JSON Schema for AJV. */
const description: unknown = JSON.parse(
  readFileSync(new URL("../../fixtures/github-openapi-slice.json", import.meta.url), "utf8")
)

/** OpenAPI 3.0 says `nullable`, JSON Schema adds "null" to the type. */
const withoutNullable = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(withoutNullable)
  if (typeof node !== "object" || node === null) return node
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withoutNullable(value)])
  )
  if (nullable !== true) return rest
  const nullableType = "type" in rest ? { type: [rest["type"], "null"].flat() } : {}
  const nullableEnum = Array.isArray(rest["enum"]) ? { enum: [...rest["enum"], null] } : {}
  return { ...rest, ...nullableType, ...nullableEnum }
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, logger: false })
addFormats.default(ajv)
ajv.addSchema({ $id: "github", ...Object(withoutNullable(description)) })

const escapePointer = (text: string) =>
  text.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D")

/** What GitHub's description has against a body at a JSON pointer of it; nothing, if all is well. */
const complaints = (pointer: ReadonlyArray<string>, body: unknown): ReadonlyArray<string> => {
  const validate = ajv.compile({ $ref: `github#/${pointer.map(escapePointer).join("/")}` })
  return validate(body)
    ? []
    : (validate.errors ?? []).map(
        (error) => `${error.instancePath || "/"} ${error.message} (${error.schemaPath})`
      )
}

/** An answer against the response that GitHub declares for this operation and status. */
export const answerComplaints = (operation: string, status: number, body: unknown) => {
  const [method = "", path = ""] = operation.split(" ")
  const schema = ["content", "application/json", "schema"]
  const declared = ["paths", path, method.toLowerCase(), "responses", `${status}`]
  const response = declared.reduce<unknown>(
    (node, key) => (typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined),
    description
  )
  if (response === undefined) return [`${operation} does not declare ${status}`]
  if (typeof response === "object" && response !== null && !("$ref" in response || "content" in response))
    return []
  const ref = typeof response === "object" && response !== null ? Reflect.get(response, "$ref") : undefined
  const pointer = typeof ref === "string" ? ref.slice(2).split("/") : declared
  return complaints([...pointer, ...schema], body)
}

export const schemaComplaints = (name: string, body: unknown) =>
  complaints(["components", "schemas", name], body)

export interface GitResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface GitOptions {
  readonly cwd?: string
  readonly input?: string
}

/** Runs the real git with no settings but the test's. */
export const git = (args: ReadonlyArray<string>, { cwd, input }: GitOptions = {}) =>
  Effect.callback<GitResult>((resume, signal) => {
    const child = spawn("git", [...args], {
      cwd,
      signal,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        HOME: "/nonexistent",
        LC_ALL: "C",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_TERMINAL_PROMPT: "0",
        GIT_AUTHOR_NAME: "t",
        GIT_AUTHOR_EMAIL: "t@example.com",
        GIT_COMMITTER_NAME: "t",
        GIT_COMMITTER_EMAIL: "t@example.com",
        // The same commit has the same name every time, so that a branch can be pushed again.
        GIT_AUTHOR_DATE: "1700000000 +0000",
        GIT_COMMITTER_DATE: "1700000000 +0000"
      }
    })
    child.stdin?.end(input)
    let stdout = ""
    let stderr = ""
    child.stdout?.on("data", (chunk) => (stdout += chunk))
    child.stderr?.on("data", (chunk) => (stderr += chunk))
    child.on("error", (cause) => resume(Effect.die(cause)))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
  })

/** git, whose failure fails the test. */
export const gitOk = (args: ReadonlyArray<string>, options: GitOptions = {}) =>
  Effect.flatMap(git(args, options), (result) =>
    result.code === 0
      ? Effect.succeed(result.stdout.trim())
      : Effect.die(new Error(`git ${args.join(" ")}: ${result.code} ${result.stderr}`))
  )

/** A repository's address with the token in it, as `git clone` takes it. */
export const withToken = (url: string, token: Redacted.Redacted<string>) =>
  url.replace("http://", `http://moose:${Redacted.value(token)}@`)

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: unknown
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** One REST call with the forge's token, or with the headers given. */
export const call = (
  forge: Pick<Forge, "url" | "token">,
  operation: string,
  body?: unknown,
  headers: Record<string, string> = { authorization: `Bearer ${Redacted.value(forge.token)}` }
): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const [method = "GET", path = "/"] = operation.split(" ")
    const answer = await fetch(forge.url + path, {
      method,
      signal,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
    const text = await answer.text()
    const json = parse(text)
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: json._tag === "Some" ? json.value : undefined
    }
  })

export const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "moose-forge-" })
)

const fileCommit = (branch: string, file: string, content: string, from = "") =>
  `commit refs/heads/${branch}\ncommitter t <t@example.com> 1700000000 +0000\ndata 1\nx\n${from}` +
  `M 100644 inline ${file}\ndata ${content.length}\n${content}\n\n`

/** Branches with one commit each that main lacks; left and right say different things in one file. */
const topics = ["one", "two", "three", "four", "feat/x"]

/** A checkout of main, with the topics, left and right beside it. */
export const checkout = Effect.gen(function* () {
  const directory = yield* temporary
  yield* gitOk(["init", "--quiet", "--initial-branch=main", directory])
  const from = "from refs/heads/main\n"
  const input = [
    fileCommit("main", "README.md", "# Hello\n"),
    ...topics.map((topic) => fileCommit(topic, `${topic.replace("/", "-")}.txt`, `${topic}\n`, from)),
    ...["left", "right"].map((side) => fileCommit(side, "same.txt", `${side}\n`, from))
  ].join("")
  yield* gitOk(["fast-import", "--quiet"], { cwd: directory, input })
  yield* gitOk(["reset", "--quiet", "--hard"], { cwd: directory })
  return directory
})

/** Commits a file on a new branch that starts at main, and goes there. */
export const commitOn = Effect.fnUntraced(function* (
  directory: string,
  branch: string,
  file: string,
  content: string
) {
  const fs = yield* FileSystem.FileSystem
  yield* gitOk(["checkout", "--quiet", "-B", branch, "main"], { cwd: directory })
  yield* fs.writeFileString(`${directory}/${file}`, content)
  yield* gitOk(["add", "."], { cwd: directory })
  yield* gitOk(["commit", "--quiet", "-m", `Add ${file}`], { cwd: directory })
  return yield* gitOk(["rev-parse", "HEAD"], { cwd: directory })
})

export const platform = NodeServices.layer

export type Forge = LocalForge.LocalForge["Service"]

export const shop = { owner: "acme", name: "shop" }

/** A forge in a fresh folder, and its repository acme/shop with all of a checkout's branches, and main's equal even. */
export const startForge = Effect.gen(function* () {
  const directory = yield* temporary
  const forge = yield* LocalForge.make({ directory })
  yield* forge.createRepository({ ...shop, defaultBranch: "main" })
  const work = yield* checkout
  const remote = withToken(forge.repositoryUrl(shop), forge.token)
  yield* gitOk(["push", "--quiet", remote, "refs/heads/*:refs/heads/*", "main:refs/heads/even"], {
    cwd: work
  })
  return { forge, directory, work, remote }
})

/** One such forge for the tests of a file that do not need one of their own. */
export class Started extends Context.Service<Started, Effect.Success<typeof startForge>>()("test/Started") {
  static readonly layer = Layer.provideMerge(Layer.effect(Started, startForge), platform)
}

const Pull = Schema.Struct({
  number: Schema.Int,
  state: Schema.String,
  title: Schema.String,
  body: Schema.NullOr(Schema.String),
  html_url: Schema.String,
  merged_at: Schema.NullOr(Schema.String),
  closed_at: Schema.NullOr(Schema.String),
  merge_commit_sha: Schema.NullOr(Schema.String),
  head: Schema.Struct({ ref: Schema.String, sha: Schema.String, label: Schema.String }),
  base: Schema.Struct({ ref: Schema.String, sha: Schema.String })
})
export const asPull = (answer: Answer) => Schema.decodeUnknownSync(Pull)(answer.body)
export const asPulls = (answer: Answer) => Schema.decodeUnknownSync(Schema.Array(Pull))(answer.body)
export const numbers = (answer: Answer) => asPulls(answer).map((pull) => pull.number)

const Problem = Schema.Struct({
  message: Schema.String,
  errors: Schema.optionalKey(Schema.Array(Schema.Unknown))
})
export const asProblem = (answer: Answer) => Schema.decodeUnknownSync(Problem)(answer.body)

/** Opens a pull request in acme/shop. */
export const open = (forge: Pick<Forge, "url" | "token">, head: string, more = {}) =>
  call(forge, "POST /repos/acme/shop/pulls", {
    title: `About ${head}`,
    head,
    base: "main",
    body: "Why.",
    ...more
  })
