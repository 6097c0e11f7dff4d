import { type Case, held, reply } from "./Case.ts"

/** A second round of what GitHub, PostgREST and what stands before them answer, from their documentation. */
export const gitHubMoreCases: ReadonlyArray<Case> = [
  held(
    "pulls-not-found",
    "POST /pulls",
    reply(
      404,
      { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["ambiguous", "stop", "none"]
  ),
  held(
    "integration",
    "POST /git/refs",
    reply(
      403,
      {
        message: "Resource not accessible by integration",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "collaborators-only",
    "POST /pulls",
    reply(
      422,
      {
        message: "Validation Failed",
        documentation_url: "https://docs.github.com/rest",
        errors: [
          {
            resource: "PullRequest",
            code: "custom",
            message: "You must be a collaborator to create a pull request."
          }
        ]
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "requires-auth",
    "POST /pulls",
    reply(
      401,
      { message: "Requires authentication", documentation_url: "https://docs.github.com/rest" },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "title-missing",
    "POST /pulls",
    reply(
      422,
      {
        message: "Validation Failed",
        documentation_url: "https://docs.github.com/rest",
        errors: [{ resource: "PullRequest", code: "missing_field", field: "title" }]
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "ref-exists",
    "POST /git/refs",
    reply(
      422,
      { message: "Reference already exists", documentation_url: "https://docs.github.com/rest" },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "merge-405",
    "PUT /pulls/merge",
    reply(
      405,
      { message: "Pull Request is not mergeable", documentation_url: "https://docs.github.com/rest" },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["rejected", "stop", "none"]
  ),
  held(
    "merge-409",
    "PUT /pulls/merge",
    reply(
      409,
      {
        message: "Head branch was modified. Review and try the merge again.",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["rejected", "stop", "none"]
  ),
  held(
    "content-creation",
    "POST /pulls",
    reply(
      403,
      {
        message:
          "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "dmca",
    "GET /repos",
    reply(
      451,
      {
        message: "Repository access blocked",
        documentation_url: "https://docs.github.com/rest",
        block: { reason: "dmca" }
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "504-post",
    "POST /pulls",
    reply(
      504,
      {
        message:
          "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and contact us if the problem persists.",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "ip-allow-list",
    "GET /repos",
    reply(
      403,
      {
        message:
          "Although you appear to have the correct authorization credentials, the `o` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "graphql-not-found",
    "graphql",
    reply(
      200,
      {
        data: { repository: null },
        errors: [
          {
            type: "NOT_FOUND",
            path: ["repository"],
            message: "Could not resolve to a Repository with the name 'o/r'."
          }
        ]
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["ambiguous", "stop", "none"]
  ),
  held(
    "graphql-timeout",
    "graphql",
    reply(
      502,
      {
        data: null,
        errors: [
          {
            message:
              "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug. Please include `0:0` when reporting this issue."
          }
        ]
      },
      { "x-ratelimit-remaining": "4000" }
    ),
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "no-user-agent",
    "GET /repos",
    reply(
      403,
      "Request forbidden by administrative rules. Please make sure your request has a User-Agent header (https://docs.github.com).",
      { "x-ratelimit-remaining": "4000", "content-type": "text/html" }
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "html-200",
    "POST /pulls",
    reply(200, '<html><title>Sign in</title><form action="/login"></form></html>', {
      "content-type": "text/html"
    }),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "text-500-in-422",
    "POST /pulls",
    reply(422, {
      message: "Validation Failed",
      errors: [
        {
          resource: "PullRequest",
          field: "body",
          code: "custom",
          message: "body contains: HTTP 503 Service Unavailable, please retry"
        }
      ]
    }),
    ["rejected", "stop", "none"]
  ),
  held(
    "pr-title-ratelimit",
    "GET /pulls",
    reply(404, { message: "Not Found", documentation_url: "x", title: "API rate limit exceeded" }),
    ["ambiguous", "stop", "none"]
  ),
  held(
    "labels-404",
    "POST /issues/labels",
    reply(
      404,
      { message: "Not Found", documentation_url: "https://docs.github.com/rest" },
      { "x-ratelimit-remaining": "3999" }
    ),
    ["ambiguous", "stop", "none"]
  ),
  held(
    "no-history",
    "POST /pulls",
    reply(
      422,
      {
        message: "Validation Failed",
        documentation_url: "https://docs.github.com/rest",
        errors: [
          {
            resource: "PullRequest",
            code: "custom",
            message: "The feat/x branch has no history in common with main"
          }
        ]
      },
      { "x-ratelimit-remaining": "3999" }
    ),
    ["rejected", "stop", "none"]
  ),
  held(
    "reset-post",
    "POST /pulls",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: { name: "SocketError", code: "UND_ERR_SOCKET", message: "other side closed" }
    },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "graphql-pr-exists",
    "graphql",
    reply(
      200,
      {
        data: { createPullRequest: null },
        errors: [
          {
            type: "UNPROCESSABLE",
            path: ["createPullRequest"],
            message: "A pull request already exists for o:feat."
          }
        ]
      },
      { "x-ratelimit-remaining": "3999" }
    ),
    ["permanent", "stop", "certain", "dangerous"]
  ),
  held(
    "jwt-expired",
    "POST /app/installations/access_tokens",
    reply(
      401,
      {
        message:
          "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        documentation_url: "https://docs.github.com/rest"
      },
      { "x-ratelimit-remaining": "3999" }
    ),
    ["configuration", "stop", "none"]
  )
]

export const postgrestMoreCases: ReadonlyArray<Case> = [
  held(
    "fk",
    "insert",
    reply(409, {
      code: "23503",
      details: null,
      hint: null,
      message: 'insert or update on table "runs" violates foreign key constraint "runs_job_id_fkey"'
    }),
    ["permanent", "stop", "none"]
  ),
  held(
    "schema",
    "rpc",
    reply(406, {
      code: "PGRST106",
      details: null,
      hint: null,
      message: "The schema must be one of the following: public, graphql_public"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "jwt-none",
    "rpc",
    reply(401, { code: "PGRST302", details: null, hint: null, message: "Anonymous access is disabled" }),
    ["configuration", "stop", "none"]
  ),
  held(
    "db-down-000",
    "rpc",
    reply(503, {
      code: "PGRST000",
      details: null,
      hint: null,
      message:
        "Could not connect with the database due to an incorrect db-uri or the PostgreSQL service not running"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "bad-body",
    "insert",
    reply(400, { code: "PGRST102", details: null, hint: null, message: "Empty or invalid json" }),
    ["permanent", "stop", "none"]
  ),
  held(
    "range",
    "select",
    reply(416, { code: "PGRST103", details: null, hint: null, message: "Requested range not satisfiable" }),
    ["permanent", "stop", "none"]
  ),
  held(
    "too-many",
    "rpc",
    reply(503, { code: "53300", details: null, hint: null, message: "sorry, too many clients already" }),
    ["transient", "retry", "none"]
  ),
  held("kong-503", "rpc", reply(503, { message: "name resolution failed" }), ["transient", "retry", "none"]),
  held(
    "cf-521",
    "rpc",
    reply(521, "<html><title>Web server is down</title></html>", {
      server: "cloudflare",
      "content-type": "text/html"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "pg-html-update",
    "update",
    reply(502, "<html>502 Bad Gateway</html>", { "content-type": "text/html" }),
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "lock",
    "rpc",
    reply(500, {
      code: "55P03",
      details: null,
      hint: null,
      message: 'could not obtain lock on row in relation "orders"'
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "undefined-column",
    "select",
    reply(400, { code: "42703", details: null, hint: null, message: "column orders.nope does not exist" }),
    ["configuration", "stop", "none"]
  ),
  held("kong-timeout", "rpc", reply(504, { message: "The upstream server is timing out" }), [
    "ambiguous",
    "retry",
    "possible"
  ])
]
