import { request as rawRequest } from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import {
  Started,
  answerComplaints,
  asProblem,
  asPull,
  call,
  commitOn,
  open,
  gitOk,
  schemaComplaints
} from "./support.ts"
import type { Answer } from "./support.ts"

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
      const { forge, work } = yield* Started
      const head = yield* gitOk(["rev-parse", "feat/x"], { cwd: work })
      checked("GET /user", yield* call(forge, "GET /user"))
      checked("GET /rate_limit", yield* call(forge, "GET /rate_limit"))
      checked("GET /repos/{owner}/{repo}", yield* call(forge, "GET /repos/acme/shop"))
      checked("GET /repos/{owner}/{repo}", yield* call(forge, "GET /repos/acme/none"))
      const ref = "GET /repos/{owner}/{repo}/git/ref/{ref}"
      const found = checked(ref, yield* call(forge, "GET /repos/acme/shop/git/ref/heads/feat/x"))
      assert.deepNestedInclude(found.body, { ref: "refs/heads/feat/x", "object.sha": head })
      const encoded = yield* call(forge, "GET /repos/ACME/Shop/git/ref/heads%2Ffeat%2Fx")
      assert.strictEqual(encoded.status, 200)
      assert.strictEqual(
        checked(ref, yield* call(forge, "GET /repos/acme/shop/git/ref/heads/feat")).status,
        404
      )
      const matching = yield* call(forge, "GET /repos/acme/shop/git/matching-refs/heads/feat")
      assert.strictEqual(matching.status, 200)
      const [first, ...rest] = Schema.decodeUnknownSync(Schema.Array(Schema.Unknown))(matching.body)
      assert.deepStrictEqual([schemaComplaints("git-ref", first), rest], [[], []])

      const created = checked(`POST ${pulls}`, yield* open(forge, "acme:feat/x"))
      assert.strictEqual(created.status, 201)
      const { number } = asPull(created)
      checked(`GET ${pullAt}`, yield* call(forge, `GET /repos/acme/shop/pulls/${number}`))
      checked(`GET ${pulls}`, yield* call(forge, "GET /repos/acme/shop/pulls?state=all"))
      checked(`POST ${pulls}`, yield* open(forge, "feat/x"))
      checked(`POST ${pulls}`, yield* call(forge, "POST /repos/acme/shop/pulls", {}))
      checked(`GET ${pulls}`, yield* call(forge, "GET /repos/acme/shop/pulls?state=maybe"))
      checked(`GET ${pullAt}`, yield* call(forge, "GET /repos/acme/shop/pulls/999"))
      // Not in the slice: PATCH pulls, merge, comments, matching-refs. Their shapes are those of other operations.
      const patched = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "closed" })
      assert.deepStrictEqual(schemaComplaints("pull-request", patched.body), [])
      const remove = "DELETE /repos/{owner}/{repo}/git/refs/{ref}"
      const gone = yield* call(forge, "DELETE /repos/acme/shop/git/refs/heads/feat/x")
      assert.deepStrictEqual([gone.status, gone.text], [204, ""])
      const again = checked(remove, yield* call(forge, "DELETE /repos/acme/shop/git/refs/heads/feat/x"))
      assert.strictEqual(asProblem(again).message, "Reference does not exist")
    })
  )

  it.effect("a new pull request says what GitHub's would", () =>
    Effect.gen(function* () {
      const { forge, work } = yield* Started
      const head = yield* gitOk(["rev-parse", "two"], { cwd: work })
      const answer = yield* open(forge, "two", { body: "Because <b>&\u0000'\"\n" })
      const pull = asPull(answer)
      assert.deepStrictEqual(pull.head, { ref: "two", sha: head, label: "acme:two" })
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
      body: { title: "T", head: "three", base: "nobody" },
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
      body: { title: "T", head: "mallory:three", base: "main" },
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
      body: { head: "three", base: "main" },
      errors: [{ field: "title", code: "missing_field" }]
    },
    {
      name: "blank title",
      body: { title: "  ", head: "three", base: "main" },
      errors: [{ field: "title", code: "invalid" }]
    },
    {
      name: "a number for a title",
      body: { title: 1, head: "three", base: "main" },
      errors: [{ field: "title", code: "invalid" }]
    },
    {
      name: "a title of 257",
      body: { title: "x".repeat(257), head: "three", base: "main" },
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
