import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, FileSystem, Option } from "effect"
import * as DataFolder from "../../src/layers/postgres/embedded/DataFolder.ts"
import * as Processes from "../../src/layers/postgres/embedded/Processes.ts"
import * as Server from "../../src/layers/postgres/embedded/Server.ts"

const prefix = "moose-server-"

/** A temporary folder for a server's data, named after the process that it belongs to. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.makeTempDirectoryScoped({ prefix: `${prefix}${yield* Processes.ownReference}-` })
})

const remove = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Server.stop(yield* DataFolder.open(directory))
  yield* fs.remove(directory, { recursive: true, force: true })
})

/** Stops and removes what interrupted runs left behind: vitest then ends without its teardown. */
export const sweep = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(tmpdir())
  const left = yield* Effect.filter(
    names.filter((name) => name.startsWith(prefix)),
    (name) => Effect.map(Processes.findReferenced(name.slice(prefix.length)), Option.isNone)
  )
  // Another run may be sweeping as well.
  yield* Effect.forEach(left, (name) => Effect.ignore(remove(join(tmpdir(), name))), { discard: true })
})
