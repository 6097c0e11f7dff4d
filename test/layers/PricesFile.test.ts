import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Option, Path } from "effect"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as PriceTable from "../../src/domain/policies/PriceTable.ts"
import * as PricesFile from "../../src/layers/PricesFile.ts"

const line = {
  provider: "openai",
  model: "our-own",
  input: "0.5",
  output: "1",
  contextWindow: 32_000,
  maxOutputTokens: 4_000,
  source: "our contract",
  asOf: "2026-01-31"
}

const write = Effect.fnUntraced(function* (text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "moose-prices-" }), "prices.json")
  yield* fs.writeFileString(file, text)
  return file
})

const refused = (text: string) =>
  Effect.gen(function* () {
    const file = yield* write(text)
    const failure = yield* Effect.flip(PricesFile.read(file))
    assert.strictEqual(failure._tag, "PricesUnreadable")
    assert.strictEqual(failure.file, file)
    assert.include(failure.message, `MOOSE_PRICES: ${file}: `)
    return failure.problem
  })

layer(NodeServices.layer)("a file of prices", (it) => {
  it.effect("goes before the built-in table", () =>
    Effect.gen(function* () {
      const table = yield* PricesFile.read(yield* write(JSON.stringify([line])))
      const own = Option.getOrThrow(PriceTable.find(table, "openai", "our-own"))
      assert.strictEqual(own.inputPerMillion, 500_000)
      assert.isTrue(Option.isSome(PriceTable.find(table, "openai", "gpt-5")))
    })
  )

  it.effect("with a wrong field is refused by that field's name", () =>
    Effect.gen(function* () {
      const problem = yield* refused(JSON.stringify([line, { ...line, model: "x", output: "-1" }]))
      assert.include(problem, "[1].output: must be dollars")
    })
  )

  it.effect("that is not JSON is refused", () =>
    Effect.gen(function* () {
      assert.include(yield* refused("[{"), "is not JSON: ")
    })
  )

  it.effect("that is too long is not read", () =>
    Effect.gen(function* () {
      assert.include(yield* refused(" ".repeat(Limits.pricesFileBytesMax + 1)), "is longer than")
    })
  )

  it.effect("that is missing is named by its full path", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const failure = yield* Effect.flip(PricesFile.read("no-such-prices.json"))
      assert.strictEqual(
        failure.message,
        `MOOSE_PRICES: ${path.resolve("no-such-prices.json")}: there is no such file`
      )
    })
  )
})
