import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as SubprocessChecks from "../../src/layers/SubprocessChecks.ts"
import { Checks } from "../../src/services/Checks.ts"

const check = (script: string, timeoutMs = 20_000) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const checks = yield* Checks
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-check-" })
    const command = ["sh", "-c", script] as const
    return yield* checks.run({ directory, check: { name: "the check", command, timeoutMs } })
  })

const everything = SubprocessChecks.layer.pipe(Layer.provideMerge(NodeServices.layer))

describe("SubprocessChecks", () => {
  layer(everything, { excludeTestServices: true })((it) => {
    it.effect("a command that exits 0 is content", () => check("test -d ."))

    it.effect("one that fails is named, with its exit code and the end of what it printed", () =>
      Effect.gen(function* () {
        const failed = yield* Effect.flip(check("seq 1 20000; echo 'not ok 3 - adds up' >&2; exit 3"))
        assert.strictEqual(failed._tag, "ChecksFailed")
        if (failed._tag !== "ChecksFailed") return
        assert.strictEqual(failed.check, "the check")
        assert.strictEqual(failed.evidence.exitCode, 3)
        assert.include(failed.log, "not ok 3 - adds up")
        assert.isAtMost(failed.log.length, Limits.checkLogShownCharactersMax)
      })
    )

    it.effect("one that does not end is stopped at its limit", () =>
      Effect.gen(function* () {
        const failed = yield* Effect.flip(check("echo begun; exec tail -f /dev/null", 300))
        assert.strictEqual(failed._tag, "ChecksFailed")
        assert.match(failed.message, /0\.3 s/)
      })
    )

    it.effect("it sees no secret of ours", () =>
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => void (process.env["GITHUB_TOKEN"] = "ghp_of_the_worker")),
          () => Effect.sync(() => void delete process.env["GITHUB_TOKEN"])
        )
        yield* check('test -z "$GITHUB_TOKEN" && test "$CI" = true')
      })
    )
  })
})
