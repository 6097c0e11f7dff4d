import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Result } from "effect"
import type { TestContext } from "vitest"
import * as GitCli from "../../../src/layers/GitCli.ts"
import { Git } from "../../../src/services/Git.ts"
import * as FaultyForge from "../../../src/testing/real/FaultyForge.ts"
import * as FullDisk from "../../../src/testing/real/FullDisk.ts"
import * as RealWorld from "./RealWorld.ts"

const { files, database, ends, escalated, submit, tools, worker } = RealWorld
const mebibyte = 1024 * 1024

/** A test that cannot be made on this machine is skipped, and does not look like one that passed. */
const mounted = Effect.fnUntraced(function* (test: TestContext, bytes: number) {
  const disk = yield* FullDisk.make({ bytes, kind: "filesystem" })
  if (disk?.kind === "filesystem") return disk
  return test.skip("no file system can be mounted here")
})

describe("FullDisk", () => {
  it.live(
    "no space is left where worktrees are made: DiskFull, told, nothing held; with space again it goes on",
    (test) =>
      Effect.gen(function* () {
        const disk = yield* mounted(test, 8 * mebibyte)
        const forge = yield* FaultyForge.make(files)
        yield* Effect.gen(function* () {
          yield* disk.fill
          yield* submit(forge.remoteUrl)
          const failed = yield* ends("generation_failed")
          assert.strictEqual(failed.failure?.tag, "DiskFull")
          assert.deepStrictEqual(yield* escalated, ["DiskFull"])
          yield* disk.free
          yield* RealWorld.choose("retry")
          const done = yield* ends("completed")
          assert.strictEqual(done.run, 2)
        }).pipe(Effect.provide(worker(tools(forge, { home: disk.directory }))))
      }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("no space is left for git: DiskFull, and with space again the repository is sound", (test) =>
    Effect.gen(function* () {
      const disk = yield* mounted(test, 4 * mebibyte)
      const forge = yield* FaultyForge.make(files)
      yield* Effect.gen(function* () {
        const git = yield* Git
        const directory = `${disk.directory}/mirror.git`
        const fetch = git.fetchBranch({ directory, remoteUrl: forge.remoteUrl, branch: "main" })
        yield* git.initBare({ directory })
        yield* disk.fill
        const failed = yield* Effect.flip(fetch)
        assert.strictEqual(failed._tag, "DiskFull")
        yield* disk.free
        assert.strictEqual(yield* fetch, forge.head)
      }).pipe(Effect.provide(tools(forge)))
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.live("without the right to mount, git may write no large file, and ends by name", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* FullDisk.make({ bytes: 64 * 1024, kind: "limit" })
      if (disk?.kind !== "limit") return assert.fail("there is always a limit")
      const origin = yield* FaultyForge.make({
        "large.bin": Array.from({ length: 60_000 }, (_, n) => (n * 7919) % 99991).join(",")
      })
      const path = process.env["PATH"] ?? ""
      yield* Effect.acquireRelease(
        Effect.sync(() => (process.env["PATH"] = `${disk.path}:${path}`)),
        () => Effect.sync(() => (process.env["PATH"] = path))
      )
      const directory = `${disk.directory}/mirror.git`
      const fetched = yield* Effect.gen(function* () {
        const git = yield* Git
        yield* git.initBare({ directory })
        return yield* Effect.result(
          git.fetchBranch({ directory, remoteUrl: origin.directory, branch: "main" })
        )
      }).pipe(Effect.provide(GitCli.layer()))
      if (Result.isSuccess(fetched)) return assert.fail("the pack is larger than the limit")
      assert.strictEqual(fetched.failure._tag, "GitFailed")
      assert.include(fetched.failure.message, "File too large")
      assert.isTrue(yield* fs.exists(directory))
    }).pipe(Effect.scoped, Effect.provide(database))
  )
})
