import { type Case, held, reply } from "./Case.ts"

const limits = {
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": "4321",
  "x-ratelimit-reset": "1767225600"
}
const answer = (status: number, message: string, more: object = {}, headers: Record<string, string> = {}) =>
  reply(
    status,
    { message, documentation_url: "https://docs.github.com/rest", status: String(status), ...more },
    { ...limits, ...headers }
  )
const refusal = (message: string, more: object = {}) =>
  answer(422, "Validation Failed", {
    errors: [{ resource: "PullRequest", code: "custom", message, ...more }]
  })
const graphql = (data: unknown, ...errors: ReadonlyArray<object>) => reply(200, { data, errors }, limits)
const pulls = "POST /repos/{owner}/{repo}/pulls"
const merge = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"

export const gitHubCases: ReadonlyArray<Case> = [
  // docs.github.com: troubleshooting the REST API; hidden or missing cannot be told apart
  held("not found", "GET /repos/{owner}/{repo}", answer(404, "Not Found"), ["ambiguous", "stop", "none"]),
  held("not found on create", pulls, answer(404, "Not Found"), ["ambiguous", "stop", "none"]),
  held("integration", pulls, answer(403, "Resource not accessible by integration"), [
    "configuration",
    "stop",
    "none",
    "dangerous"
  ]),
  held(
    "integration, on its last call of the hour",
    pulls,
    answer(403, "Resource not accessible by personal access token", {}, { "x-ratelimit-remaining": "0" }),
    ["configuration", "stop", "none", "dangerous"]
  ),
  held("admin rights", "PATCH /repos/{owner}/{repo}", answer(403, "Must have admin rights to Repository."), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "ip allow list",
    "GET /repos/{owner}/{repo}",
    answer(
      403,
      "Although you appear to have the correct authorization credentials, the `example-org` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "abuse detection",
    pulls,
    answer(
      403,
      "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "primary limit by 429",
    "GET /user",
    answer(429, "API rate limit exceeded for user ID 1.", {}, { "x-ratelimit-remaining": "0" }),
    ["transient", "retry", "none"]
  ),
  held(
    "anonymous limit",
    "GET /repos/{owner}/{repo}",
    answer(
      403,
      "API rate limit exceeded for 203.0.113.9. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)",
      {},
      { "x-ratelimit-remaining": "0" }
    ),
    ["transient", "retry", "none"]
  ),
  // cli/cli issue 4801: content was created too fast
  held("submitted too quickly", "POST /repos/{owner}/{repo}/issues", refusal("was submitted too quickly"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "submitted too quickly, graphql",
    "graphql",
    graphql(
      { createPullRequest: null },
      { type: "UNPROCESSABLE", path: ["createPullRequest"], message: "was submitted too quickly" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "wrong login too often",
    "GET /user",
    answer(403, "Maximum number of login attempts exceeded. Please try again later."),
    ["configuration", "stop", "none", "dangerous"]
  ),
  held(
    "no user agent",
    "GET /user",
    reply(
      403,
      "Request forbidden by administrative rules. Please make sure your request has a User-Agent header (https://docs.github.com/en/rest)."
    ),
    ["configuration", "stop", "none"]
  ),
  held("not signed in", "POST /user/repos", answer(401, "Requires authentication"), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "app token issued in the future",
    "POST /app/installations/{installation_id}/access_tokens",
    answer(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "dmca",
    "GET /repos/{owner}/{repo}",
    answer(451, "Repository access blocked", { block: { reason: "dmca" } }),
    ["permanent", "stop", "none"]
  ),
  held("suspended installation", pulls, answer(403, "This installation has been suspended"), [
    "configuration",
    "stop",
    "none"
  ]),
  held("moved", "GET /repos/{owner}/{repo}", answer(301, "Moved Permanently"), [
    "configuration",
    "stop",
    "none"
  ]),
  // docs.github.com/rest/git/refs: create a reference; it may be ours from a lost reply, or somebody else's
  held("reference exists", "POST /repos/{owner}/{repo}/git/refs", answer(422, "Reference already exists"), [
    "permanent",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "not a fast forward",
    "PATCH /repos/{owner}/{repo}/git/refs/{ref}",
    answer(422, "Update is not a fast forward"),
    ["rejected", "stop", "none"]
  ),
  held("empty repository", "GET /repos/{owner}/{repo}/git/refs", answer(409, "Git Repository is empty."), [
    "permanent",
    "stop",
    "none"
  ]),
  // NixOS/nixpkgs-merge-bot issue 179; JSONbored/loopover pull 1116: one 405 passes, the others do not
  held("base modified", merge, answer(405, "Base branch was modified. Review and try the merge again."), [
    "transient",
    "retry",
    "none"
  ]),
  held("not mergeable", merge, answer(405, "Pull Request is not mergeable"), ["rejected", "stop", "none"]),
  held(
    "review missing",
    merge,
    answer(405, "At least 1 approving review is required by reviewers with write access."),
    ["rejected", "stop", "none"]
  ),
  held("head modified", merge, answer(409, "Head branch was modified. Review and try the merge again."), [
    "rejected",
    "stop",
    "none",
    "dangerous"
  ]),
  held("merge conflict", "POST /repos/{owner}/{repo}/merges", answer(409, "Merge conflict"), [
    "rejected",
    "stop",
    "none"
  ]),
  held(
    "missing field",
    pulls,
    answer(422, "Validation Failed", {
      errors: [{ resource: "PullRequest", field: "title", code: "missing_field" }]
    }),
    ["permanent", "stop", "none"]
  ),
  held("broken json", pulls, answer(400, "Problems parsing JSON"), ["permanent", "stop", "none"]),
  held(
    "title too long",
    "POST /repos/{owner}/{repo}/issues",
    refusal("title is too long (maximum is 256 characters)", { resource: "Issue", field: "title" }),
    ["rejected", "stop", "none"]
  ),
  held(
    "own pull request",
    "POST /repos/{owner}/{repo}/pulls/{n}/requested_reviewers",
    answer(422, "Review cannot be requested from pull request author."),
    ["rejected", "stop", "none"]
  ),
  held(
    "pull request exists, words only in the message",
    pulls,
    answer(
      422,
      'Validation Failed: {"resource":"PullRequest","code":"custom","message":"A pull request already exists for o:b."}'
    ),
    ["permanent", "stop", "certain", "dangerous"]
  ),
  held(
    "issues disabled",
    "POST /repos/{owner}/{repo}/issues",
    answer(410, "Issues are disabled for this repo"),
    ["configuration", "stop", "none"]
  ),
  // magit/forge issue 65 and octokit/graphql-action issue 110: it may have run
  held(
    "graphql timeout 502",
    "graphql",
    reply(502, {
      data: null,
      errors: [
        {
          message:
            "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug. Please include `2812:34B9` when reporting this issue."
        }
      ]
    }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "graphql went wrong with 200",
    "graphql",
    graphql(null, {
      message:
        "Something went wrong while executing your query. Please include `0781:5AD4` when reporting this issue."
    }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "graphql not found",
    "graphql",
    graphql(
      { repository: null },
      {
        type: "NOT_FOUND",
        path: ["repository"],
        message: "Could not resolve to a Repository with the name 'o/r'."
      }
    ),
    ["ambiguous", "stop", "none"]
  ),
  held(
    "graphql scopes",
    "graphql",
    graphql(null, {
      type: "INSUFFICIENT_SCOPES",
      message: "Your token has not been granted the required scopes to execute this query."
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "graphql exists",
    "graphql",
    graphql(
      { createPullRequest: null },
      { type: "UNPROCESSABLE", message: "A pull request already exists for o:b." }
    ),
    ["permanent", "stop", "certain", "dangerous"]
  ),
  held(
    "graphql done in part",
    "graphql",
    graphql(
      { createPullRequest: { pullRequest: { id: "PR_1", number: 7 } }, addLabelsToLabelable: null },
      { type: "FORBIDDEN", path: ["addLabelsToLabelable"], message: "Resource not accessible by integration" }
    ),
    ["configuration", "stop", "certain", "dangerous"]
  ),
  held(
    "graphql unknown field",
    "graphql",
    graphql(undefined, {
      extensions: { code: "undefinedField", typeName: "Query", fieldName: "nil" },
      message: "Field 'nil' doesn't exist on type 'Query'"
    }),
    ["permanent", "stop", "none"]
  ),
  held(
    "graphql too many nodes",
    "graphql",
    graphql(undefined, {
      type: "MAX_NODE_LIMIT_EXCEEDED",
      message:
        "This query requests up to 1,000,000 possible nodes which exceeds the maximum limit of 500,000."
    }),
    ["permanent", "stop", "none"]
  ),
  held("500 on read", "GET /repos/{owner}/{repo}/pulls", answer(500, "Server Error"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "504 on write",
    pulls,
    answer(
      504,
      "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and contact us if the problem persists."
    ),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "503 html on write",
    pulls,
    reply(503, "<html><title>No server is currently available</title></html>"),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held("created, empty reply", pulls, { status: 201, headers: limits, body: "" }, [
    "ambiguous",
    "stop",
    "certain",
    "dangerous"
  ]),
  held("login page", "GET /repos/{owner}/{repo}", reply(200, "<html><title>Sign in</title></html>"), [
    "configuration",
    "stop",
    "none"
  ]),
  held("login page on write", pulls, reply(200, "<html><title>Sign in</title></html>"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("delete of what is gone", "DELETE /repos/{owner}/{repo}/issues/comments/1", answer(404, "Not Found"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "cut while creating",
    pulls,
    { name: "TypeError", message: "fetch failed", cause: { code: "ECONNRESET", message: "read ECONNRESET" } },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "no connection",
    pulls,
    { name: "TypeError", message: "fetch failed", cause: { code: "ECONNREFUSED", syscall: "connect" } },
    ["transient", "retry", "none"]
  ),
  held(
    "our timeout while creating",
    pulls,
    { name: "TimeoutError", message: "The operation was aborted due to timeout" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "large diff",
    "GET /repos/{owner}/{repo}/pulls/1",
    answer(406, "Sorry, the diff exceeded the maximum number of lines (20000)", {
      errors: [{ resource: "PullRequest", field: "diff", code: "too_large" }]
    }),
    ["permanent", "stop", "none"]
  ),
  held("nothing known", "frobnicate", { status: 299, body: "???" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),

  // A second lot, labelled after the first had been measured.
  // docs.github.com/rest/pulls: merge; somebody, perhaps our own earlier call, is at it
  held("merge in progress", merge, answer(405, "Merge already in progress"), [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("squash switched off", merge, answer(405, "Squash merges are not allowed on this repository."), [
    "configuration",
    "stop",
    "none"
  ]),
  held("check expected", merge, answer(405, 'Required status check "ci" is expected.'), [
    "rejected",
    "stop",
    "none"
  ]),
  // docs.github.com/rest/repos/contents
  held(
    "contents moved",
    "PUT /repos/{owner}/{repo}/contents/{path}",
    answer(
      409,
      "README.md is at 3d21ec53a331a6f037a91c368710b99387d012c1 but expected 95b966ae1c166bd92f8ae7d1c313e738c731dfc3"
    ),
    ["rejected", "stop", "none"]
  ),
  held(
    "rule violations",
    "PUT /repos/{owner}/{repo}/contents/{path}",
    answer(409, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"),
    ["rejected", "stop", "none"]
  ),
  held("title missing", pulls, answer(422, 'Invalid request.\n\n"title" wasn\'t supplied.'), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "fork not readable",
    pulls,
    answer(422, "Validation Failed", {
      errors: [
        { resource: "PullRequest", field: "head", code: "custom", message: "not all refs are readable" }
      ]
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "fork collaboration",
    pulls,
    answer(422, "Validation Failed", {
      errors: [
        {
          resource: "PullRequest",
          field: "fork_collab",
          code: "custom",
          message: "Fork collab can't be granted by someone without permission"
        }
      ]
    }),
    ["configuration", "stop", "none"]
  ),
  held("no such commit", "POST /repos/{owner}/{repo}/git/refs", answer(422, "Object does not exist"), [
    "rejected",
    "stop",
    "none"
  ]),
  held(
    "repository name taken",
    "POST /user/repos",
    answer(422, "Repository creation failed.", {
      errors: [
        {
          resource: "Repository",
          code: "custom",
          field: "name",
          message: "name already exists on this account"
        }
      ]
    }),
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "not a collaborator",
    "POST /repos/{owner}/{repo}/pulls/{n}/requested_reviewers",
    answer(
      422,
      "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository."
    ),
    ["rejected", "stop", "none"]
  ),
  held("suspended account", "GET /user", answer(403, "Sorry. Your account was suspended."), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "app restrictions",
    "GET /orgs/{org}",
    answer(
      403,
      "Although you appear to have the correct authorization credentials, the `x` organization has enabled OAuth App access restrictions, meaning that data access to third-parties is limited."
    ),
    ["configuration", "stop", "none"]
  ),
  // cli/cli issues: createPullRequest just after a push
  held(
    "graphql head blank",
    "graphql",
    graphql(
      { createPullRequest: null },
      {
        type: "UNPROCESSABLE",
        message:
          "Head sha can't be blank, Base sha can't be blank, No commits between main and feat/x, Head ref must be a branch"
      }
    ),
    ["rejected", "retry", "none"]
  ),
  held(
    "graphql clean status",
    "graphql",
    graphql(
      { enablePullRequestAutoMerge: null },
      { type: "UNPROCESSABLE", message: "Pull request Pull request is in clean status" }
    ),
    ["rejected", "stop", "none"]
  ),
  held(
    "graphql permissions",
    "graphql",
    graphql(null, {
      type: "FORBIDDEN",
      message: "dependabot[bot] does not have the correct permissions to execute `CreatePullRequest`"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "graphql limit, new name",
    "graphql",
    graphql(null, {
      type: "RATE_LIMIT",
      code: "graphql_rate_limit",
      message: "API rate limit already exceeded for user ID 1."
    }),
    ["transient", "retry", "none"]
  ),
  held("graphql timeout in words", "graphql", graphql(null, { message: "Timeout on validation of query" }), [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("graphql unknown", "graphql", graphql(null, { type: "BRAND_NEW", message: "Who knows" }), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "delete cut off by the gateway",
    "DELETE /repos/{owner}/{repo}/git/refs/{ref}",
    reply(502, "<html>502 Bad Gateway</html>"),
    ["ambiguous", "retry", "possible", "dangerous"]
  )
]
