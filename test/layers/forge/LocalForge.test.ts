import { request as rawRequest } from "node:http"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Redacted, Schema, Scope } from "effect"
import * as LocalForge from "../../../src/layers/forge/LocalForge.ts"
import {
  Started,
  answerComplaints,
  call,
  checkout,
  commitOn,
  git,
  gitOk,
  platform,
  pushBranch,
  schemaComplaints,
  shop,
  startForge,
  temporary,
  withToken
} from "./support.ts"
import type { Answer } from "./support.ts"

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
const asPull = (answer: Answer) => Schema.decodeUnknownSync(Pull)(answer.body)
const asPulls = (answer: Answer) => Schema.decodeUnknownSync(Schema.Array(Pull))(answer.body)
const numbers = (answer: Answer) => asPulls(answer).map((pull) => pull.number)

const Problem = Schema.Struct({
  message: Schema.String,
  errors: Schema.optionalKey(Schema.Array(Schema.Unknown))
})
const asProblem = (answer: Answer) => Schema.decodeUnknownSync(Problem)(answer.body)

const pulls = "/repos/{owner}/{repo}/pulls"
const pullAt = `${pulls}/{pull_number}`

/** The answer, checked against GitHub's description of the operation. */
const checked = (operation: string, answer: Answer) => {
  assert.deepStrictEqual(
    answerComplaints(operation, answer.status, answer.body),
    [],
    answer.text.slice(0, 300)
  )
  return answer
}

const open = (
  forge: { readonly url: string; readonly token: Redacted.Redacted<string> },
  head: string,
  more = {}
) =>
  call(forge, "POST /repos/acme/shop/pulls", {
    title: `About ${head}`,
    head,
    base: "main",
    body: "Why.",
    ...more
  })

layer(Started.layer, { excludeTestServices: true })("LocalForge, over REST", (it) => {
  it.effect("the validator itself finds what is wrong", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const good = yield* call(forge, "GET /user")
      assert.deepStrictEqual(answerComplaints("GET /user", 200, good.body), [])
      assert.isNotEmpty(answerComplaints("GET /user", 200, { login: "moose" }))
      assert.isNotEmpty(answerComplaints(`POST ${pulls}`, 422, { message: 1 }))
      assert.deepStrictEqual(answerComplaints(`POST ${pulls}`, 401, {}), [
        `POST ${pulls} does not declare 401`
      ])
    })
  )

  it.effect("every answer is what GitHub's description says", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      const head = yield* pushBranch(work, remote, "described/one")
      checked("GET /user", yield* call(forge, "GET /user"))
      checked("GET /rate_limit", yield* call(forge, "GET /rate_limit"))
      checked("GET /repos/{owner}/{repo}", yield* call(forge, "GET /repos/acme/shop"))
      checked("GET /repos/{owner}/{repo}", yield* call(forge, "GET /repos/acme/none"))
      const ref = "GET /repos/{owner}/{repo}/git/ref/{ref}"
      const found = checked(ref, yield* call(forge, "GET /repos/acme/shop/git/ref/heads/described/one"))
      assert.deepNestedInclude(found.body, { ref: "refs/heads/described/one", "object.sha": head })
      const encoded = yield* call(forge, "GET /repos/ACME/Shop/git/ref/heads%2Fdescribed%2Fone")
      assert.strictEqual(encoded.status, 200)
      assert.strictEqual(
        checked(ref, yield* call(forge, "GET /repos/acme/shop/git/ref/heads/described")).status,
        404
      )
      const matching = yield* call(forge, "GET /repos/acme/shop/git/matching-refs/heads/described")
      assert.strictEqual(matching.status, 200)
      const [first, ...rest] = Schema.decodeUnknownSync(Schema.Array(Schema.Unknown))(matching.body)
      assert.deepStrictEqual([schemaComplaints("git-ref", first), rest], [[], []])

      const created = checked(`POST ${pulls}`, yield* open(forge, "acme:described/one"))
      assert.strictEqual(created.status, 201)
      const { number } = asPull(created)
      checked(`GET ${pullAt}`, yield* call(forge, `GET /repos/acme/shop/pulls/${number}`))
      checked(`GET ${pulls}`, yield* call(forge, "GET /repos/acme/shop/pulls?state=all"))
      checked(`POST ${pulls}`, yield* open(forge, "described/one"))
      checked(`POST ${pulls}`, yield* call(forge, "POST /repos/acme/shop/pulls", {}))
      checked(`GET ${pulls}`, yield* call(forge, "GET /repos/acme/shop/pulls?state=maybe"))
      checked(`GET ${pullAt}`, yield* call(forge, "GET /repos/acme/shop/pulls/999"))
      // Not in the slice: PATCH pulls, merge, comments, matching-refs. Their shapes are those of other operations.
      const patched = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "closed" })
      assert.deepStrictEqual(schemaComplaints("pull-request", patched.body), [])
      const remove = "DELETE /repos/{owner}/{repo}/git/refs/{ref}"
      const gone = yield* call(forge, "DELETE /repos/acme/shop/git/refs/heads/described/one")
      assert.deepStrictEqual([gone.status, gone.text], [204, ""])
      const again = checked(
        remove,
        yield* call(forge, "DELETE /repos/acme/shop/git/refs/heads/described/one")
      )
      assert.strictEqual(asProblem(again).message, "Reference does not exist")
    })
  )

  it.effect("a new pull request says what GitHub's would", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      const head = yield* pushBranch(work, remote, "facts")
      const answer = yield* open(forge, "facts", { body: "Because <b>&\u0000'\"\n" })
      const pull = asPull(answer)
      assert.deepStrictEqual(pull.head, { ref: "facts", sha: head, label: "acme:facts" })
      assert.strictEqual(pull.state, "open")
      assert.strictEqual(pull.body, "Because <b>&\u0000'\"\n")
      assert.strictEqual(pull.html_url, `${forge.url}/acme/shop/pull/${pull.number}`)
      assert.deepInclude(answer.body, {
        commits: 1,
        additions: 1,
        deletions: 0,
        changed_files: 1,
        merged: false
      })
      assert.match(answer.headers.get("x-github-request-id") ?? "", /^[0-9A-F]{4}(:[0-9A-F]+){4}$/)
      assert.match(answer.headers.get("x-ratelimit-remaining") ?? "", /^\d+$/)
      assert.isAbove(Number(answer.headers.get("x-ratelimit-reset")), 1_700_000_000)
    })
  )

  it.effect.each([
    {
      name: "unknown head",
      body: { title: "T", head: "nobody", base: "main" },
      errors: [{ field: "head", code: "invalid" }]
    },
    {
      name: "unknown base",
      body: { title: "T", head: "refused", base: "nobody" },
      errors: [{ field: "base", code: "invalid" }]
    },
    {
      name: "neither known",
      body: { title: "T", head: "a", base: "b" },
      errors: [
        { field: "base", code: "invalid" },
        { field: "head", code: "invalid" }
      ]
    },
    {
      name: "somebody else's head",
      body: { title: "T", head: "mallory:refused", base: "main" },
      errors: [{ field: "head", code: "invalid" }]
    },
    {
      name: "head is base",
      body: { title: "T", head: "main", base: "main" },
      errors: [{ message: "No commits between main and main" }]
    },
    {
      name: "head without commits",
      body: { title: "T", head: "even", base: "main" },
      errors: [{ message: "No commits between main and even" }]
    },
    {
      name: "no title",
      body: { head: "refused", base: "main" },
      errors: [{ field: "title", code: "missing_field" }]
    },
    {
      name: "blank title",
      body: { title: "  ", head: "refused", base: "main" },
      errors: [{ field: "title", code: "invalid" }]
    },
    {
      name: "a number for a title",
      body: { title: 1, head: "refused", base: "main" },
      errors: [{ field: "title", code: "invalid" }]
    },
    {
      name: "a title of 257",
      body: { title: "x".repeat(257), head: "refused", base: "main" },
      errors: [{ field: "title", code: "invalid" }]
    },
    {
      name: "nothing",
      body: {},
      errors: [
        { field: "title", code: "missing_field" },
        { field: "head", code: "missing_field" },
        { field: "base", code: "missing_field" }
      ]
    }
  ])("refuses with 422: $name", ({ body, errors }) =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const answer = checked(`POST ${pulls}`, yield* call(forge, "POST /repos/acme/shop/pulls", body))
      const problem = asProblem(answer)
      assert.deepStrictEqual([answer.status, problem.message], [422, "Validation Failed"])
      assert.strictEqual(problem.errors?.length, errors.length)
      for (const [index, error] of errors.entries()) {
        assert.deepInclude(problem.errors?.[index], { resource: "PullRequest", ...error })
      }
    })
  )

  it.effect("refuses what is no JSON, what is too long, and what is not there", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const create = "POST /repos/acme/shop/pulls"
      assert.strictEqual((yield* call(forge, create, "{oops")).status, 400)
      assert.strictEqual((yield* call(forge, create, "[]")).status, 422)
      assert.strictEqual(
        (yield* call(forge, create, JSON.stringify({ title: "x".repeat(5_000_000) }))).status,
        413
      )
      for (const path of [
        "/nope",
        "/repos/acme/none/pulls",
        "/repos/../../etc",
        "/repos/acme/shop/pulls/0x1"
      ]) {
        const answer = yield* call(forge, `GET ${path}`)
        assert.deepStrictEqual([answer.status, asProblem(answer).message], [404, "Not Found"], path)
      }
      assert.strictEqual((yield* call(forge, "POST /repos/acme/none/pulls", {})).status, 404)
    })
  )

  it.effect("lets nobody in without the token", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const token = Redacted.value(forge.token)
      const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
      const refused = [
        "",
        "Bearer",
        "Bearer wrong",
        `Bearer ${token}x`,
        basic(`${token}:`),
        "Basic !!!",
        `x ${token}\t`
      ]
      for (const authorization of refused) {
        const answer = yield* call(forge, "GET /user", undefined, { authorization })
        assert.deepStrictEqual(
          [answer.status, asProblem(answer).message],
          [401, "Bad credentials"],
          authorization
        )
        assert.deepStrictEqual(answerComplaints("GET /user", 401, answer.body), [])
      }
      for (const authorization of [`Bearer ${token}`, `token ${token}`, basic(`moose:${token}`)]) {
        assert.strictEqual((yield* call(forge, "GET /user", undefined, { authorization })).status, 200)
      }
      assert.strictEqual((yield* call(forge, "GET /user", undefined, {})).status, 401)
    })
  )

  it.effect("answers to loopback names only", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const statusFor = (host: string) =>
        Effect.callback<number | undefined>((resume) => {
          rawRequest(`${forge.url}/`, { headers: { host }, agent: false }, (answer) => {
            answer.resume()
            answer.on("end", () => resume(Effect.succeed(answer.statusCode)))
          }).end()
        })
      for (const host of [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "10.0.0.1"
      ]) {
        assert.strictEqual(yield* statusFor(host), 421, host)
      }
      for (const host of ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:1"]) {
        assert.strictEqual(yield* statusFor(host), 200, host)
      }
    })
  )

  it.effect("lists by head, state and base, newest first, page by page", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* startForge
      for (const branch of ["one", "two", "three"]) {
        yield* pushBranch(work, remote, branch)
        assert.strictEqual((yield* open(forge, branch)).status, 201)
      }
      yield* call(forge, "PATCH /repos/acme/shop/pulls/2", { state: "closed" })
      const list = (query: string) => call(forge, `GET /repos/acme/shop/pulls?${query}`)
      assert.deepStrictEqual(numbers(yield* list("")), [3, 1])
      assert.deepStrictEqual(numbers(yield* list("state=all")), [3, 2, 1])
      assert.deepStrictEqual(numbers(yield* list("state=all&direction=asc")), [1, 2, 3])
      assert.deepStrictEqual(numbers(yield* list("state=closed")), [2])
      assert.deepStrictEqual(numbers(yield* list("head=acme:three")), [3])
      assert.deepStrictEqual(numbers(yield* list("head=ACME:three&base=main")), [3])
      assert.deepStrictEqual(numbers(yield* list("head=mallory:three")), [])
      assert.deepStrictEqual(
        numbers(yield* list("head=three")),
        [3, 1],
        "GitHub ignores a head without an owner"
      )
      assert.deepStrictEqual(numbers(yield* list("base=other")), [])
      const page = yield* list("state=all&per_page=2")
      assert.deepStrictEqual(numbers(page), [3, 2])
      const next = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1] ?? ""
      const second = yield* call(forge, `GET ${next.slice(forge.url.length)}`)
      assert.deepStrictEqual(numbers(second), [1])
      assert.include(second.headers.get("link"), 'rel="prev"')
      assert.notInclude(second.headers.get("link"), 'rel="next"')
      assert.strictEqual((yield* list("per_page=0")).status, 422)
    })
  )

  it.effect("an open pull request follows its branch, and closes when the branch goes", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      yield* pushBranch(work, remote, "moving")
      const { number } = asPull(yield* open(forge, "moving"))
      const get = Effect.map(call(forge, `GET /repos/acme/shop/pulls/${number}`), asPull)
      yield* gitOk(["commit", "--quiet", "--allow-empty", "-m", "More"], { cwd: work })
      yield* gitOk(["push", "--quiet", remote, "HEAD:moving"], { cwd: work })
      const moved = yield* gitOk(["rev-parse", "HEAD"], { cwd: work })
      assert.strictEqual((yield* get).head.sha, moved)
      yield* gitOk(["push", "--quiet", "--delete", remote, "moving"], { cwd: work })
      const closed = yield* get
      assert.deepStrictEqual([closed.state, closed.head.sha, closed.merged_at], ["closed", moved, null])
      assert.isString(closed.closed_at)
      const reopened = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "open" })
      assert.strictEqual(reopened.status, 422)
      yield* pushBranch(work, remote, "moving")
      assert.strictEqual((yield* get).state, "closed")
      const other = asPull(yield* open(forge, "moving"))
      assert.isAbove(other.number, number)
      const clash = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "open" })
      assert.strictEqual(clash.status, 422)
      assert.include(clash.text, "A pull request already exists for acme:moving.")
    })
  )

  it.effect("changes, comments on and merges a pull request", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* startForge
      const head = yield* pushBranch(work, remote, "merging")
      yield* open(forge, "merging")
      const at = "/repos/acme/shop/pulls/1"
      const changed = asPull(yield* call(forge, `PATCH ${at}`, { title: "Better", body: null }))
      assert.deepStrictEqual([changed.title, changed.body, changed.state], ["Better", null, "open"])
      assert.strictEqual((yield* call(forge, `PATCH ${at}`, { base: "other" })).status, 422)
      const written = yield* call(forge, "POST /repos/acme/shop/issues/1/comments", { body: "Nice" })
      assert.strictEqual(written.status, 201)
      assert.deepInclude(written.body, {
        id: 1,
        body: "Nice",
        issue_url: `${forge.url}/repos/acme/shop/issues/1`
      })
      assert.strictEqual(
        (yield* call(forge, "POST /repos/acme/shop/issues/9/comments", { body: "?" })).status,
        404
      )
      assert.deepInclude((yield* call(forge, `GET ${at}`)).body, { comments: 1 })

      const stale = yield* call(forge, `PUT ${at}/merge`, { sha: "0".repeat(40) })
      assert.strictEqual(stale.status, 409)
      const merged = yield* call(forge, `PUT ${at}/merge`)
      assert.strictEqual(merged.status, 200)
      const after = asPull(yield* call(forge, `GET ${at}`))
      assert.deepStrictEqual([after.state, after.head.sha], ["closed", head])
      assert.isString(after.merged_at)
      const tip = (yield* gitOk(["ls-remote", remote, "refs/heads/main"])).slice(0, 40)
      assert.strictEqual(after.merge_commit_sha, tip)
      yield* gitOk(["fetch", "--quiet", remote, "main"], { cwd: work })
      yield* gitOk(["merge-base", "--is-ancestor", head, "FETCH_HEAD"], { cwd: work })
      assert.strictEqual((yield* call(forge, `PUT ${at}/merge`)).status, 405)
      assert.strictEqual((yield* call(forge, `PATCH ${at}`, { state: "open" })).status, 422)
    })
  )

  it.effect("does not merge what conflicts", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* startForge
      yield* commitOn(work, "left", "same.txt", "left\n")
      yield* gitOk(["push", "--quiet", remote, "left"], { cwd: work })
      yield* commitOn(work, "right", "same.txt", "right\n")
      yield* gitOk(["push", "--quiet", remote, "right"], { cwd: work })
      yield* open(forge, "left")
      yield* open(forge, "right")
      const squashed = yield* call(forge, "PUT /repos/acme/shop/pulls/1/merge", { merge_method: "squash" })
      assert.strictEqual(squashed.status, 200)
      const refused = yield* call(forge, "PUT /repos/acme/shop/pulls/2/merge")
      assert.deepStrictEqual(
        [refused.status, asProblem(refused).message],
        [405, "Pull Request is not mergeable"]
      )
    })
  )

  it.effect("of eight who open the same pull request one succeeds", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      yield* pushBranch(work, remote, "wanted")
      const eight = Array.from({ length: 8 }, () => open(forge, "wanted"))
      const answers = yield* Effect.all(eight, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        answers.map(({ status }) => status).sort(),
        [201, 422, 422, 422, 422, 422, 422, 422]
      )
      for (const answer of answers.filter(({ status }) => status === 422)) {
        assert.include(answer.text, "A pull request already exists for acme:wanted.")
      }
      const list = yield* call(forge, "GET /repos/acme/shop/pulls?state=all&head=acme:wanted")
      assert.strictEqual(numbers(list).length, 1)
    })
  )

  it.effect("shows pages with everything escaped, and no scripts", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      const hostile = `<script>alert("1")</script>`
      yield* commitOn(work, "page", "page.html", `${hostile}\n`)
      yield* gitOk(["push", "--quiet", remote, "page"], { cwd: work })
      const { number } = asPull(yield* open(forge, "page", { title: hostile, body: hostile }))
      const shown = yield* call(forge, `GET /acme/shop/pull/${number}`, undefined, {})
      const index = yield* call(forge, "GET /", undefined, {})
      for (const answer of [shown, index]) {
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("content-type"), "text/html; charset=utf-8")
        assert.include(answer.headers.get("content-security-policy"), "default-src 'none'")
        assert.notInclude(answer.text, "<script")
        assert.include(answer.text, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;")
        assert.notInclude(answer.text, Redacted.value(forge.token))
      }
      assert.include(shown.text, `<span class="add">+&lt;script&gt;`)
      assert.include(index.text, `href="/acme/shop/pull/${number}"`)
      const diff = yield* call(forge, `GET /acme/shop/pull/${number}.diff`, undefined, {})
      assert.include(diff.text, `+${hostile}`)
      assert.include(diff.headers.get("content-type"), "text/plain")
      assert.strictEqual((yield* call(forge, "GET /acme/shop/pull/99", undefined, {})).status, 404)
    })
  )
})

describe("LocalForge, its state", () => {
  it.live("keeps token, numbers and address over a restart", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(LocalForge.make({ directory }), scope)
      yield* before.createRepository({ ...shop, defaultBranch: "main" })
      const work = yield* checkout
      const remote = withToken(before.repositoryUrl(shop), before.token)
      yield* gitOk(["push", "--quiet", remote, "main"], { cwd: work })
      yield* pushBranch(work, remote, "one")
      yield* pushBranch(work, remote, "two")
      yield* open(before, "one")
      yield* call(before, "PATCH /repos/acme/shop/pulls/1", { state: "closed" })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.exit(Effect.tryPromise(() => fetch(before.url))))._tag, "Failure")

      const after = yield* LocalForge.make({ directory })
      assert.strictEqual(after.url, before.url)
      assert.strictEqual(Redacted.value(after.token), Redacted.value(before.token))
      yield* after.createRepository({ ...shop, defaultBranch: "main" })
      assert.strictEqual(asPull(yield* call(after, "GET /repos/acme/shop/pulls/1")).state, "closed")
      assert.strictEqual(asPull(yield* open(after, "two")).number, 2)
      assert.strictEqual((yield* fs.stat(`${directory}/token`)).mode & 0o777, 0o600)
      assert.notInclude(JSON.stringify(after), Redacted.value(after.token))
    }).pipe(Effect.provide(platform))
  )

  it.live("two forges on one folder agree on numbers and on who was first", () =>
    Effect.gen(function* () {
      const { forge, directory, work, remote } = yield* startForge
      const second = yield* LocalForge.make({ directory })
      assert.notStrictEqual(second.url, forge.url)
      assert.strictEqual(Redacted.value(second.token), Redacted.value(forge.token))
      const branches = ["a", "b", "c", "d"]
      for (const branch of branches) yield* pushBranch(work, remote, branch)
      const attempts = branches.flatMap((branch) => [open(forge, branch), open(second, branch)])
      const answers = yield* Effect.all(attempts, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        answers.map(({ status }) => status).sort(),
        [201, 201, 201, 201, 422, 422, 422, 422]
      )
      for (const one of [forge, second]) {
        const list = yield* call(one, "GET /repos/acme/shop/pulls?direction=asc")
        assert.deepStrictEqual(numbers(list), [1, 2, 3, 4])
      }
    }).pipe(Effect.provide(platform))
  )

  it.live("does not start on a port that is taken, nor with a token file that holds none", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { forge } = yield* startForge
      const directory = yield* temporary
      const port = Number(new URL(forge.url).port)
      const taken = yield* Effect.flip(LocalForge.make({ directory, port }))
      assert.strictEqual(taken._tag, "ForgeFailed")
      assert.include(taken.message, "listen")
      yield* fs.writeFileString(`${directory}/ports.json`, `[${port}]`)
      assert.notStrictEqual((yield* LocalForge.make({ directory })).url, forge.url)
      yield* fs.writeFileString(`${directory}/ports.json`, "[nonsense")
      yield* LocalForge.make({ directory })
      yield* fs.writeFileString(`${directory}/token`, "")
      const bad = yield* Effect.flip(LocalForge.make({ directory }))
      assert.strictEqual(bad._tag, "ForgeFailed")
      assert.include(bad.message, "does not hold a token")
    }).pipe(Effect.provide(platform))
  )

  it.live("refuses names that are no names", () =>
    Effect.gen(function* () {
      const { forge } = yield* startForge
      const names = [
        { owner: "..", name: "x" },
        { owner: "acme", name: ".." },
        { owner: "acme", name: "../../x" },
        { owner: "repos", name: "x" },
        { owner: "acme", name: "x.git" },
        { owner: "-acme", name: "x" },
        { owner: "acme", name: "" }
      ]
      for (const name of names) {
        const created = yield* Effect.flip(forge.createRepository({ ...name, defaultBranch: "main" }))
        assert.include(created.message, "not a name", JSON.stringify(name))
        const registered = yield* Effect.flip(forge.registerRepository({ ...name, location: "/tmp" }))
        assert.include(registered.message, "not a name", JSON.stringify(name))
      }
    }).pipe(Effect.provide(platform))
  )

  it.live("a repository elsewhere: its branches are read where they are", () =>
    Effect.gen(function* () {
      const { forge } = yield* startForge
      const elsewhere = yield* checkout
      yield* commitOn(elsewhere, "feat/x", "a.txt", "a\n")
      yield* gitOk(["checkout", "--quiet", "main"], { cwd: elsewhere })
      yield* gitOk(["branch", "-m", "main", "trunk"], { cwd: elsewhere })
      for (const [name, location] of [
        ["folder", elsewhere],
        ["address", `file://${elsewhere}`]
      ] as const) {
        yield* forge.registerRepository({ owner: "me", name, location })
        const repository = yield* call(forge, `GET /repos/me/${name}`)
        assert.deepStrictEqual(answerComplaints("GET /repos/{owner}/{repo}", 200, repository.body), [])
        assert.deepInclude(repository.body, { default_branch: "trunk", full_name: `me/${name}` })
        const created = yield* call(forge, `POST /repos/me/${name}/pulls`, {
          title: "T",
          head: "feat/x",
          base: "trunk"
        })
        assert.strictEqual(created.status, 201)
        const again = yield* call(forge, `POST /repos/me/${name}/pulls`, {
          title: "T",
          head: "trunk",
          base: "trunk"
        })
        assert.include(again.text, "No commits between trunk and trunk")
      }
      const pushed = yield* git([
        "ls-remote",
        withToken(forge.repositoryUrl({ owner: "me", name: "folder" }), forge.token)
      ])
      assert.include(pushed.stdout, "refs/heads/feat/x")
      const page = yield* call(forge, "GET /me/folder/pull/1", undefined, {})
      assert.include(page.text, "a.txt")
    }).pipe(Effect.provide(platform))
  )

  it.live("says so when a repository elsewhere cannot be read", () =>
    Effect.gen(function* () {
      const { forge } = yield* startForge
      yield* forge.registerRepository({ owner: "me", name: "gone", location: "/nonexistent/gone" })
      const answer = yield* call(forge, "GET /repos/me/gone")
      assert.strictEqual(answer.status, 500)
      assert.include(asProblem(answer).message, "/nonexistent/gone")
      yield* forge.registerRepository({
        owner: "me",
        name: "remote",
        location: "git://u:hunter2@127.0.0.1:9/x.git"
      })
      const remote = yield* call(forge, "GET /repos/me/remote")
      assert.strictEqual(remote.status, 500)
      assert.notInclude(remote.text, "hunter2")
      yield* forge.registerRepository({
        owner: "me",
        name: "ext",
        location: "ext::touch /tmp/moose-forge-owned"
      })
      assert.include((yield* call(forge, "GET /repos/me/ext")).text, "not allowed")
    }).pipe(Effect.provide(platform))
  )
})
