import { type EndedCase, onStderr } from "./Ended.ts"

/** A second round, labelled after the rules were written but before they saw it. */

const graphql = "https://api.github.com/graphql"

const first = onStderr(false, [
  [
    "field",
    "pr view",
    1,
    "GraphQL: Field 'statusCheckRollup' doesn't exist on type 'PullRequest'\n",
    ["permanent", false, "none"],
    "GitHub Enterprise Server of an older version"
  ],
  [
    "requires-authentication",
    "pr list",
    1,
    "HTTP 401: Requires authentication (https://api.github.com/graphql)\nTry authenticating with:  gh auth login\n",
    ["configuration", false, "none"],
    "GitHub"
  ],
  [
    "admin-rights",
    "repo edit",
    1,
    "HTTP 403: Must have admin rights to Repository. (https://api.github.com/repos/team/app)\n",
    ["configuration", false, "none"],
    "GitHub"
  ],
  [
    "upgrade",
    "api",
    1,
    "gh: Upgrade to GitHub Pro or make this repository public to enable this feature. (HTTP 403)\n",
    ["configuration", false, "none"],
    "GitHub"
  ],
  [
    "base-modified-405",
    "pr merge",
    1,
    "HTTP 405: Base branch was modified. Review and try the merge again. (https://api.github.com/repos/team/app/pulls/7/merge)\n",
    ["transient", true, "none"],
    "GitHub"
  ],
  ["merge-conflict-409", "api", 1, "gh: Merge conflict (HTTP 409)\n", ["rejected", false, "none"], "GitHub"],
  [
    "auto-merge",
    "pr merge",
    1,
    "GraphQL: Pull request Auto merge is not allowed for this repository (enablePullRequestAutoMerge)\n",
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "no-protection",
    "pr merge",
    1,
    "GraphQL: Protected branch rules not configured for this branch (enablePullRequestAutoMerge)\n",
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "body-too-long",
    "pr create",
    1,
    "pull request create failed: GraphQL: Body is too long (maximum is 65536 characters) (createPullRequest)\n",
    ["rejected", false, "none"],
    "GitHub"
  ],
  [
    "git-dns",
    "pr create",
    1,
    "failed to run git: fatal: unable to access 'https://github.com/team/app.git/': Could not resolve host: github.com\n",
    ["transient", true, "none"],
    "git/errors.go"
  ],
  [
    "git-rejected",
    "pr create",
    1,
    "To https://github.com/team/app.git\n ! [rejected]        HEAD -> feat/x (non-fast-forward)\nerror: failed to push some refs to 'https://github.com/team/app.git'\n",
    ["rejected", false, "none"],
    "git, run by gh"
  ],
  [
    "git-declined",
    "pr create",
    1,
    "To https://github.com/team/app.git\n ! [remote rejected] HEAD -> feat/x (pre-receive hook declined)\nerror: failed to push some refs to 'https://github.com/team/app.git'\n",
    ["rejected", false, "none"],
    "git, run by gh"
  ],
  [
    "behind",
    "pr merge",
    1,
    "X Pull request team/app#12 is not mergeable: the head branch is not up to date with the base branch.\n",
    ["rejected", false, "none"],
    "pkg/cmd/pr/merge/merge.go"
  ],
  [
    "push-access",
    "api",
    1,
    "gh: Must have push access (HTTP 403)\n",
    ["configuration", false, "none"],
    "GitHub"
  ],
  [
    "view-dial",
    "run view",
    1,
    'Get "https://api.github.com/repos/team/app/actions/runs/1": dial tcp: i/o timeout\n',
    ["transient", true, "none"],
    "Go's net"
  ],
  [
    "no-such-number",
    "pr view",
    1,
    "GraphQL: Could not resolve to a PullRequest with the number of 99. (repository.pullRequest)\n",
    ["permanent", false, "none"],
    "GitHub"
  ]
])

const dangerous = onStderr(true, [
  [
    "transport-broken",
    "pr create",
    1,
    `Post "${graphql}": net/http: HTTP/1.x transport connection broken: malformed HTTP response\n`,
    ["ambiguous", true, "possible"],
    "Go's net/http"
  ],
  [
    "broken-pipe",
    "pr merge",
    1,
    `Post "${graphql}": write tcp 10.0.0.2:51234->140.82.121.6:443: write: broken pipe\n`,
    ["ambiguous", true, "possible"],
    "Go's net"
  ],
  [
    "unexpected-eof",
    "pr create",
    1,
    `Post "${graphql}": unexpected EOF\n`,
    ["ambiguous", true, "possible"],
    "Go's io"
  ],
  ["api-500", "api", 1, "gh: Server Error (HTTP 500)\n", ["ambiguous", true, "possible"], "pkg/cmd/api"],
  [
    "merge-503",
    "pr merge",
    1,
    `HTTP 503: No server is currently available to service your request. Sorry about that. Please try resubmitting your request (${graphql})\n`,
    ["ambiguous", true, "possible"],
    "GitHub"
  ],
  [
    "reset-while-dialling-before",
    "pr create",
    1,
    `Post "${graphql}": read tcp 10.0.0.2:1->140.82.121.6:443: read: connection timed out\n`,
    ["ambiguous", true, "possible"],
    "Go's net: not a dial"
  ]
])

export const ghMoreCases: ReadonlyArray<EndedCase> = [...first, ...dangerous]
