import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { whole } from "../support/EditorSuite.ts"
import { AiMock } from "../support/AiMock.ts"
import { git } from "../support/GitSandbox.ts"
import { costOf } from "../../src/domain/policies/Prices.ts"
import * as PriceTable from "../../src/domain/policies/PriceTable.ts"
import { Settings } from "../../src/layers/Settings.ts"
import { block } from "./Replies.ts"
import { layer as workerLayer } from "./TestWorker.ts"
import * as Worker from "./Worker.ts"

/* Eight orders of one repository at once: each Aider in a worktree of its own, each call in the ledger. */

const words = Array.from({ length: 8 }, (_, index) => `eight-${index}`)

it.live(
  "eight Aiders at once do not meet, and the ledger is the model server's account",
  () =>
    Effect.gen(function* () {
      const { home } = yield* Settings
      const mock = yield* AiMock
      yield* Worker.seed
      for (const [index, word] of words.entries()) {
        Worker.proposes(mock, word, [whole(`src/${word}.js`, `export const it = ${index}\n`)])
        mock.onMessage(`(${word})`, {
          content: block(`src/${word}.js`, "", `export const it = ${index}`),
          usage: { prompt_tokens: 1_000 + index, completion_tokens: 50, total_tokens: 1_050 + index }
        })
      }
      const orders = yield* Effect.forEach(words, (word) =>
        Worker.submit(word, { limits: { editorMs: 900_000 } })
      )
      const ended = yield* Effect.forEach(orders, Worker.ends, { concurrency: "unbounded" })
      const mirror = `${home}/mirrors/aider.git`
      for (const [index, { status, headSha, failure }] of ended.entries()) {
        assert.strictEqual(status, "completed", JSON.stringify(failure))
        const files = git(mirror, "diff", "--name-only", `${headSha}^`, headSha ?? "").split("\n")
        assert.deepStrictEqual(files, [`src/eight-${index}.js`])
        assert.strictEqual(
          git(mirror, "show", `${headSha}:src/eight-${index}.js`),
          `export const it = ${index}`
        )
      }
      assert.strictEqual(new Set(ended.map(({ pullRequest }) => pullRequest?.number)).size, words.length)
      assert.deepStrictEqual(yield* Worker.leftovers, [])

      // Proposals cost the same each; Aider's calls differ, so that one swapped with another would show.
      const price = PriceTable.builtIn.rows.find(({ choice }) => choice.model === Worker.modelName)
      if (price === undefined) return assert.fail(`no price of ${Worker.modelName}`)
      const cost = (inputTokens: number): number => costOf(price.choice, { inputTokens, outputTokens: 50 })
      assert.strictEqual(mock.getRequests().length, 2 * words.length)
      for (const [index, id] of orders.entries()) {
        const paid = yield* Worker.ledger(id)
        assert.deepStrictEqual(
          paid.map(({ call, state, settled }) => [call, state, settled]),
          [
            ["generating/1/1/1", "settled", cost(1_000)],
            ["applying/editor/1/applying/1", "settled", cost(1_000 + index)]
          ]
        )
      }
    }).pipe(Effect.provide(workerLayer())),
  1_500_000
)
