import { assert } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { type Classifier, classify } from "../../../src/domain/failures/Classified.ts"
import { perturb, type Perturbation, someOf } from "../../support/Perturb.ts"
import type { Case } from "./held-out/Case.ts"

const Row = Schema.Struct({
  id: Schema.String,
  system: Schema.String,
  operation: Schema.String,
  input: Schema.Unknown
})
const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(Row))
const atlas = readFileSync(new URL("../../fixtures/failure-atlas.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => decodeRow(line))

/** What an error says is one line or a few; what a program prints may have anything around it. */
const ofWords: ReadonlyArray<Perturbation> = ["names", "quoted", "colours", "crlf", "remotePrefix"]
const ofOutput: ReadonlyArray<Perturbation> = ["names", "colours", "crlf", "remotePrefix", "progressBefore"]
const waysOf: Readonly<Record<string, ReadonlyArray<Perturbation>>> = {
  message: ofWords,
  detail: ofWords,
  hint: ofWords,
  stderr: ofOutput,
  stdout: ["crlf", "colours"]
}
const seeds = Array.from({ length: 8 }, (_, index) => index)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The same evidence with other words in the places that hold words, however deep. */
const rewritten = (value: unknown, seed: number): unknown => {
  if (Array.isArray(value)) return value.map((one) => rewritten(one, seed))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const ways = waysOf[name]
      return [
        name,
        typeof inner === "string" && ways !== undefined && inner !== ""
          ? perturb(inner, someOf(ways, seed), seed)
          : rewritten(inner, seed)
      ]
    })
  )
}

/** Fails with the cases, the atlas's and others, whose meaning changed when they were written differently. */
export const assertSameWhenRewritten = <Input, Tag extends string>(
  classifier: Classifier<Input, Tag>,
  cases: ReadonlyArray<Pick<Case, "id" | "operation" | "input">>
): void => {
  const decode = Schema.decodeUnknownSync(classifier.input)
  const meaning = (operation: string, input: unknown): string => {
    const { tag, category, retryable, sideEffect } = classify(classifier, operation, decode(input))
    return `${tag} ${category} ${retryable} ${sideEffect}`
  }
  const rows = atlas.filter(({ system }) => system === classifier.system)
  const changed = [...rows, ...cases].flatMap(({ id, operation, input }) => {
    const before = meaning(operation, input)
    return seeds.flatMap((seed) => {
      const after = meaning(operation, rewritten(input, seed))
      return after === before ? [] : [`${id}, seed ${seed}: ${after}, was ${before}`]
    })
  })
  assert.deepStrictEqual(changed, [])
}
