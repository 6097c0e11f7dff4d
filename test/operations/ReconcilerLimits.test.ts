import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FileSystem } from "effect"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as Quarantine from "../../src/operations/Quarantine.ts"
import { quarantineRef } from "../../src/domain/Ids.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import type { Request } from "../../src/testing/real/HttpProxy.ts"
import { git } from "../support/GitSandbox.ts"
import { order } from "../support/World.ts"
import * as Real from "../testing/real/RealWorld.ts"
import { make, run1, said } from "./ReconcilerScene.ts"

const timeoutMs = 180_000

describe("Reconciler", () => {
  it.live(
    "refuses a mass deletion whole, tells of it once, and makes it when somebody says so",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const id = yield* scene.submit("order-1")
        const { branch, worktree } = yield* scene
          .abandon(id, { status: "cancelled" })
          .pipe(Effect.provide(scene.inHome))
        for (const _ of [1, 2]) {
          const refused = yield* Effect.flip(scene.pass({ deletionsMax: 2 }))
          assert.strictEqual(refused._tag, "MassDeletionRefused")
          if (refused._tag === "MassDeletionRefused") {
            assert.deepInclude(refused, { deletions: 3, limit: 2 })
            assert.include(refused.names, worktree)
          }
        }
        assert.isTrue(yield* scene.exists(worktree))
        assert.notStrictEqual(git(scene.mirror, "for-each-ref", `refs/heads/${branch}`), "")
        assert.deepStrictEqual(yield* scene.escalations, ["drift/MassDeletionRefused x1"])
        const rows = yield* scene.rows(id)
        assert.isTrue(rows.every(({ state }) => state === "intended"))

        yield* scene.pass({ deletionsMax: 3 })
        assert.isFalse(yield* scene.exists(worktree))
        assert.deepStrictEqual(said(yield* scene.pass({ deletionsMax: 0 })), [])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "leaves what it does not know, and what somebody wrote, as it is, and tells of each once",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const scene = yield* make
        const { sql } = scene
        const id = yield* scene.submit("order-1")
        const { branch } = yield* scene
          .abandon(id, { status: "pr_failed", more: ["remote_branch"] })
          .pipe(Effect.provide(scene.inHome))
        yield* scene.pass()

        const stray = `${scene.layout.worktrees}/sample/nobody-1`
        yield* fs.makeDirectory(stray, { recursive: true })
        yield* fs.makeDirectory(scene.layout.instructions, { recursive: true })
        yield* fs.writeFileString(`${scene.layout.instructions}/nobody-1.md`, "# What?")
        const { head, directory } = scene.remote
        git(scene.mirror, "update-ref", "refs/heads/moose/wo-nobody", head)
        git(directory, "update-ref", "refs/heads/moose/wo-nobody", head)
        // Somebody pushes to the branch of an order that failed: a retry would have to overwrite it.
        git(directory, "update-ref", `refs/heads/${branch}`, head)
        const theirs = yield* scene.pushByHand(branch)
        yield* sql`update public.resources set state = 'preserved', reason = 'kept' where kind = 'remote_branch'`
        // And somebody has written in the books.
        yield* sql`update public.work_orders set branch = 'main', head_sha = ${head} where id = ${id}`
        yield* sql`insert into moose.budget_days (project, day, settled) values ('sample', (moose.now())::date, 7)`

        const expected = [
          "UnknownWorktree",
          "UnknownInstructionFile",
          "UnknownBranch",
          "UnknownRemoteBranch",
          "BranchMovedByPerson",
          "RowEditedByHand",
          "RowEditedByHand",
          "RowEditedByHand"
        ]
        const told = expected.map((tag) => `${tag} Told`)
        assert.sameMembers(said(yield* scene.pass()), told)
        const first = yield* scene.escalations
        assert.strictEqual(first.length, expected.length)
        assert.isTrue(first.every((it) => it.endsWith("x1")))
        assert.sameMembers(said(yield* scene.pass()), told)
        assert.deepStrictEqual(yield* scene.escalations, first)

        assert.isTrue(yield* scene.exists(stray))
        assert.isTrue(yield* scene.exists(`${scene.layout.instructions}/nobody-1.md`))
        assert.strictEqual(git(scene.mirror, "rev-parse", "moose/wo-nobody"), head)
        assert.strictEqual(git(directory, "rev-parse", "moose/wo-nobody"), head)
        assert.strictEqual(git(directory, "rev-parse", branch), theirs)
        const [row] = yield* sql<{ branch: string }>`select branch from public.work_orders where id = ${id}`
        assert.strictEqual(row?.branch, "main")
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "makes nothing in the place of a pull request that the forge has not any more, and tells of it once",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const id = yield* scene.submit("order-1")
        const [end] = yield* scene.run([id])
        const number = end?.pullRequest?.number ?? 0
        assert.isAbove(number, 0)
        const before = yield* scene.rows(id)

        const lists = ({ method, path }: Request) => method === "GET" && path.includes("/pulls?")
        const opens = ({ method, path }: Request) => method === "POST" && path.endsWith("/pulls")
        const headers = { "content-type": "application/json" }
        const answer = { status: 200, headers, body: "[]" }
        yield* scene.remote.proxy.always(lists, { _tag: "Answer", answer })
        const { drifts, unseen } = yield* scene.pass({ apply: false })
        assert.deepStrictEqual(unseen, [])
        assert.deepStrictEqual(
          drifts.map(({ drift: { ageMs, ...drift }, outcome }) => ({
            ...drift,
            aged: ageMs !== null,
            outcome
          })),
          [
            {
              _tag: "MissingPullRequest",
              workOrderId: id,
              run: run1,
              project: order.project,
              name: scene.branchOf(id),
              aged: true,
              evidence: { status: "completed", row: "preserved", number },
              repair: "ask",
              outcome: { _tag: "Proposed" }
            }
          ]
        )
        assert.deepStrictEqual(yield* scene.escalations, [])

        const told = [`drift/MissingPullRequest/${order.project}/${id}/${scene.branchOf(id)} x1`]
        for (const _ of [1, 2]) {
          assert.deepStrictEqual(said(yield* scene.pass()), ["MissingPullRequest Told"])
          assert.deepStrictEqual(yield* scene.escalations, told)
        }
        assert.deepStrictEqual(yield* scene.rows(id), before)
        assert.strictEqual((yield* scene.view(id)).pullRequest?.number, number)
        assert.strictEqual(scene.remote.proxy.count(opens).came, 1)

        // The forge has found it again.
        yield* scene.remote.proxy.clear
        assert.deepStrictEqual(said(yield* scene.pass()), [])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "closes leaked reservations, also one whose lease somebody has made endless",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const { sql } = scene
        const budget = yield* Budget
        const id = yield* scene.submit("order-1")
        yield* scene.abandon(id, { status: "cancelled" }).pipe(Effect.provide(scene.inHome))
        const reserve = (call: string) =>
          budget.reserve({
            workOrderId: id,
            run: run1,
            call,
            category: "generating",
            model: "gpt-5-mini",
            rule: "first",
            amount: Usd.make(1000)
          })
        const gone = yield* reserve("generating/1/1/1")
        const endless = yield* reserve("generating/1/1/2")
        const live = yield* reserve("generating/1/1/3")
        yield* sql`update public.cost_tracking set lease_until = moose.now() - interval '1 second' where id = ${gone.id}`
        yield* sql`update public.cost_tracking set lease_until = moose.now() + interval '1 year' where id = ${endless.id}`
        const isLeak = (it: string) => it.startsWith("LeakedReservation")
        assert.deepStrictEqual(said(yield* scene.pass()).filter(isLeak), [
          "LeakedReservation Repaired",
          "LeakedReservation Repaired"
        ])
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        const states = yield* sql<{ id: ReservationId; state: string }>`
          select id, state from public.cost_tracking order by call`
        assert.deepStrictEqual(states, [
          { id: gone.id, state: "presumed" },
          { id: endless.id, state: "presumed" },
          { id: live.id, state: "reserved" }
        ])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "two at once repair everything once",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const { sql } = yield* Effect.map(PgClient.PgClient, (client) => ({ sql: client }))
        const ids = yield* Effect.forEach(["one", "two", "three"], (name) => scene.submit(name))
        const left = yield* Effect.forEach(ids, (id) => scene.abandon(id, { status: "cancelled" })).pipe(
          Effect.provide(scene.inHome)
        )
        const reports = yield* Effect.all([scene.pass(), scene.pass()], { concurrency: 2 })
        const repaired = reports.flatMap(said).filter((it) => it.endsWith("Repaired"))
        assert.strictEqual(repaired.length, 3 * ids.length)
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        for (const { worktree, change } of left) {
          assert.isFalse(yield* scene.exists(worktree))
          assert.include(git(scene.mirror, "for-each-ref", "refs/moose/quarantine/"), change.headSha)
        }
        const notes = yield* sql<{ count: number }>`
          select count(*)::int as count from public.work_order_events where kind = 'Reconciled'`
        assert.strictEqual(notes[0]?.count, ids.length)
        const holds = yield* sql`select * from moose.repair_holds`
        assert.strictEqual(holds.length, 0)
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "keeps commits in quarantine, gives them back, and lets go of them when they were there for long enough",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const { sql } = scene
        const id = yield* scene.submit("order-1")
        const { branch, change } = yield* scene
          .abandon(id, { status: "aider_failed" })
          .pipe(Effect.provide(scene.inHome))
        yield* scene.pass()
        const ref = quarantineRef(id, run1)
        const listed = yield* Quarantine.list().pipe(Effect.provide(scene.inHome))
        assert.strictEqual(listed.length, 1)
        assert.deepInclude(listed[0], {
          ref,
          workOrderId: id,
          run: run1,
          sha: change.headSha,
          title: "Totals lose cents"
        })
        assert.isAtLeast(listed[0]?.ageMs ?? -1, 0)

        const restored = yield* Quarantine.restore(ref, "ada").pipe(Effect.provide(scene.inHome))
        assert.deepInclude(restored, { branch, sha: change.headSha })
        assert.strictEqual(git(scene.mirror, "rev-parse", branch), change.headSha)
        // Somebody wanted it, so that it stays.
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        const row = (yield* scene.rows(id)).find(({ kind }) => kind === "branch")
        assert.deepInclude(row, { state: "preserved", reason: "restored from quarantine by ada" })
        const empty = yield* Quarantine.restore(ref, "ada").pipe(Effect.provide(scene.inHome), Effect.flip)
        assert.strictEqual(empty._tag, "QuarantineEmpty")

        // The mirror loses it: it is made again as long as the commit is there.
        git(scene.mirror, "update-ref", "-d", `refs/heads/${branch}`)
        assert.deepStrictEqual(said(yield* scene.pass()), ["MissingBranch Repaired"])
        assert.strictEqual(git(scene.mirror, "rev-parse", branch), change.headSha)

        // What was in quarantine for as long as it is kept.
        yield* sql`update public.resources set state = 'held', reason = null where kind = 'branch'`
        assert.deepStrictEqual(said(yield* scene.pass()), ["OrphanBranch Repaired"])
        yield* sql`update public.resources set updated_at = updated_at
                   - make_interval(secs => ${Duration.toSeconds(Limits.quarantineKept)})`
        assert.deepStrictEqual(said(yield* scene.pass()), ["ExpiredQuarantine Repaired"])
        assert.strictEqual(git(scene.mirror, "for-each-ref", "refs/moose/"), "")
        assert.deepStrictEqual(said(yield* scene.pass()), [])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )
})
