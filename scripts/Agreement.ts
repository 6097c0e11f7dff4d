import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { Category, SideEffect } from "../src/domain/errors/Failure.ts"
import { System } from "../src/domain/failures/Classified.ts"
import { type Classification, classifiers, classifyAny } from "../src/layers/classifiers/Classify.ts"
import { type Perturbation, perturb, seeded } from "../test/support/Perturb.ts"

/** One failure of the atlas, with the labels that classifiers are measured by. */
export const Row = Schema.Struct({
  id: Schema.String,
  system: System,
  operation: Schema.String,
  input: Schema.Unknown,
  category: Category,
  retryable: Schema.Boolean,
  sideEffect: SideEffect
})
export type Row = typeof Row.Type

const fixture = (name: string): string =>
  readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url), "utf8")

const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(Row))

/** All rows, in the file's order. */
export const readAtlas = (): ReadonlyArray<Row> =>
  fixture("failure-atlas.jsonl")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => decodeRow(line))

/** The ids of the rows that look like one thing and are another. */
export const readLookAlikes = (): ReadonlyArray<string> =>
  Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.String)))(fixture("look-alikes.json"))

/** What is compared, and the least share of the rows that must agree. */
export const least = { retryable: 0.98, sideEffect: 0.97, category: 0.95 } as const
export type Field = keyof typeof least
export const fields: ReadonlyArray<Field> = ["retryable", "sideEffect", "category"]

/** A row and what its classifier makes of it. */
export interface Judged {
  readonly row: Row
  readonly said: Classification
  readonly wrong: ReadonlyArray<Field>
  /** A repeat that does harm, or an effect that is overlooked. */
  readonly dangerous: boolean
}

export const judge = (row: Row, input: unknown = row.input): Judged => {
  const said = classifyAny(row.system, row.operation, input)
  return {
    row,
    said,
    wrong: fields.filter((field) => said[field] !== row[field]),
    dangerous: (said.retryable && !row.retryable) || (said.sideEffect === "none" && row.sideEffect !== "none")
  }
}

/** How many of the rows agree in one field. */
export const agreeing = (all: ReadonlyArray<Judged>, field: Field): number =>
  all.filter(({ wrong }) => !wrong.includes(field)).length

/** All rules as system/id, and those of them that fire on exactly one row. */
export const ruleUse = (all: ReadonlyArray<Judged>) => {
  const rules = Object.values(classifiers).flatMap((classifier) =>
    classifier.rules.map(({ id }) => `${classifier.system}/${id}`)
  )
  const fired = new Map<string, number>()
  for (const { row, said } of all) {
    const name = `${row.system}/${said.rule}`
    fired.set(name, (fired.get(name) ?? 0) + 1)
  }
  const distinct = [...new Set(rules)]
  return { rules: distinct, once: distinct.filter((name) => fired.get(name) === 1) }
}

const word = (random: () => number): string =>
  Array.from({ length: 7 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join("")

/** Addresses, paths, branches and short commit ids, which the shared perturbations leave alone. */
const elsewhere = (text: string, random: () => number): string =>
  text
    .replace(
      /\b(https?|ssh|git):\/\/[^\s'"<>)]+/g,
      (url, scheme: string) =>
        `${scheme}://${word(random)}.invalid/${word(random)}${/\.git\/?/.exec(url)?.[0] ?? ""}`
    )
    .replace(/\brefs\/heads\/[\w/-]+/g, () => `refs/heads/${word(random)}/${word(random)}`)
    .replace(/(?<=^|[\s'"])\/(?:repo|home|tmp|mnt|srv|work)\b/gm, () => `/${word(random)}/${word(random)}`)
    .replace(/\b[0-9a-f]{7,12}(?=\.\.)/g, () =>
      Array.from({ length: 7 }, () => Math.floor(random() * 16).toString(16)).join("")
    )

const ofWords: ReadonlyArray<Perturbation> = ["names", "quoted"]
const ofOutput: ReadonlyArray<Perturbation> = ["names", "progressBefore", "progressAfter"]
const waysOf: Readonly<Partial<Record<string, ReadonlyArray<Perturbation>>>> = {
  message: ofWords,
  detail: ofWords,
  hint: ofWords,
  body: ["names"],
  stderr: ofOutput,
  stdout: ofOutput
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The same evidence with other names, commit ids, addresses, numbers and surrounding lines; the same for the same seed. */
export const rewritten = (value: unknown, seed: number): unknown => {
  if (Array.isArray(value)) return value.map((one) => rewritten(one, seed))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const ways = waysOf[name]
      if (typeof inner !== "string" || inner === "" || ways === undefined)
        return [name, rewritten(inner, seed)]
      const text = name === "body" ? inner : elsewhere(inner, seeded(seed))
      return [name, perturb(text, ways, seed)]
    })
  )
}
