import { DateTime, Hash } from "effect"
import { redact } from "../../domain/errors/Evidence.ts"
import type { Sha } from "../../domain/Ids.ts"
import type { Rate } from "./Guard.ts"
import type { RepositoryState } from "./Records.ts"

/**
 * GitHub's shapes, complete as its OpenAPI description wants them. What the forge has no notion of
 * (stars, teams, reviews) is empty, never invented.
 */

/** Milliseconds since 1970 as GitHub writes them. */
export const time = (millis: number) =>
  DateTime.formatIso(DateTime.makeUnsafe(millis)).replace(/\.\d+Z$/, "Z")

/** A number for a name, the same every time. */
export const idOf = (name: string) => Hash.string(name.toLowerCase()) >>> 0
/** GitHub's other name for a thing. */
export const nodeId = (kind: string, id: number) => Buffer.from(`${kind}:${id}`).toString("base64")

/** Addresses below one base. */
const links = (base: string, paths: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, base + path]))

/** An account. */
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

/** A repository. */
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

/** A branch and where it points. */
export const gitRef = (url: string, state: RepositoryState, ref: string, sha: Sha) => {
  const api = `${url}/repos/${state.owner}/${state.name}/git`
  return {
    ref,
    node_id: Buffer.from(`Ref:${state.owner}/${state.name}:${ref}`).toString("base64"),
    url: `${api}/${ref}`,
    object: { type: "commit", sha, url: `${api}/commits/${sha}` }
  }
}

/** How much of the hour's calls is used. */
export const rateLimit = (rate: Rate) => ({
  resources: { core: rate, search: rate, graphql: rate },
  rate
})
