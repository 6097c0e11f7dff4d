import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Journal from "../../../src/layers/forge/Journal.ts"
import { platform, temporary } from "./support.ts"

const Entry = Schema.Struct({ by: Schema.String })

describe("Journal", () => {
  it.live("gives each number to one writer", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const [left, right] = [yield* Journal.open(directory, Entry), yield* Journal.open(directory, Entry)]
      const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
      const won = yield* Effect.forEach(
        numbers,
        (number) =>
          Effect.all([left.append(number, { by: "left" }), right.append(number, { by: "right" })], {
            concurrency: "unbounded"
          }),
        { concurrency: "unbounded" }
      )
      for (const [one, other] of won) assert.strictEqual(Number(one) + Number(other), 1)
      const entries = yield* left.read(1)
      assert.deepStrictEqual(entries, yield* right.read(1))
      assert.deepStrictEqual(
        entries.map(({ by }) => by === "left"),
        won.map(([one]) => one)
      )
      assert.deepStrictEqual(yield* left.read(21), [])
    }).pipe(Effect.provide(platform))
  )

  it.live("leaves nothing half-written behind, and is not disturbed by what a crash left", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      yield* fs.writeFileString(`${directory}/1.json.0123456789abcdef.tmp`, `{"by`)
      const journal = yield* Journal.open(directory, Entry)
      assert.deepStrictEqual(yield* journal.read(1), [])
      assert.isTrue(yield* journal.append(1, { by: "one" }))
      assert.isFalse(yield* journal.append(1, { by: "two" }))
      assert.deepStrictEqual(yield* journal.read(1), [{ by: "one" }])
      const files = yield* fs.readDirectory(directory)
      assert.deepStrictEqual(files.sort(), ["1.json", "1.json.0123456789abcdef.tmp"])
    }).pipe(Effect.provide(platform))
  )

  it.live("fails on an entry that it cannot read, naming the file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* temporary
      const journal = yield* Journal.open(directory, Entry)
      yield* journal.append(1, { by: "one" })
      for (const text of ["", "{", "null", `{"by":1}`]) {
        yield* fs.writeFileString(`${directory}/2.json`, text)
        const failure = yield* Effect.flip(journal.read(1))
        assert.strictEqual(failure._tag, "ForgeFailed")
        assert.include(failure.message, "2.json")
      }
    }).pipe(Effect.provide(platform))
  )
})
