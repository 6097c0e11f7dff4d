import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { type Classified, type Classifier, classify } from "../../../src/domain/failures/Classified.ts"
import type { Ended } from "../../../src/layers/classifiers/command/Ended.ts"
import { perturb, type Perturbation, someOf } from "../../support/Perturb.ts"

const Input = Schema.Struct({
  exitCode: Schema.NullOr(Schema.Number),
  stdout: Schema.String,
  stderr: Schema.String,
  signal: Schema.optional(Schema.String)
})
const Row = Schema.Struct({
  id: Schema.String,
  operation: Schema.String,
  input: Input,
  category: Schema.String,
  retryable: Schema.Boolean,
  sideEffect: Schema.String
})
type Row = typeof Row.Type
const System = Schema.fromJsonString(Schema.Struct({ system: Schema.String }))
const systemOf = Schema.decodeUnknownSync(System)
const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(Row))
const decodeInput = Schema.decodeUnknownSync(Input)

const linesOf = (name: string): ReadonlyArray<string> =>
  readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n")

/** Cases kept as a fixture, one a line. */
export const fixture = (name: string): ReadonlyArray<Row> => linesOf(name).map((line) => decodeRow(line))

const fields = ["category", "retryable", "sideEffect"] as const
type Field = (typeof fields)[number]

/** Cutting comes first: what is padded and then cut says nothing any more. */
const ways: ReadonlyArray<Perturbation> = [
  "cut",
  "names",
  "quoted",
  "shuffled",
  "colours",
  "crlf",
  "remotePrefix",
  "progressBefore",
  "progressAfter"
]
const seeds = Array.from({ length: 4 }, (_, index) => index)

/** A failure and what it means, with its evidence not yet read. */
export interface Labelled extends Omit<Row, "input"> {
  readonly input: unknown
}

export interface Suite<Tag extends string> {
  readonly classifier: Classifier<Ended, Tag>
  /** Labelled before any rule saw them. */
  readonly cases: ReadonlyArray<Labelled & { readonly dangerous?: boolean }>
  readonly disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }>
  readonly lookAlikes: ReadonlyArray<string>
  /** Ways that change what this system's output means. */
  readonly notThese?: ReadonlyArray<Perturbation>
}

/** What every classifier of commands has to keep. */
export const suite = <Tag extends string>({
  classifier,
  cases,
  disagreements,
  lookAlikes,
  notThese = []
}: Suite<Tag>) => {
  const decode = Schema.decodeUnknownSync(classifier.input)
  const of = (operation: string, input: unknown) => classify(classifier, operation, decode(input))
  const rows = linesOf("failure-atlas.jsonl")
    .filter((line) => systemOf(line).system === classifier.system)
    .map((line) => decodeRow(line))
    .filter(({ id }) => !disagreements.some((one) => one.id === id))
  const all: ReadonlyArray<Labelled> = [...rows, ...cases]
  const meaning = ({ category, retryable, sideEffect }: Classified) =>
    `${category} ${retryable} ${sideEffect}`
  const missed = (field: Field, list: ReadonlyArray<Labelled>) =>
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
      assert.isAtLeast(cases.filter(({ dangerous }) => dangerous === true).length, 15)
      assert.isAtLeast(cases.length, 60)
    })

    for (const field of fields) {
      it(`agrees in ${field}`, () => {
        assert.deepStrictEqual(missed(field, cases), [])
      })
    }
  })

  it("says the same of the same failure written differently", () => {
    const changed: Array<string> = []
    const possible = ways.filter((way) => !notThese.includes(way))
    for (const [index, { id, operation, input: raw }] of all.entries()) {
      const input = decodeInput(raw)
      const before = meaning(of(operation, input))
      const tries = [
        ...possible.map((way) => [way]),
        ...seeds.map((seed) => someOf(possible, seed * 7919 + index))
      ]
      for (const [seed, chosen] of tries.entries()) {
        const written = (text: string) => (text === "" ? "" : perturb(text, chosen, seed))
        const after = meaning(
          of(operation, { ...input, stdout: written(input.stdout), stderr: written(input.stderr) })
        )
        if (after !== before) changed.push(`${id}, ${chosen.join(" ")}: ${after}, was ${before}`)
      }
    }
    assert.deepStrictEqual(changed, [])
  })

  it("is only more cautious when all that is left is what stood on stderr", () => {
    const bolder = all.flatMap(({ id, operation, input: raw, retryable, sideEffect }) => {
      const { stderr } = decodeInput(raw)
      const got = of(operation, stderr)
      return stderr !== "" &&
        ((got.retryable && !retryable) || (got.sideEffect === "none" && sideEffect === "possible"))
        ? [`${id}: ${meaning(got)} by ${got.rule}`]
        : []
    })
    assert.deepStrictEqual(bolder, [])
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
      { exitCode: "x", stdout: 3, stderr: { a: 1 } }
    ]) {
      const got = of("something unheard of", input)
      assert.deepStrictEqual(
        [got.tag, got.retryable, got.sideEffect, got.rule],
        ["Unrecognised", false, "possible", null]
      )
    }
  })

  it("takes little time for a text that is made to take long", () => {
    const words =
      "error: remote: unable to access repository over account exceeded ! [remote rejected] (cannot lock ref 'x' "
    for (const hostile of [
      words.repeat(2000),
      `${words}\n`.repeat(2000),
      "'".repeat(200_000),
      "\u001b[".repeat(50_000)
    ]) {
      const start = performance.now()
      of("push", { exitCode: 1, stdout: hostile, stderr: hostile })
      assert.isBelow(performance.now() - start, 1000)
    }
  })

  it("has a condition for whatever a rule concludes", () => {
    for (const { operation, input } of all) {
      const ended = decode(input)
      for (const rule of classifier.rules) {
        const conclusion = rule.when(ended, operation)
        if (conclusion !== undefined) assert.property(classifier.conditions, conclusion.tag)
      }
    }
  })
}
