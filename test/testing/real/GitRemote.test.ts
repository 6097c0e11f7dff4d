import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { branchName } from "../../../src/domain/Ids.ts"
import { Git } from "../../../src/services/Git.ts"
import { GitHub } from "../../../src/services/GitHub.ts"
import * as GitRemote from "../../../src/testing/real/GitRemote.ts"
import * as RealWorld from "./RealWorld.ts"

const { id, files, database, ends, met, escalated, submit, tools, worker } = RealWorld
const branch = branchName(id)

/** A remote and a worker that uses it. */
const withRemote = <A, E, R>(use: (remote: GitRemote.GitRemote) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const remote = yield* GitRemote.make(files)
    return yield* use(remote).pipe(Effect.provide(worker(tools(remote))))
  }).pipe(Effect.scoped, Effect.provide(database))

/** What others see of the order: its branch and its pull requests. */
const published = (remote: GitRemote.GitRemote) =>
  Effect.gen(function* () {
    const github = yield* GitHub
    const git = yield* Git
    const { repository, remoteUrl } = remote
    const pulls = yield* github.findPullRequests({ repository, branch, state: "all" })
    return { pulls: pulls.map(({ head }) => head.sha), head: yield* git.remoteHead({ remoteUrl, branch }) }
  }).pipe(Effect.provide(tools(remote)))

const publishedOnce = Effect.fnUntraced(function* (remote: GitRemote.GitRemote) {
  const { headSha } = yield* ends("completed")
  assert.deepStrictEqual(yield* published(remote), {
    pulls: headSha === null ? [] : [headSha],
    head: headSha
  })
  assert.isNotNull(headSha)
})

describe("GitRemote", () => {
  it.live("drops a push: it is RemoteUnreachable, and made again", () =>
    withRemote((remote) =>
      Effect.gen(function* () {
        yield* remote.drop("push")
        yield* submit(remote.remoteUrl)
        yield* publishedOnce(remote)
        assert.deepStrictEqual(yield* met, ["RemoteUnreachable"])
        assert.deepStrictEqual(remote.proxy.count(GitRemote.isPush), { came: 2, passed: 1 })
      })
    )
  )

  it.live(
    "does a push and drops the answer: what the branch holds is believed, and nothing is pushed again",
    () =>
      withRemote((remote) =>
        Effect.gen(function* () {
          yield* remote.dropReply("push")
          yield* submit(remote.remoteUrl)
          yield* publishedOnce(remote)
          assert.deepStrictEqual(yield* met, [])
          assert.deepStrictEqual(remote.proxy.count(GitRemote.isPush), { came: 1, passed: 1 })
        })
      )
  )

  it.live("stalls a push: it ends by its limit as TimedOut, and is made again", () =>
    withRemote((remote) =>
      Effect.gen(function* () {
        yield* remote.stall("push")
        yield* submit(remote.remoteUrl)
        yield* publishedOnce(remote)
        assert.deepStrictEqual(yield* met, ["TimedOut"])
      })
    )
  )

  it.live(
    "is unavailable for long while it is fetched from: the order waits, and goes on when it is back",
    () =>
      withRemote((remote) =>
        Effect.gen(function* () {
          const unavailable = { status: 503, body: "Service Unavailable" }
          yield* remote.proxy.always(GitRemote.isFetch, { _tag: "Answer", answer: unavailable })
          yield* submit(remote.remoteUrl)
          yield* ends("waiting")
          assert.deepStrictEqual([...new Set(yield* met)], ["RemoteUnreachable"])
          yield* remote.proxy.clear
          yield* publishedOnce(remote)
          assert.deepStrictEqual(yield* escalated, [])
        })
      )
  )

  it.live(
    "rejects a push: the change is kept, somebody is told in the remote's words, and a retry publishes it",
    () =>
      withRemote((remote) =>
        Effect.gen(function* () {
          yield* remote.reject("error: GH006: Protected branch update failed for refs/heads/main.")
          yield* submit(remote.remoteUrl)
          const failed = yield* ends("pr_failed")
          assert.strictEqual(failed.disposition, "preserved")
          assert.strictEqual(failed.failure?.tag, "PushProtected")
          assert.include(failed.failure?.message, "GH006")
          assert.deepStrictEqual(yield* escalated, ["PushProtected"])
          assert.deepStrictEqual(yield* published(remote), { pulls: [], head: null })

          yield* remote.accept
          yield* RealWorld.choose("retry")
          yield* publishedOnce(remote)
        })
      )
  )
})
