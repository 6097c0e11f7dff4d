import { randomUUID } from "node:crypto"
import { Clock, Effect, FileSystem, Layer, Option, Path, type PlatformError, Schema, Semaphore } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { SpoolFailed } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Spool, Spooled } from "../services/Spool.ts"

const codec = Schema.fromJsonString(Schema.toCodecJson(Spooled))
const encode = Schema.encodeEffect(codec)
const decode = Schema.decodeUnknownOption(codec)

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
      let puts = 0
      const spelled = (key: string) => Buffer.from(key).toString("base64url").slice(0, 200)
      /** The files that have this key; one at most, unless two processes spooled the same. */
      const filesOf = (all: ReadonlyArray<string>, key: string) =>
        all.filter((name) => name.slice(0, -suffix.length).split(".").at(-1) === spelled(key))
      /** A name that sorts by time: what waits longest is drained first. */
      const newName = (key: string) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const time = String(Math.floor(now)).padStart(15, "0")
          return `${time}.${String(puts++).padStart(9, "0")}.${spelled(key)}${suffix}`
        })

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
            const all = yield* names
            const [known] = filesOf(all, one.key)
            if (known === undefined && all.length >= Limits.spooledMax) {
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
            yield* fs.rename(unfinished, path.join(directory, known ?? (yield* newName(one.key))))
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
          function* ({ keys }) {
            const all = yield* names
            const own = keys.flatMap((key) => filesOf(all, key))
            yield* Effect.forEach(own, (name) => fs.remove(path.join(directory, name), { force: true }))
          },
          Effect.mapError(failed("remove")),
          turn.withPermit
        )
      })
    })
  )
