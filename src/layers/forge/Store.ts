import { Clock, Effect, FileSystem, Option, Path, Semaphore } from "effect"
import type { RepositoryName } from "../../domain/Project.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Location } from "./BareRepository.ts"
import { failed, failedTo } from "./Failed.ts"
import * as Journal from "./Journal.ts"
import { Entry, apply, isName } from "./Records.ts"
import type { RepositoryState } from "./Records.ts"

/** What a decision leads to: entries to write (none: nothing changes) and what to answer. */
export interface Decision<A> {
  readonly entry?: Entry
  readonly answer: A
}

/** GitHub tells names apart without their case, and so must folders on every file system. */
const keyOf = ({ owner, name }: RepositoryName) => `${owner}/${name}`.toLowerCase()

const unusable = ({ owner, name }: RepositoryName) =>
  failed("name a repository", `${owner}/${name} is not a name it can have`)

/**
 * What the forge remembers, a journal a repository under `directory`. Changes are decided on the newest
 * state and written only if nobody else, in this process or another, wrote in between; otherwise they are
 * decided again.
 */
export const make = Effect.fnUntraced(function* (directory: string) {
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.join(directory, "repositories")

  const openRepository = Effect.fnUntraced(function* (key: string) {
    const home = path.join(root, key)
    const ownDirectory = path.join(home, "repository.git")
    const journal = yield* Journal.open(path.join(home, "journal"), Entry)
    const turn = yield* Semaphore.make(1)
    let state: RepositoryState | null = null
    let written = 0
    const refresh = Effect.map(
      Effect.suspend(() => journal.read(written + 1)),
      (entries) => {
        for (const entry of entries) state = apply(state, entry, ownDirectory)
        written += entries.length
        return state
      }
    )
    const attempt = <A, E>(decide: (state: RepositoryState | null) => Effect.Effect<Decision<A>, E>) =>
      Effect.gen(function* () {
        const decision = yield* Effect.flatMap(refresh, decide)
        if (decision.entry === undefined) return Option.some(decision.answer)
        return (yield* journal.append(written + 1, decision.entry))
          ? Option.some(decision.answer)
          : Option.none()
      })
    const change = <A, E>(decide: (state: RepositoryState | null) => Effect.Effect<Decision<A>, E>) =>
      Effect.gen(function* () {
        for (let tries = 0; tries < Limits.forgeWriteAttempts; tries++) {
          const answer = yield* attempt(decide)
          if (Option.isSome(answer)) return answer.value
        }
        return yield* failed("write", `another process was quicker ${Limits.forgeWriteAttempts} times`)
      }).pipe(turn.withPermit)
    return { change, ownDirectory }
  })

  const opened = new Map<string, Effect.Success<ReturnType<typeof openRepository>>>()
  const opening = yield* Semaphore.make(1)
  const repositoryAt = (key: string) =>
    Effect.gen(function* () {
      const known = opened.get(key)
      if (known !== undefined) return known
      const repository = yield* openRepository(key)
      opened.set(key, repository)
      return repository
    }).pipe(opening.withPermit, Effect.provideContext(context))

  const directories = (folder: string) =>
    fs.readDirectory(folder).pipe(
      Effect.catchIf(
        (error) => error.reason._tag === "NotFound",
        () => Effect.succeed<Array<string>>([])
      ),
      Effect.map((names) => names.filter((name) => !name.startsWith(".")).sort()),
      Effect.mapError(failedTo("list repositories"))
    )

  const exists = (key: string) =>
    Effect.mapError(fs.exists(path.join(root, key, "journal", "1.json")), failedTo("look for a repository"))

  /** Decides on the newest state of a repository that is registered; null when it is not. */
  const change = Effect.fnUntraced(function* <A, E>(
    name: RepositoryName,
    decide: (state: RepositoryState) => Effect.Effect<Decision<A>, E>
  ) {
    const key = keyOf(name)
    if (!isName(name) || !(yield* exists(key))) return null
    const repository = yield* repositoryAt(key)
    return yield* repository.change((state) =>
      state === null ? Effect.succeed({ answer: null }) : decide(state)
    )
  })

  /** The newest state of a repository, or null when it is not registered. */
  const find = (name: RepositoryName) => change(name, (state) => Effect.succeed({ answer: state }))

  /** Every registered repository. */
  const list = Effect.gen(function* () {
    const found: Array<RepositoryState> = []
    for (const owner of yield* directories(root)) {
      for (const name of yield* directories(path.join(root, owner))) {
        const state = yield* find({ owner, name })
        if (state !== null) found.push(state)
      }
    }
    return found
  })

  /** Where the forge's own repository of this name is, or would be. */
  const ownDirectory = (name: RepositoryName) =>
    isName(name)
      ? Effect.succeed(path.join(root, keyOf(name), "repository.git"))
      : Effect.fail(unusable(name))

  /** Writes the registration, unless the newest one says the same. */
  const register = Effect.fnUntraced(function* (
    input: RepositoryName & { readonly location: Location | null; readonly defaultBranch: string }
  ) {
    if (!isName(input)) {
      return yield* unusable(input)
    }
    const repository = yield* repositoryAt(keyOf(input))
    const at = yield* Clock.currentTimeMillis
    const { owner, name, location, defaultBranch } = input
    const entry: Entry = { _tag: "Registered", owner, name, location, defaultBranch, at }
    yield* repository.change((state) =>
      Effect.succeed(
        state !== null &&
          state.own === (location === null) &&
          (location === null || location.address === state.location.address) &&
          state.defaultBranch === defaultBranch
          ? { answer: null }
          : { entry, answer: null }
      )
    )
  })

  return { change, find, list, register, ownDirectory }
})

export type Store = Effect.Success<ReturnType<typeof make>>
