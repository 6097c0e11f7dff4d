import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Started, asProblem, asPull, call, gitOk, numbers, open, startForge } from "./support.ts"

layer(Started.layer, { excludeTestServices: true })("PullRequests", (it) => {
  it.effect("lists by head, state and base, newest first, page by page", () =>
    Effect.gen(function* () {
      const { forge } = yield* startForge
      for (const branch of ["one", "two", "three"]) {
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
      const { number } = asPull(yield* open(forge, "two"))
      const get = Effect.map(call(forge, `GET /repos/acme/shop/pulls/${number}`), asPull)
      yield* gitOk(["checkout", "--quiet", "two"], { cwd: work })
      yield* gitOk(["commit", "--quiet", "--allow-empty", "-m", "More"], { cwd: work })
      yield* gitOk(["push", "--quiet", remote, "two"], { cwd: work })
      const moved = yield* gitOk(["rev-parse", "HEAD"], { cwd: work })
      assert.strictEqual((yield* get).head.sha, moved)
      yield* gitOk(["push", "--quiet", "--delete", remote, "two"], { cwd: work })
      const closed = yield* get
      assert.deepStrictEqual([closed.state, closed.head.sha, closed.merged_at], ["closed", moved, null])
      assert.isString(closed.closed_at)
      const reopened = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "open" })
      assert.strictEqual(reopened.status, 422)
      yield* gitOk(["push", "--quiet", remote, "two"], { cwd: work })
      assert.strictEqual((yield* get).state, "closed")
      const other = asPull(yield* open(forge, "two"))
      assert.isAbove(other.number, number)
      const clash = yield* call(forge, `PATCH /repos/acme/shop/pulls/${number}`, { state: "open" })
      assert.strictEqual(clash.status, 422)
      assert.include(clash.text, "A pull request already exists for acme:two.")
    })
  )

  it.effect("changes, comments on and merges a pull request", () =>
    Effect.gen(function* () {
      const { forge, work, remote } = yield* Started
      const head = yield* gitOk(["rev-parse", "three"], { cwd: work })
      const { number } = asPull(yield* open(forge, "three"))
      const at = `/repos/acme/shop/pulls/${number}`
      const changed = asPull(yield* call(forge, `PATCH ${at}`, { title: "Better", body: null }))
      assert.deepStrictEqual([changed.title, changed.body, changed.state], ["Better", null, "open"])
      assert.strictEqual((yield* call(forge, `PATCH ${at}`, { base: "other" })).status, 422)
      const written = yield* call(forge, `POST /repos/acme/shop/issues/${number}/comments`, { body: "Nice" })
      assert.strictEqual(written.status, 201)
      assert.deepInclude(written.body, {
        id: 1,
        body: "Nice",
        issue_url: `${forge.url}/repos/acme/shop/issues/${number}`
      })
      assert.strictEqual(
        (yield* call(forge, "POST /repos/acme/shop/issues/99/comments", { body: "?" })).status,
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
      const { forge } = yield* Started
      const left = asPull(yield* open(forge, "left"))
      const right = asPull(yield* open(forge, "right"))
      const squashed = yield* call(forge, `PUT /repos/acme/shop/pulls/${left.number}/merge`, {
        merge_method: "squash"
      })
      assert.strictEqual(squashed.status, 200)
      const refused = yield* call(forge, `PUT /repos/acme/shop/pulls/${right.number}/merge`)
      assert.deepStrictEqual(
        [refused.status, asProblem(refused).message],
        [405, "Pull Request is not mergeable"]
      )
    })
  )

  it.effect("of eight who open the same pull request one succeeds", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const eight = Array.from({ length: 8 }, () => open(forge, "four"))
      const answers = yield* Effect.all(eight, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        answers.map(({ status }) => status).sort(),
        [201, 422, 422, 422, 422, 422, 422, 422]
      )
      for (const answer of answers.filter(({ status }) => status === 422)) {
        assert.include(answer.text, "A pull request already exists for acme:four.")
      }
      const list = yield* call(forge, "GET /repos/acme/shop/pulls?state=all&head=acme:four")
      assert.strictEqual(numbers(list).length, 1)
    })
  )
})
