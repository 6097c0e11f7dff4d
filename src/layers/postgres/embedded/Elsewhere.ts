import { createHash, randomUUID } from "node:crypto"
import { tmpdir } from "node:os"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { EmbeddedPostgresFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"

/** Where root's servers keep data that was wanted in a place only root can enter. */
const systemWide = "/var/lib/moose"
const prefix = "moose-postgres-"
const openFolder = 0o755

/** A file that names the place where the data was wanted. */
const origin = "wanted"

/** Removes data from the temporary folder whose project, temporary as well, is gone. */
const sweep = Effect.fnUntraced(function* (temporary: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(temporary)
  const removeIfOrphaned = Effect.fnUntraced(function* (folder: string) {
    const { type, uid } = yield* fs.lstat(folder)
    if (type !== "Directory" || !Option.contains(uid, 0)) return
    const wanted = yield* fs.readFileString(path.join(folder, origin))
    // A server that still runs there notices, and ends.
    if (!(yield* fs.exists(wanted))) yield* fs.remove(folder, { recursive: true, force: true })
  })
  yield* Effect.forEach(
    names.filter((name) => name.startsWith(prefix)),
    (name) => Effect.ignore(removeIfOrphaned(path.join(temporary, name))),
    { discard: true }
  )
})

/**
 * Makes a folder that anybody can enter for root's data that was wanted in `wanted`, and always the same one:
 * `/var/lib/moose/moose-postgres-<hash>`, or in the temporary folder for what was wanted below it.
 */
export const make = Effect.fn("Elsewhere.make")(function* (wanted: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const temporary = yield* fs.realPath(tmpdir())
  const isTemporary = wanted.startsWith(temporary + path.sep)
  if (isTemporary) {
    yield* sweep(temporary)
  } else {
    yield* fs.makeDirectory(systemWide, { recursive: true })
    yield* fs.chmod(systemWide, openFolder)
  }
  const name = prefix + createHash("sha256").update(wanted).digest("hex").slice(0, 16)
  const folder = path.join(isTemporary ? temporary : systemWide, name)
  yield* fs.makeDirectory(folder).pipe(
    Effect.catchIf(
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.void
    )
  )
  // Anybody could have made that name in a shared folder first.
  const { type, uid } = yield* fs.lstat(folder)
  if (type !== "Directory" || !Option.contains(uid, 0)) {
    return yield* new EmbeddedPostgresFailed({
      problem: "data_folder",
      evidence: Evidence.make({
        operation: "opening the data folder",
        excerpt: `${folder} exists and is not root's`
      }),
      fix: `Remove ${folder}, or choose a data folder that an ordinary user can enter. ${useYourOwn}`
    })
  }
  yield* fs.chmod(folder, openFolder)
  // Whole from the first moment: another process sweeps away what names no place that exists.
  const whole = path.join(folder, `${origin}-${randomUUID()}`)
  yield* fs.writeFileString(whole, wanted)
  yield* fs.rename(whole, path.join(folder, origin))
  return folder
})
