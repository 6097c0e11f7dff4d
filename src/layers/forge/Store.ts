import { Clock, Effect, FileSystem, Option, Path, Schema, Semaphore } from "effect"
import { Sha } from "../../domain/Ids.ts"
import { RepositoryName } from "../../domain/Project.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Location } from "./BareRepository.ts"
import { failed, failedTo } from "./Failed.ts"
import * as Journal from "./Journal.ts"

const Millis = Schema.Int

/** One pull request as it was last written down. */
export const PullRequestRecord = Schema.Struct({
  number: Schema.Int,
  title: Schema.String,
  body: Schema.NullOr(Schema.String),
  head: Schema.String,
  base: Schema.String,
  headSha: Sha,
  baseSha: Sha,
  draft: Schema.Boolean,
  state: Schema.Literals(["open", "closed"]),
  comments: Schema.Int,
  createdAt: Millis,
  updatedAt: Millis,
  closedAt: Schema.NullOr(Millis),
  mergedAt: Schema.NullOr(Millis),
  mergeSha: Schema.NullOr(Sha)
})
export type PullRequestRecord = typeof PullRequestRecord.Type

/** The repository was registered; `location` is null for the forge's own. */
const Registered = Schema.TaggedStruct("Registered", {
  owner: Schema.String,
  name: Schema.String,
  location: Schema.NullOr(Schema.Struct({ kind: Schema.Literals(["path", "url"]), address: Schema.String })),
  defaultBranch: Schema.String,
  at: Millis
})

/** Pull requests were opened or changed: their records, whole. */
const PullRequestsWritten = Schema.TaggedStruct("PullRequestsWritten", {
  records: Schema.Array(PullRequestRecord)
})

const CommentWritten = Schema.TaggedStruct("CommentWritten", {
  pullRequest: PullRequestRecord,
  id: Schema.Int,
  body: Schema.String,
  at: Millis
})

const Entry = Schema.Union([Registered, PullRequestsWritten, CommentWritten])
export type Entry = typeof Entry.Type

/** A repository after every entry of its journal. */
export interface RepositoryState {
  readonly owner: string
  readonly name: string
  readonly own: boolean
  readonly location: Location
  readonly defaultBranch: string
  readonly createdAt: number
  readonly pullRequests: ReadonlyMap<number, PullRequestRecord>
  readonly comments: number
}

/** What a decision leads to: entries to write (none: nothing changes) and what to answer. */
export interface Decision<A> {
  readonly entry?: Entry
  readonly answer: A
}

const ownerPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/
const namePattern = /^(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}$/i
/** First words of the forge's own paths. */
const reserved = new Set(["repos", "user", "rate_limit"])

/** Is this a name that a repository can have here? It becomes a folder, so the alphabet is narrow. */
export const isName = ({ owner, name }: RepositoryName): boolean =>
  ownerPattern.test(owner) && namePattern.test(name) && !reserved.has(owner.toLowerCase())

/** GitHub's names differ in more than case, and so must folders on every file system. */
const keyOf = ({ owner, name }: RepositoryName) => `${owner}/${name}`.toLowerCase()

const unusable = ({ owner, name }: RepositoryName) =>
  failed("name a repository", `${owner}/${name} is not a name it can have`)

const apply = (state: RepositoryState | null, entry: Entry, ownDirectory: string): RepositoryState | null => {
  if (entry._tag === "Registered") {
    return {
      owner: entry.owner,
      name: entry.name,
      own: entry.location === null,
      location: entry.location ?? { kind: "path", address: ownDirectory },
      defaultBranch: entry.defaultBranch,
      createdAt: state?.createdAt ?? entry.at,
      pullRequests: state?.pullRequests ?? new Map(),
      comments: state?.comments ?? 0
    }
  }
  if (state === null) return null
  const records = entry._tag === "PullRequestsWritten" ? entry.records : [entry.pullRequest]
  const pullRequests = new Map(state.pullRequests)
  for (const record of records) pullRequests.set(record.number, record)
  return { ...state, pullRequests, comments: state.comments + (entry._tag === "CommentWritten" ? 1 : 0) }
}

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
