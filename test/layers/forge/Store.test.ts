import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Redacted, Scope } from "effect"
import * as LocalForge from "../../../src/layers/forge/LocalForge.ts"
import {
  answerComplaints,
  asProblem,
  asPull,
  call,
  checkout,
  git,
  gitOk,
  numbers,
  open,
  platform,
  shop,
  startForge,
  temporary,
  withToken
} from "./support.ts"

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
      yield* gitOk(["push", "--quiet", remote, "main", "one", "two"], { cwd: work })
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
      const { forge, directory } = yield* startForge
      const second = yield* LocalForge.make({ directory })
      assert.notStrictEqual(second.url, forge.url)
      assert.strictEqual(Redacted.value(second.token), Redacted.value(forge.token))
      const branches = ["one", "two", "three", "four"]
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
      assert.include(page.text, "feat-x.txt")
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
