import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Usd } from "../../src/domain/Usd.ts"
import type { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { Settings } from "../../src/layers/Settings.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { AiMock } from "../support/AiMock.ts"
import { git } from "../support/GitSandbox.ts"
import { running } from "../support/Processes.ts"
import { whole } from "../support/EditorSuite.ts"
import { layer as workerLayer } from "./TestWorker.ts"
import * as Worker from "./Worker.ts"

/* Orders from submission to pull request, or to their failure, with a real Aider that asks through the gateway. */

const minutes = 12 * 60_000

/** What an order's commit holds, and which files it changes. */
const committed = Effect.fnUntraced(function* (headSha: string | null, path: string) {
  const { home } = yield* Settings
  const mirror = `${home}/mirrors/aider.git`
  return {
    content: git(mirror, "show", `${headSha}:${path}`),
    files: git(mirror, "diff", "--name-only", `${headSha}^`, headSha ?? "").split("\n")
  }
})

interface Expectation {
  readonly status: string
  /** The last reason, and how many there were. */
  readonly tag?: string
  readonly times?: number
  readonly order?: Partial<WorkOrder>
}

const fails = (tag: string, more: Partial<Expectation> = {}): Expectation => ({
  status: "aider_failed",
  tag,
  ...more
})

/** Each real failure, by the word that the model server goes by. */
const failures: Record<string, Expectation> = {
  "says-it-is-done": fails("NoChanges", { times: 1 }),
  "empty-reply": fails("NoChanges", { times: 1 }),
  // Its model is shown what was wrong, once more by us: that is two runs of Aider.
  "never-fits": fails("EditorRejectedEdits", { times: 2 }),
  "half-fits": fails("EditorRejectedEdits", { times: 2 }),
  "out-of-scope": fails("OutOfScopeEdit", { times: 2, order: { filesInScope: ["src/a.js"] } }),
  "outside-the-worktree": fails("UnsafeEdit", { times: 1 }),
  "into-git": fails("UnsafeEdit", { times: 1 }),
  "cut-off": fails("OutputTruncated", { times: 1 }),
  "wrong-key": fails("AuthenticationFailed", { times: 1 }),
  "no-such-model": fails("ModelNotFound", { times: 1 }),
  "too-long": fails("ContextWindowExceeded", { times: 1 }),
  "no-credit": fails("QuotaExhausted", { times: 1 }),
  "never-answers": fails("EditorTimedOut", { times: 2, order: { limits: { editorMs: 40_000 } } }),
  // What the model was paid for its proposal leaves too little for Aider's first call.
  "over-the-limit": {
    status: "needs_review",
    tag: "BudgetExceeded",
    order: { limits: { maxUsd: Usd.make(105_000) } }
  }
}

describe("Aider in the pipeline", () => {
  layer(workerLayer(), { excludeTestServices: true, timeout: minutes })((it) => {
    it.effect(
      "makes an order's change, which becomes a pull request, and leaves nothing behind",
      () =>
        Effect.gen(function* () {
          const { home } = yield* Settings
          yield* Worker.seed
          const mock = yield* AiMock
          Worker.proposes(mock, "round-well", [Worker.rounding])
          const done = yield* Worker.ends(yield* Worker.submit("round-well"))
          assert.strictEqual(done.status, "completed", JSON.stringify(done.failure))
          const { content, files } = yield* committed(done.headSha, "src/a.js")
          assert.strictEqual(content, "export const total = Math.round(1.5)")
          assert.deepStrictEqual(files, ["src/a.js"])
          const paid = yield* Worker.ledger(done.order.id)
          assert.deepStrictEqual(
            paid.map(({ call, state }) => `${call} ${state}`),
            ["generating/1/1/1 settled", "applying/editor/1/applying/1 settled"]
          )
          assert.deepStrictEqual(yield* Worker.leftovers, [])
          const mirror = `${home}/mirrors/aider.git`
          assert.notMatch(git(mirror, "config", "--local", "--list"), /user\.|aider/i)
          const orders = yield* WorkOrders
          const timeline = yield* orders.timeline({ id: done.order.id, after: 0, limit: 200 })
          const told = timeline.filter(({ kind }) => kind === "Noted").map(({ message }) => message)
          assert.match(told.join("\n"), /Applied edit to src\/a\.js/)
          // The key is the gateway's: Aider's requests came with it, and nothing that is kept has it.
          const sql = yield* PgClient.PgClient
          const [row] = yield* sql<{ text: string }>`
            select (select jsonb_agg(to_jsonb(e))::text from public.work_order_events e)
              || (select jsonb_agg(to_jsonb(r))::text from moose.model_replies r) as text`
          assert.notInclude(row?.text ?? "", Worker.key)
          assert.notMatch(row?.text ?? "", /sk-moose-/)
        }),
      minutes
    )

    it.effect(
      "makes a new file, after a reflection and a removal",
      () =>
        Effect.gen(function* () {
          yield* Worker.seed
          const mock = yield* AiMock
          Worker.proposes(mock, "new-file", [
            whole("src/new.js", "export const made = true\n"),
            { _tag: "DeleteFile", path: "src/b.js" }
          ])
          Worker.proposes(mock, "fits-at-last", [Worker.rounding])
          const ids = [yield* Worker.submit("new-file"), yield* Worker.submit("fits-at-last")] as const
          const [made, reflected] = yield* Effect.forEach(ids, Worker.ends)
          assert.strictEqual(made?.status, "completed", JSON.stringify(made?.failure))
          assert.strictEqual(reflected?.status, "completed", JSON.stringify(reflected?.failure))
          const { files } = yield* committed(made?.headSha ?? null, "src/new.js")
          assert.deepStrictEqual(files, ["src/b.js", "src/new.js"])
          const calls = (yield* Worker.ledger(ids[1])).map(({ call }) => call)
          assert.deepStrictEqual(calls.slice(1), [
            "applying/editor/1/applying/1",
            "applying/editor/1/applying/2"
          ])
        }),
      minutes
    )

    for (const [word, { status, tag, times, order }] of Object.entries(failures)) {
      it.effect(
        `${word}: ${tag}`,
        () =>
          Effect.gen(function* () {
            yield* Worker.seed
            const mock = yield* AiMock
            Worker.proposes(mock, word, [Worker.rounding], word === "over-the-limit" ? 400_000 : 1_000)
            const { home } = yield* Settings
            const ended = yield* Worker.ends(yield* Worker.submit(word, order))
            const reasons = yield* Worker.met(ended.order.id)
            assert.strictEqual(reasons.at(-1), tag, reasons.join(" "))
            assert.strictEqual(ended.status, status)
            if (times !== undefined)
              assert.deepStrictEqual(
                reasons,
                Array.from({ length: times }, () => tag)
              )
            assert.isNull(ended.pullRequest)
            assert.deepStrictEqual(yield* Worker.leftovers, [])
            assert.deepStrictEqual(
              running(`${home}/`).filter((line) => line.includes("--message-file")),
              []
            )
            const open = (yield* Worker.ledger(ended.order.id)).filter(({ state }) => state === "reserved")
            assert.deepStrictEqual(open, [])
          }),
        minutes
      )
    }
  })
})

const program = (script: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = `${yield* fs.makeTempDirectoryScoped({ prefix: "moose-no-aider-" })}/aider`
    yield* fs.writeFileString(file, `#!/bin/sh\n${script}\n`)
    yield* fs.chmod(file, 0o755)
    return file
  })

describe("a program that is no such Aider", () => {
  const ends = (word: string, script: string | undefined) =>
    Effect.gen(function* () {
      const aider = script === undefined ? "/no/such/aider" : yield* program(script)
      return yield* Effect.gen(function* () {
        yield* Worker.seed
        Worker.proposes(yield* AiMock, word, [Worker.rounding])
        const { status, failure } = yield* Worker.ends(yield* Worker.submit(word))
        return [status, failure?.tag]
      }).pipe(Effect.provide(workerLayer(aider)))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

  it.live(
    "is missing before anything is paid for",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ends("missing", undefined), ["routing_failed", "EditorMissing"])
      }),
    minutes
  )

  it.live(
    "is of another version",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ends("old", "echo aider 0.50.1"), [
          "routing_failed",
          "EditorUnsupported"
        ])
      }),
    minutes
  )

  it.live(
    "cannot be kept in its worktree",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ends("unfenced", "echo aider 0.86.2"), [
          "routing_failed",
          "EditorUnsupported"
        ])
      }),
    minutes
  )

  it.live(
    "crashes",
    () =>
      Effect.gen(function* () {
        const script = `[ "$1" = --version ] && : > "$MOOSE_FENCE_CLOSED" && echo aider 0.86.2 && exit; kill -SEGV $$`
        assert.deepStrictEqual(yield* ends("crashes", script), ["aider_failed", "EditorCrashed"])
      }),
    minutes
  )
})
