import { randomUUID } from "node:crypto"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Processes from "./Processes.ts"

/**
 * Who uses the server: one empty file per use in `folder`, whose name says by which process, so that it is
 * there whole or not at all and a process that was killed is told from one that runs.
 */
const fileName = /^\d{1,10}-[A-Za-z0-9]*-[0-9a-f-]{36}$/

/** Registers one use by this process and answers its file. */
export const register = Effect.fn("Users.register")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(folder, { recursive: true })
  const file = path.join(folder, `${yield* Processes.ownReference}-${randomUUID()}`)
  yield* fs.writeFileString(file, "")
  return file
})

/** Gives up one use. */
export const remove = Effect.fn("Users.remove")(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.remove(file, { force: true })
})

/** How many uses are registered by processes that still run; the files of the others are removed. */
export const count = Effect.fn("Users.count")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = (yield* fs.readDirectory(folder)).filter((name) => fileName.test(name))
  const alive = yield* Effect.filter(names, (name) =>
    Processes.findReferenced(name).pipe(
      Effect.map(Option.isSome),
      Effect.tap((runs) => (runs ? Effect.void : fs.remove(path.join(folder, name), { force: true })))
    )
  )
  return alive.length
})
