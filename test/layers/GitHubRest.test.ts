import { createServer } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as GitHubRest from "../../src/layers/GitHubRest.ts"
import { GitHub, GitHubContract } from "../../src/services/GitHub.ts"
import { gitOk, platform, shop, startForge } from "./forge/support.ts"

const secret = "ghp_0123456789abcdef0123456789abcdef01234567"

interface Scripted {
  readonly url: string
  readonly requests: Array<{
    readonly method: string
    readonly url: string
    readonly request: IncomingMessage
  }>
  readonly close: () => void
}

/** A server that does what one function says, until the scope closes. */
const scripted = (handler: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<Scripted>((resume) => {
      const requests: Scripted["requests"] = []
      const server = createServer((request, response) => {
        requests.push({ method: request.method ?? "", url: request.url ?? "", request })
        request.resume()
        handler(request, response)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, requests, close }))
      })
    }),
    (server) => Effect.sync(server.close)
  )

const using =
  (apiUrl: string, token: string | null = secret) =>
  <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.provide(
      program,
      GitHubRest.layer({ apiUrl, token: token === null ? undefined : Redacted.make(token) })
    )

const create = GitHub.use((github) =>
  github.createPullRequest({ repository: shop, branch: "feat/x", base: "main", title: "T", body: "B" })
)
const look = GitHub.use((github) => github.getRepository(shop))

/** The failure of a call, proved to be one that the method's contract declares. */
const failureOf = <A, E, R>(method: keyof typeof GitHubContract, call: Effect.Effect<A, E, R>) =>
  Effect.tap(Effect.flip(call), (failure) =>
    Effect.sync(() => assert.isTrue(Schema.is(GitHubContract[method].failure)(failure), String(failure)))
  )

/** 2026-01-01T00:00:00Z */
const newYear = 1_767_225_600
const quota = {
  "x-github-request-id": "0000:0000:000000:000000:00000000",
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": "4962",
  "x-ratelimit-reset": `${newYear}`
}
const validation = (...errors: ReadonlyArray<unknown>) => ({
  message: "Validation Failed",
  errors,
  status: "422"
})
const custom = (message: string) => validation({ resource: "PullRequest", code: "custom", message })
const invalid = (...fields: ReadonlyArray<string>) =>
  validation(...fields.map((field) => ({ resource: "PullRequest", field, code: "invalid" })))
const tooFast = {
  message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
  documentation_url:
    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
}
const saml = "Resource protected by organization SAML enforcement."

interface Case {
  readonly name: string
  readonly status: number
  readonly body: unknown
  readonly headers?: Record<string, string>
  readonly tag: string
  readonly says: string
  readonly retryAfterMs?: number
}

/** The clock stands at one minute before the new year. */
const cases: ReadonlyArray<Case> = [
  {
    name: "401",
    status: 401,
    body: { message: "Bad credentials" },
    tag: "AuthenticationFailed",
    says: "Bad credentials"
  },
  {
    name: "primary rate limit",
    status: 403,
    headers: { "x-ratelimit-remaining": "0" },
    body: { message: "API rate limit exceeded for installation ID 0." },
    tag: "RateLimited",
    says: "API rate limit exceeded",
    retryAfterMs: 61_000
  },
  {
    name: "primary rate limit without a usable reset",
    status: 403,
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon" },
    body: { message: "API rate limit exceeded." },
    tag: "RateLimited",
    says: "exceeded",
    retryAfterMs: 60_000
  },
  {
    name: "a reset that has passed",
    status: 403,
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1" },
    body: { message: "API rate limit exceeded." },
    tag: "RateLimited",
    says: "exceeded",
    retryAfterMs: 0
  },
  {
    name: "secondary rate limit with seconds",
    status: 403,
    headers: { "retry-after": "7" },
    body: tooFast,
    tag: "RateLimited",
    says: "secondary rate limit",
    retryAfterMs: 7_000
  },
  {
    name: "secondary rate limit with a date",
    status: 429,
    headers: { "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" },
    body: tooFast,
    tag: "RateLimited",
    says: "secondary rate limit",
    retryAfterMs: 90_000
  },
  {
    name: "secondary rate limit without a header",
    status: 403,
    body: tooFast,
    tag: "RateLimited",
    says: "secondary rate limit",
    retryAfterMs: 60_000
  },
  {
    name: "429 with a Retry-After that is nonsense",
    status: 429,
    headers: { "retry-after": "-5" },
    body: "slow down",
    tag: "RateLimited",
    says: "slow down",
    retryAfterMs: 60_000
  },
  {
    name: "other 403",
    status: 403,
    body: { message: "Repository was archived so is read-only." },
    tag: "PermissionDenied",
    says: "archived"
  },
  {
    name: "403 for single sign-on",
    status: 403,
    headers: { "x-github-sso": "required; url=https://github.com/orgs/o/sso" },
    body: { message: saml },
    tag: "PermissionDenied",
    says: "https://github.com/orgs/o/sso"
  },
  { name: "404", status: 404, body: { message: "Not Found" }, tag: "RepositoryMissing", says: "acme/shop" },
  {
    name: "already exists",
    status: 422,
    body: custom("A pull request already exists for acme:feat/x."),
    tag: "PullRequestExists",
    says: "feat/x already has"
  },
  {
    name: "no commits",
    status: 422,
    body: custom("No commits between main and feat/x"),
    tag: "NothingToMerge",
    says: "No commits"
  },
  { name: "head invalid", status: 422, body: invalid("head"), tag: "NothingToMerge", says: "head invalid" },
  {
    name: "head and base invalid",
    status: 422,
    body: invalid("base", "head"),
    tag: "RepositoryMissing",
    says: "base invalid; head invalid"
  },
  { name: "422 in plain words", status: 422, body: validation("Nope."), tag: "ForgeFailed", says: "Nope." },
  { name: "500 with nothing", status: 500, body: "", tag: "ForgeFailed", says: "empty or unreadable" },
  {
    name: "502 as a page",
    status: 502,
    headers: { "content-type": "text/html; charset=utf-8" },
    body: "<!DOCTYPE html><title>Unicorn! &middot; GitHub</title>",
    tag: "ForgeFailed",
    says: "Unicorn!"
  },
  {
    name: "503 that names a wait",
    status: 503,
    headers: { "retry-after": "3" },
    body: {},
    tag: "ForgeFailed",
    says: "503",
    retryAfterMs: 3_000
  },
  {
    name: "a login page with 200",
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8" },
    body: "<html>Log in</html>",
    tag: "ForgeFailed",
    says: "Log in"
  },
  {
    name: "201 of another shape",
    status: 201,
    body: { number: "12" },
    tag: "ForgeFailed",
    says: "not what was asked for"
  },
  {
    name: "201 with a cut body",
    status: 201,
    body: `{"url":"https://api.github.com/repos/acme/shop/pulls/12","num`,
    tag: "ForgeFailed",
    says: "not what was asked for"
  },
  { name: "204", status: 204, body: "", tag: "ForgeFailed", says: "not what was asked for" }
]

describe("GitHubRest: what went wrong", () => {
  it.effect.each(cases)("$name", ({ status, headers, body, tag, says, retryAfterMs }) =>
    Effect.gen(function* () {
      yield* TestClock.setTime((newYear - 60) * 1000)
      const server = yield* scripted((_, response) => {
        response.writeHead(status, {
          "content-type": "application/json; charset=utf-8",
          ...quota,
          ...headers
        })
        response.end(typeof body === "string" ? body : JSON.stringify(body))
      })
      const failure = yield* failureOf("createPullRequest", create).pipe(using(server.url))
      assert.strictEqual(failure._tag, tag)
      assert.include(failure.message, says)
      assert.strictEqual(server.requests.length, 1)
      if (!("evidence" in failure)) return assert.fail("no evidence")
      assert.strictEqual(failure.evidence.operation, "POST /repos/{owner}/{repo}/pulls")
      assert.strictEqual(failure.evidence.httpStatus, status)
      assert.strictEqual(failure.evidence.retryAfterMs, retryAfterMs)
    })
  )

  it.effect("a base that is not there", () =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => {
        response.writeHead(422, { "content-type": "application/json; charset=utf-8", ...quota })
        response.end(JSON.stringify(invalid("base")))
      })
      const failure = yield* failureOf("createPullRequest", create).pipe(using(server.url))
      assert.strictEqual(failure._tag, "BaseBranchMissing")
      assert.include(failure.message, "acme/shop has no branch main")
    })
  )

  it.effect("422 of a reading call has no special meaning", () =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => {
        response.writeHead(422, { "content-type": "application/json" })
        response.end(JSON.stringify(custom("No commits between main and feat/x")))
      })
      const failure = yield* failureOf("getRepository", look).pipe(using(server.url))
      assert.strictEqual(failure._tag, "ForgeFailed")
    })
  )

  it.effect("a connection that breaks inside a 201", () =>
    Effect.gen(function* () {
      const server = yield* scripted((request, response) => {
        response.writeHead(201, { "content-type": "application/json", "content-length": "5000" })
        response.write(`{"number":12,`, () => request.socket.destroy())
      })
      const failure = yield* failureOf("createPullRequest", create).pipe(using(server.url))
      assert.strictEqual(failure._tag, "ForgeFailed")
      assert.include(failure.message, "(201)")
    })
  )

  it.effect("an answer without end is not read to its end", () =>
    Effect.gen(function* () {
      const chunk = "x".repeat(1024 * 1024)
      let sent = 0
      const server = yield* scripted((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        const more = () => {
          sent++
          if (!response.destroyed) response.write(chunk, more)
        }
        more()
      })
      const failure = yield* failureOf("getRepository", look).pipe(using(server.url))
      assert.strictEqual(failure._tag, "ForgeFailed")
      assert.isBelow(sent, 64)
    })
  )

  it.effect("a server that never answers is left after the limit, and hears of it", () =>
    Effect.gen(function* () {
      const arrived = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      const server = yield* scripted((_, response) => {
        response.on("close", left.resolve)
        arrived.resolve()
      })
      const call = yield* Effect.forkChild(failureOf("createPullRequest", create).pipe(using(server.url)))
      yield* Effect.promise(() => arrived.promise)
      yield* TestClock.adjust("30 seconds")
      const failure = yield* Fiber.join(call)
      assert.strictEqual(failure._tag, "TimedOut")
      assert.include(failure.message, "did not end within 30 s")
      yield* Effect.promise(() => left.promise)
    })
  )

  it.effect("an answer that stops halfway runs into the same limit", () =>
    Effect.gen(function* () {
      const arrived = Promise.withResolvers<void>()
      const server = yield* scripted((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.write(`{"default_branch":`, () => arrived.resolve())
      })
      const call = yield* Effect.forkChild(failureOf("getRepository", look).pipe(using(server.url)))
      yield* Effect.promise(() => arrived.promise)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(call))._tag, "TimedOut")
    })
  )

  it.effect("an interrupted call is dropped at once", () =>
    Effect.gen(function* () {
      const arrived = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      const server = yield* scripted((_, response) => {
        response.on("close", left.resolve)
        arrived.resolve()
      })
      const call = yield* Effect.forkChild(create.pipe(using(server.url)))
      yield* Effect.promise(() => arrived.promise)
      yield* Fiber.interrupt(call)
      yield* Effect.promise(() => left.promise)
    })
  )

  it.effect("nobody listens", () =>
    Effect.gen(function* () {
      const server = yield* scripted(() => undefined)
      server.close()
      const failure = yield* failureOf("createPullRequest", create).pipe(using(server.url))
      assert.strictEqual(failure._tag, "RemoteUnreachable")
      assert.include(failure.message, "ECONNREFUSED")
      assert.include(failure.message, server.url)
    })
  )

  it.effect("a connection cut before the answer", () =>
    Effect.gen(function* () {
      const server = yield* scripted((request) => request.socket.destroy())
      const failure = yield* failureOf("createPullRequest", create).pipe(using(server.url))
      assert.strictEqual(failure._tag, "RemoteUnreachable")
    })
  )

  it.effect.each(["not a url", "http://127.0.0.1:1", "http://user:hunter2@127.0.0.1:9"])(
    "the address %s",
    (apiUrl) =>
      Effect.gen(function* () {
        const failure = yield* failureOf("getRepository", look).pipe(using(apiUrl))
        assert.strictEqual(failure._tag, "RemoteUnreachable")
        assert.notInclude(JSON.stringify(failure), "hunter2")
      })
  )

  it.effect.each(["ghp_abc\nx", "", "with space"])("a token that no header can carry: %j", (bad) =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => response.end())
      const failure = yield* failureOf("getRepository", look).pipe(using(server.url, bad))
      assert.strictEqual(failure._tag, "AuthenticationFailed")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  it.effect("the token is in no failure, even when the server echoes it", () =>
    Effect.gen(function* () {
      const server = yield* scripted((request, response) => {
        response.writeHead(400, { "content-type": "text/plain" })
        response.end(`you sent ${request.headers.authorization}`)
      })
      const failure = yield* failureOf("getRepository", look).pipe(using(server.url))
      assert.strictEqual(failure._tag, "ForgeFailed")
      assert.notInclude(JSON.stringify(failure) + String(failure), secret)
    })
  )
})

const pull = (number: number, changes: { readonly ref?: string; readonly repo?: string | null } = {}) => ({
  number,
  html_url: `https://github.com/acme/shop/pull/${number}`,
  state: "open",
  merged_at: null,
  head: {
    ref: changes.ref ?? "feat/x",
    sha: "a".repeat(40),
    repo: changes.repo === null ? null : { full_name: changes.repo ?? "acme/shop" }
  },
  base: { ref: "main", repo: { full_name: "acme/shop" } }
})

describe("GitHubRest: what is asked and understood", () => {
  it.effect("names the version of the API, carries the token, and asks for one branch", () =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.end("[]")
      })
      const find = GitHub.use((github) =>
        github.findPullRequests({ repository: shop, branch: "moose/wo-1&x", state: "all" })
      )
      assert.deepStrictEqual(yield* find.pipe(using(`${server.url}/`)), [])
      const [seen] = server.requests
      const query = new URL(seen?.url ?? "", server.url)
      assert.strictEqual(query.pathname, "/repos/acme/shop/pulls")
      assert.strictEqual(query.searchParams.get("head"), "acme:moose/wo-1&x")
      assert.strictEqual(query.searchParams.get("state"), "all")
      assert.strictEqual(seen?.request.headers["x-github-api-version"], "2022-11-28")
      assert.strictEqual(seen?.request.headers.authorization, `token ${secret}`)
      yield* find.pipe(using(server.url, null))
      assert.strictEqual(server.requests[1]?.request.headers.authorization, undefined)
    })
  )

  it.effect("leaves out what an ignored filter lets through: other branches, forks, deleted forks", () =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.end(
          JSON.stringify([
            pull(9),
            pull(8, { ref: "other" }),
            pull(7, { repo: "mallory/shop" }),
            pull(6, { repo: null })
          ])
        )
      })
      const found = yield* GitHub.use((github) =>
        github.findPullRequests({ repository: shop, branch: "feat/x", state: "open" })
      ).pipe(using(server.url))
      assert.deepStrictEqual(
        found.map(({ number }) => number),
        [9]
      )
    })
  )

  it.effect.each([
    { name: "pushable", body: { permissions: { push: true } }, canPush: true },
    { name: "archived", body: { permissions: { push: true }, archived: true }, canPush: false },
    { name: "read-only", body: { permissions: { push: false } }, canPush: false },
    { name: "anonymous", body: {}, canPush: false }
  ])("a repository that is $name", ({ body, canPush }) =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ default_branch: "trunk", ...body }))
      })
      assert.deepStrictEqual(yield* look.pipe(using(server.url)), { defaultBranch: "trunk", canPush })
    })
  )

  it.live("finds, creates, finds and gets at the local forge", () =>
    Effect.gen(function* () {
      const { forge, work } = yield* startForge
      const head = yield* gitOk(["rev-parse", "feat/x"], { cwd: work })
      yield* Effect.gen(function* () {
        const github = yield* GitHub
        assert.deepStrictEqual(yield* github.getRepository(shop), { defaultBranch: "main", canPush: true })
        const find = github.findPullRequests({ repository: shop, branch: "feat/x", state: "open" })
        assert.deepStrictEqual(yield* find, [])
        const created = yield* create
        assert.strictEqual(created.number, 1)
        assert.strictEqual(created.url, `${forge.url}/acme/shop/pull/1`)
        assert.strictEqual(created.state, "open")
        assert.isFalse(created.merged)
        assert.strictEqual(created.head.branch, "feat/x")
        assert.strictEqual(created.head.sha, head)
        assert.strictEqual(created.base.branch, "main")
        assert.deepStrictEqual(yield* find, [created])
        assert.deepStrictEqual(yield* github.getPullRequest({ repository: shop, number: 1 }), created)

        const again = yield* failureOf("createPullRequest", create)
        assert.strictEqual(again._tag, "PullRequestExists")
        assert.include(again.message, "A pull request already exists for acme:feat/x.")
        const absent = github.createPullRequest({
          repository: shop,
          branch: "absent",
          base: "main",
          title: "T",
          body: ""
        })
        assert.strictEqual((yield* failureOf("createPullRequest", absent))._tag, "NothingToMerge")
        const elsewhere = github.getRepository({ owner: "acme", name: "other" })
        assert.strictEqual((yield* failureOf("getRepository", elsewhere))._tag, "RepositoryMissing")
        const unknown = github.getPullRequest({ repository: shop, number: 99 })
        assert.strictEqual((yield* failureOf("getPullRequest", unknown))._tag, "RepositoryMissing")
      }).pipe(using(forge.url, Redacted.value(forge.token)))
      const refused = yield* failureOf("getRepository", look).pipe(using(forge.url))
      assert.strictEqual(refused._tag, "AuthenticationFailed")
      assert.include(refused.message, "Bad credentials")
    }).pipe(Effect.provide(platform))
  )
})
