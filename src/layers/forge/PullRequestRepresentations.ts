import type { Sha } from "../../domain/Ids.ts"
import type { Size } from "./BareRepository.ts"
import type { Found } from "./PullRequests.ts"
import { idOf, nodeId, repository, time, user } from "./Representations.ts"

const timeOrNull = (millis: number | null) => (millis === null ? null : time(millis))

/** A pull request as a listing shows it. */
export const pullRequestSimple = (url: string, { repository: state, record }: Found) => {
  const full_name = `${state.owner}/${state.name}`
  const api = `${url}/repos/${full_name}`
  const self = `${api}/pulls/${record.number}`
  const issue = `${api}/issues/${record.number}`
  const html = `${url}/${full_name}/pull/${record.number}`
  const addresses = {
    issue_url: issue,
    comments_url: `${issue}/comments`,
    commits_url: `${self}/commits`,
    review_comments_url: `${self}/comments`,
    review_comment_url: `${api}/pulls/comments{/number}`,
    statuses_url: `${api}/statuses/${record.headSha}`
  }
  const side = (branch: string, sha: Sha) => ({
    label: `${state.owner}:${branch}`,
    ref: branch,
    sha,
    user: user(url, state.owner),
    repo: repository(url, state)
  })
  const id = idOf(full_name) * 1_000_000 + record.number
  return {
    url: self,
    id,
    node_id: nodeId("PullRequest", id),
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.diff`,
    ...addresses,
    number: record.number,
    state: record.state,
    locked: false,
    title: record.title,
    user: user(url, "moose"),
    body: record.body,
    labels: [],
    milestone: null,
    created_at: time(record.createdAt),
    updated_at: time(record.updatedAt),
    closed_at: timeOrNull(record.closedAt),
    merged_at: timeOrNull(record.mergedAt),
    merge_commit_sha: record.mergeSha,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    head: side(record.head, record.headSha),
    base: side(record.base, record.baseSha),
    _links: {
      self: { href: self },
      html: { href: html },
      issue: { href: issue },
      comments: { href: addresses.comments_url },
      review_comments: { href: addresses.review_comments_url },
      review_comment: { href: addresses.review_comment_url },
      commits: { href: addresses.commits_url },
      statuses: { href: addresses.statuses_url }
    },
    author_association: "OWNER",
    auto_merge: null,
    draft: record.draft
  }
}

/** A pull request asked for by its number. */
export const pullRequest = (url: string, found: Found, size: Size) => ({
  ...pullRequestSimple(url, found),
  merged: found.record.mergedAt !== null,
  mergeable: null,
  rebaseable: null,
  mergeable_state: "unknown",
  merged_by: found.record.mergedAt === null ? null : user(url, "moose"),
  comments: found.record.comments,
  review_comments: 0,
  maintainer_can_modify: false,
  commits: size.commits,
  additions: size.additions,
  deletions: size.deletions,
  changed_files: size.changedFiles
})

/** A comment on a pull request. */
export const comment = (
  url: string,
  input: Found & { readonly id: number; readonly body: string; readonly at: number }
) => {
  const { owner, name } = input.repository
  const api = `${url}/repos/${owner}/${name}/issues`
  return {
    id: input.id,
    node_id: nodeId("IssueComment", input.id),
    url: `${api}/comments/${input.id}`,
    html_url: `${url}/${owner}/${name}/pull/${input.record.number}#issuecomment-${input.id}`,
    issue_url: `${api}/${input.record.number}`,
    body: input.body,
    user: user(url, "moose"),
    author_association: "OWNER",
    created_at: time(input.at),
    updated_at: time(input.at)
  }
}
