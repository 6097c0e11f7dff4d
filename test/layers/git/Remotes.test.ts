import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, FileSystem, Layer, Redacted } from "effect"
import type { Sha } from "../../../src/domain/Ids.ts"
import * as GitCli from "../../../src/layers/GitCli.ts"
import { Git } from "../../../src/services/Git.ts"
import * as GitHttpServer from "../../support/GitHttpServer.ts"
import * as GitSandbox from "../../support/GitSandbox.ts"
import { running } from "../../support/Processes.ts"

const { git: byHand } = GitSandbox

const token = "Basic bW9vc2U6aHVudGVyMg=="

const gitWith = (options: GitCli.GitOptions) => Layer.build(Layer.fresh(GitCli.layer(options)))

const TestLayer = GitCli.layer().pipe(Layer.provideMerge(NodeServices.layer))

/** A mirror with one commit of ours on top of main, not pushed yet. */
const prepared = Effect.gen(function* () {
  const sandbox = yield* GitSandbox.make
  const git = yield* Git
  const directory = sandbox.at("home", "mirror.git")
  const worktree = sandbox.at("home", "worktree")
  yield* git.initBare({ directory })
  yield* git.fetchBranch({ directory, remoteUrl: sandbox.origin, branch: "main" })
  yield* git.addWorktree({ directory, worktree, sha: sandbox.base })
  const commit = Effect.fnUntraced(function* (content: string) {
    yield* sandbox.write(worktree, "a.txt", content)
    const made = yield* git.commitAll({ worktree, paths: [], message: "Change", committedAt: 1_700_000_000 })
    return made ?? assert.fail("nothing was committed")
  })
  const head = (branch: string) =>
    byHand(sandbox.origin, "for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`)
  return { ...sandbox, directory, commit, head, ours: yield* commit("ours\n") }
})

const isPush = (request: GitHttpServer.Request) =>
  request.method === "POST" && request.path.endsWith("/git-receive-pack")

const hook = Effect.fnUntraced(function* (origin: string, name: string, script: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(`${origin}/hooks`, { recursive: true })
  yield* fs.writeFileString(`${origin}/hooks/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
})

const branch = "moose/wo-1"

describe("GitCli with a remote", () => {
  layer(TestLayer, { excludeTestServices: true })((it) => {
    it.effect("lists the remote's branches by the beginning of their names", () =>
      Effect.gen(function* () {
        const { origin, base } = yield* GitSandbox.make
        const git = yield* Git
        for (const name of ["moose/wo-1", "moose/wo-2/deep", "moose/other", "x/moose/wo-3"]) {
          byHand(origin, "update-ref", `refs/heads/${name}`, base)
        }
        byHand(origin, "update-ref", "refs/moose/wo-4", base)
        assert.deepStrictEqual(yield* git.remoteBranches({ remoteUrl: origin, prefix: "moose/wo-" }), [
          { branch: "moose/wo-1", sha: base },
          { branch: "moose/wo-2/deep", sha: base }
        ])
        assert.deepStrictEqual(yield* git.remoteBranches({ remoteUrl: origin, prefix: "none/" }), [])
        const missing = yield* Effect.flip(git.remoteBranches({ remoteUrl: `${origin}x`, prefix: "moose/" }))
        assert.strictEqual(missing._tag, "RepositoryMissing")
      })
    )

    it.effect("asks for branches by their exact name", () =>
      Effect.gen(function* () {
        const { origin, base, checkout, at } = yield* GitSandbox.make
        const git = yield* Git
        byHand(checkout, "push", "--quiet", "origin", "HEAD:refs/heads/other/refs/heads/main2")
        assert.strictEqual(yield* git.remoteHead({ remoteUrl: origin, branch: "main" }), base)
        assert.isNull(yield* git.remoteHead({ remoteUrl: origin, branch: "main2" }))
        assert.strictEqual(yield* git.defaultBranch({ remoteUrl: origin }), "main")
        byHand(at(), "init", "--quiet", "--bare", "empty.git")
        assert.isNull(yield* git.defaultBranch({ remoteUrl: at("empty.git") }))
        assert.isNull(yield* git.remoteHead({ remoteUrl: at("empty.git"), branch: "main" }))
        assert.strictEqual(
          yield* git
            .remoteHead({ remoteUrl: `file://${encodeURI(origin)}`, branch: "main" })
            .pipe(Effect.orElseSucceed(() => base)),
          base
        )
      })
    )

    it.effect("fetches one branch and nothing else, forced pushes included", () =>
      Effect.gen(function* () {
        const { origin, checkout, directory, base, write, publish } = yield* prepared
        const git = yield* Git
        byHand(checkout, "tag", "v1")
        byHand(checkout, "push", "--quiet", "origin", "v1", "HEAD:refs/heads/other")
        byHand(checkout, "commit", "--quiet", "--amend", "--message", "Begin again")
        byHand(checkout, "push", "--quiet", "--force", "origin", "HEAD:main")
        const moved = yield* git.fetchBranch({ directory, remoteUrl: origin, branch: "main" })
        assert.notStrictEqual(moved, base)
        assert.strictEqual(moved, byHand(checkout, "rev-parse", "HEAD"))
        assert.strictEqual(
          byHand(directory, "for-each-ref", "--format=%(refname)"),
          "refs/remotes/origin/main"
        )
        const fs = yield* FileSystem.FileSystem
        assert.isFalse(yield* fs.exists(`${directory}/FETCH_HEAD`))
        yield* write(checkout, "b.txt", "b\n")
        const unicode = publish("More", "größe/ü")
        assert.strictEqual(
          yield* git.fetchBranch({ directory, remoteUrl: origin, branch: "größe/ü" }),
          unicode
        )
      })
    )

    it.effect("tells a missing branch from a missing repository and from a missing server", () =>
      Effect.gen(function* () {
        const { origin, directory, at, root } = yield* prepared
        const git = yield* Git
        const server = yield* GitHttpServer.make({ root })
        byHand(at(), "init", "--quiet", "--bare", "empty.git")
        for (const remoteUrl of [origin, at("empty.git"), server.url("origin.git")]) {
          const failure = yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "absent" }))
          assert.strictEqual(failure._tag, "BaseBranchMissing")
          if (failure._tag === "BaseBranchMissing") assert.strictEqual(failure.branch, "absent")
        }
        for (const remoteUrl of [at("none.git"), server.url("none.git"), at()]) {
          const failure = yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "main" }))
          assert.strictEqual(failure._tag, "RepositoryMissing", failure.message)
          assert.strictEqual(
            (yield* Effect.flip(git.remoteHead({ remoteUrl, branch: "x" })))._tag,
            "RepositoryMissing"
          )
        }
        const remoteUrl = "http://127.0.0.1:1/a/b.git"
        const failures = [
          yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "main" })),
          yield* Effect.flip(git.remoteHead({ remoteUrl, branch: "main" })),
          yield* Effect.flip(git.defaultBranch({ remoteUrl }))
        ]
        for (const failure of failures) {
          assert.strictEqual(failure._tag, "RemoteUnreachable", failure.message)
          if (failure._tag === "RemoteUnreachable") assert.strictEqual(failure.remote, remoteUrl)
        }
      })
    )

    it.effect("refuses names and addresses that git would take for something else", () =>
      Effect.gen(function* () {
        const { origin, directory, ours, at } = yield* prepared
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const pwned = at("pwned")
        const branches = [
          "--upload-pack=touch x",
          "-d",
          "HEAD",
          "@",
          "a..b",
          "a b",
          "a:b",
          "+a",
          "a^",
          "a~1",
          "a*"
        ]
        for (const name of [
          ...branches.filter((name) => name !== "+a"),
          "a\\b",
          "/a",
          "a/",
          "a//b",
          ".a",
          "a.lock",
          "a.",
          "a@{1}",
          "a\u0007"
        ]) {
          const failures = [
            yield* Effect.flip(git.fetchBranch({ directory, remoteUrl: origin, branch: name })),
            yield* Effect.flip(git.remoteHead({ remoteUrl: origin, branch: name })),
            yield* Effect.flip(
              git.push({ directory, remoteUrl: origin, sha: ours, branch: name, expected: null })
            )
          ]
          for (const failure of failures) {
            assert.strictEqual(failure._tag, "GitFailed", name)
            assert.include(failure.message, JSON.stringify(name))
          }
        }
        const urls = [
          `--upload-pack=touch ${pwned}`,
          `-u${pwned}`,
          "../origin.git",
          "origin",
          `ext::sh -c touch% ${pwned}`,
          "http://x/\nb"
        ]
        for (const remoteUrl of urls) {
          const failures = [
            yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "main" })),
            yield* Effect.flip(git.remoteHead({ remoteUrl, branch: "main" })),
            yield* Effect.flip(git.defaultBranch({ remoteUrl })),
            yield* Effect.flip(git.push({ directory, remoteUrl, sha: ours, branch, expected: null }))
          ]
          // `ext::` is refused by git itself, as no address of a repository.
          const tag = remoteUrl.startsWith("ext::") ? "RepositoryMissing" : "GitFailed"
          for (const failure of failures) assert.strictEqual(failure._tag, tag, remoteUrl)
        }
        assert.isFalse(yield* fs.exists(pwned))
        // Odd but lawful.
        yield* git.push({ directory, remoteUrl: origin, sha: ours, branch: "+a", expected: null })
        assert.strictEqual(yield* git.remoteHead({ remoteUrl: origin, branch: "+a" }), ours)
      })
    )

    it.effect("pushes a new branch, the same again, and over what it left there", () =>
      Effect.gen(function* () {
        const { origin, directory, ours, commit, head } = yield* prepared
        const git = yield* Git
        const push = (sha: Sha, expected: Sha | null) =>
          git.push({ directory, remoteUrl: origin, sha, branch, expected })
        yield* push(ours, null)
        assert.strictEqual(head(branch), ours)
        // The answer to the first push may have got lost.
        yield* push(ours, null)
        yield* push(ours, ours)
        const next = yield* commit("next\n")
        yield* push(next, ours)
        assert.strictEqual(head(branch), next)
        // Back to a commit that is no descendant: forced, because the lease holds.
        yield* push(ours, next)
        assert.strictEqual(head(branch), ours)
        const absent = yield* Effect.flip(push(GitSandbox.nobodysSha, ours))
        assert.strictEqual(absent._tag, "GitFailed")
        assert.strictEqual(head(branch), ours)
      })
    )

    it.effect("does not push over somebody else's commit, and says what is there", () =>
      Effect.gen(function* () {
        const { origin, directory, ours, base, head, commit } = yield* prepared
        const git = yield* Git
        const push = (expected: Sha | null) =>
          Effect.flip(git.push({ directory, remoteUrl: origin, sha: ours, branch, expected }))
        byHand(origin, "update-ref", `refs/heads/${branch}`, base)
        const other = yield* commit("theirs\n")
        for (const [expected, found] of [
          [null, base],
          [other, base]
        ] as const) {
          const failure = yield* push(expected)
          assert.strictEqual(failure._tag, "HeadMoved")
          if (failure._tag === "HeadMoved") {
            assert.deepStrictEqual(
              [failure.branch, failure.expected, failure.found],
              [branch, expected, found]
            )
          }
        }
        assert.strictEqual(head(branch), base)
        byHand(origin, "update-ref", "-d", `refs/heads/${branch}`)
        const gone = yield* push(base)
        assert.strictEqual(gone._tag, "HeadMoved")
        if (gone._tag === "HeadMoved") assert.isNull(gone.found)
        assert.strictEqual(head(branch), "")
      })
    )

    it.effect("knows a refusal by the remote's answer, and its kind by the rule it names", () =>
      Effect.gen(function* () {
        const { origin, root, directory, ours, head } = yield* prepared
        const git = yield* Git
        const server = yield* GitHttpServer.make({ root })
        const cases = [
          [
            "pre-receive",
            "echo 'policy: ticket missing' >&2; exit 1",
            "PushRejected",
            "policy: ticket missing"
          ],
          [
            "pre-receive",
            "echo 'error: GH006: Protected branch update failed' >&2; exit 1",
            "PushProtected",
            "GH006"
          ],
          [
            "pre-receive",
            "printf 'error: GH013: Repository rule violations found\\n- GITHUB PUSH PROTECTION\\n- Push cannot contain secrets\\n' >&2; exit 1",
            "SecretBlocked",
            "GH013"
          ],
          [
            "pre-receive",
            "echo 'error: GH013: Repository rule violations found' >&2; exit 1",
            "PushRejected",
            "GH013"
          ],
          ["update", "echo frozen >&2; exit 1", "PushRejected", "frozen"],
          // What a hook says is no fault of this machine.
          [
            "pre-receive",
            "echo 'No space left on device; hung up unexpectedly' >&2; exit 1",
            "PushRejected",
            "No space"
          ]
        ] as const
        for (const [name, script, tag, words] of cases) {
          yield* hook(origin, name, script)
          for (const remoteUrl of [origin, server.url("origin.git")]) {
            const failure = yield* Effect.flip(
              git.push({ directory, remoteUrl, sha: ours, branch, expected: null })
            )
            assert.strictEqual(failure._tag, tag, failure.message)
            assert.include(failure.message, words)
          }
          yield* hook(origin, name, "exit 0")
        }
        assert.strictEqual(head(branch), "")
      })
    )

    it.effect("judges a broken push by its status, not by the friendly words at its end", () =>
      Effect.gen(function* () {
        const { root, directory, ours, head } = yield* prepared
        const git = yield* Git
        let fault: GitHttpServer.Fault | undefined
        const server = yield* GitHttpServer.make({
          root,
          fault: (request) => (isPush(request) ? fault : undefined)
        })
        const remoteUrl = server.url("origin.git")
        const push = git.push({ directory, remoteUrl, sha: ours, branch, expected: null })
        const statuses = [
          [503, "RemoteUnreachable"],
          [500, "RemoteUnreachable"],
          [429, "RemoteUnreachable"],
          [403, "PermissionDenied"],
          [404, "RepositoryMissing"],
          [413, "PushRejected"]
        ] as const
        for (const [status, tag] of statuses) {
          fault = { _tag: "Status", status, body: "no" }
          const failure = yield* Effect.flip(push)
          assert.strictEqual(failure._tag, tag, failure.message)
          if ("evidence" in failure) assert.strictEqual(failure.evidence.httpStatus, status)
        }
        fault = { _tag: "Drop" }
        assert.strictEqual((yield* Effect.flip(push))._tag, "RemoteUnreachable")
        assert.strictEqual(head(branch), "")
        // The push took place and its answer is lost: a failure, and the next try finds it done.
        fault = { _tag: "DropReply" }
        assert.strictEqual((yield* Effect.flip(push))._tag, "RemoteUnreachable")
        assert.strictEqual(head(branch), ours)
        fault = undefined
        yield* push
      })
    )

    it.effect("sends the Authorization header, and shows it to nobody", () =>
      Effect.gen(function* () {
        const { root, directory, ours, head, base } = yield* prepared
        const server = yield* GitHttpServer.make({ root, authorization: token })
        const remoteUrl = server.url("origin.git")
        const known = yield* gitWith({ authorization: () => Redacted.make(token) })
        yield* Effect.gen(function* () {
          const git = yield* Git
          assert.strictEqual(yield* git.remoteHead({ remoteUrl, branch: "main" }), base)
          assert.strictEqual(yield* git.fetchBranch({ directory, remoteUrl, branch: "main" }), base)
          yield* git.push({ directory, remoteUrl, sha: ours, branch, expected: null })
          assert.strictEqual(head(branch), ours)
        }).pipe(Effect.provide(known))
        // A password in the address works too, and is neither an argument nor shown.
        const git = yield* Git
        const secret = remoteUrl.replace("://", "://moose:hunter2@")
        assert.strictEqual(yield* git.remoteHead({ remoteUrl: secret, branch: "main" }), base)
        const without = yield* Effect.flip(git.remoteHead({ remoteUrl, branch: "main" }))
        assert.strictEqual(without._tag, "AuthenticationFailed", without.message)
        const wrong = yield* gitWith({ authorization: () => Redacted.make("Basic d3Jvbmc6d3Jvbmc=") })
        const wrongSecret = remoteUrl.replace("://", "://moose:wrong-password@")
        const failures = [
          yield* Effect.flip(git.remoteHead({ remoteUrl: wrongSecret, branch: "main" })),
          yield* Effect.flip(
            git.push({ directory, remoteUrl: wrongSecret, sha: ours, branch, expected: null })
          ),
          yield* Effect.gen(function* () {
            const git = yield* Git
            return yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "main" }))
          }).pipe(Effect.provide(wrong))
        ]
        for (const failure of failures) {
          assert.strictEqual(failure._tag, "AuthenticationFailed", failure.message)
          const everything = `${failure.message} ${JSON.stringify(failure)}`
          for (const leak of ["wrong-password", "d3Jvbmc6d3Jvbmc="]) assert.notInclude(everything, leak)
        }
      })
    )

    it.effect("uses the user's credential helper, address shortcuts and no hooks of theirs", () =>
      Effect.gen(function* () {
        const { root, directory, ours, base, write, at } = yield* prepared
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const server = yield* GitHttpServer.make({ root, authorization: token })
        yield* hook(at("user"), "pre-push", `touch "${at("hooked")}"; exit 1`)
        const configuration = yield* write(
          at("user"),
          "gitconfig",
          [
            `[core]\n\thooksPath = "${at("user", "hooks")}"`,
            "[push]\n\tfollowTags = true\n\tgpgSign = true",
            '[credential]\n\thelper = "!f() { echo username=moose; echo password=hunter2; }; f"',
            `[url "http://127.0.0.1:${server.port}/"]\n\tinsteadOf = "work:"`
          ].join("\n")
        )
        byHand(directory, "tag", "--annotate", "--message", "v1", "v1", base)
        process.env["GIT_CONFIG_GLOBAL"] = configuration
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* git.remoteHead({ remoteUrl: "work:origin.git", branch: "main" }), base)
          yield* git.push({ directory, remoteUrl: "work:origin.git", sha: ours, branch, expected: null })
        }).pipe(Effect.ensuring(Effect.sync(() => (process.env["GIT_CONFIG_GLOBAL"] = "/dev/null"))))
        assert.isFalse(yield* fs.exists(at("hooked")))
        assert.strictEqual(byHand(at("origin.git"), "tag", "--list"), "")
      })
    )

    it.effect("gives up at its time limit, and leaves no process when it is interrupted", () =>
      Effect.gen(function* () {
        const { root, directory } = yield* prepared
        const reached = yield* Deferred.make<void>()
        const server = yield* GitHttpServer.make({
          root,
          fault: () => ({ _tag: "Hang", reached: () => Deferred.doneUnsafe(reached, Effect.void) })
        })
        const remoteUrl = server.url("origin.git")
        const hasty = yield* gitWith({
          timeouts: { local: Duration.seconds(20), remote: Duration.millis(300) }
        })
        const failure = yield* Effect.gen(function* () {
          const git = yield* Git
          return yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "main" }))
        }).pipe(Effect.provide(hasty))
        assert.strictEqual(failure._tag, "TimedOut")
        if (failure._tag === "TimedOut") {
          assert.strictEqual(failure.operation, "git fetch")
          assert.strictEqual(failure.limitMs, 300)
        }
        assert.deepStrictEqual(running(`127.0.0.1:${server.port}`), [])

        const git = yield* Git
        const fiber = yield* Effect.forkChild(git.remoteHead({ remoteUrl, branch: "main" }))
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(running(`127.0.0.1:${server.port}`), [])
      })
    )
  })
})
