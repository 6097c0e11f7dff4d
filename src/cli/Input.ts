import { randomBytes } from "node:crypto"
import { Effect, FileSystem, Option, Result, Schema } from "effect"
import { WorkOrderId } from "../domain/Ids.ts"
import { problemOf } from "../domain/SchemaProblem.ts"
import { UserError } from "./UserError.ts"

/** A new id: 12 characters that sort nowhere in particular and collide never. */
export const newId = Effect.sync(() => WorkOrderId.make(randomBytes(6).toString("hex")))

const wrong = (name: string, problem: string) =>
  new UserError({ problem: `${name}: ${problem}`, fix: `Correct ${name} and try again.` })

/** The schema's words, in those of whoever wrote the value. */
const reworded = (problem: string): string =>
  problem
    .replace(/^the object: /, "")
    .replaceAll(/Expected a value with a length of at least 1\b/g, "must not be empty")
    .replaceAll(/(^|; )([^\s;]+)\[0\] is missing/g, "$1$2: must not be empty")

/** A value that a person typed, decoded; the error names the flag and says what it must be. */
export const decode =
  <S extends Schema.Codec<unknown, unknown>>(schema: S, name: string) =>
  (value: unknown): Effect.Effect<S["Type"], UserError> =>
    Schema.decodeUnknownEffect(schema, { errors: "all" })(value).pipe(
      Effect.mapError((error) => wrong(name, reworded(problemOf(error))))
    )

/** Where a JSON value holds text that PostgreSQL does not keep: NUL characters and halves of surrogate pairs. */
const unstorable = (value: unknown, path: string): string | undefined => {
  if (typeof value === "string") return value.includes("\u0000") || !value.isWellFormed() ? path : undefined
  if (typeof value !== "object" || value === null) return undefined
  const named = Array.isArray(value)
    ? value.map((item: unknown, index) => [`${path}[${index}]`, item] as const)
    : Object.entries(value).map(([key, item]) => [path === "" ? key : `${path}.${key}`, item] as const)
  for (const [name, item] of named) {
    const found = unstorable(item, name)
    if (found !== undefined) return found
  }
  return undefined
}

const parseJson = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (failure) => (failure instanceof Error ? failure.message : String(failure))
  })

/** A JSON file that a person wrote, decoded; the error names the file and the field. */
export const readJsonFile = Effect.fnUntraced(function* <S extends Schema.Codec<unknown, unknown>>(
  file: string,
  schema: S
) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError((error) => {
      const missing = error.reason._tag === "NotFound"
      return new UserError({
        problem: missing ? `There is no file ${file}` : `${file} cannot be read (${error.reason._tag})`,
        fix: "Check the path."
      })
    })
  )
  const json = parseJson(text)
  if (Result.isFailure(json)) {
    return yield* new UserError({
      problem: `${file} is not JSON: ${json.failure}`,
      fix: "Mend the file and try again."
    })
  }
  const at = unstorable(json.success, "")
  if (at !== undefined) {
    const where = at === "" ? "" : `${at}: `
    return yield* wrong(file, `${where}must be text without NUL characters and halves of surrogate pairs`)
  }
  return yield* decode(schema, file)(json.success)
})

/** Fields that were given, without those that were not. */
export const given = <A>(name: string, value: Option.Option<A>) =>
  Option.match(value, { onNone: () => ({}), onSome: (it) => ({ [name]: it }) })
