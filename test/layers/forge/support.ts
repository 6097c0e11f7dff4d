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

/** Runs the real git with no settings but the test's. */
export const git = (args: ReadonlyArray<string>, options: { readonly cwd?: string } = {}) =>
  Effect.callback<GitResult>((resume, signal) => {
    const child = spawn("git", [...args], {
      ...options,
      signal,
      stdio: ["ignore", "pipe", "pipe"],
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
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => (stdout += chunk))
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.on("error", (cause) => resume(Effect.die(cause)))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
  })

/** git, whose failure fails the test. */
export const gitOk = (args: ReadonlyArray<string>, options: { readonly cwd?: string } = {}) =>
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

/** A checkout with one commit on main and one file, not pushed anywhere. */
export const checkout = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* temporary
  yield* gitOk(["init", "--quiet", "--initial-branch=main", directory])
  yield* fs.writeFileString(`${directory}/README.md`, "# Hello\n")
  yield* gitOk(["add", "."], { cwd: directory })
  yield* gitOk(["commit", "--quiet", "-m", "First"], { cwd: directory })
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

/** A forge in a fresh folder, a checkout, and the repository acme/shop with main, its equal even, and refused. */
export const startForge = Effect.gen(function* () {
  const directory = yield* temporary
  const forge = yield* LocalForge.make({ directory })
  yield* forge.createRepository({ ...shop, defaultBranch: "main" })
  const work = yield* checkout
  const remote = withToken(forge.repositoryUrl(shop), forge.token)
  yield* commitOn(work, "refused", "refused.txt", "refused\n")
  yield* gitOk(["push", "--quiet", remote, "main", "main:refs/heads/even", "refused"], { cwd: work })
  return { forge, directory, work, remote }
})

/** One such forge for the tests of a file that do not need one of their own. */
export class Started extends Context.Service<Started, Effect.Success<typeof startForge>>()("test/Started") {
  static readonly layer = Layer.provideMerge(Layer.effect(Started, startForge), platform)
}

/** A branch with one commit of its own, pushed; its tip. */
export const pushBranch = Effect.fnUntraced(function* (work: string, remote: string, branch: string) {
  const sha = yield* commitOn(work, branch, `${branch.replaceAll("/", "-")}.txt`, `${branch}\n`)
  yield* gitOk(["push", "--quiet", remote, `HEAD:refs/heads/${branch}`], { cwd: work })
  return sha
})
