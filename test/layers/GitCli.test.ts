import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Layer, Path } from "effect"
import { execFileSync } from "node:child_process"
import * as GitCli from "../../src/layers/GitCli.ts"
import { Git } from "../../src/services/Git.ts"
import * as GitSandbox from "../support/GitSandbox.ts"
import { running } from "../support/Processes.ts"

const { git: byHand } = GitSandbox

const TestLayer = GitCli.layer().pipe(Layer.provideMerge(NodeServices.layer))

/** A mirror of the sandbox's origin with its main branch in it. */
const mirrored = Effect.gen(function* () {
  const sandbox = yield* GitSandbox.make
  const git = yield* Git
  const directory = sandbox.at("home", "mirror.git")
  yield* git.initBare({ directory })
  yield* git.fetchBranch({ directory, remoteUrl: sandbox.origin, branch: "main" })
  return { ...sandbox, directory }
})

/** ... and a worktree of it. */
const withWorktree = Effect.gen(function* () {
  const sandbox = yield* mirrored
  const git = yield* Git
  const worktree = sandbox.at("home", "worktrees", "wo 1-1")
  yield* git.addWorktree({ directory: sandbox.directory, worktree, sha: sandbox.base })
  return { ...sandbox, worktree }
})

const committedAt = 1_700_000_000
const message = "Add, do not subtract\n\nMoose-Work-Order: wo-1"

describe("GitCli", () => {
  layer(TestLayer, { excludeTestServices: true })((it) => {
    it.effect("names its version", () =>
      Effect.gen(function* () {
        const git = yield* Git
        assert.match(yield* git.version({}), /^\d+\.\d+/)
      })
    )

    it.effect("makes a bare repository once, without hooks, and refuses another kind", () =>
      Effect.gen(function* () {
        const { at, checkout, base } = yield* GitSandbox.make
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const directory = at("new", "deeper", "mirror.git")
        yield* git.initBare({ directory })
        assert.isFalse(yield* fs.exists(`${directory}/hooks`))
        byHand(checkout, "push", "--quiet", directory, `${base}:refs/heads/kept`)
        yield* git.initBare({ directory })
        assert.strictEqual(yield* git.readRef({ directory, ref: "refs/heads/kept" }), base)
        const refused = yield* Effect.flip(git.initBare({ directory: checkout }))
        assert.strictEqual(refused._tag, "GitFailed")
      })
    )

    it.effect("finds a checkout's remote: origin, the only one, a relative one, none", () =>
      Effect.gen(function* () {
        const { at, checkout, origin } = yield* GitSandbox.make
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        assert.strictEqual(yield* git.remoteUrl({ directory: checkout }), origin)
        assert.strictEqual(yield* git.remoteUrl({ directory: `${checkout}/src` }), origin)
        byHand(checkout, "remote", "add", "other", "https://example.org/a/b.git")
        byHand(checkout, "remote", "set-url", "origin", "../origin.git")
        assert.strictEqual(yield* git.remoteUrl({ directory: checkout }), origin)
        assert.strictEqual(yield* git.remoteUrl({ directory: `${checkout}/src` }), origin)
        byHand(checkout, "remote", "remove", "origin")
        assert.strictEqual(yield* git.remoteUrl({ directory: checkout }), "https://example.org/a/b.git")
        byHand(checkout, "remote", "add", "third", "git@example.org:a/b.git")
        assert.isNull(yield* git.remoteUrl({ directory: checkout }))
        byHand(checkout, "remote", "remove", "other")
        assert.strictEqual(yield* git.remoteUrl({ directory: checkout }), "git@example.org:a/b.git")

        yield* fs.makeDirectory(at("plain"))
        for (const directory of [at("plain"), at("nowhere")]) {
          const failure = yield* Effect.flip(git.remoteUrl({ directory }))
          assert.strictEqual(failure._tag, "RepositoryMissing")
        }
      })
    )

    it.effect("lists and reads files at a commit, whatever their names", () =>
      Effect.gen(function* () {
        const { checkout, directory, write, publish, origin } = yield* mirrored
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        yield* write(checkout, "-rf", "an option?\n")
        yield* write(checkout, ":(glob)*", "a pattern?\n")
        yield* write(checkout, "tab\tand\nnewline", "odd\n")
        yield* write(checkout, "日本/語.txt", "\ufeffこんにちは\n")
        yield* write(checkout, "latin.txt", Uint8Array.from([0xe9, 0x0a]))
        yield* write(checkout, "image.bin", Uint8Array.from([1, 0, 2]))
        yield* fs.symlink("README.md", `${checkout}/link`)
        const sha = publish("More")
        yield* git.fetchBranch({ directory, remoteUrl: origin, branch: "main" })
        const files = yield* git.listFiles({ directory, sha })
        assert.deepStrictEqual(
          [...files].sort(),
          [
            "-rf",
            ":(glob)*",
            "README.md",
            "image.bin",
            "latin.txt",
            "link",
            "src/add.ts",
            "src/naïve file.txt",
            "tab\tand\nnewline",
            "日本/語.txt"
          ].sort()
        )
        const read = (path: string, bytesMax = 1000) => git.readFile({ directory, sha, path, bytesMax })
        assert.strictEqual(yield* read("-rf"), "an option?\n")
        assert.strictEqual(yield* read(":(glob)*"), "a pattern?\n")
        assert.strictEqual(yield* read("tab\tand\nnewline"), "odd\n")
        assert.strictEqual(yield* read("日本/語.txt"), "\ufeffこんにちは\n")
        assert.strictEqual(yield* read("README.md", 10), "# Example\n")
        for (const path of ["latin.txt", "image.bin", "link", "src", "src/", "nothing", "../README.md"]) {
          const content = yield* Effect.orElseSucceed(read(path), () => null)
          assert.isNull(content, path)
        }
        assert.isNull(yield* read("README.md", 9))
        const unknown = yield* Effect.flip(git.listFiles({ directory, sha: GitSandbox.nobodysSha }))
        assert.strictEqual(unknown._tag, "GitFailed")
      })
    )

    it.effect("writes, reads and removes refs, and refuses names that git would read otherwise", () =>
      Effect.gen(function* () {
        const { directory, base } = yield* mirrored
        const git = yield* Git
        const ref = "refs/heads/moose/wo-1"
        assert.isNull(yield* git.readRef({ directory, ref }))
        yield* git.writeRef({ directory, ref, sha: base })
        assert.strictEqual(yield* git.readRef({ directory, ref }), base)
        // A ref below this name, or one that abbreviates to it, is another ref.
        assert.isNull(yield* git.readRef({ directory, ref: "refs/heads/moose" }))
        yield* git.writeRef({ directory, ref: "refs/heads/refs/heads/x", sha: base })
        assert.isNull(yield* git.readRef({ directory, ref: "refs/heads/x" }))
        yield* git.writeRef({ directory, ref, sha: null })
        yield* git.writeRef({ directory, ref, sha: null })
        assert.isNull(yield* git.readRef({ directory, ref }))
        assert.isNull(yield* git.readRef({ directory, ref: "HEAD" }))

        const hostile = [
          "main",
          "--stdin",
          "-d",
          "refs/heads/../../HEAD",
          "refs/heads/a b",
          "refs/heads/x.lock"
        ]
        for (const name of [...hostile, "refs/heads/*", "refs/heads/a\nb", "refs/heads/", "refs//x", "@"]) {
          const written = yield* Effect.flip(git.writeRef({ directory, ref: name, sha: base }))
          assert.strictEqual(written._tag, "GitFailed", name)
          assert.include(written.message, JSON.stringify(name))
          assert.strictEqual((yield* Effect.flip(git.readRef({ directory, ref: name })))._tag, "GitFailed")
        }
        const absent = yield* Effect.flip(git.writeRef({ directory, ref, sha: GitSandbox.nobodysSha }))
        assert.strictEqual(absent._tag, "GitFailed")
        const gone = yield* Effect.flip(git.readRef({ directory: `${directory}/none`, ref }))
        assert.strictEqual(gone._tag, "GitFailed")
      })
    )

    it.effect(
      "checks out, commits and diffs every kind of file, and the patch makes the same commit again",
      () =>
        Effect.gen(function* () {
          const { directory, worktree, base, write, at } = yield* withWorktree
          const git = yield* Git
          const fs = yield* FileSystem.FileSystem
          yield* write(worktree, "src/add.ts", "export const add = (a: number, b: number) => a + b\n")
          yield* write(worktree, "new dir/ünï.txt", "eins\r\nzwei")
          yield* write(
            worktree,
            "image.bin",
            Uint8Array.from({ length: 300 }, (_, index) => index % 256)
          )
          yield* write(worktree, "latin.txt", Uint8Array.from([0x63, 0x61, 0x66, 0xe9, 0x0a]))
          yield* fs.chmod(yield* write(worktree, "run.sh", "#!/bin/sh\n"), 0o755)
          yield* fs.symlink("../outside", `${worktree}/link`)
          yield* fs.remove(`${worktree}/src/naïve file.txt`)
          const sha = yield* git.commitAll({ worktree, paths: [], message, committedAt })
          assert.isNotNull(sha)
          if (sha === null) return

          assert.strictEqual(yield* git.readRef({ directory: worktree, ref: "HEAD" }), sha)
          assert.strictEqual(
            byHand(directory, "log", "-1", "--format=%P|%an <%ae>|%at|%cn|%ct|%B", sha),
            `${base}|Moose <moose@localhost>|${committedAt}|Moose|${committedAt}|${message}`
          )
          assert.match(byHand(directory, "ls-tree", sha, "run.sh"), /^100755 /)
          assert.match(byHand(directory, "ls-tree", sha, "link"), /^120000 /)
          assert.strictEqual(yield* git.trailer({ directory, sha, key: "Moose-Work-Order" }), "wo-1")
          assert.isNull(yield* git.trailer({ directory, sha, key: "Other" }))

          const diff = yield* git.diff({ directory, from: base, to: sha })
          assert.deepStrictEqual(
            [...diff.files].sort(),
            [
              "image.bin",
              "latin.txt",
              "link",
              "new dir/ünï.txt",
              "run.sh",
              "src/add.ts",
              "src/naïve file.txt"
            ].sort()
          )
          assert.deepStrictEqual([diff.insertions, diff.deletions], [6, 2])

          const other = at("other")
          byHand(directory, "worktree", "add", "--quiet", "--detach", other, base)
          const file = yield* write(at(), "change.patch", diff.patch)
          byHand(other, "apply", "--binary", "--whitespace=nowarn", file)
          assert.strictEqual(yield* git.commitAll({ worktree: other, paths: [], message, committedAt }), sha)
        })
    )

    it.effect("answers null when nothing differs, and makes the same commit from the same content", () =>
      Effect.gen(function* () {
        const { directory, worktree, base, write, at } = yield* withWorktree
        const git = yield* Git
        const second = at("home", "worktrees", "second")
        yield* git.addWorktree({ directory, worktree: second, sha: base })
        assert.isNull(yield* git.commitAll({ worktree, paths: [], message, committedAt }))
        yield* write(worktree, "a.txt", "a\n")
        yield* write(second, "a.txt", "a\n")
        const first = yield* git.commitAll({ worktree, paths: [], message, committedAt })
        assert.strictEqual(yield* git.commitAll({ worktree: second, paths: [], message, committedAt }), first)
        assert.isNull(yield* git.commitAll({ worktree: second, paths: [], message, committedAt }))
      })
    )

    it.effect("commits what git ignores only when it was tracked, whatever the user ignores elsewhere", () =>
      Effect.gen(function* () {
        const { directory, worktree, write, at, base } = yield* withWorktree
        const git = yield* Git
        const home = process.env["HOME"]
        yield* write(at("user"), ".config/git/ignore", "*.txt\n")
        yield* write(at("user"), ".gitconfig", "[core]\n\tautocrlf = true\n")
        process.env["HOME"] = at("user")
        yield* write(worktree, ".gitignore", "dist/\n")
        yield* write(worktree, "dist/out.js", "1\n")
        yield* write(worktree, "notes.txt", "a\r\n")
        const sha = yield* git.commitAll({ worktree, paths: [], message, committedAt }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              if (home === undefined) delete process.env["HOME"]
              else process.env["HOME"] = home
            })
          )
        )
        if (sha === null) return assert.fail("nothing was committed")
        const { files } = yield* git.diff({ directory, from: base, to: sha })
        assert.deepStrictEqual(files, [".gitignore", "notes.txt"])
        assert.strictEqual(yield* git.readFile({ directory, sha, path: "notes.txt", bytesMax: 100 }), "a\r\n")
      })
    )

    it.effect("runs no hook and no filter, and refuses a repository inside the worktree", () =>
      Effect.gen(function* () {
        const { directory, worktree, write, at } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        for (const hook of [
          "pre-commit",
          "commit-msg",
          "post-commit",
          "post-checkout",
          "reference-transaction"
        ]) {
          const script = yield* write(
            directory,
            `hooks/${hook}`,
            `#!/bin/sh\ntouch "${at("hooked")}"\nexit 1\n`
          )
          yield* fs.chmod(script, 0o755)
        }
        yield* write(worktree, "a.txt", "a\n")
        assert.isNotNull(yield* git.commitAll({ worktree, paths: [], message, committedAt }))
        assert.isFalse(yield* fs.exists(at("hooked")))

        byHand(at(), "init", "--quiet", `${worktree}/vendor`)
        yield* write(`${worktree}/vendor`, "b.txt", "b\n")
        byHand(`${worktree}/vendor`, "add", ".")
        byHand(`${worktree}/vendor`, "commit", "--quiet", "--message", "inner")
        const failure = yield* Effect.flip(git.commitAll({ worktree, paths: [], message, committedAt }))
        assert.strictEqual(failure._tag, "GitFailed")
        assert.include(failure.message, "vendor is a repository of its own")
      })
    )

    it.effect("replaces what a crash left where a worktree should be, and removes one twice", () =>
      Effect.gen(function* () {
        const { directory, worktree, base, write } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const registered = () => byHand(directory, "worktree", "list", "--porcelain")
        const add = git.addWorktree({ directory, worktree, sha: base })
        const clean = Effect.gen(function* () {
          assert.strictEqual(byHand(worktree, "status", "--porcelain"), "")
          assert.strictEqual(registered().split(worktree).length, 2)
        })
        // One that was used; one locked while git was killed; one whose folder is gone; one that lost its .git.
        yield* write(worktree, "left.txt", "behind\n")
        yield* Effect.andThen(add, clean)
        byHand(directory, "worktree", "lock", "--reason", "initializing", worktree)
        yield* Effect.andThen(add, clean)
        byHand(directory, "worktree", "lock", "--reason", "initializing", worktree)
        yield* fs.remove(worktree, { recursive: true })
        yield* Effect.andThen(add, clean)
        yield* fs.remove(`${worktree}/.git`)
        yield* Effect.andThen(add, clean)
        // A folder, and a file, that git knows nothing of.
        yield* git.removeWorktree({ directory, worktree })
        yield* write(worktree, "stray.txt", "x")
        yield* Effect.andThen(add, clean)
        yield* git.removeWorktree({ directory, worktree })
        yield* fs.writeFileString(worktree, "in the way")
        yield* Effect.andThen(add, clean)

        yield* git.removeWorktree({ directory, worktree })
        yield* git.removeWorktree({ directory, worktree })
        assert.isFalse(yield* fs.exists(worktree))
        assert.notInclude(registered(), worktree)
        yield* git.removeWorktree({ directory: `${directory}/none`, worktree })

        const unknown = git.addWorktree({ directory, worktree, sha: GitSandbox.nobodysSha })
        assert.strictEqual((yield* Effect.flip(unknown))._tag, "GitFailed")
        assert.isFalse(yield* fs.exists(worktree))
      })
    )

    it.effect("never takes the repository around a broken worktree for the worktree", () =>
      Effect.gen(function* () {
        const { checkout, base, write, origin } = yield* GitSandbox.make
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const directory = `${checkout}/.moose/mirror.git`
        const worktree = `${checkout}/.moose/worktrees/one`
        yield* git.initBare({ directory })
        yield* git.fetchBranch({ directory, remoteUrl: origin, branch: "main" })
        yield* git.addWorktree({ directory, worktree, sha: base })
        yield* write(worktree, "a.txt", "a\n")
        yield* fs.remove(`${worktree}/.git`)
        const failure = yield* Effect.flip(git.commitAll({ worktree, paths: [], message, committedAt }))
        assert.strictEqual(failure._tag, "GitFailed")
        assert.strictEqual(byHand(checkout, "rev-parse", "HEAD"), base)
        assert.strictEqual(byHand(checkout, "diff", "--cached", "--name-only"), "")
      })
    )

    it.effect("leaves the user's checkout byte for byte as it is", () =>
      Effect.gen(function* () {
        const { checkout, directory, worktree, base, write } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        yield* write(checkout, "README.md", "stashed\n")
        byHand(checkout, "stash")
        yield* write(checkout, "README.md", "half done\n")
        yield* write(checkout, "staged.txt", "staged\n")
        byHand(checkout, "add", "staged.txt")
        yield* write(checkout, "untracked.txt", "untracked\n")
        const state = Effect.gen(function* () {
          const files = ["HEAD", "index", "config", "logs/HEAD", "refs/stash"]
          return {
            status: byHand(checkout, "--no-optional-locks", "status", "--porcelain=v2", "--branch"),
            files: yield* Effect.forEach(files, (file) =>
              Effect.map(fs.readFile(`${checkout}/.git/${file}`), (bytes) =>
                Buffer.from(bytes).toString("base64")
              )
            ),
            tree: byHand(checkout, "ls-files", "--stage")
          }
        })
        const before = yield* state
        const remoteUrl = yield* git.remoteUrl({ directory: checkout })
        yield* git.fetchBranch({ directory, remoteUrl: remoteUrl ?? "", branch: "main" })
        yield* write(worktree, "a.txt", "a\n")
        const sha = yield* git.commitAll({ worktree, paths: [], message, committedAt })
        if (sha === null) return assert.fail("nothing was committed")
        yield* git.push({ directory, remoteUrl: remoteUrl ?? "", sha, branch: "moose/wo-1", expected: null })
        yield* git.diff({ directory, from: base, to: sha })
        yield* git.removeWorktree({ directory, worktree })
        assert.deepStrictEqual(yield* state, before)
      })
    )

    it.effect("works on one mirror from many fibers, and from several processes", () =>
      Effect.gen(function* () {
        const { at, origin, base } = yield* GitSandbox.make
        const fs = yield* FileSystem.FileSystem
        const directory = at("home", "mirror.git")
        // A layer of its own shares no lock with the others, as another process would not.
        const processes = yield* Effect.all(
          Array.from({ length: 3 }, () =>
            Effect.map(Layer.build(Layer.fresh(GitCli.layer())), (context) => context)
          )
        )
        const work = (process: number, fiber: number) =>
          Effect.gen(function* () {
            const git = yield* Git
            const worktree = at("home", "worktrees", `${process}-${fiber}`)
            yield* git.initBare({ directory })
            const sha = yield* git.fetchBranch({ directory, remoteUrl: origin, branch: "main" })
            yield* git.addWorktree({ directory, worktree, sha })
            yield* fs.writeFileString(`${worktree}/a.txt`, `${process} ${fiber}\n`)
            const committed = yield* git.commitAll({ worktree, paths: [], message, committedAt })
            if (committed === null) return assert.fail("nothing was committed")
            yield* git.writeRef({ directory, ref: `refs/heads/wo-${process}-${fiber}`, sha: committed })
            yield* git.removeWorktree({ directory, worktree })
            return committed
          })
        const commits = yield* Effect.forEach(
          processes.flatMap((context, process) =>
            [1, 2, 3].map((fiber) => Effect.provide(work(process, fiber), context))
          ),
          (one) => one,
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(commits).size, 9)
        assert.strictEqual(byHand(directory, "for-each-ref", "refs/heads").split("\n").length, 9)
        assert.strictEqual(byHand(directory, "rev-parse", "refs/remotes/origin/main"), base)
        assert.strictEqual(byHand(directory, "worktree", "list").split("\n").length, 1)
        byHand(directory, "fsck", "--strict")
      }).pipe(Effect.scoped)
    )

    it.effect("waits for a lock, within bounds, and then names it", () =>
      Effect.gen(function* () {
        const { directory, worktree, write } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        yield* write(worktree, "a.txt", "a\n")
        const lock = `${byHand(worktree, "rev-parse", "--absolute-git-dir")}/index.lock`
        yield* fs.writeFileString(lock, "")
        const fiber = yield* Effect.forkChild(git.commitAll({ worktree, paths: [], message, committedAt }))
        // The lock goes away only after another command has found the way past it.
        yield* git.readRef({ directory, ref: "refs/heads/x" })
        yield* fs.remove(lock)
        assert.isNotNull(yield* Fiber.join(fiber))

        yield* write(worktree, "b.txt", "b\n")
        yield* fs.writeFileString(lock, "")
        const failure = yield* Effect.flip(git.commitAll({ worktree, paths: [], message, committedAt }))
        assert.strictEqual(failure._tag, "RepositoryLocked")
        assert.include(failure.message, "index.lock")
      })
    )

    it.effect("makes the same commit again out of its patch, in a repository that has only the base", () =>
      Effect.gen(function* () {
        const { at, directory, origin, worktree, base, write } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        yield* write(worktree, "crlf.txt", "a\r\nb\r\n")
        yield* write(worktree, "latin.txt", new Uint8Array([0xe7, 0x61, 0x0a]))
        yield* write(worktree, "binary.bin", new Uint8Array([0, 1, 2, 0xff]))
        yield* write(worktree, "empty.txt", "")
        yield* write(worktree, ".gitattributes", "* text=auto\n")
        yield* fs.chmod(`${worktree}/src/add.ts`, 0o755)
        yield* fs.remove(`${worktree}/README.md`)
        yield* fs.symlink("src/add.ts", `${worktree}/link`)
        const made = yield* git.commitAll({ worktree, paths: [], message, committedAt })
        if (made === null) return assert.fail("nothing was committed")
        const { patch } = yield* git.diff({ directory, from: base, to: made })

        const other = at("elsewhere", "mirror.git")
        yield* git.initBare({ directory: other })
        yield* git.fetchBranch({ directory: other, remoteUrl: origin, branch: "main" })
        assert.isFalse(yield* git.holds({ directory: other, sha: made }))
        const again = { directory: other, baseSha: base, patch, message, committedAt }
        assert.strictEqual(yield* git.commitPatch(again), made)
        assert.isTrue(yield* git.holds({ directory: other, sha: made }))
        // Neither a ref nor an index of its own is left.
        assert.deepStrictEqual(
          (yield* git.listRefs({ directory: other, prefix: "refs/" })).map(({ ref }) => ref),
          ["refs/remotes/origin/main"]
        )
        assert.isFalse(yield* fs.exists(`${other}/index`))
        // Files of another base: the patch says what they must be.
        const unfit = { ...again, patch: patch.replaceAll(/index [0-9a-f]{40}/g, `index ${"1".repeat(40)}`) }
        const wrong = yield* Effect.flip(git.commitPatch(unfit))
        assert.strictEqual(wrong._tag, "GitFailed")
      })
    )

    it.effect("lists refs by the beginning of their names, and no other", () =>
      Effect.gen(function* () {
        const { directory, base } = yield* mirrored
        const git = yield* Git
        for (const name of ["moose/wo-1", "moose/wo-2", "moose/other", "other/moose/wo-3"]) {
          yield* git.writeRef({ directory, ref: `refs/heads/${name}`, sha: base })
        }
        const found = yield* git.listRefs({ directory, prefix: "refs/heads/moose/wo-" })
        assert.deepStrictEqual(found, [
          { ref: "refs/heads/moose/wo-1", sha: base },
          { ref: "refs/heads/moose/wo-2", sha: base }
        ])
        assert.deepStrictEqual(yield* git.listRefs({ directory, prefix: "refs/moose/" }), [])
        const refused = yield* Effect.flip(git.listRefs({ directory, prefix: "--all" }))
        assert.strictEqual(refused._tag, "GitFailed")
        assert.isFalse(yield* git.holds({ directory, sha: GitSandbox.nobodysSha }))
      })
    )

    it.effect("leaves neither process nor half a worktree when it is interrupted", () =>
      Effect.gen(function* () {
        const { directory, worktree, base, at, write } = yield* withWorktree
        const git = yield* Git
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        yield* git.removeWorktree({ directory, worktree })
        // A git that stops in the middle of `worktree add`, with the lock that it holds at that moment.
        const real = execFileSync("which", ["git"], { encoding: "utf8" }).trim()
        const reached = at("reached")
        execFileSync("mkfifo", [reached])
        const script = [
          "#!/bin/sh",
          `case "$*" in *"worktree add"*)`,
          `  "${real}" "$@"`,
          `  for entry in "${directory}"/worktrees/*; do echo initializing > "$entry/locked"; done`,
          `  echo here > "${reached}"`,
          `  sh -c 'while :; do sleep 1; done' "${at("stuck")}"`,
          "esac",
          `exec "${real}" "$@"`
        ].join("\n")
        yield* fs.chmod(yield* write(at("bin"), "git", script), 0o755)
        const searched = process.env["PATH"]
        process.env["PATH"] = `${at("bin")}:${searched}`
        const fiber = yield* Effect.forkChild(git.addWorktree({ directory, worktree, sha: base }))
        yield* fs.readFileString(reached)
        assert.isTrue(yield* fs.exists(path.join(worktree, "README.md")))
        yield* Fiber.interrupt(fiber)
        process.env["PATH"] = searched
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(running(at("stuck")), [])
        assert.isFalse(yield* fs.exists(worktree))
        assert.deepStrictEqual(
          yield* Effect.orElseSucceed(fs.readDirectory(`${directory}/worktrees`), () => []),
          []
        )
        yield* git.addWorktree({ directory, worktree, sha: base })
      })
    )
  })
})
