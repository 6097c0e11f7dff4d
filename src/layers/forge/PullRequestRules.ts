import type { Refs } from "./BareRepository.ts"
import type { PullRequestRecord, RepositoryState } from "./Records.ts"

/** A branch's full name. */
export const branchRef = (branch: string) => `refs/heads/${branch}`

/** The head as a branch of this repository: `branch` or `owner:branch`; null for anybody else's. */
export const ownBranch = (head: string, owner: string): string | null => {
  const colon = head.indexOf(":")
  if (colon === -1) return head
  return head.slice(0, colon).toLowerCase() === owner.toLowerCase() ? head.slice(colon + 1) : null
}

/** The record after a look at the branches: tips followed while open, closed when the head branch is gone. */
export const settle = (record: PullRequestRecord, refs: Refs, now: number): PullRequestRecord => {
  if (record.state === "closed") return record
  const headSha = refs.tips.get(branchRef(record.head))
  if (headSha === undefined) return { ...record, state: "closed", closedAt: now, updatedAt: now }
  const baseSha = refs.tips.get(branchRef(record.base)) ?? record.baseSha
  if (headSha === record.headSha && baseSha === record.baseSha) return record
  return { ...record, headSha, baseSha, updatedAt: now }
}

/** The open pull request of a head branch, other than `except`. */
export const openOfHead = (repository: RepositoryState, head: string, except?: number) =>
  [...repository.pullRequests.values()].find(
    (record) => record.state === "open" && record.head === head && record.number !== except
  )
