import { DateTime, Hash } from "effect"
import { redact } from "../../domain/errors/Evidence.ts"
import type { Sha } from "../../domain/Ids.ts"
import type { Rate } from "./Guard.ts"
import type { Found, Size } from "./PullRequests.ts"
import type { RepositoryState } from "./Store.ts"

/**
 * GitHub's shapes, complete as its OpenAPI description wants them. What the forge has no notion of
 * (stars, teams, reviews) is empty, never invented.
 */

const time = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis)).replace(/\.\d+Z$/, "Z")
const timeOrNull = (millis: number | null) => (millis === null ? null : time(millis))

/** A number for a name, the same every time. */
const idOf = (name: string) => Hash.string(name.toLowerCase()) >>> 0
const nodeId = (kind: string, id: number) => Buffer.from(`${kind}:${id}`).toString("base64")

/** Addresses below one base. */
const links = (base: string, paths: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, base + path]))

export const user = (url: string, login: string) => ({
  login,
  id: idOf(login),
  node_id: nodeId("User", idOf(login)),
  gravatar_id: null,
  avatar_url: `${url}/`,
  html_url: `${url}/`,
  url: `${url}/users/${login}`,
  ...links(`${url}/users/${login}`, {
    followers_url: "/followers",
    following_url: "/following{/other_user}",
    gists_url: "/gists{/gist_id}",
    starred_url: "/starred{/owner}{/repo}",
    subscriptions_url: "/subscriptions",
    organizations_url: "/orgs",
    repos_url: "/repos",
    events_url: "/events{/privacy}",
    received_events_url: "/received_events"
  }),
  type: "User",
  site_admin: false
})

/** Whoever holds the token. */
export const tokenUser = (url: string) => ({
  ...user(url, "moose"),
  name: "moose",
  company: null,
  blog: null,
  location: null,
  email: null,
  hireable: null,
  bio: null,
  public_repos: 0,
  public_gists: 0,
  followers: 0,
  following: 0,
  created_at: time(0),
  updated_at: time(0)
})

const repositoryLinks = {
  archive_url: "/{archive_format}{/ref}",
  assignees_url: "/assignees{/user}",
  blobs_url: "/git/blobs{/sha}",
  branches_url: "/branches{/branch}",
  collaborators_url: "/collaborators{/collaborator}",
  comments_url: "/comments{/number}",
  commits_url: "/commits{/sha}",
  compare_url: "/compare/{base}...{head}",
  contents_url: "/contents/{+path}",
  contributors_url: "/contributors",
  deployments_url: "/deployments",
  downloads_url: "/downloads",
  events_url: "/events",
  forks_url: "/forks",
  git_commits_url: "/git/commits{/sha}",
  git_refs_url: "/git/refs{/sha}",
  git_tags_url: "/git/tags{/sha}",
  hooks_url: "/hooks",
  issue_comment_url: "/issues/comments{/number}",
  issue_events_url: "/issues/events{/number}",
  issues_url: "/issues{/number}",
  keys_url: "/keys{/key_id}",
  labels_url: "/labels{/name}",
  languages_url: "/languages",
  merges_url: "/merges",
  milestones_url: "/milestones{/number}",
  notifications_url: "/notifications{?since,all,participating}",
  pulls_url: "/pulls{/number}",
  releases_url: "/releases{/id}",
  stargazers_url: "/stargazers",
  statuses_url: "/statuses/{sha}",
  subscribers_url: "/subscribers",
  subscription_url: "/subscription",
  tags_url: "/tags",
  teams_url: "/teams",
  trees_url: "/git/trees{/sha}"
}

export const repository = (url: string, state: RepositoryState) => {
  const full_name = `${state.owner}/${state.name}`
  const open = [...state.pullRequests.values()].filter((record) => record.state === "open").length
  const remote = state.location.kind === "url" ? redact(state.location.address) : `${url}/${full_name}.git`
  return {
    id: idOf(full_name),
    node_id: nodeId("Repository", idOf(full_name)),
    name: state.name,
    full_name,
    owner: user(url, state.owner),
    private: true,
    html_url: `${url}/`,
    description: null,
    fork: false,
    url: `${url}/repos/${full_name}`,
    ...links(`${url}/repos/${full_name}`, repositoryLinks),
    clone_url: remote,
    git_url: remote,
    ssh_url: remote,
    svn_url: remote,
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    default_branch: state.defaultBranch,
    archived: false,
    disabled: false,
    has_issues: false,
    has_projects: false,
    has_wiki: false,
    has_pages: false,
    has_downloads: false,
    has_discussions: false,
    forks: 0,
    forks_count: 0,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    network_count: 0,
    subscribers_count: 0,
    open_issues: open,
    open_issues_count: open,
    size: 0,
    pushed_at: time(state.createdAt),
    created_at: time(state.createdAt),
    updated_at: time(state.createdAt),
    permissions: { admin: true, maintain: true, push: true, triage: true, pull: true }
  }
}

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

export const gitRef = (url: string, state: RepositoryState, ref: string, sha: Sha) => {
  const api = `${url}/repos/${state.owner}/${state.name}/git`
  return {
    ref,
    node_id: Buffer.from(`Ref:${state.owner}/${state.name}:${ref}`).toString("base64"),
    url: `${api}/${ref}`,
    object: { type: "commit", sha, url: `${api}/commits/${sha}` }
  }
}

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

export const rateLimit = (rate: Rate) => ({
  resources: { core: rate, search: rate, graphql: rate },
  rate
})
