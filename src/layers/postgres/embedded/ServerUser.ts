import { userInfo } from "node:os"
import { Array, Effect, FileSystem, Option, Path } from "effect"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { EmbeddedPostgresFailed, folderFailed, useYourOwn } from "./EmbeddedPostgresFailed.ts"
import type { RunAs } from "./Processes.ts"

const operation = "choosing the server's user"
const passwords = "/etc/passwd"
const unprivileged = "nobody"

/** name:password:uid:gid:… */
const parse = (line: string) => {
  const [name = "", , uid = "", gid = ""] = line.split(":")
  return { name, uid: Number(uid), gid: Number(gid) }
}

const noUser = (excerpt: string, fix: string) =>
  new EmbeddedPostgresFailed({ problem: "no_user", evidence: Evidence.make({ operation, excerpt }), fix })

/** initdb and postgres refuse to run as an id that has no name. */
const ownNameKnown = Effect.try({
  try: () => userInfo().username,
  catch: (cause) =>
    noUser(
      `User ${process.getuid?.()} has no entry in ${passwords}: ${String(cause)}`,
      `PostgreSQL needs its user to have a name: add one to ${passwords}, or run as another user. ${useYourOwn}`
    )
})

/**
 * As whom PostgreSQL runs: null, as ourselves; or, because it refuses root, as the owner of the data that is
 * already there, else as `nobody`.
 */
export const choose = Effect.fn("ServerUser.choose")(function* (input: { readonly cluster: string }) {
  if (process.getuid?.() !== 0) {
    yield* ownNameKnown
    return null
  }
  const fs = yield* FileSystem.FileSystem
  const entries = yield* fs.readFileString(passwords).pipe(
    Effect.map((text) => text.split("\n").map(parse)),
    Effect.mapError(folderFailed(operation, passwords))
  )
  const owner = yield* Effect.option(fs.stat(input.cluster)).pipe(
    Effect.map(Option.flatMap((info) => info.uid)),
    Effect.map(Option.filter((uid) => uid !== 0))
  )
  const wanted = Option.match(owner, {
    onNone: () => Array.findFirst(entries, (entry) => entry.name === unprivileged),
    onSome: (uid) => Array.findFirst(entries, (entry) => entry.uid === uid)
  })
  if (Option.isNone(wanted)) {
    const who = Option.match(owner, { onNone: () => unprivileged, onSome: (uid) => `user ${uid}` })
    return yield* noUser(
      `PostgreSQL does not run as root, and ${passwords} does not name ${who}`,
      `Run Moose as an ordinary user. ${useYourOwn}`
    )
  }
  return { uid: wanted.value.uid, gid: wanted.value.gid } satisfies RunAs
})

/** May this user pass through (or execute) every part of the path? Judged by owner, group and mode. */
export const canReach = Effect.fn("ServerUser.canReach")(function* (user: RunAs, target: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let current = yield* fs.realPath(target)
  while (true) {
    const { mode, uid, gid } = yield* fs.stat(current)
    const bit = Option.contains(uid, user.uid) ? 0o100 : Option.contains(gid, user.gid) ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    const parent = path.dirname(current)
    if (parent === current) return true
    current = parent
  }
})
