import { Clock, Effect } from "effect"
import type { RepositoryName } from "../../domain/Project.ts"
import type { BareRepository, Size } from "./BareRepository.ts"
import { impossible, invalid, notFound, refusal } from "./Refusal.ts"
import { branchRef, openOfHead, ownBranch, settle } from "./PullRequestRules.ts"
import type { PullRequestRecord, RepositoryState } from "./Records.ts"
import type { Store } from "./Store.ts"

/** A pull request together with the repository as it was when it was read. */
export interface Found {
  readonly repository: RepositoryState
  readonly record: PullRequestRecord
}

interface Opening {
  readonly title: string
  readonly body: string | null
  readonly head: string
  readonly base: string
  readonly draft: boolean
}

interface Changes {
  readonly title?: string
  readonly body?: string | null
  readonly state?: "open" | "closed"
}

interface Merging {
  readonly method: "merge" | "squash"
  readonly sha: string | undefined
  readonly title: string | undefined
}

/** For commits that are no longer, or not here, to be looked at. */
const unknownSize: Size = { commits: 0, changedFiles: 0, additions: 0, deletions: 0 }

/** What can be done with pull requests, by GitHub's rules. Fails with Refusal, or ForgeFailed for the disk and git. */
export const make = (store: Store, git: BareRepository) => {
  /** Does `head` bring anything to `base`? Of a repository elsewhere only the two names are known. */
  const brings = (
    repository: RepositoryState,
    base: PullRequestRecord["baseSha"],
    head: PullRequestRecord["headSha"]
  ) => {
    if (base === head) return Effect.succeed(false)
    if (repository.location.kind === "url") return Effect.succeed(true)
    return Effect.map(git.aheadBy(repository.location.address, base, head), (commits) => commits > 0)
  }

  const alreadyExists = (repository: RepositoryState, head: string) =>
    impossible(`A pull request already exists for ${repository.owner}:${head}.`)

  const open = Effect.fn("LocalForge.openPullRequest")(function* (name: RepositoryName, input: Opening) {
    const now = yield* Clock.currentTimeMillis
    const found = yield* store.change(name, (repository) =>
      Effect.gen(function* () {
        const refs = yield* git.refs(repository.location)
        const head = ownBranch(input.head, repository.owner)
        const headSha = head === null ? undefined : refs.tips.get(branchRef(head))
        const baseSha = refs.tips.get(branchRef(input.base))
        const unknown = [
          ...(baseSha === undefined ? ["base"] : []),
          ...(headSha === undefined ? ["head"] : [])
        ]
        if (head === null || headSha === undefined || baseSha === undefined) return yield* invalid(unknown)
        if (openOfHead(repository, head) !== undefined) return yield* alreadyExists(repository, head)
        if (!(yield* brings(repository, baseSha, headSha))) {
          return yield* impossible(`No commits between ${input.base} and ${head}`)
        }
        const record: PullRequestRecord = {
          ...input,
          head,
          headSha,
          baseSha,
          number: Math.max(0, ...repository.pullRequests.keys()) + 1,
          state: "open",
          comments: 0,
          createdAt: now,
          updatedAt: now,
          closedAt: null,
          mergedAt: null,
          mergeSha: null
        }
        const answer: Found = { repository, record }
        return { entry: { _tag: "PullRequestsWritten", records: [record] }, answer }
      })
    )
    return found ?? (yield* notFound)
  })

  /** Every pull request of a repository, after a look at its branches. */
  const list = Effect.fn("LocalForge.listPullRequests")(function* (name: RepositoryName) {
    const now = yield* Clock.currentTimeMillis
    const found = yield* store.change(name, (repository) =>
      Effect.gen(function* () {
        const records = [...repository.pullRequests.values()]
        if (records.every((record) => record.state === "closed")) return { answer: { repository, records } }
        const refs = yield* git.refs(repository.location)
        const settled = records.map((record) => settle(record, refs, now))
        const changed = settled.filter((record, index) => record !== records[index])
        const answer = { repository, records: settled }
        return changed.length === 0
          ? { answer }
          : { entry: { _tag: "PullRequestsWritten", records: changed }, answer }
      })
    )
    return found ?? (yield* notFound)
  })

  const get = Effect.fn("LocalForge.getPullRequest")(function* (name: RepositoryName, number: number) {
    const { repository, records } = yield* list(name)
    const record = records.find((one) => one.number === number)
    if (record === undefined) return yield* notFound
    const found: Found = { repository, record }
    return found
  })

  /** Rewrites one pull request's record, decided on its newest state. */
  const rewrite = Effect.fnUntraced(function* <E>(
    name: RepositoryName,
    number: number,
    decide: (found: Found, now: number) => Effect.Effect<PullRequestRecord, E>
  ) {
    yield* get(name, number)
    const now = yield* Clock.currentTimeMillis
    const found = yield* store.change(name, (repository) =>
      Effect.gen(function* () {
        const before = repository.pullRequests.get(number)
        if (before === undefined) return yield* notFound
        const record = yield* decide({ repository, record: before }, now)
        const answer: Found = { repository, record }
        return { entry: { _tag: "PullRequestsWritten", records: [record] }, answer }
      })
    )
    return found ?? (yield* notFound)
  })

  const update = Effect.fn("LocalForge.updatePullRequest")(
    (name: RepositoryName, number: number, changes: Changes) =>
      rewrite(name, number, ({ repository, record }, now) =>
        Effect.gen(function* () {
          const next = { ...record, ...changes, updatedAt: now }
          if (next.state === record.state) return next
          if (next.state === "closed") return { ...next, closedAt: now }
          if (record.mergedAt !== null) return yield* impossible("A merged pull request cannot be reopened.")
          if (openOfHead(repository, record.head, number) !== undefined) {
            return yield* alreadyExists(repository, record.head)
          }
          const refs = yield* git.refs(repository.location)
          if (!refs.tips.has(branchRef(record.head))) return yield* invalid(["head"])
          return settle({ ...next, closedAt: null }, refs, now)
        })
      )
  )

  /** Merges by a push of the forge's own, which git lets through only when the base has not moved. */
  const merge = Effect.fn("LocalForge.mergePullRequest")(function* (
    name: RepositoryName,
    number: number,
    input: Merging
  ) {
    const { repository, record } = yield* get(name, number)
    const notMergeable = refusal(405, "Pull Request is not mergeable")
    if (record.state === "closed" || repository.location.kind === "url") return yield* notMergeable
    if (input.sha !== undefined && input.sha !== record.headSha) {
      return yield* refusal(409, "Head branch was modified. Review and try the merge again.")
    }
    const directory = repository.location.address
    const { baseSha: base, headSha: head } = record
    // An earlier try may have moved the base and died before it was written down.
    const contained = (yield* git.aheadBy(directory, base, head)) === 0
    const title = input.title ?? `Merge pull request #${number} from ${repository.owner}/${record.head}`
    const message = `${title}\n\n${record.title}`
    const squash = input.method === "squash"
    const commit = contained ? base : yield* git.mergeCommit({ directory, base, head, squash, message })
    if (commit === null) return yield* notMergeable
    if (!contained) {
      const refused = yield* git.push(directory, branchRef(record.base), commit)
      if (refused !== null) return yield* refusal(405, `The base branch cannot be moved: ${refused.trim()}`)
    }
    return yield* rewrite(name, number, ({ record: newest }, now) =>
      Effect.succeed({
        ...newest,
        baseSha: base,
        headSha: head,
        state: "closed",
        closedAt: now,
        mergedAt: now,
        updatedAt: now,
        mergeSha: commit
      } as const)
    )
  })

  const comment = Effect.fn("LocalForge.comment")(function* (
    name: RepositoryName,
    number: number,
    body: string
  ) {
    const at = yield* Clock.currentTimeMillis
    const found = yield* store.change(name, (repository) =>
      Effect.gen(function* () {
        const before = repository.pullRequests.get(number)
        if (before === undefined) return yield* notFound
        const pullRequest = { ...before, comments: before.comments + 1, updatedAt: at }
        const id = repository.comments + 1
        const answer = { repository, record: pullRequest, id, at }
        return { entry: { _tag: "CommentWritten", pullRequest, id, body, at }, answer }
      })
    )
    return found ?? (yield* notFound)
  })

  /** What a pull request changes, or null when that cannot be told. */
  const diff = Effect.fn("LocalForge.diff")(({ repository, record }: Found) =>
    repository.location.kind === "url"
      ? Effect.succeed(null)
      : git
          .diff(repository.location.address, record.baseSha, record.headSha)
          .pipe(Effect.catchTag("ForgeFailed", () => Effect.succeed(null)))
  )

  /** How much a pull request is; nothing when that cannot be told. */
  const size = Effect.fn("LocalForge.size")(({ repository, record }: Found) =>
    repository.location.kind === "url"
      ? Effect.succeed(unknownSize)
      : git
          .size(repository.location.address, record.baseSha, record.headSha)
          .pipe(Effect.catchTag("ForgeFailed", () => Effect.succeed(unknownSize)))
  )

  return { open, list, get, update, merge, comment, diff, size }
}

export type PullRequests = ReturnType<typeof make>
