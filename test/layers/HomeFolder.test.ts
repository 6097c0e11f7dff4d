import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { ProjectId, Run, WorkOrderId, quarantineRef } from "../../src/domain/Ids.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import * as HomeFolder from "../../src/layers/HomeFolder.ts"
import * as HomeLayout from "../../src/layers/HomeLayout.ts"
import { Git } from "../../src/services/Git.ts"
import { Premises } from "../../src/services/Premises.ts"
import * as GitSandbox from "../support/GitSandbox.ts"

const { git: byHand } = GitSandbox

const project = ProjectId.make("shop")
const workOrderId = WorkOrderId.make("wo-1")
const run = Run.make(1)
const attempt = { project, workOrderId, run }
const message = "Add, do not subtract\n\nMoose-Work-Order: wo-1"

/** A home with a mirror, and a worktree in it whose commit is on no branch: what a worker leaves that was killed then. */
const prepared = Effect.gen(function* () {
  const sandbox = yield* GitSandbox.make
  const path = yield* Path.Path
  const directory = sandbox.at("home")
  const home = HomeLayout.make(path, directory)
  const context = yield* Layer.build(
    HomeFolder.layer({ directory }).pipe(Layer.provideMerge(Layer.fresh(GitCli.layer())))
  )
  const premises = yield* Effect.provide(Premises, context)
  const git = yield* Effect.provide(Git, context)
  const mirror = home.mirrorOf(project)
  const worktree = home.worktreeOf(project, workOrderId, run)
  yield* git.initBare({ directory: mirror })
  yield* git.fetchBranch({ directory: mirror, remoteUrl: sandbox.origin, branch: "main" })
  yield* git.addWorktree({ directory: mirror, worktree, sha: sandbox.base })
  const commit = Effect.fnUntraced(function* (content: string) {
    yield* sandbox.write(worktree, "a.txt", content)
    const made = yield* git.commitAll({ worktree, paths: [], message, committedAt: 1_700_000_000 })
    return made ?? assert.fail("nothing was committed")
  })
  return { ...sandbox, home, premises, git, mirror, worktree, commit }
})

describe("HomeFolder", () => {
  layer(NodeServices.layer, { excludeTestServices: true })((it) => {
    it.effect("finds nothing in a home that is not there, and everything in one that is", () =>
      Effect.gen(function* () {
        const { base, home, mirror, premises, worktree, write, commit } = yield* prepared
        const made = yield* commit("a\n")
        byHand(mirror, "update-ref", "refs/heads/moose/wo-wo-1", made)
        byHand(mirror, "update-ref", "refs/heads/moose/wo-else", base)
        byHand(mirror, "update-ref", "refs/heads/main", base)
        byHand(mirror, "update-ref", quarantineRef(workOrderId, run), made)
        byHand(mirror, "update-ref", "refs/moose/quarantine/odd", made)
        yield* write(home.worktrees, "other-project/what is this/file", "")
        yield* write(home.instructions, "wo-1-1.md", "# Do it")
        // What an editor keeps beside its instruction file, also where that is gone.
        yield* write(home.instructions, "wo-1-1.md.d/home/.gitconfig", "")
        yield* write(home.instructions, "wo-2-3.md.d/chat.md", "")
        const found = yield* premises.look({ projects: [project, ProjectId.make("empty")] })
        assert.deepStrictEqual(found.worktrees, [
          {
            path: `${home.worktrees}/other-project/what is this`,
            project: null,
            workOrderId: null,
            run: null
          },
          { path: worktree, project, workOrderId, run }
        ])
        assert.deepStrictEqual(found.instructions, [
          { path: home.instructionsOf(workOrderId, run), workOrderId, run },
          {
            path: home.instructionsOf(WorkOrderId.make("wo-2"), Run.make(3)),
            workOrderId: WorkOrderId.make("wo-2"),
            run: Run.make(3)
          }
        ])
        assert.deepStrictEqual(found.branches, [
          { project, branch: "moose/wo-else", sha: base, workOrderId: null },
          { project, branch: "moose/wo-wo-1", sha: made, workOrderId }
        ])
        assert.deepStrictEqual(found.quarantine, [
          { ...attempt, ref: quarantineRef(workOrderId, run), sha: made }
        ])
        assert.isTrue(found.complete)
        assert.isTrue(worktree.startsWith(found.root))
      })
    )

    it.effect(
      "removes a worktree, and keeps a commit of the order that nothing else has; twice is harmless",
      () =>
        Effect.gen(function* () {
          const { commit, git, mirror, premises, worktree, base } = yield* prepared
          const fs = yield* FileSystem.FileSystem
          const first = yield* commit("a\n")
          assert.deepStrictEqual(yield* premises.clearWorktree(attempt), { gone: true, quarantined: first })
          assert.isFalse(yield* fs.exists(worktree))
          assert.strictEqual(byHand(mirror, "rev-parse", quarantineRef(workOrderId, run)), first)
          assert.deepStrictEqual(yield* premises.clearWorktree(attempt), { gone: true, quarantined: null })

          // Another commit of the same run does not take the place of the first.
          yield* git.addWorktree({ directory: mirror, worktree, sha: base })
          const second = yield* commit("b\n")
          assert.deepStrictEqual(yield* premises.clearWorktree(attempt), { gone: true, quarantined: second })
          const { quarantine } = yield* premises.look({ projects: [project] })
          assert.sameMembers(
            quarantine.map(({ sha }) => sha),
            [first, second]
          )

          // The base is somebody else's, and a worktree without its repository has no commit.
          yield* git.addWorktree({ directory: mirror, worktree, sha: base })
          yield* fs.remove(`${worktree}/.git`)
          assert.deepStrictEqual(yield* premises.clearWorktree(attempt), { gone: true, quarantined: null })
          assert.isFalse(yield* fs.exists(worktree))
        })
    )

    it.effect("gives back what is in quarantine, and never in the place of something else", () =>
      Effect.gen(function* () {
        const { base, commit, mirror, premises } = yield* prepared
        const ref = quarantineRef(workOrderId, run)
        const empty = yield* Effect.flip(premises.restore({ project, ref }))
        assert.strictEqual(empty._tag, "QuarantineEmpty")
        const notOne = yield* Effect.flip(premises.restore({ project, ref: "refs/heads/main" }))
        assert.strictEqual(notOne._tag, "QuarantineEmpty")
        const sha = yield* commit("a\n")
        yield* premises.clearWorktree(attempt)
        byHand(mirror, "update-ref", "refs/heads/moose/wo-wo-1", base)
        const occupied = yield* Effect.flip(premises.restore({ project, ref }))
        assert.deepInclude(occupied, { _tag: "BranchOccupied", branch: "moose/wo-wo-1", found: base })
        byHand(mirror, "update-ref", "-d", "refs/heads/moose/wo-wo-1")
        assert.deepInclude(yield* premises.restore({ project, ref }), {
          branch: "moose/wo-wo-1",
          sha,
          mirror
        })
        assert.strictEqual(byHand(mirror, "rev-parse", "moose/wo-wo-1"), sha)
        assert.strictEqual(byHand(mirror, "for-each-ref", "refs/moose"), "")
      })
    )

    it.effect("lets go of exactly the commit it is told, and of nothing that is not in quarantine", () =>
      Effect.gen(function* () {
        const { base, commit, mirror, premises } = yield* prepared
        const sha = yield* commit("a\n")
        yield* premises.clearWorktree(attempt)
        const ref = quarantineRef(workOrderId, run)
        assert.isFalse(yield* premises.purge({ project, ref, sha: base }))
        assert.isFalse(yield* premises.purge({ project, ref: "refs/remotes/origin/main", sha: base }))
        assert.isTrue(yield* premises.purge({ project, ref, sha }))
        assert.isFalse(yield* premises.purge({ project, ref, sha }))
        assert.strictEqual(byHand(mirror, "for-each-ref", "refs/moose"), "")
        // The objects are there until git cleans up, so that the branch can be made again.
        assert.isTrue(yield* premises.remakeBranch({ project, branch: "moose/wo-wo-1", sha }))
        assert.strictEqual(byHand(mirror, "rev-parse", "moose/wo-wo-1"), sha)
        assert.isFalse(
          yield* premises.remakeBranch({ project, branch: "moose/wo-2", sha: GitSandbox.nobodysSha })
        )
      })
    )
  })
})
