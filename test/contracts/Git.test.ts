import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Change } from "../../src/domain/Change.ts"
import { RepositoryPath } from "../../src/domain/Proposal.ts"
import { ProjectId, Run, type Sha, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import * as WorktreeWorkspace from "../../src/layers/WorktreeWorkspace.ts"
import { Git } from "../../src/services/Git.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as GitSandbox from "../support/GitSandbox.ts"
import { has, onEach } from "./OnEach.ts"

/** A repository with src/a.js and src/b.js on its branch main, and room for folders beside it. */
class Place extends Context.Service<
  Place,
  {
    readonly remoteUrl: string
    /** Somebody's clone of it. */
    readonly checkout: string
    readonly base: Sha
    readonly at: (name: string) => string
    /** Rounds in src/a.js of a worktree. */
    readonly edit: (worktree: string) => Effect.Effect<void>
  }
>()("moose/test/contracts/Place") {}

const path = RepositoryPath.make("src/a.js")
const content = "Math.floor(total)\n"
const nobodysSha = GitSandbox.nobodysSha
const message = "Round half up\n\nMoose-Work-Order: wo-1"
const committedAt = 1_700_000_000

const memory = Layer.unwrap(
  Effect.sync(() => {
    const { remoteUrl } = Doubles.project.repository
    const at = (name: string) => `/memory/${name}`
    const place = Place.of({
      remoteUrl,
      checkout: "/memory/checkout",
      base: Doubles.baseSha,
      at,
      edit: () => Effect.void
    })
    return Layer.merge(Doubles.make().services, Layer.succeed(Place, place))
  })
)

const sandbox = Effect.gen(function* () {
  const { origin, checkout, write, publish, at } = yield* GitSandbox.make
  yield* write(checkout, path, content)
  yield* write(checkout, "src/b.js", "export {}\n")
  const base = publish("Begin")
  const edit = (worktree: string) => Effect.orDie(Effect.asVoid(write(worktree, path, "Math.round(total)\n")))
  return Place.of({ remoteUrl: origin, checkout, base, at: (name) => at("home", name), edit })
})

const real = Layer.unwrap(
  Effect.map(sandbox, (place) =>
    WorktreeWorkspace.layer({ directory: place.at("workspace"), freeBytesMin: 0 }).pipe(
      Layer.provideMerge(GitCli.layer()),
      Layer.merge(Layer.succeed(Place, place))
    )
  )
).pipe(Layer.provide(NodeServices.layer))

type Services = Git | Workspace | Place
const layers: Readonly<Record<string, Layer.Layer<Services, Layer.Error<typeof real>>>> = {
  "in memory": memory,
  "of git": real
}

onEach("Git", layers, (it) => {
  /** A mirror that has main. */
  const mirrored = Effect.fnUntraced(function* (name: string) {
    const git = yield* Git
    const place = yield* Place
    const directory = place.at(name)
    yield* git.initBare({ directory })
    yield* git.fetchBranch({ directory, remoteUrl: place.remoteUrl, branch: "main" })
    return { ...place, git, directory, worktree: place.at(`${name}-worktree`) }
  })

  it.effect("says its version, and what a remote has", () =>
    Effect.gen(function* () {
      const git = yield* Git
      const { remoteUrl, checkout, base } = yield* Place
      assert.match(yield* git.version({}), /^\d+\.\d+/)
      assert.strictEqual(yield* git.remoteUrl({ directory: checkout }), remoteUrl)
      assert.strictEqual(yield* git.defaultBranch({ remoteUrl }), "main")
      assert.strictEqual(yield* git.remoteHead({ remoteUrl, branch: "main" }), base)
      assert.isNull(yield* git.remoteHead({ remoteUrl, branch: "absent" }))
    })
  )

  it.effect("fetches a branch into a mirror that is made once, and names one that is missing", () =>
    Effect.gen(function* () {
      const { git, directory, remoteUrl, base } = yield* mirrored("fetched.git")
      yield* git.initBare({ directory })
      const ref = "refs/remotes/origin/main"
      assert.strictEqual(yield* git.readRef({ directory, ref }), base)
      assert.isNull(yield* git.readRef({ directory, ref: "refs/heads/absent" }))
      const missing = yield* Effect.flip(git.fetchBranch({ directory, remoteUrl, branch: "absent" }))
      has(missing, { _tag: "BaseBranchMissing", branch: "absent" })
    })
  )

  it.effect("reads files at a commit", () =>
    Effect.gen(function* () {
      const { git, directory, base: sha } = yield* mirrored("read.git")
      assert.includeMembers([...(yield* git.listFiles({ directory, sha }))], [path, "src/b.js"])
      assert.strictEqual(yield* git.readFile({ directory, sha, path, bytesMax: 1000 }), content)
      const absent = RepositoryPath.make("src/absent.js")
      assert.isNull(yield* git.readFile({ directory, sha, path: absent, bytesMax: 1000 }))
      assert.isNull(yield* git.readFile({ directory, sha, path, bytesMax: 3 }))
    })
  )

  it.effect("commits what differs in a worktree, once, and knows whose commit it is", () =>
    Effect.gen(function* () {
      const { git, directory, worktree, base, edit } = yield* mirrored("committed.git")
      const unknown = yield* Effect.flip(git.addWorktree({ directory, worktree, sha: nobodysSha }))
      assert.strictEqual(unknown._tag, "GitFailed")
      yield* git.addWorktree({ directory, worktree, sha: base })
      yield* git.addWorktree({ directory, worktree, sha: base })
      assert.strictEqual(yield* git.readRef({ directory: worktree, ref: "HEAD" }), base)
      yield* edit(worktree)
      const commit = git.commitAll({ worktree, paths: [], message, committedAt })
      const sha = yield* commit
      if (sha === null) return assert.fail("nothing was committed")
      assert.isNull(yield* commit)
      const diff = yield* git.diff({ directory, from: base, to: sha })
      has(diff, { insertions: 1, deletions: 1 })
      assert.deepStrictEqual([...diff.files], [path])
      assert.include(diff.patch, "diff --git a/src/a.js b/src/a.js")
      assert.strictEqual(yield* git.trailer({ directory, sha, key: "Moose-Work-Order" }), "wo-1")
      assert.isNull(yield* git.trailer({ directory, sha, key: "Signed-off-by" }))
      yield* git.removeWorktree({ directory, worktree })
      yield* git.removeWorktree({ directory, worktree })
    })
  )

  it.effect("points refs at commits and takes them away", () =>
    Effect.gen(function* () {
      const { git, directory, base: sha } = yield* mirrored("refs.git")
      const ref = "refs/heads/moose/wo-1"
      yield* git.writeRef({ directory, ref, sha })
      assert.strictEqual(yield* git.readRef({ directory, ref }), sha)
      yield* git.writeRef({ directory, ref, sha: null })
      yield* git.writeRef({ directory, ref, sha: null })
      assert.isNull(yield* git.readRef({ directory, ref }))
    })
  )

  it.effect("pushes to a branch that is where it is expected, and to no other", () =>
    Effect.gen(function* () {
      const { git, directory, remoteUrl, worktree, base, edit } = yield* mirrored("pushed.git")
      const branch = "moose/wo-pushed"
      const push = (sha: Sha, expected: Sha | null) =>
        git.push({ directory, remoteUrl, sha, branch, expected })
      yield* push(base, null)
      assert.strictEqual(yield* git.remoteHead({ remoteUrl, branch }), base)
      // What is there already is there: its reply may have been lost.
      yield* push(base, null)
      yield* git.addWorktree({ directory, worktree, sha: base })
      yield* edit(worktree)
      const next = yield* git.commitAll({ worktree, paths: [], message, committedAt })
      if (next === null) return assert.fail("nothing was committed")
      const moved = yield* Effect.flip(push(next, null))
      has(moved, { _tag: "HeadMoved", branch, expected: null, found: base })
      yield* push(next, base)
      assert.strictEqual(yield* git.remoteHead({ remoteUrl, branch }), next)
    })
  )
})

onEach("Workspace", layers, (it) => {
  const attemptOf = Effect.fnUntraced(function* (id: string) {
    const workspace = yield* Workspace
    const place = yield* Place
    const repository = { ...Doubles.project.repository, remoteUrl: place.remoteUrl }
    const project = new Project({ ...Doubles.project, id: ProjectId.make("shop"), repository })
    const attempt = { project, workOrderId: WorkOrderId.make(id), run: Run.make(1) }
    return { ...place, workspace, project, attempt, branch: `moose/${id}` }
  })

  it.effect("is ready, and shows the tip of a branch that is there", () =>
    Effect.gen(function* () {
      const { workspace, project, base } = yield* attemptOf("wo-shown")
      assert.isAbove((yield* workspace.ready({ project })).freeBytes, 0)
      const snapshot = yield* workspace.snapshot({ project, baseBranch: "main", filesInScope: [] })
      assert.strictEqual(snapshot.baseSha, base)
      assert.includeMembers([...snapshot.paths], [path, "src/b.js"])
      assert.deepInclude([...snapshot.files], { path, content })
      const missing = yield* Effect.flip(
        workspace.snapshot({ project, baseBranch: "absent", filesInScope: [] })
      )
      has(missing, { _tag: "BaseBranchMissing", branch: "absent" })
    })
  )

  it.effect("takes a change from a worktree to its branch, the remote and back out again", () =>
    Effect.gen(function* () {
      const { workspace, project, attempt, branch, base, edit } = yield* attemptOf("wo-1")
      yield* workspace.snapshot({ project, baseBranch: "main", filesInScope: [] })
      const open = workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha: base })
      assert.strictEqual(yield* open, base)
      assert.strictEqual(yield* open, base)
      const { worktree, instructions } = yield* workspace.locate(attempt)
      assert.include(worktree, "wo-1")
      assert.include(instructions, "wo-1")
      yield* workspace.writeInstructions({ ...attempt, content: "Round." })
      yield* edit(worktree)
      const change = yield* workspace.commit({
        ...attempt,
        branch,
        baseSha: base,
        paths: [],
        message,
        committedAt
      })
      if (change === null) return assert.fail("nothing was committed")
      has(change, { branch, baseSha: base, insertions: 1, deletions: 1, committedAt })
      assert.deepStrictEqual([...change.files], [path])
      assert.include(yield* workspace.diff({ project, from: base, to: change.headSha }), "diff --git")

      assert.isNull(yield* workspace.remoteHead({ project, branch }))
      yield* workspace.push({ project, baseBranch: "main", change, expected: null })
      assert.strictEqual(yield* workspace.remoteHead({ project, branch }), change.headSha)
      yield* workspace.push({ project, baseBranch: "main", change, expected: null })
      const elsewhere = new Change({ ...change, branch: "main" })
      const moved = yield* Effect.flip(
        workspace.push({ project, baseBranch: "main", change: elsewhere, expected: null })
      )
      has(moved, { _tag: "HeadMoved", branch: "main", expected: null, found: base })

      assert.isTrue(yield* workspace.removeInstructions(attempt))
      assert.isTrue(yield* workspace.removeInstructions(attempt))
      assert.isTrue(yield* workspace.closeWorktree(attempt))
      assert.isTrue(yield* workspace.closeWorktree(attempt))
      const drop = workspace.dropBranch({ ...attempt, branch, quarantine: true })
      assert.strictEqual(yield* drop, change.headSha)
      // By somebody who comes after one that did not come to say where it is.
      assert.strictEqual(yield* drop, change.headSha)
      assert.isNull(yield* workspace.dropBranch({ ...attempt, branch, quarantine: false }))
      assert.isNull(yield* workspace.dropBranch({ ...attempt, run: Run.make(2), branch, quarantine: true }))
    })
  )
})
