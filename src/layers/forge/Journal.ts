import { randomBytes } from "node:crypto"
import { Effect, FileSystem, Path, Schema } from "effect"
import type { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import { failed, failedTo } from "./Failed.ts"

/**
 * An append-only list of JSON values in a directory, one file an entry: `1.json`, `2.json`, and so on.
 * An entry is written whole to a temporary file, flushed, and then linked to its number, which the file
 * system lets only one process do. So there is no lock that could outlive its owner, a reader never sees
 * half an entry, and a crash leaves at most a temporary file that nobody reads.
 */
export interface Journal<A> {
  /** Entries from number `from` (the first is 1) to the last. */
  readonly read: (from: number) => Effect.Effect<ReadonlyArray<A>, ForgeFailed>
  /** Writes entry `number`; false when another writer already has. */
  readonly append: (number: number, entry: A) => Effect.Effect<boolean, ForgeFailed>
}

/** Writes a file so that it is either whole at `target` or not there; false when `target` exists already. */
export const writeOnce = Effect.fnUntraced(
  function* (target: string, content: string, mode: number) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const temporary = yield* writeTemporary(target, content, mode)
    const linked = yield* fs.link(temporary, target).pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => error.reason._tag === "AlreadyExists",
        () => Effect.succeed(false)
      ),
      Effect.ensuring(Effect.ignore(fs.remove(temporary)))
    )
    if (linked) yield* flush(path.dirname(target), "r")
    return linked
  },
  Effect.mapError(failedTo("write a file once"))
)

/** Replaces a file, so that a reader sees either the old content or the new. */
export const writeAtomically = Effect.fnUntraced(
  function* (target: string, content: string, mode: number) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const temporary = yield* writeTemporary(target, content, mode)
    yield* Effect.onError(fs.rename(temporary, target), () => Effect.ignore(fs.remove(temporary)))
    yield* flush(path.dirname(target), "r")
  },
  Effect.mapError(failedTo("replace a file"))
)

const writeTemporary = Effect.fnUntraced(function* (target: string, content: string, mode: number) {
  const fs = yield* FileSystem.FileSystem
  const suffix = yield* Effect.sync(() => randomBytes(8).toString("hex"))
  const temporary = `${target}.${suffix}.tmp`
  yield* fs.writeFileString(temporary, content, { flag: "wx", mode })
  yield* flush(temporary, "r+")
  return temporary
})

/** Brings a file, or a directory's list of names, to the disk. */
const flush = Effect.fnUntraced(function* (target: string, flag: "r" | "r+") {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.open(target, { flag })
  yield* file.sync
}, Effect.scoped)

/** A file's text, or null when there is none. */
export const readIfThere = (target: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(target)).pipe(
    Effect.catchIf(
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeed(null)
    ),
    Effect.mapError(failedTo("read a file"))
  )

/** The journal in `directory`, which is made when it is not there. */
export const open = Effect.fnUntraced(function* <A>(directory: string, schema: Schema.Codec<A, unknown>) {
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const Line = Schema.fromJsonString(Schema.toCodecJson(schema))
  const decode = Schema.decodeEffect(Line)
  const encode = Schema.encodeEffect(Line)
  const file = (number: number) => path.join(directory, `${number}.json`)
  yield* Effect.mapError(
    fs.makeDirectory(directory, { recursive: true, mode: 0o700 }),
    failedTo("make a directory")
  )

  const read = Effect.fnUntraced(function* (from: number) {
    const entries: Array<A> = []
    for (let number = from; ; number++) {
      const text = yield* readIfThere(file(number))
      if (text === null) return entries
      entries.push(
        yield* Effect.mapError(decode(text), (cause) => failed(`read ${file(number)}`, cause.message, cause))
      )
    }
  })

  const append = Effect.fnUntraced(function* (number: number, entry: A) {
    const text = yield* Effect.mapError(encode(entry), failedTo("encode an entry"))
    return yield* writeOnce(file(number), text, 0o600)
  })

  const journal: Journal<A> = {
    read: (from) => Effect.provideContext(read(from), context),
    append: (number, entry) => Effect.provideContext(append(number, entry), context)
  }
  return journal
})
