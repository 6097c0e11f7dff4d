import { randomBytes } from "node:crypto"
import { request } from "node:http"
import { gzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Redacted, Schedule } from "effect"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import { parseHead } from "../../../src/layers/forge/GitSmartHttp.ts"
import { Started, call, commitOn, git, gitOk, shop, temporary, withToken } from "./support.ts"

/** Processes of this machine whose environment says that they serve this folder. */
const backendsOf = (directory: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const found: Array<string> = []
    for (const pid of (yield* fs.readDirectory("/proc")).filter((name) => /^\d+$/.test(name))) {
      const environment = yield* Effect.orElseSucceed(fs.readFileString(`/proc/${pid}/environ`), () => "")
      if (environment.includes(`GIT_PROJECT_ROOT=${directory}`)) found.push(pid)
    }
    return found
  })

layer(Started.layer, { excludeTestServices: true })("LocalForge, over git", (it) => {
  it.effect("pushes, lists, clones and fetches", () =>
    Effect.gen(function* () {
      const { work, remote } = yield* Started
      const sha = yield* commitOn(work, "git/one", "one.txt", "one\n")
      yield* gitOk(["push", "--quiet", remote, "git/one"], { cwd: work })
      assert.include(yield* gitOk(["ls-remote", remote]), `${sha}\trefs/heads/git/one`)
      const clone = yield* temporary
      yield* gitOk(["clone", "--quiet", "--branch", "git/one", remote, `${clone}/c`])
      assert.strictEqual(yield* gitOk(["rev-parse", "HEAD"], { cwd: `${clone}/c` }), sha)
      const newer = yield* commitOn(work, "git/two", "two.txt", "two\n")
      yield* gitOk(["push", "--quiet", remote, "git/two"], { cwd: work })
      yield* gitOk(["fetch", "--quiet", "origin"], { cwd: `${clone}/c` })
      assert.strictEqual(yield* gitOk(["rev-parse", "origin/git/two"], { cwd: `${clone}/c` }), newer)
    })
  )

  it.effect("takes in a push of 3 MB, in one piece and in chunks", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { work, remote, forge } = yield* Started
      for (const [branch, buffer] of [
        ["big/whole", "16m"],
        ["big/chunked", "64k"]
      ] as const) {
        yield* gitOk(["checkout", "--quiet", "-B", branch, "main"], { cwd: work })
        yield* fs.writeFile(`${work}/blob.bin`, randomBytes(3 * 1024 * 1024))
        yield* gitOk(["add", "."], { cwd: work })
        yield* gitOk(["commit", "--quiet", "-m", "Big"], { cwd: work })
        yield* gitOk(["-c", `http.postBuffer=${buffer}`, "push", "--quiet", remote, branch], { cwd: work })
        const answer = yield* call(forge, `GET /repos/acme/shop/git/ref/heads/${branch}`)
        assert.include(answer.text, yield* gitOk(["rev-parse", "HEAD"], { cwd: work }))
      }
    })
  )

  it.effect("understands gzip, which git uses for long negotiations", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const answer = yield* Effect.promise(() =>
        fetch(`${forge.repositoryUrl(shop)}/git-upload-pack`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${Redacted.value(forge.token)}`,
            "content-type": "application/x-git-upload-pack-request",
            "content-encoding": "gzip",
            "git-protocol": "version=2"
          },
          body: new Uint8Array(gzipSync("0014command=ls-refs\n0000"))
        }).then((response) => response.text())
      )
      assert.include(answer, "refs/heads/main")
    })
  )

  it.effect("refuses a push that says it is too large before it is sent", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const client = request(`${forge.repositoryUrl(shop)}/git-receive-pack`, {
          method: "POST",
          agent: false,
          headers: {
            authorization: `Bearer ${Redacted.value(forge.token)}`,
            "content-length": `${Limits.forgePushBytesMax + 1}`
          }
        })
        client.on("error", () => undefined)
        client.on("response", (answer) => {
          client.destroy()
          resume(Effect.succeed(answer.statusCode))
        })
        client.flushHeaders()
      })
      assert.strictEqual(status, 413)
    })
  )

  it.effect("lets nobody in without the token", () =>
    Effect.gen(function* () {
      const { forge, work } = yield* Started
      const url = forge.repositoryUrl(shop)
      for (const bad of [
        url,
        url.replace("http://", "http://moose:wrong@"),
        url.replace("http://", `http://${Redacted.value(forge.token)}:@`)
      ]) {
        const result = yield* git(["push", bad, "main:refs/heads/stolen"], { cwd: work })
        assert.strictEqual(result.code, 128)
        assert.match(result.stderr, /Authentication failed|could not read (Username|Password)/)
      }
      const header = `http.extraHeader=Authorization: Bearer ${Redacted.value(forge.token)}`
      yield* gitOk(["-c", header, "ls-remote", url])
      for (const service of ["info/refs?service=git-upload-pack", "info/refs?service=git-receive-pack"]) {
        const answer = yield* call(forge, `GET /acme/shop.git/${service}`, undefined, {})
        assert.strictEqual(answer.status, 401)
        assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic realm=/)
      }
    })
  )

  it.effect("serves nothing but its repositories and git's three services", () =>
    Effect.gen(function* () {
      const { forge } = yield* Started
      for (const path of [
        "/acme/none.git/info/refs?service=git-upload-pack",
        "/acme/shop/info/refs?service=git-upload-pack",
        "/acme/..%2f..%2fshop.git/info/refs",
        "/acme/shop.git/HEAD",
        "/acme/shop.git/config",
        "/acme/shop.git/objects/info/packs",
        "/acme/shop.git/../../../token"
      ]) {
        assert.strictEqual((yield* call(forge, `GET ${path}`)).status, 404, path)
      }
      const missing = yield* git([
        "ls-remote",
        withToken(forge.repositoryUrl({ owner: "acme", name: "none" }), forge.token)
      ])
      assert.strictEqual(missing.code, 128)
      assert.include(missing.stderr, "not found")
    })
  )

  it.effect("passes on what a hook says, and a lease that is stale", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { directory, work, remote } = yield* Started
      const hooks = `${directory}/repositories/acme/shop/repository.git/hooks`
      const hook = `${hooks}/update`
      yield* fs.makeDirectory(hooks, { recursive: true })
      yield* fs.writeFileString(hook, `#!/bin/sh\necho "GH006: not you" >&2\nenv >&2\nexit 1\n`, {
        mode: 0o755
      })
      yield* commitOn(work, "hooked", "h.txt", "h\n")
      yield* Effect.acquireRelease(
        Effect.sync(() => (process.env["MOOSE_TEST_KEY"] = "sesame")),
        () => Effect.sync(() => delete process.env["MOOSE_TEST_KEY"])
      )
      const declined = yield* git(["push", "--porcelain", remote, "hooked"], { cwd: work })
      yield* fs.remove(hook)
      assert.strictEqual(declined.code, 1)
      assert.include(declined.stderr, "remote: GH006: not you")
      assert.include(
        declined.stdout,
        "!\trefs/heads/hooked:refs/heads/hooked\t[remote rejected] (hook declined)"
      )
      const stale = yield* git(
        [
          "push",
          "--porcelain",
          `--force-with-lease=refs/heads/main:${"1".repeat(40)}`,
          remote,
          "hooked:refs/heads/main"
        ],
        { cwd: work }
      )
      assert.strictEqual(stale.code, 1)
      assert.include(stale.stdout, "[rejected] (stale info)")
    })
  )

  it.effect("stops git when the client leaves in the middle", () =>
    Effect.gen(function* () {
      const { forge, directory } = yield* Started
      const repository = `${directory}/repositories/acme/shop`
      const client = request(`${forge.repositoryUrl(shop)}/git-receive-pack`, {
        method: "POST",
        agent: false,
        headers: {
          authorization: `Bearer ${Redacted.value(forge.token)}`,
          "content-type": "application/x-git-receive-pack-request",
          "transfer-encoding": "chunked"
        }
      })
      client.on("error", () => undefined)
      client.write("00a5")
      const started = yield* backendsOf(repository).pipe(
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (found) => found.length > 0 }),
        Effect.timeout("5 seconds")
      )
      assert.isNotEmpty(started)
      client.destroy()
      const left = yield* backendsOf(repository).pipe(
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (found) => found.length === 0 }),
        Effect.timeout("5 seconds")
      )
      assert.deepStrictEqual(left, [])
      assert.include(
        yield* gitOk(["ls-remote", withToken(forge.repositoryUrl(shop), forge.token)]),
        "refs/heads/main"
      )
    })
  )

  it.effect("reads the head of a CGI answer in any cut", () =>
    Effect.gen(function* () {
      assert.isNull(parseHead(Buffer.from("Status: 404 Not Found\r\nContent-Type: text/plain\r\n")))
      const crlf = parseHead(
        Buffer.from("Status: 404 Not Found\r\nContent-Type: text/plain\r\nX-Other: 1\r\n\r\nbody\r\n\r\n")
      )
      assert.deepStrictEqual(
        [crlf?.status, crlf?.headers, Buffer.from(crlf?.rest ?? []).toString()],
        [404, { "content-type": "text/plain" }, "body\r\n\r\n"]
      )
      assert.strictEqual(parseHead(Buffer.from("Content-Type: a\n\n"))?.status, 200)
      assert.strictEqual(parseHead(Buffer.from("Status: 99\r\n\r\n"))?.status, 500)
      assert.strictEqual(parseHead(Buffer.from("Status: x\r\n\r\n"))?.status, 500)
    })
  )
})
