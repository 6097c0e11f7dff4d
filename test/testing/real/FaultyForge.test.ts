import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { branchName } from "../../../src/domain/Ids.ts"
import { GitHub } from "../../../src/services/GitHub.ts"
import * as FaultyForge from "../../../src/testing/real/FaultyForge.ts"
import * as RealWorld from "./RealWorld.ts"

const { id, files, database, ends, met, escalated, submit, tools, until, view, worker } = RealWorld

const withForge = <A, E, R>(use: (forge: FaultyForge.FaultyForge) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const forge = yield* FaultyForge.make(files)
    return yield* use(forge).pipe(Effect.provide(worker(tools(forge))))
  }).pipe(Effect.scoped, Effect.provide(database))

/** How many pull requests the order has, whatever became of them. */
const pulls = (forge: FaultyForge.FaultyForge) =>
  Effect.flatMap(GitHub, (github) =>
    github.findPullRequests({ repository: forge.repository, branch: branchName(id), state: "all" })
  ).pipe(
    Effect.map((found) => found.length),
    Effect.provide(tools(forge))
  )

describe("FaultyForge", () => {
  it.live("limits rates: the wait it asks for is kept, by name and to the second", () =>
    withForge((forge) =>
      Effect.gen(function* () {
        const github = yield* GitHub
        yield* forge.proxy.next(FaultyForge.isRest, yield* FaultyForge.rateLimited("20 minutes"))
        const primary = yield* Effect.flip(github.getRepository(forge.repository))
        if (primary._tag !== "RateLimited") return assert.fail(primary.message)
        assert.approximately(primary.evidence.retryAfterMs ?? 0, 20 * 60_000, 2_000)
        yield* forge.proxy.next(FaultyForge.isRest, FaultyForge.secondaryRateLimited("7 seconds"))
        const secondary = yield* Effect.flip(github.getRepository(forge.repository))
        if (secondary._tag !== "RateLimited") return assert.fail(secondary.message)
        assert.strictEqual(secondary.evidence.retryAfterMs, 7_000)
        assert.deepStrictEqual(forge.proxy.count(FaultyForge.isRest), { came: 2, passed: 0 })
      }).pipe(Effect.provide(tools(forge)))
    )
  )

  it.live("limits rates while an order is published: it waits as long as was asked, and ends well", () =>
    withForge((forge) =>
      Effect.gen(function* () {
        yield* forge.proxy.always(FaultyForge.isCreation, FaultyForge.secondaryRateLimited("1 second"))
        yield* submit(forge.remoteUrl)
        yield* until(view, ({ status }) => status === "waiting")
        yield* forge.proxy.clear
        yield* ends("completed")
        assert.deepStrictEqual([...new Set(yield* met)], ["RateLimited"])
        assert.strictEqual(yield* pulls(forge), 1)
        assert.deepStrictEqual(yield* escalated, [])
      })
    )
  )

  it.live("answers 502 after doing the work: there is one pull request, and the order knows it", () =>
    withForge((forge) =>
      Effect.gen(function* () {
        yield* forge.proxy.next(FaultyForge.isCreation, FaultyForge.badGatewayAfterWork)
        yield* submit(forge.remoteUrl)
        const done = yield* ends("completed")
        assert.strictEqual(done.pullRequest?.number, 1)
        assert.strictEqual(yield* pulls(forge), 1)
        assert.strictEqual(forge.proxy.count(FaultyForge.isCreation).passed, 1)
      })
    )
  )

  it.live("lies with 404: nothing is believed to be done, the change is kept, and a retry publishes it", () =>
    withForge((forge) =>
      Effect.gen(function* () {
        yield* forge.proxy.always(FaultyForge.isCreation, FaultyForge.lyingNotFound)
        yield* submit(forge.remoteUrl)
        const failed = yield* ends("pr_failed")
        assert.strictEqual(failed.disposition, "preserved")
        assert.strictEqual(failed.failure?.tag, "RepositoryMissing")
        assert.deepStrictEqual(yield* escalated, ["RepositoryMissing"])
        yield* forge.proxy.clear
        yield* RealWorld.choose("retry")
        yield* ends("completed")
        assert.strictEqual(yield* pulls(forge), 1)
      })
    )
  )
})
