import { Duration, Effect, FileSystem, Option, Path } from "effect"
import type { PlatformError } from "effect"
import * as Processes from "./Processes.ts"

/**
 * One process at a time, across processes, without a lock that outlives its owner.
 *
 * The lock is a folder of symbolic links named 1, 2, 3 …; the highest one is the lock, and what it points at
 * names its owner, or `free`. A link is made with its content in one step and never over another one, so that
 * of all who find the lock free or its owner gone exactly one makes the next link. The highest link is never
 * removed, so a slow taker always sees that it came too late.
 */
const free = "free"

const isTaken = (error: PlatformError.PlatformError) => error.reason._tag === "AlreadyExists"
const isGone = (error: PlatformError.PlatformError) => error.reason._tag === "NotFound"

const numbers = (names: ReadonlyArray<string>) =>
  names.filter((name) => /^\d{1,15}$/.test(name)).map((name) => Number(name))

type Attempt = { readonly mine: number } | { readonly ownerPid: number }

const makeLock = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const link = (number: number) => path.join(folder, String(number))
  const highest = Effect.map(fs.readDirectory(folder), (names) => Math.max(0, ...numbers(names)))

  /** Who holds the lock, if that process still runs. */
  const ownerOf = Effect.fnUntraced(function* (number: number) {
    if (number === 0) return Option.none<number>()
    const owner = yield* fs.readLink(link(number)).pipe(Effect.catchIf(isGone, () => Effect.succeed(free)))
    return owner === free ? Option.none<number>() : yield* Processes.findReferenced(owner)
  })

  const dropOlder = Effect.fnUntraced(function* (than: number) {
    const names = yield* fs.readDirectory(folder)
    const older = numbers(names).filter((number) => number < than)
    yield* Effect.forEach(older, (number) => fs.remove(link(number), { force: true }), { discard: true })
  })

  const attempt = Effect.fnUntraced(function* (reference: string) {
    const top = yield* highest
    const owner = yield* ownerOf(top)
    if (Option.isSome(owner)) return { ownerPid: owner.value } satisfies Attempt
    const made = yield* fs.symlink(reference, link(top + 1)).pipe(
      Effect.as(true),
      Effect.catchIf(isTaken, () => Effect.succeed(false))
    )
    if (!made) return { ownerPid: 0 } satisfies Attempt
    if ((yield* highest) !== top + 1) {
      yield* fs.remove(link(top + 1), { force: true })
      return { ownerPid: 0 } satisfies Attempt
    }
    yield* dropOlder(top + 1)
    return { mine: top + 1 } satisfies Attempt
  })

  const release = Effect.fnUntraced(function* (mine: number) {
    yield* fs.symlink(free, link(mine + 1))
    yield* fs.remove(link(mine), { force: true })
  })

  return { attempt, release }
})

/**
 * Runs `use` while holding the lock in `folder`. Fails with `busy` when another process holds it for longer
 * than `within`. A release that fails (the folder was removed) costs nothing: a later owner takes over.
 */
export const withLock = Effect.fn("FolderLock.withLock")(function* <A, E, R, E2>(input: {
  readonly folder: string
  readonly within: Duration.Duration
  readonly busy: (ownerPid: number) => E2
  readonly use: Effect.Effect<A, E, R>
}) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(input.folder).pipe(Effect.catchIf(isTaken, () => Effect.void))
  const lock = yield* makeLock(input.folder)
  const reference = yield* Processes.ownReference
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      let ownerPid = 0
      // An attempt is never interrupted half-way; the waiting in between is.
      const mine = yield* Processes.waitFor(
        input.within,
        Effect.map(lock.attempt(reference), (result) => {
          if ("mine" in result) return Option.some(result.mine)
          ownerPid = result.ownerPid
          return Option.none<number>()
        }),
        restore
      )
      if (Option.isNone(mine)) return yield* Effect.fail(input.busy(ownerPid))
      return yield* restore(input.use).pipe(Effect.ensuring(Effect.ignore(lock.release(mine.value))))
    })
  )
})
