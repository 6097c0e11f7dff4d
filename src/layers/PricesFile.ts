import { Effect, FileSystem, Path, Schema } from "effect"
import { Limits } from "../domain/policies/Limits.ts"
import * as PriceTable from "../domain/policies/PriceTable.ts"
import { problemOf } from "../domain/SchemaProblem.ts"

/** The file that MOOSE_PRICES names is not one of prices. `problem` names the field, `[0].input`. */
export class PricesUnreadable extends Schema.TaggedError<PricesUnreadable>()("PricesUnreadable", {
  file: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `MOOSE_PRICES: ${this.file}: ${this.problem}`
  }
}

/** The built-in prices with those of a file before them. Fails as a whole: a row that is left out would be asked at ours. */
export const read = Effect.fn("PricesFile.read")(function* (named: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.resolve(named)
  const unreadable = (problem: string) => new PricesUnreadable({ file, problem })

  const unavailable = Effect.mapError((error: { readonly reason: { readonly _tag: string } }) =>
    unreadable(
      error.reason._tag === "NotFound" ? "there is no such file" : `cannot be read (${error.reason._tag})`
    )
  )
  const { size } = yield* unavailable(fs.stat(file))
  if (size > Limits.pricesFileBytesMax) {
    return yield* unreadable(`is longer than ${Limits.pricesFileBytesMax} bytes`)
  }
  const text = yield* unavailable(fs.readFileString(file))
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (failure) =>
      unreadable(`is not JSON: ${failure instanceof Error ? failure.message : String(failure)}`)
  })
  const rows = yield* Effect.mapError(PriceTable.decode(json), (error) => unreadable(problemOf(error)))
  return PriceTable.overridden(PriceTable.builtIn, file, rows)
})
