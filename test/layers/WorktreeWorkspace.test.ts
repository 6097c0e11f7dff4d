import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Schema } from "effect"
import { quarantineRef, Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Project } from "../../src/domain/Project.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import { meaningOf } from "../../src/domain/policies/Meaning.ts"
import * as WorktreeWorkspace from "../../src/layers/WorktreeWorkspace.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as GitSandbox from "../support/GitSandbox.ts"

const { git: byHand } = GitSandbox

const projectAt = (remoteUrl: string) =>
  Schema.decodeUnknownSync(Project)({
    id: "shop",
    repository: { remoteUrl, forge: { owner: "acme", name: "shop" } },
    baseBranch: "main",
    checks: [],
    limits: { dailyUsd: 1_000_000, workOrderUsd: 1_000_000 },
    concurrency: 4,
    timeZone: "UTC",
    mode: "on"
  })

const order = (id: string) => WorkOrderId.make(id)
const branch = "moose/wo-1"
const message = "Add, do not subtract\n\nMoose-Work-Order: wo-1\nMoose-Run: 1"
const committedAt = 1_700_000_000

/** A workspace of its own beside a sandbox; `attempt` is the first run of order wo-1. */
const prepared = Effect.gen(function* () {
  const sandbox = yield* GitSandbox.make
  const home = sandbox.at("moose home")
  const context = yield* Layer.build(
    WorktreeWorkspace.layer({ directory: home }).pipe(Layer.provide(Layer.fresh(GitCli.layer())))
  )
  const workspace = yield* Effect.provide(Workspace, context)
  const project = projectAt(sandbox.origin)
  const attempt = { project, workOrderId: order("wo-1"), run: Run.make(1) }
  const places = yield* workspace.locate(attempt)
  return { ...sandbox, home, workspace, project, attempt, ...places, mirror: `${home}/mirrors/shop.git` }
})

/** ... with the worktree open. */
const opened = Effect.gen(function* () {
  const all = yield* prepared
  yield* all.workspace.snapshot({ project: all.project, baseBranch: "main", filesInScope: [] })
  yield* all.workspace.openWorktree({ ...all.attempt, baseBranch: "main", baseSha: all.base })
  const commit = all.workspace.commit({
    ...all.attempt,
    branch,
    baseSha: all.base,
    paths: [],
    message,
    committedAt
  })
  return { ...all, commit }
})

describe("WorktreeWorkspace", () => {
  layer(NodeServices.layer, { excludeTestServices: true })((it) => {
    it.effect("keeps everything in its own folder, under predictable names", () =>
      Effect.gen(function* () {
        const { home, worktree, instructions } = yield* prepared
        assert.strictEqual(worktree, `${home}/worktrees/shop/wo-1-1`)
        assert.strictEqual(instructions, `${home}/instructions/wo-1-1.md`)
        const fs = yield* FileSystem.FileSystem
        assert.isFalse(yield* fs.exists(home))
      })
    )

    it.effect("shows the tip of the base branch, as much of it as is in scope and fits", () =>
      Effect.gen(function* () {
        const { workspace, project, checkout, write, publish, base } = yield* prepared
        const snapshot = (filesInScope: ReadonlyArray<string>) =>
          workspace.snapshot({ project, baseBranch: "main", filesInScope })
        const first = yield* snapshot(["src/add.ts", "absent.ts"])
        assert.strictEqual(first.baseSha, base)
        assert.deepStrictEqual(first.paths, ["README.md", "src/add.ts", "src/naïve file.txt"])
        assert.deepStrictEqual(first.files, [
          { path: "src/add.ts", content: "export const add = (a: number, b: number) => a - b\n" }
        ])

        yield* write(checkout, "srcery.txt", "not in src/\n")
        yield* write(checkout, "src/logo.bin", Uint8Array.from([0, 1]))
        yield* write(checkout, "src/huge.txt", "x".repeat(Limits.promptFileBytesMax + 1))
        for (let index = 0; index < Limits.promptFilesMax + 5; index++) {
          yield* write(checkout, `src/many/${String(index).padStart(3, "0")}.txt`, `${index}\n`)
        }
        const tip = publish("More")
        const folder = yield* snapshot(["src/many/044.txt", "src/"])
        assert.strictEqual(folder.baseSha, tip)
        assert.strictEqual(folder.files.length, Limits.promptFilesMax)
        // What was asked for by name comes before what is merely in the folder.
        assert.strictEqual(folder.files[0]?.path, "src/many/044.txt")
        assert.isTrue(folder.files.every((file) => file.path.startsWith("src/")))
        assert.isFalse(folder.files.some((file) => /logo|huge/.test(file.path)))
        assert.strictEqual((yield* snapshot([])).files.length, Limits.promptFilesMax)

        const missing = yield* Effect.flip(
          workspace.snapshot({ project, baseBranch: "absent", filesInScope: [] })
        )
        assert.strictEqual(missing._tag, "BaseBranchMissing")
      })
    )

    it.effect("opens a worktree, replaces a leftover, and closes it twice", () =>
      Effect.gen(function* () {
        const { workspace, attempt, base, worktree, write, mirror } = yield* prepared
        const fs = yield* FileSystem.FileSystem
        // Nothing is there yet, not even the mirror: it is fetched.
        assert.strictEqual(
          yield* workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: base }),
          base
        )
        yield* write(worktree, "left.txt", "behind\n")
        byHand(mirror, "worktree", "lock", worktree)
        assert.strictEqual(
          yield* workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: base }),
          base
        )
        assert.isFalse(yield* fs.exists(`${worktree}/left.txt`))
        const second = { ...attempt, run: Run.make(2) }
        yield* workspace.openWorktree({ ...second, baseBranch: "main", baseSha: base })
        assert.isTrue(yield* workspace.closeWorktree(attempt))
        assert.isTrue(yield* workspace.closeWorktree(attempt))
        assert.isFalse(yield* fs.exists(worktree))
        assert.isTrue(yield* fs.exists((yield* workspace.locate(second)).worktree))
        const failure = yield* Effect.flip(
          workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: GitSandbox.nobodysSha })
        )
        assert.strictEqual(failure._tag, "WorktreeFailed")
        if (failure._tag === "WorktreeFailed") assert.strictEqual(failure.path, worktree)
        assert.isFalse(yield* fs.exists(worktree))
      })
    )

    it.effect("writes and removes the instruction file", () =>
      Effect.gen(function* () {
        const { workspace, attempt, instructions, home } = yield* prepared
        const fs = yield* FileSystem.FileSystem
        assert.isTrue(yield* workspace.removeInstructions(attempt))
        yield* workspace.writeInstructions({ ...attempt, content: "Bitte prüfen\n" })
        assert.strictEqual(yield* fs.readFileString(instructions), "Bitte prüfen\n")
        assert.isTrue(yield* workspace.removeInstructions(attempt))
        assert.isFalse(yield* fs.exists(instructions))
        yield* fs.remove(`${home}/instructions`, { recursive: true })
        yield* fs.writeFileString(`${home}/instructions`, "in the way")
        const failure = yield* Effect.flip(workspace.writeInstructions({ ...attempt, content: "x" }))
        assert.strictEqual(failure._tag, "WorktreeFailed")
      })
    )

    it.effect("commits, pushes, and keeps what is dropped where it can be found", () =>
      Effect.gen(function* () {
        const { workspace, project, attempt, commit, worktree, write, base, origin, mirror } = yield* opened
        assert.isNull(yield* commit)
        yield* write(worktree, "src/add.ts", "export const add = (a: number, b: number) => a + b\n")
        yield* write(worktree, "bild.bin", Uint8Array.from([0, 255]))
        const change = yield* commit
        if (change === null) return assert.fail("nothing was committed")
        assert.deepStrictEqual(
          { ...change, patch: change.patch.includes("GIT binary patch"), headSha: "" },
          {
            branch,
            baseSha: base,
            headSha: GitSandbox.sha(change.headSha) === change.headSha ? "" : "?",
            files: ["bild.bin", "src/add.ts"],
            insertions: 1,
            deletions: 1,
            patch: true,
            message,
            committedAt
          }
        )
        assert.strictEqual(byHand(mirror, "rev-parse", `refs/heads/${branch}`), change.headSha)

        assert.isNull(yield* workspace.remoteHead({ project, branch }))
        yield* workspace.push({ baseBranch: "main", project, change, expected: null })
        assert.strictEqual(yield* workspace.remoteHead({ project, branch }), change.headSha)
        assert.strictEqual(byHand(origin, "rev-parse", branch), change.headSha)

        const drop = (quarantine: boolean) => workspace.dropBranch({ ...attempt, branch, quarantine })
        assert.strictEqual(yield* drop(true), change.headSha)
        // Again, by somebody who does not know: it is told where it is.
        assert.strictEqual(yield* drop(true), change.headSha)
        assert.isNull(yield* drop(false))
        assert.strictEqual(
          byHand(mirror, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/moose"),
          quarantineRef(attempt.workOrderId, attempt.run)
        )
        // The remote's branch is nobody's business here.
        assert.strictEqual(yield* workspace.remoteHead({ project, branch }), change.headSha)
      })
    )

    it.effect(
      "makes the same commit when it is asked again, and one commit whatever an editor committed",
      () =>
        Effect.gen(function* () {
          const { workspace, attempt, commit, worktree, write, base } = yield* opened
          yield* write(worktree, "a.txt", "a\n")
          const first = yield* commit
          assert.deepStrictEqual(yield* commit, first)
          yield* workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: base })
          yield* write(worktree, "a.txt", "a\n")
          byHand(worktree, "add", "--all")
          byHand(worktree, "commit", "--quiet", "--message", "by the editor")
          assert.deepStrictEqual(yield* commit, first)
        })
    )

    it.effect("moves a branch of its own order only", () =>
      Effect.gen(function* () {
        const { workspace, attempt, commit, worktree, write, base, mirror } = yield* opened
        const at = (sha: string) => byHand(mirror, "update-ref", `refs/heads/${branch}`, sha)
        at(base)
        yield* write(worktree, "a.txt", "a\n")
        const first = yield* commit
        yield* write(worktree, "a.txt", "b\n")
        const second = yield* commit
        assert.notStrictEqual(second?.headSha, first?.headSha)
        assert.strictEqual(byHand(mirror, "rev-parse", branch), second?.headSha)

        const foreign = byHand(
          mirror,
          "commit-tree",
          "-p",
          base,
          "-m",
          "Theirs\n\nMoose-Work-Order: wo-2",
          `${base}^{tree}`
        )
        for (const found of [foreign, byHand(mirror, "commit-tree", "-m", "Nobody's", `${base}^{tree}`)]) {
          at(found)
          const failure = yield* Effect.flip(commit)
          assert.strictEqual(failure._tag, "BranchConflict")
          if (failure._tag === "BranchConflict") {
            assert.deepStrictEqual([failure.branch, failure.found], [branch, found])
          }
          assert.strictEqual(byHand(mirror, "rev-parse", branch), found)
        }
        // Another order's branch is dropped by nobody but that order's own calls; ours goes without a trace.
        at(second?.headSha ?? "")
        assert.strictEqual(
          yield* workspace.dropBranch({ ...attempt, branch, quarantine: false }),
          second?.headSha ?? null
        )
      })
    )

    it.effect("refuses a change that is too large to be stored", () =>
      Effect.gen(function* () {
        const { commit, worktree, write, mirror } = yield* opened
        yield* write(worktree, "large.txt", "x\n".repeat(Limits.patchBytesMax / 3 + 1))
        const failure = yield* Effect.flip(commit)
        assert.strictEqual(failure._tag, "ChangeTooLarge")
        assert.include(failure.message, String(Limits.patchBytesMax))
        assert.strictEqual(byHand(mirror, "for-each-ref", "refs/heads"), "")
      })
    )

    it.effect("goes on when the repository moves to another address", () =>
      Effect.gen(function* () {
        const { workspace, attempt, base, commit, worktree, write, origin, at } = yield* opened
        const fs = yield* FileSystem.FileSystem
        yield* write(worktree, "a.txt", "a\n")
        const change = yield* commit
        if (change === null) return assert.fail("nothing was committed")
        yield* fs.rename(origin, at("moved.git"))
        const gone = yield* Effect.flip(
          workspace.push({ baseBranch: "main", project: attempt.project, change, expected: null })
        )
        assert.strictEqual(gone._tag, "RepositoryMissing")
        const project = projectAt(at("moved.git"))
        const { baseSha } = yield* workspace.snapshot({ project, baseBranch: "main", filesInScope: [] })
        assert.strictEqual(baseSha, base)
        yield* workspace.push({ baseBranch: "main", project, change, expected: null })
        assert.strictEqual(yield* workspace.remoteHead({ project, branch }), change.headSha)
      })
    )

    it.effect(
      "commits what was edited on purpose, even where git ignores it, and no other ignored file",
      () =>
        Effect.gen(function* () {
          const { workspace, attempt, worktree, base } = yield* opened
          const fs = yield* FileSystem.FileSystem
          yield* fs.writeFileString(`${worktree}/.gitignore`, "*.log\n")
          yield* fs.writeFileString(`${worktree}/[wanted].log`, "wanted\n")
          yield* fs.writeFileString(`${worktree}/w.log`, "a product of the checks\n")
          const paths = [".gitignore", "[wanted].log", "deleted.log"]
          const change = yield* workspace.commit({
            ...attempt,
            branch,
            baseSha: base,
            paths,
            message,
            committedAt
          })
          assert.deepStrictEqual(change?.files, [".gitignore", "[wanted].log"])
        })
    )

    it.effect("has a commit tried again whose worktree somebody else removed", () =>
      Effect.gen(function* () {
        const { commit, worktree } = yield* opened
        const fs = yield* FileSystem.FileSystem
        yield* fs.remove(worktree, { recursive: true })
        const error = yield* Effect.flip(commit)
        if (error._tag !== "WorktreeFailed") return assert.fail(error.message)
        assert.deepInclude(meaningOf(error), { retryable: true, sideEffect: "none" })
      })
    )

    it.effect("serves several orders of one project at once", () =>
      Effect.gen(function* () {
        const { workspace, project, base, mirror } = yield* prepared
        const fs = yield* FileSystem.FileSystem
        const one = Effect.fnUntraced(function* (index: number) {
          const attempt = { project, workOrderId: order(`wo-${index}`), run: Run.make(1) }
          const name = `moose/wo-${index}`
          yield* workspace.snapshot({ project, baseBranch: "main", filesInScope: [] })
          yield* workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: base })
          const { worktree } = yield* workspace.locate(attempt)
          yield* fs.writeFileString(`${worktree}/a.txt`, `${index}\n`)
          const text = `Change\n\nMoose-Work-Order: wo-${index}`
          const change = yield* workspace.commit({
            ...attempt,
            branch: name,
            baseSha: base,
            paths: [],
            message: text,
            committedAt
          })
          if (change === null) return assert.fail("nothing was committed")
          yield* workspace.push({ baseBranch: "main", project, change, expected: null })
          assert.isTrue(yield* workspace.closeWorktree(attempt))
          return (yield* workspace.remoteHead({ project, branch: name })) === change.headSha
        })
        const done = yield* Effect.forEach([1, 2, 3, 4, 5], one, { concurrency: "unbounded" })
        assert.deepStrictEqual(done, [true, true, true, true, true])
        assert.strictEqual(byHand(mirror, "worktree", "list").split("\n").length, 1)
      })
    )
  })
})
