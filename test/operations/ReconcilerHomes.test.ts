import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { quarantineRef } from "../../src/domain/Ids.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { git } from "../support/GitSandbox.ts"
import * as Real from "../testing/real/RealWorld.ts"
import { make, run1, said } from "./ReconcilerScene.ts"

const timeoutMs = 180_000

describe("Two machines on one database", () => {
  it.live(
    "one publishes what the other made: the same commit, made again from the change's patch",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const scene = yield* make
        const orders = yield* WorkOrders
        const second = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "moose-second-" }))
        const id = yield* scene.submit("order-1")
        yield* scene.remote.reject("not today")
        yield* scene.run([id])
        const failed = yield* scene.view(id)
        assert.strictEqual(failed.status, "pr_failed")
        const branch = scene.branchOf(id)
        assert.strictEqual(git(scene.mirror, "rev-parse", branch), failed.headSha)

        yield* scene.remote.accept
        yield* orders.retry({ id, by: "ada" })
        yield* scene.run([id], second)
        const completed = yield* scene.view(id)
        assert.strictEqual(completed.status, "completed")
        assert.strictEqual(completed.headSha, failed.headSha)
        assert.strictEqual(git(scene.remote.directory, "rev-parse", branch), failed.headSha)
        assert.strictEqual(completed.pullRequest?.number, 1)

        // The first machine still has the branch, which nobody needs any more; what the second has is none of its business.
        const inSecond = scene.toolsIn(second)
        assert.deepStrictEqual(said(yield* scene.pass({}, inSecond)), [])
        assert.deepStrictEqual(said(yield* scene.pass()), ["OrphanBranch Repaired"])
        assert.strictEqual(git(scene.mirror, "rev-parse", quarantineRef(id, run1)), failed.headSha)
        assert.deepStrictEqual(said(yield* scene.pass()), [])
        assert.deepStrictEqual(said(yield* scene.pass({}, inSecond)), [])
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )

  it.live(
    "what a person made of the pull request is found by whoever tries again: closed work is not proposed twice",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const orders = yield* WorkOrders
        const { sql } = scene
        yield* sql`alter table public.work_orders disable trigger legal_move`
        const again = Effect.fnUntraced(function* (name: string, from: "creating_pr" | "applying") {
          const id = yield* scene.submit(name)
          yield* scene.run([id])
          const { pullRequest } = yield* scene.view(id)
          // As if the tracking had failed.
          yield* sql`update public.work_orders set status = 'tracking_failed', disposition = 'preserved' where id = ${id}`
          return { id, number: pullRequest?.number ?? 0, retry: orders.retry({ id, by: "ada", from }) }
        })
        const closed = yield* again("closed", "creating_pr")
        yield* scene.api("PATCH", `pulls/${closed.number}`, { state: "closed" })
        yield* closed.retry
        yield* scene.run([closed.id])
        const refused = yield* scene.view(closed.id)
        assert.strictEqual(refused.status, "pr_failed")
        assert.strictEqual(refused.failure?.tag, "PullRequestEnded")

        const merged = yield* again("merged", "creating_pr")
        yield* scene.api("PUT", `pulls/${merged.number}/merge`, {})
        git(scene.remote.directory, "update-ref", "-d", `refs/heads/${scene.branchOf(merged.id)}`)
        yield* merged.retry
        yield* scene.run([merged.id])
        const done = yield* scene.view(merged.id)
        assert.strictEqual(done.status, "completed")
        assert.strictEqual(done.pullRequest?.number, merged.number)
        // Nothing was pushed, and nothing was opened.
        assert.strictEqual(
          git(scene.remote.directory, "for-each-ref", `refs/heads/${scene.branchOf(merged.id)}`),
          ""
        )
      }).pipe(Effect.scoped, Effect.provide(Real.database)),
    timeoutMs
  )
})
