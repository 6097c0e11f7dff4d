import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { type Classified, type Classifier, classify } from "../../../src/domain/failures/Classified.ts"
import { perturb, type Perturbation, someOf } from "../../support/Perturb.ts"
import type { Case } from "./held-out/Case.ts"

const Row = Schema.Struct({
  id: Schema.String,
  system: Schema.String,
  operation: Schema.String,
  input: Schema.Unknown,
  category: Schema.String,
  retryable: Schema.Boolean,
  sideEffect: Schema.String
})
type Row = typeof Row.Type

const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(Row))
const atlas: ReadonlyArray<Row> = readFileSync(
  new URL("../../fixtures/failure-atlas.jsonl", import.meta.url),
  "utf8"
)
  .trim()
  .split("\n")
  .map((line) => decodeRow(line))

const fields = ["category", "retryable", "sideEffect"] as const
type Field = (typeof fields)[number]

const Body = Schema.StructWithRest(Schema.Struct({ body: Schema.String }), [
  Schema.Record(Schema.String, Schema.Unknown)
])
const hasBody = Schema.is(Body)

/** Cutting comes first: what is padded and then cut says nothing any more. */
const ways: ReadonlyArray<Perturbation> = [
  "cut",
  "names",
  "colours",
  "crlf",
  "remotePrefix",
  "progressBefore",
  "progressAfter"
]
const seeds = Array.from({ length: 8 }, (_, index) => index)

export interface Suite<Input, Tag extends string> {
  readonly classifier: Classifier<Input, Tag>
  readonly cases: ReadonlyArray<Case>
  readonly disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }>
  readonly lookAlikes: ReadonlyArray<string>
}

/** What every classifier of HTTP answers has to keep. */
export const suite = <Input, Tag extends string>({
  classifier,
  cases,
  disagreements,
  lookAlikes
}: Suite<Input, Tag>) => {
  const decode = Schema.decodeUnknownSync(classifier.input)
  const of = (operation: string, input: unknown) => classify(classifier, operation, decode(input))
  const rows = atlas.filter(
    ({ id, system }) => system === classifier.system && !disagreements.some((one) => one.id === id)
  )
  const meaning = ({ tag, category, retryable, sideEffect }: Classified) =>
    `${tag} ${category} ${retryable} ${sideEffect}`
  const missed = (field: Field, list: ReadonlyArray<Row | Case>) =>
    list.flatMap((row) => {
      const got = of(row.operation, row.input)
      return got[field] === row[field] ? [] : [`${row.id}: ${got[field]} by ${got.rule}, not ${row[field]}`]
    })

  describe("the atlas", () => {
    for (const [field, share] of [
      ["retryable", 0.98],
      ["sideEffect", 0.97],
      ["category", 0.95]
    ] as const) {
      it(`agrees in ${field}`, () => {
        const misses = missed(field, rows)
        assert.isAtLeast((rows.length - misses.length) / rows.length, share, misses.join("\n"))
      })
    }

    it("is not taken in by look-alikes", () => {
      const alike = rows.filter(({ id }) => lookAlikes.includes(id))
      assert.lengthOf(alike, lookAlikes.length)
      assert.deepStrictEqual(
        fields.flatMap((field) => missed(field, alike)),
        []
      )
    })

    it("is read by rules for whole kinds of failures", () => {
      const fired = rows.map(({ operation, input }) => of(operation, input).rule)
      const once = classifier.rules.filter(({ id }) => fired.filter((rule) => rule === id).length === 1)
      assert.isBelow(once.length, classifier.rules.length / 4, once.map(({ id }) => id).join("\n"))
      assert.strictEqual(new Set(classifier.rules.map(({ id }) => id)).size, classifier.rules.length)
    })
  })

  describe("failures that are not in the atlas", () => {
    it("never repeats what must not be, and never calls undone what may be done", () => {
      const harm = cases.flatMap(({ id, operation, input, retryable, sideEffect }) => {
        const got = of(operation, input)
        return (got.retryable && !retryable) || (got.sideEffect === "none" && sideEffect !== "none")
          ? [`${id}: ${meaning(got)} by ${got.rule}`]
          : []
      })
      assert.deepStrictEqual(harm, [])
      assert.isAtLeast(cases.filter(({ dangerous }) => dangerous).length, 15)
      assert.isAtLeast(cases.length, 30)
    })

    for (const field of fields) {
      it(`agrees in ${field}`, () => {
        assert.deepStrictEqual(missed(field, cases), [])
      })
    }
  })

  it("says the same of the same failure written differently", () => {
    const changed: Array<string> = []
    for (const { id, operation, input } of [...rows, ...cases]) {
      if (!hasBody(input)) continue
      const before = meaning(of(operation, input))
      for (const seed of seeds) {
        // A good answer that is cut short is another failure than one that is whole.
        const mayCut = !String(input["status"]).startsWith("2")
        const chosen = someOf(ways, seed).filter((way) => way !== "cut" || mayCut)
        const after = meaning(of(operation, { ...input, body: perturb(input.body, chosen, seed) }))
        if (after !== before) changed.push(`${id}, ${chosen.join(" ")}: ${after}, was ${before}`)
      }
    }
    assert.deepStrictEqual(changed, [])
  })

  it("reads anything without failing, and is cautious where there is nothing to read", () => {
    for (const input of [
      null,
      undefined,
      "",
      "???",
      7,
      [],
      {},
      { status: "x", headers: 3, body: { a: 1 } }
    ]) {
      const got = of("something unheard of", input)
      assert.deepStrictEqual(
        [got.tag, got.retryable, got.sideEffect, got.rule],
        ["Unrecognised", false, "possible", null]
      )
    }
  })

  it("has a condition for whatever a rule concludes", () => {
    for (const { operation, input } of [...atlas, ...cases]) {
      const answer = decode(input)
      for (const rule of classifier.rules) {
        const conclusion = rule.when(answer, operation)
        if (conclusion !== undefined) assert.property(classifier.conditions, conclusion.tag)
      }
    }
  })
}
