import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { DriftReport } from "../src/domain/Drift.ts"
import { quarantineRef } from "../src/domain/Ids.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as Cli from "./support/Cli.ts"
import { git } from "./support/GitSandbox.ts"
import * as TestDatabase from "./support/TestDatabase.ts"
import { make, run1 } from "./operations/ReconcilerScene.ts"

const world = Environment.store.pipe(
  Layer.provideMerge(TestDatabase.layer),
  Layer.provideMerge(NodeServices.layer)
)
const readReport = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(DriftReport)))
const readKept = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.Array(Schema.Struct({ ref: Schema.String, order: Schema.String, sha: Schema.String }))
  )
)

describe("moose reconcile, moose quarantine", () => {
  it.live(
    "say what does not agree, put it right when told to, and give back what was put away",
    () =>
      Effect.gen(function* () {
        const scene = yield* make
        const { url } = yield* TestDatabase.TestDatabase
        const env = { MOOSE_HOME: scene.home, DATABASE_URL: Redacted.value(url), MOOSE_FORGE: "local" }
        const moose = (...args: ReadonlyArray<string>) => Cli.here(args, env)
        const id = yield* scene.submit("order-1")
        const { branch, change, worktree } = yield* scene
          .abandon(id, { status: "aider_failed" })
          .pipe(Effect.provide(scene.inHome))
        // Another repository of the same name: these commands bring a forge of their own along.
        yield* scene.sql`update public.projects set repository = jsonb_set(repository, '{remoteUrl}', to_jsonb(${scene.remote.directory}::text))`

        const dry = yield* moose("reconcile")
        assert.strictEqual(dry.code, 0, dry.stderr)
        assert.include(dry.stdout, `OrphanWorktree ${worktree} (sample, order order-1)`)
        assert.include(dry.stdout, "would be removed, its commits kept in quarantine")
        assert.include(
          dry.stdout,
          "1 order compared, 3 drifts. Nothing was changed; repair with: moose reconcile --apply"
        )
        assert.isTrue(yield* scene.exists(worktree))

        const refused = yield* moose("reconcile", "--apply", "--deletions-max", "2")
        assert.strictEqual(refused.code, 1)
        assert.include(refused.stderr, "3 things would be deleted, and one pass deletes at most 2")
        assert.isTrue(yield* scene.exists(worktree))

        const wet = yield* readReport((yield* moose("reconcile", "--apply", "--json")).stdout)
        assert.deepStrictEqual(
          wet.drifts.map(({ outcome }) => outcome._tag),
          ["Repaired", "Repaired", "Repaired"]
        )
        assert.isFalse(yield* scene.exists(worktree))
        assert.include((yield* moose("reconcile")).stdout, "0 orders compared: everything agrees.")

        const ref = quarantineRef(id, run1)
        const kept = yield* readKept((yield* moose("quarantine", "list", "--json")).stdout)
        assert.deepStrictEqual(kept, [{ ref, order: id, sha: change.headSha }])
        const restored = yield* moose("quarantine", "restore", `${id}/1`, "--by", "ada")
        assert.include(restored.stdout, `${branch} is at ${change.headSha} again.`)
        assert.strictEqual(git(scene.mirror, "rev-parse", branch), change.headSha)

        git(scene.mirror, "update-ref", ref, change.headSha)
        yield* scene.sql`update public.resources set evidence = jsonb_build_object('quarantined', ${change.headSha}::text),
          updated_at = moose.now() - interval '8 days' where kind = 'branch'`
        const asked = yield* moose("quarantine", "purge", "--older-than", "7d")
        assert.strictEqual(asked.code, 1)
        assert.include(asked.stderr, "1 would be let go of for good, and nothing was done yet")
        assert.strictEqual(git(scene.mirror, "rev-parse", ref), change.headSha)
        const longer = yield* moose("quarantine", "purge", "--yes")
        assert.include(longer.stdout, "There is nothing to let go of.")
        const purged = yield* moose("quarantine", "purge", "--older-than", "7d", "--yes")
        assert.strictEqual(purged.code, 0, purged.stderr)
        assert.strictEqual(git(scene.mirror, "for-each-ref", "refs/moose/"), "")
      }).pipe(Effect.scoped, Effect.provide(world)),
    300_000
  )
})
