import { randomBytes } from "node:crypto"
import { Effect, FileSystem, Option, Result, Schema } from "effect"
import { WorkOrderId } from "../domain/Ids.ts"
import { problemOf } from "../domain/SchemaProblem.ts"
import { UserError } from "./UserError.ts"

/** A new id: 12 characters that sort nowhere in particular and collide never. */
export const newId = Effect.sync(() => WorkOrderId.make(randomBytes(6).toString("hex")))

/** A value that a person typed, decoded; the error names the flag and says what it must be. */
export const decode =
  <S extends Schema.Codec<unknown, unknown>>(schema: S, name: string) =>
  (value: unknown): Effect.Effect<S["Type"], UserError> =>
    Schema.decodeUnknownEffect(schema, { errors: "all" })(value).pipe(
      Effect.mapError((error) => {
        const problem = problemOf(error).replace(/^the object: /, "")
        return new UserError({ problem: `${name}: ${problem}`, fix: `Correct ${name} and try again.` })
      })
    )

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
        problem: missing ? `There is no file ${file}` : `${file} cannot be read: ${error.message}`,
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
  return yield* decode(schema, file)(json.success)
})

/** Fields that were given, without those that were not. */
export const given = <A>(name: string, value: Option.Option<A>) =>
  Option.match(value, { onNone: () => ({}), onSome: (it) => ({ [name]: it }) })
