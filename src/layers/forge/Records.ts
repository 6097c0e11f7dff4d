import { Schema } from "effect"
import { Sha } from "../../domain/Ids.ts"
import type { RepositoryName } from "../../domain/Project.ts"
import type { Location } from "./BareRepository.ts"

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

/** One line of a repository's journal. */
export const Entry = Schema.Union([Registered, PullRequestsWritten, CommentWritten])
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

const ownerPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/
const namePattern = /^(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}$/i
/** First words of the forge's own paths. */
const reserved = new Set(["repos", "user", "rate_limit"])

/** Is this a name that a repository can have here? It becomes a folder, so the alphabet is narrow. */
export const isName = ({ owner, name }: RepositoryName): boolean =>
  ownerPattern.test(owner) && namePattern.test(name) && !reserved.has(owner.toLowerCase())

/** A repository's state after one more entry; null before it is registered. */
export const apply = (
  state: RepositoryState | null,
  entry: Entry,
  ownDirectory: string
): RepositoryState | null => {
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
