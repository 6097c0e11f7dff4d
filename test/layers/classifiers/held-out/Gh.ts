import { type EndedCase, onStderr } from "./Ended.ts"

/**
 * gh failures from its sources (cli/cli at 44ee177), Go's net packages, GitHub's messages and issue
 * threads. Written, and labelled, before the rules were.
 */

const graphql = "https://api.github.com/graphql"

const dangerous = onStderr(true, [
  [
    "create.something-went-wrong",
    "pr create",
    1,
    "pull request create failed: GraphQL: Something went wrong while executing your query. Please include `1E76:2573:409BEA:47312D:626A4C07` when reporting this issue. (createPullRequest)\n",
    ["ambiguous", true, "possible"],
    "graphql-python/gql#323"
  ],
  [
    "create.502",
    "pr create",
    1,
    `pull request create failed: HTTP 502: Bad Gateway (${graphql})\n`,
    ["ambiguous", true, "possible"],
    "cli/cli issues"
  ],
  [
    "merge.504",
    "pr merge",
    1,
    `HTTP 504: 504 Gateway Timeout (${graphql})\n`,
    ["ambiguous", true, "possible"],
    "cli/cli issues"
  ],
  [
    "edit.500",
    "pr edit",
    1,
    `HTTP 500: Internal Server Error (${graphql})\n`,
    ["ambiguous", true, "possible"],
    "api/client.go"
  ],
  [
    "create.eof",
    "pr create",
    1,
    `pull request create failed: Post "${graphql}": EOF\n`,
    ["ambiguous", true, "possible"],
    "Go's net/http"
  ],
  [
    "create.reset",
    "pr create",
    1,
    `Post "${graphql}": read tcp 10.0.0.2:51234->140.82.121.6:443: read: connection reset by peer\n`,
    ["ambiguous", true, "possible"],
    "Go's net"
  ],
  [
    "merge.awaiting-headers",
    "pr merge",
    1,
    `Post "${graphql}": net/http: request canceled (Client.Timeout exceeded while awaiting headers)\n`,
    ["ambiguous", true, "possible"],
    "Go's net/http"
  ],
  [
    "merge.deadline",
    "pr merge",
    1,
    `Post "${graphql}": context deadline exceeded\n`,
    ["ambiguous", true, "possible"],
    "Go's context"
  ],
  [
    "create.goaway",
    "pr create",
    1,
    `Post "${graphql}": http2: server sent GOAWAY and closed the connection; LastStreamID=1999, ErrCode=NO_ERROR, debug=""\n`,
    ["ambiguous", true, "possible"],
    "Go's net/http"
  ],
  [
    "create.truncated-json",
    "pr create",
    1,
    "pull request create failed: unexpected end of JSON input\n",
    ["ambiguous", false, "possible"],
    "Go's encoding/json"
  ],
  [
    "create.html-answer",
    "pr create",
    1,
    "pull request create failed: invalid character '<' looking for beginning of value\n",
    ["ambiguous", false, "possible"],
    "Go's encoding/json"
  ],
  [
    "merge.head-modified",
    "pr merge",
    1,
    "GraphQL: Head branch was modified. Review and try the merge again. (mergePullRequest)\n",
    ["rejected", false, "none"],
    "GitHub: somebody pushed to what was to be merged"
  ],
  [
    "merge.done-branch-not-deleted",
    "pr merge",
    1,
    "✓ Merged pull request team/app#12 (feat: retries)\nfailed to delete remote branch feat/x: HTTP 422: Reference does not exist (https://api.github.com/repos/team/app/git/refs/heads/feat/x)\n",
    ["permanent", false, "certain"],
    "pkg/cmd/pr/merge/merge.go"
  ],
  [
    "create.done-update-failed",
    "pr create",
    1,
    "pull request update failed: GraphQL: Could not resolve to a node with the global id of 'MDQ6'. (requestReviews)\n",
    ["rejected", false, "certain"],
    "pkg/cmd/pr/create/create.go: the pull request is printed before it is updated",
    { stdout: "https://github.com/team/app/pull/7\n" }
  ],
  [
    "create.killed",
    "pr create",
    -9,
    "",
    ["ambiguous", true, "possible"],
    "a process that was ended",
    { signal: "SIGKILL" }
  ],
  [
    "create.cancelled",
    "pr create",
    2,
    "\n",
    ["ambiguous", false, "possible"],
    "internal/ghcmd/cmd.go: exit 2"
  ],
  [
    "create.unheard-of",
    "pr create",
    1,
    "the frobnicator has come loose\n",
    ["ambiguous", false, "possible"],
    "no version prints this"
  ],
  ["api.delete-503", "api", 1, "gh: HTTP 503\n", ["ambiguous", true, "possible"], "pkg/cmd/api/api.go"],
  [
    "create.exists-422",
    "pr create",
    1,
    "pull request create failed: HTTP 422: Validation Failed (https://api.github.com/repos/team/app/pulls)\nA pull request already exists for team:feat/x.\n",
    ["permanent", false, "certain"],
    "GitHub's REST message"
  ]
])

const network = onStderr(false, [
  [
    "view.502",
    "pr view",
    1,
    `HTTP 502: Bad Gateway (${graphql})\n`,
    ["transient", true, "none"],
    "api/client.go"
  ],
  ["list.eof", "pr list", 1, `Post "${graphql}": EOF\n`, ["transient", true, "none"], "Go's net/http"],
  [
    "create.dns",
    "pr create",
    1,
    "error connecting to api.github.com\ncheck your internet connection or https://githubstatus.com\n",
    ["transient", true, "none"],
    "internal/ghcmd/cmd.go: a DNS error, nothing was sent"
  ],
  [
    "create.no-such-host",
    "pr create",
    1,
    `Post "${graphql}": dial tcp: lookup api.github.com on 127.0.0.53:53: no such host\n`,
    ["transient", true, "none"],
    "Go's net"
  ],
  [
    "create.refused",
    "pr create",
    1,
    `Post "${graphql}": dial tcp 140.82.121.6:443: connect: connection refused\n`,
    ["transient", true, "none"],
    "Go's net: never connected"
  ],
  [
    "create.dial-timeout",
    "pr create",
    1,
    `Post "${graphql}": dial tcp 140.82.121.6:443: i/o timeout\n`,
    ["transient", true, "none"],
    "Go's net: never connected"
  ],
  [
    "create.handshake-timeout",
    "pr create",
    1,
    `Post "${graphql}": net/http: TLS handshake timeout\n`,
    ["transient", true, "none"],
    "Go's net/http: before the request"
  ],
  [
    "create.unknown-authority",
    "pr create",
    1,
    `Post "${graphql}": tls: failed to verify certificate: x509: certificate signed by unknown authority\n`,
    ["configuration", false, "none"],
    "Go's crypto/x509"
  ],
  [
    "create.proxy-407",
    "pr create",
    1,
    `Post "${graphql}": Proxy Authentication Required\n`,
    ["configuration", false, "none"],
    "Go's net/http"
  ]
])

const limits = onStderr(false, [
  [
    "create.too-quickly",
    "pr create",
    1,
    "pull request create failed: GraphQL: was submitted too quickly (createPullRequest)\n",
    ["transient", true, "none"],
    "cli/cli issues about content creation limits"
  ],
  [
    "list.rate-limit",
    "pr list",
    1,
    "GraphQL: API rate limit exceeded for user ID 1234567.\n",
    ["transient", true, "none"],
    "GitHub documentation of rate limits"
  ],
  [
    "create.rate-limit-403",
    "pr create",
    1,
    "HTTP 403: API rate limit exceeded for user ID 1234567. (https://api.github.com/repos/team/app/pulls)\n",
    ["transient", true, "none"],
    "GitHub documentation of rate limits"
  ],
  [
    "create.secondary-403",
    "pr create",
    1,
    "HTTP 403: You have exceeded a secondary rate limit. Please wait a few minutes before you try again. (https://api.github.com/graphql)\n",
    ["transient", true, "none"],
    "GitHub documentation of rate limits"
  ],
  ["api.429", "api", 1, "gh: Too Many Requests (HTTP 429)\n", ["transient", true, "none"], "pkg/cmd/api"],
  [
    "api.installation-limit",
    "api",
    1,
    "gh: API rate limit exceeded for installation ID 123. (HTTP 403)\n",
    ["transient", true, "none"],
    "pkg/cmd/api"
  ]
])

const access = onStderr(false, [
  [
    "create.integration",
    "pr create",
    1,
    "pull request create failed: GraphQL: Resource not accessible by integration (createPullRequest)\n",
    ["configuration", false, "none"],
    "peter-evans/create-pull-request issues"
  ],
  [
    "create.pat",
    "pr create",
    1,
    "HTTP 403: Resource not accessible by personal access token (https://api.github.com/repos/team/app/pulls)\n",
    ["configuration", false, "none"],
    "GitHub documentation"
  ],
  [
    "view.saml",
    "pr view",
    1,
    "GraphQL: Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization. (repository)\n",
    ["configuration", false, "none"],
    "GitHub documentation of SAML"
  ],
  [
    "view.scopes",
    "pr view",
    1,
    "GraphQL: Your token has not been granted the required scopes to execute this query. The 'login' field requires one of the following scopes: ['read:org']\n",
    ["configuration", false, "none"],
    "cli/cli issues"
  ],
  ["api.401", "api", 1, "gh: Bad credentials (HTTP 401)\n", ["configuration", false, "none"], "pkg/cmd/api"],
  [
    "create.login",
    "pr create",
    4,
    "To get started with GitHub CLI, please run:  gh auth login\nAlternatively, populate the GH_TOKEN environment variable with a GitHub API authentication token.\n",
    ["configuration", false, "none"],
    "pkg/cmd/root/help.go"
  ],
  [
    "create.wrong-permission",
    "pr create",
    1,
    "pull request create failed: GraphQL: ci-bot does not have the correct permissions to execute `CreatePullRequest` (createPullRequest)\n",
    ["configuration", false, "none"],
    "cli/cli issues"
  ],
  [
    "view.repository",
    "pr view",
    1,
    "GraphQL: Could not resolve to a Repository with the name 'team/app'. (repository)\n",
    ["ambiguous", false, "none"],
    "GitHub hides what a token may not see"
  ],
  [
    "create.404",
    "pr create",
    1,
    "HTTP 404: Not Found (https://api.github.com/repos/team/app)\n",
    ["ambiguous", false, "none"],
    "GitHub hides what a token may not see"
  ],
  ["api.404", "api", 1, "gh: Not Found (HTTP 404)\n", ["ambiguous", false, "none"], "pkg/cmd/api"],
  [
    "create.archived",
    "pr create",
    1,
    "pull request create failed: GraphQL: Repository was archived so is read-only. (createPullRequest)\n",
    ["permanent", false, "none"],
    "GitHub's message"
  ],
  [
    "create.archived-403",
    "pr create",
    1,
    "HTTP 403: Repository was archived so is read-only. (https://api.github.com/repos/team/app/pulls)\n",
    ["permanent", false, "none"],
    "GitHub's message"
  ],
  [
    "view.451",
    "repo view",
    1,
    "HTTP 451: Repository access blocked (https://api.github.com/repos/team/app)\n",
    ["permanent", false, "none"],
    "GitHub's message"
  ],
  ["create.no-gh", "pr create", 127, "/bin/sh: 1: gh: not found\n", ["configuration", false, "none"], "dash"]
])

const rules = onStderr(false, [
  [
    "merge.base-modified",
    "pr merge",
    1,
    "GraphQL: Base branch was modified. Review and try the merge again. (mergePullRequest)\n",
    ["transient", true, "none"],
    "cli/cli#8092"
  ],
  [
    "merge.conflicts",
    "pr merge",
    1,
    "X Pull request team/app#12 is not mergeable: the merge commit cannot be cleanly created.\nTo have the pull request merged after all the requirements have been met, add the `--auto` flag.\n",
    ["rejected", false, "none"],
    "pkg/cmd/pr/merge/merge.go"
  ],
  [
    "merge.policy",
    "pr merge",
    1,
    "X Pull request team/app#12 is not mergeable: the base branch policy prohibits the merge.\nTo have the pull request merged after all the requirements have been met, add the `--auto` flag.\n",
    ["rejected", false, "none"],
    "pkg/cmd/pr/merge/merge.go"
  ],
  [
    "merge.draft",
    "pr merge",
    1,
    "GraphQL: Pull Request is still a draft (mergePullRequest)\n",
    ["rejected", false, "none"],
    "GitHub's message"
  ],
  [
    "merge.review",
    "pr merge",
    1,
    "GraphQL: At least 1 approving review is required by reviewers with write access. (mergePullRequest)\n",
    ["rejected", false, "none"],
    "GitHub's message"
  ],
  [
    "merge.ruleset",
    "pr merge",
    1,
    'GraphQL: Repository rule violations found\n\nRequired status check "build" is expected.\n\n (mergePullRequest)\n',
    ["rejected", false, "none"],
    "GitHub's message"
  ],
  [
    "merge.already",
    "pr merge",
    0,
    "! Pull request team/app#12 was already merged\n",
    ["permanent", false, "certain"],
    "pkg/cmd/pr/merge/merge.go"
  ],
  [
    "create.no-commits-local",
    "pr create",
    1,
    "could not compute title or body defaults: could not find any commits between origin/main and feat/x\n",
    ["rejected", false, "none"],
    "git/client.go"
  ],
  [
    "create.base-missing",
    "pr create",
    1,
    "pull request create failed: GraphQL: Base ref must be a branch (createPullRequest)\n",
    ["rejected", false, "none"],
    "GitHub's message"
  ],
  [
    "create.head-invalid",
    "pr create",
    1,
    "HTTP 422: Validation Failed (https://api.github.com/repos/team/app/pulls)\nPullRequest.head is invalid\n",
    ["rejected", false, "none"],
    "GitHub's REST message"
  ],
  ["api.422", "api", 1, "gh: Validation Failed (HTTP 422)\n", ["rejected", false, "none"], "pkg/cmd/api"],
  [
    "issue.disabled",
    "issue create",
    1,
    "HTTP 410: Issues are disabled for this repo (https://api.github.com/repos/team/app/issues)\n",
    ["permanent", false, "none"],
    "GitHub's message"
  ],
  [
    "checks.failed",
    "pr checks",
    1,
    "",
    ["rejected", false, "none"],
    "pkg/cmd/pr/checks",
    {
      stdout:
        "build\tfail\t1m2s\thttps://github.com/team/app/actions/runs/1/job/2\t\nlint\tpass\t20s\thttps://github.com/team/app/actions/runs/1/job/3\t\n"
    }
  ],
  [
    "run.in-progress",
    "run view",
    1,
    "run 123456 is still in progress; logs will be available when it is complete\n",
    ["transient", true, "none"],
    "pkg/cmd/run/view"
  ]
])

const calls = onStderr(false, [
  [
    "create.flags-missing",
    "pr create",
    1,
    "must provide `--title` and `--body` (or `--fill` or `fill-first` or `--fillverbose`) when not running interactively\n\nUsage:  gh pr create [flags]\n",
    ["permanent", false, "none"],
    "pkg/cmd/pr/create/create.go"
  ],
  [
    "create.unknown-flag",
    "pr create",
    1,
    "unknown flag: --foo\n\nUsage:  gh pr create [flags]\n",
    ["permanent", false, "none"],
    "cobra"
  ],
  [
    "view.nothing-found",
    "pr view",
    1,
    'no pull requests found for branch "feat/x"\n',
    ["permanent", false, "none"],
    "pkg/cmd/pr/shared/finder.go"
  ],
  [
    "create.no-remotes",
    "pr create",
    1,
    "no git remotes found\n",
    ["configuration", false, "none"],
    "pkg/cmd/factory"
  ],
  [
    "create.no-known-host",
    "pr create",
    1,
    "none of the git remotes configured for this repository point to a known GitHub host. To tell gh about a new GitHub host, please use `gh auth login`\n",
    ["configuration", false, "none"],
    "pkg/cmd/factory"
  ],
  [
    "create.not-a-repository",
    "pr create",
    1,
    "failed to run git: fatal: not a git repository (or any of the parent directories): .git\n",
    ["ambiguous", false, "none"],
    "git/errors.go"
  ],
  [
    "create.label-missing",
    "pr create",
    1,
    "could not add label: 'moose' not found\n",
    ["configuration", false, "none"],
    "pkg/cmd/pr/shared: looked up before the pull request is made"
  ],
  [
    "create.same-branch",
    "pr create",
    1,
    'must be on a branch named differently than "main"\n',
    ["configuration", false, "none"],
    "pkg/cmd/pr/create/create.go"
  ]
])

export const ghCases: ReadonlyArray<EndedCase> = [
  ...dangerous,
  ...network,
  ...limits,
  ...access,
  ...rules,
  ...calls
]
