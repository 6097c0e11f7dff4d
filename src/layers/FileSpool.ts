import { randomUUID } from "node:crypto"
import { Effect, FileSystem, Layer, Option, Path, type PlatformError, Schema, Semaphore } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { SpoolFailed } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Spool, Spooled } from "../services/Spool.ts"

const codec = Schema.fromJsonString(Schema.toCodecJson(Spooled))
const encode = Schema.encodeEffect(codec)
const decode = Schema.decodeUnknownOption(codec)

/** A name that sorts by time: what waits longest is drained first. */
const suffix = ".json"
const unreadable = ".unreadable"

/**
 * A folder with one file for each that waits, whole from the moment it has its name, so that a killed process
 * leaves nothing half-written and two processes do not get in each other's way.
 */
export const layer = (options: { readonly directory: string }) =>
  Layer.effect(
    Spool,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory } = options
      const turn = yield* Semaphore.make(1)

      const failed = (operation: string) => (error: PlatformError.PlatformError | Schema.SchemaError) =>
        new SpoolFailed({
          path: directory,
          evidence: Evidence.make({ operation, excerpt: error.message, cause: error })
        })
      const names = Effect.gen(function* () {
        yield* fs.makeDirectory(directory, { recursive: true })
        const all = yield* fs.readDirectory(directory)
        return all.filter((name) => name.endsWith(suffix)).toSorted()
      })
      const fileOf = (key: string) => `${Buffer.from(key).toString("base64url").slice(0, 200)}${suffix}`

      const read = Effect.fnUntraced(function* (name: string) {
        const file = path.join(directory, name)
        const one = decode(yield* fs.readFileString(file))
        if (Option.isNone(one)) {
          yield* Effect.logError(`${file} cannot be read, and is set aside`)
          yield* fs.rename(file, `${file}${unreadable}`)
        }
        return one
      })

      return Spool.of({
        put: Effect.fn("Spool.put")(
          function* (one) {
            const text = yield* encode(one)
            if ((yield* names).length >= Limits.spooledMax) {
              return yield* new SpoolFailed({
                path: directory,
                evidence: Evidence.make({
                  operation: "put",
                  excerpt: `${Limits.spooledMax} wait already`
                })
              })
            }
            const unfinished = path.join(directory, randomUUID())
            yield* fs.writeFileString(unfinished, text)
            yield* fs.rename(unfinished, path.join(directory, fileOf(one.key)))
          },
          Effect.catchTag(["PlatformError", "SchemaError"], (error) => Effect.fail(failed("put")(error))),
          turn.withPermit
        ),
        peek: Effect.fn("Spool.peek")(
          function* () {
            const found = yield* Effect.forEach(yield* names, read)
            return found.flatMap(Option.toArray)
          },
          Effect.mapError(failed("peek")),
          turn.withPermit
        ),
        remove: Effect.fn("Spool.remove")(
          ({ keys }) =>
            Effect.forEach(keys, (key) => fs.remove(path.join(directory, fileOf(key)), { force: true }), {
              discard: true
            }),
          Effect.mapError(failed("remove")),
          turn.withPermit
        )
      })
    })
  )
