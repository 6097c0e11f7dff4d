import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Limits } from "../../../src/domain/policies/Limits.ts"
import { chooseFiles, choosePaths } from "../../../src/layers/git/PromptFiles.ts"

const many = Array.from({ length: Limits.promptPathsMax }, (_, index) => `a/${index}`)

describe("PromptFiles", () => {
  it("bounds the list of paths, those in scope first, in the repository's order", () => {
    const paths = choosePaths([...many, "y.txt", "z/last.txt"], ["z/"])
    assert.strictEqual(paths.length, Limits.promptPathsMax)
    assert.deepStrictEqual([paths[0], paths.at(-1)], ["a/0", "z/last.txt"])
    assert.notInclude(paths, "y.txt")
    assert.deepStrictEqual(choosePaths(["b", "a"], ["a"]), ["b", "a"])
  })

  it.effect("fills up with other files what could not be shown, and opens a bounded number of them", () =>
    Effect.gen(function* () {
      const opened: Array<string> = []
      const read = (shows: (path: string) => boolean) => (path: string) =>
        Effect.sync(() => {
          opened.push(path)
          return shows(path) ? [path] : []
        })
      const half = yield* chooseFiles(
        many,
        ["a/"],
        read((path) => path.endsWith("0"))
      )
      assert.strictEqual(half.length, Math.min(Limits.promptFilesMax, Limits.promptFileReadsMax / 10))
      opened.length = 0
      assert.deepStrictEqual(
        yield* chooseFiles(
          many,
          [],
          read(() => false)
        ),
        []
      )
      assert.strictEqual(opened.length, Limits.promptFileReadsMax)
      opened.length = 0
      assert.strictEqual(
        (yield* chooseFiles(
          many,
          [],
          read(() => true)
        )).length,
        Limits.promptFilesMax
      )
      assert.strictEqual(opened.length, Limits.promptFilesMax)
    })
  )
})
