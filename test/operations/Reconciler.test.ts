import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { quarantineRef } from "../../src/domain/Ids.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import { git } from "../support/GitSandbox.ts"
import * as Real from "../testing/real/RealWorld.ts"
import { make, run1, said } from "./ReconcilerScene.ts"

const timeoutMs = 300_000

describe("Reconciler", () => {
  it.live(
    "finds nothing where all went well; what people did with pull requests and branches is written down, and stays",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const orders = yield* WorkOrders
        const [merged, closed, pushed, deleted] = yield* Effect.forEach(
          ["merged", "closed", "pushed", "deleted"],
          (id) => scene.submit(id)
        )
        if (merged === undefined || closed === undefined || pushed === undefined || deleted === undefined)
          return
        const ends = yield* scene.run([merged, closed, pushed, deleted])
        assert.isTrue(ends.every(({ status }) => status === "completed"))
        const [mergedNumber, closedNumber] = ends.map(({ pullRequest }) => pullRequest?.number ?? 0)
        const first = yield* scene.pass()
        assert.deepStrictEqual(said(first), [])
        assert.deepStrictEqual(first.unseen, [])
        assert.strictEqual(first.orders, 4)

        yield* scene.api("PUT", `pulls/${mergedNumber}/merge`, {})
        yield* scene.api("PATCH", `pulls/${closedNumber}`, { state: "closed" })
        const theirs = yield* scene.pushByHand(scene.branchOf(pushed))
        git(scene.remote.directory, "update-ref", "-d", `refs/heads/${scene.branchOf(deleted)}`)
        const found = [
          "BranchMovedByPerson",
          "MissingRemoteBranch",
          "PullRequestClosedByHand",
          // The forge closes a pull request whose branch is deleted.
          "PullRequestClosedByHand",
          "PullRequestMergedByHand"
        ]
        assert.sameMembers(
          said(yield* scene.pass({ apply: false })),
          found.map((tag) => `${tag} Proposed`)
        )
        assert.sameMembers(
          said(yield* scene.pass()),
          found.map((tag) => `${tag} Repaired`)
        )
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        assert.deepStrictEqual(yield* scene.escalations, [])

        assert.strictEqual(git(scene.remote.directory, "rev-parse", scene.branchOf(pushed)), theirs)
        const rows = yield* scene.rows(merged)
        const row = rows.find(({ kind }) => kind === "pull_request")
        assert.strictEqual(row?.state, "released")
        assert.deepInclude(row?.evidence, { number: mergedNumber, merged: true })

        // As if it had failed after all: merged work is not done again.
        yield* scene.sql`alter table public.work_orders disable trigger legal_move`
        yield* scene.sql`update public.work_orders set status = 'pr_failed' where id = ${merged}`
        const refused = yield* Effect.flip(orders.retry({ id: merged, by: "ada" }))
        assert.include(refused.message, `pull request #${mergedNumber} of work order merged was merged`)
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "puts away what killed workers left, each as its order ended; dry first, and nothing is left for a second pass",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const [lost, kept, unsaid] = yield* Effect.forEach(["lost", "kept", "unsaid"], (id) =>
          scene.submit(id)
        )
        if (lost === undefined || kept === undefined || unsaid === undefined) return
        const left = yield* Effect.gen(function* () {
          const github = yield* GitHub
          const workspace = yield* Workspace
          const undone = yield* scene.abandon(lost, { status: "aider_failed" })
          const unpublished = yield* scene.abandon(kept, { status: "pr_failed", more: ["remote_branch"] })
          const published = yield* scene.abandon(unsaid, {
            status: "pr_failed",
            more: ["remote_branch", "pull_request"]
          })
          const { at, branch, change } = published
          yield* workspace.push({ project: at, baseBranch: "main", change, expected: null })
          const pull = { repository: at.repository.forge, branch, base: "main", title: "Round", body: "" }
          yield* github.createPullRequest(pull)
          return { undone, unpublished }
        }).pipe(Effect.provide(scene.inHome))
        const tip = git(scene.mirror, "rev-parse", scene.branchOf(lost))

        const before = git(scene.mirror, "for-each-ref")
        const dry = said(yield* scene.pass({ apply: false }))
        const each = (tag: string) => [tag, tag, tag]
        const expected = [
          ...each("OrphanWorktree"),
          ...each("OrphanInstructionFile"),
          "OrphanBranch",
          // The branches of the two whose commit is kept, and the pushed one.
          ...each("UnsettledResource"),
          "StaleIntent",
          "UnrecordedPullRequest"
        ]
        assert.sameMembers(
          dry,
          expected.map((tag) => `${tag} Proposed`)
        )
        assert.strictEqual(git(scene.mirror, "for-each-ref"), before)
        assert.isTrue(yield* scene.exists(left.undone.worktree))

        assert.sameMembers(
          said(yield* scene.pass()),
          expected.map((tag) => `${tag} Repaired`)
        )
        assert.deepStrictEqual(said(yield* scene.pass()), [])

        assert.isFalse(yield* scene.exists(left.undone.worktree))
        assert.isFalse(yield* scene.exists(left.undone.instructions))
        assert.isFalse(yield* scene.exists(left.undone.editorFolder))
        assert.strictEqual(git(scene.mirror, "rev-parse", quarantineRef(lost, run1)), tip)
        assert.strictEqual(git(scene.mirror, "for-each-ref", `refs/heads/${left.undone.branch}`), "")
        const states = (yield* scene.rows(kept)).map(({ kind, state }) => `${kind} ${state}`)
        assert.sameMembers(states, [
          "worktree released",
          "instruction_file released",
          "branch preserved",
          "remote_branch released"
        ])
        assert.strictEqual((yield* scene.view(unsaid)).pullRequest?.number, 1)
        // What nobody could clean up is looked after.
        const dispositions = yield* Effect.forEach([lost, kept, unsaid], (id) => scene.view(id))
        assert.deepStrictEqual(
          dispositions.map(({ disposition }) => disposition),
          ["rolled_back", "preserved", "preserved"]
        )
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "never touches what a worker is at; once nobody has been for long, what lies on this machine goes, and the order goes on",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const id = yield* scene.submit("order-1")
        const { editorFolder, worktree } = yield* scene
          .abandon(id, { status: "routing" })
          .pipe(Effect.provide(scene.inHome))
        const lease = (seconds: number) => scene.sql`
          insert into moose.runners (id, host, process_id, lease_until)
          values ('runner', 'here', 1, moose.now() + make_interval(secs => ${seconds}))
          on conflict (id) do update set lease_until = excluded.lease_until`
        yield* lease(60)
        yield* scene.sql`update moose.executions set state = 'running', owner = 'runner' where work_order = ${id}`
        const leftAfter = Duration.zero
        assert.deepStrictEqual(said(yield* scene.pass({ leftAfter })), [])
        yield* lease(-1)
        // Not for long.
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        assert.isTrue(yield* scene.exists(worktree))
        assert.isTrue(yield* scene.exists(editorFolder))
        assert.sameMembers(said(yield* scene.pass({ leftAfter })), [
          "OrphanWorktree Repaired",
          "OrphanInstructionFile Repaired"
        ])
        assert.isFalse(yield* scene.exists(worktree))
        assert.isFalse(yield* scene.exists(editorFolder))
        assert.deepStrictEqual(said(yield* scene.pass({ leftAfter })), [])

        yield* scene.run([id])
        const { failure, status } = yield* scene.view(id)
        assert.strictEqual(status, "completed", failure?.message)
        assert.deepStrictEqual(said(yield* scene.pass()), [])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )
})
