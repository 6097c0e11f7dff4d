import { type Case, held, reply } from "./Case.ts"

/** PostgREST's body; `details` and `hint` are always there. */
const body = (code: string, message: string, details: string | null = null) => ({
  code,
  details,
  hint: null,
  message
})
/** What supabase-js hands over when fetch itself threw (PostgrestBuilder.ts). */
const threw = (message: string, details = "", hint = "") => ({
  status: 0,
  body: JSON.stringify({ message, details, hint, code: "" })
})

export const postgrestCases: ReadonlyArray<Case> = [
  // docs/references/errors.rst and src/library/PostgREST/Error.hs
  held(
    "no connection",
    "insert",
    reply(503, body("PGRST000", "Database connection error. Retrying the connection.")),
    ["transient", "retry", "none"]
  ),
  held(
    "pool timed out",
    "insert",
    reply(504, body("PGRST003", "Timed out acquiring connection from connection pool.")),
    ["transient", "retry", "none"]
  ),
  held(
    "client error while writing",
    "insert",
    reply(503, body("PGRST001", "Database client error. Retrying the connection.")),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "bad filter",
    "select",
    reply(400, body("PGRST100", '"failed to parse filter (nope)" (line 1, column 1)')),
    ["permanent", "stop", "none"]
  ),
  held("bad body", "insert", reply(400, body("PGRST102", "Empty or invalid json")), [
    "permanent",
    "stop",
    "none"
  ]),
  held("range", "select", reply(416, body("PGRST103", "Requested range not satisfiable")), [
    "permanent",
    "stop",
    "none"
  ]),
  held("schema not exposed", "rpc", reply(406, body("PGRST106", "Invalid schema: moose")), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "aggregates are off",
    "select",
    reply(400, body("PGRST123", "Use of aggregate functions is not allowed")),
    ["configuration", "stop", "none"]
  ),
  held(
    "too many rows affected",
    "delete",
    reply(400, body("PGRST124", "Query result exceeds max-affected preference constraint")),
    ["permanent", "stop", "none"]
  ),
  held(
    "stale relationship",
    "select",
    reply(
      400,
      body("PGRST200", "Could not find a relationship between 'runs' and 'jobs' in the schema cache")
    ),
    ["configuration", "retry", "none"]
  ),
  held(
    "ambiguous relationship",
    "select",
    reply(
      300,
      body("PGRST201", "Could not embed because more than one relationship was found for 'runs' and 'jobs'")
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "stale function",
    "rpc",
    reply(404, body("PGRST202", "Could not find the function moose.claim(p) in the schema cache")),
    ["configuration", "retry", "none"]
  ),
  held(
    "overloaded function",
    "rpc",
    reply(
      300,
      body(
        "PGRST203",
        "Could not choose the best candidate function between: moose.a(x => integer), moose.a(x => text)"
      )
    ),
    ["permanent", "stop", "none"]
  ),
  held("no JWT secret", "select", reply(500, body("PGRST300", "Server lacks JWT secret")), [
    "configuration",
    "stop",
    "none"
  ]),
  held("bad token", "insert", reply(401, body("PGRST301", "No suitable key or wrong key type")), [
    "configuration",
    "stop",
    "none"
  ]),
  held("expired, older code", "insert", reply(401, body("PGRST301", "JWT expired")), [
    "transient",
    "retry",
    "none"
  ]),
  held("anonymous access is off", "select", reply(401, body("PGRST302", "Anonymous access is disabled")), [
    "configuration",
    "stop",
    "none"
  ]),
  held("not yet valid", "insert", reply(401, body("PGRST303", "JWT not yet valid")), [
    "transient",
    "retry",
    "none"
  ]),
  held("wrong audience", "insert", reply(401, body("PGRST303", "JWT not in audience")), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "unique",
    "insert",
    reply(409, body("23505", 'duplicate key value violates unique constraint "jobs_pkey"')),
    ["permanent", "stop", "none"]
  ),
  held(
    "permission, anonymous",
    "select",
    reply(401, body("42501", "permission denied for table jobs"), { "www-authenticate": "Bearer" }),
    ["configuration", "stop", "none"]
  ),
  held("deadlock", "rpc", reply(500, body("40P01", "deadlock detected")), ["transient", "retry", "none"]),
  held("too many connections", "rpc", reply(503, body("53300", "sorry, too many clients already")), [
    "transient",
    "retry",
    "none"
  ]),
  held("raised by a function", "rpc", reply(400, body("P0001", "no")), ["permanent", "stop", "none"]),
  held("raised with a status", "rpc", reply(402, body("PT402", "Payment Required")), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "shutdown while writing",
    "rpc",
    reply(503, body("57P01", "terminating connection due to administrator command")),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("connection failure while writing", "insert", reply(503, body("08006", "connection failure")), [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  // dangerous: the headers are built after the transaction has ended
  held(
    "headers a function set are wrong",
    "rpc",
    reply(
      500,
      body(
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and a string value"
      )
    ),
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held("internal error of the library", "insert", reply(500, body("PGRSTX00", "Unexpected row count")), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  // supabase.com/docs/guides/platform/http-status-codes
  held(
    "project restricted",
    "insert",
    reply(402, {
      message: "Service for this project is restricted due to the following violations: exceed_egress_quota."
    }),
    ["budget", "stop", "none"]
  ),
  held("project paused", "insert", reply(540, "Project paused"), ["configuration", "stop", "none"]),
  held(
    "gateway timeout 544",
    "insert",
    reply(544, "Failed to run sql query: Connection terminated due to connection timeout"),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  // supabase/supabase issue 25820, supabase/postgrest-js issue 282: pages of Cloudflare
  held(
    "522 while writing",
    "insert",
    reply(522, "<!DOCTYPE html>\n<title>x.supabase.co | 522: Connection timed out</title>"),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "524 while reading",
    "select",
    reply(524, "<!DOCTYPE html>\n<title>x.supabase.co | 524: A timeout occurred</title>"),
    ["transient", "retry", "none"]
  ),
  // supabase/supabase-flutter issue 993
  held(
    "envoy cut while writing",
    "rpc",
    reply(
      503,
      "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
    ),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held("empty 502 while deleting", "delete", { status: 502, headers: {}, body: "" }, [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("rate limited", "insert", reply(429, { message: "API rate limit exceeded" }, { "retry-after": "7" }), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "key missing",
    "select",
    reply(401, {
      message: "No API key found in request",
      hint: "No `apikey` request header or url param was found."
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "key wrong",
    "insert",
    reply(401, {
      message: "Invalid API key",
      hint: "Double check your Supabase `anon` or `service_role` API key."
    }),
    ["configuration", "stop", "none"]
  ),
  held("no route", "rpc", reply(404, { message: "no Route matched with those values" }), [
    "configuration",
    "stop",
    "none"
  ]),
  // PostgrestBuilder.ts turns an empty 404 into a 204 without an error
  held("empty 404", "rpc", { status: 404, headers: {}, body: "" }, [
    "configuration",
    "stop",
    "none",
    "dangerous"
  ]),
  // dangerous: the write was committed before its answer was cut
  held(
    "cut 201",
    "insert",
    {
      status: 201,
      headers: { "content-type": "application/json; charset=utf-8" },
      body: '[{"id":1,"state":"pen'
    },
    ["ambiguous", "stop", "certain", "dangerous"]
  ),
  held(
    "delete hidden by row security",
    "delete",
    {
      status: 200,
      headers: { "content-type": "application/json; charset=utf-8", "content-range": "*/*" },
      body: "[]"
    },
    ["configuration", "stop", "none", "dangerous"]
  ),
  held("200 with a login page", "insert", reply(200, "<html><head><title>Sign in</title></head></html>"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  // what newer supabase-js says about fetch's own failures
  held(
    "refused",
    "insert",
    threw(
      "TypeError: fetch failed",
      "TypeError: fetch failed\n\nCaused by: Error: connect ECONNREFUSED 127.0.0.1:54321 (ECONNREFUSED)\nError: connect ECONNREFUSED 127.0.0.1:54321\n    at TCPConnectWrap.afterConnect"
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "cut in flight",
    "insert",
    threw(
      "TypeError: fetch failed",
      "TypeError: fetch failed\n\nCaused by: SocketError: other side closed (UND_ERR_SOCKET)\nSocketError: other side closed"
    ),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "aborted",
    "rpc",
    threw(
      "AbortError: This operation was aborted",
      "",
      "Request was aborted (timeout or manual cancellation)"
    ),
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held("own deadline", "rpc", threw("TimeoutError: The operation was aborted due to timeout"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("fetch failed while reading", "select", threw("TypeError: fetch failed"), [
    "transient",
    "retry",
    "none"
  ]),
  held("words nobody knows", "insert", { status: 418, headers: {}, body: "teapot" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("nothing at all", "insert", {}, ["ambiguous", "stop", "possible", "dangerous"]),
  // second round, written when the rules stood
  held("read only", "update", reply(405, body("25006", "cannot execute UPDATE in a read-only transaction")), [
    "configuration",
    "stop",
    "none"
  ]),
  held("undefined table", "select", reply(404, body("42P01", 'relation "moose.jobs" does not exist')), [
    "configuration",
    "stop",
    "none"
  ]),
  held("bad uuid", "select", reply(400, body("22P02", 'invalid input syntax for type uuid: "x"')), [
    "permanent",
    "stop",
    "none"
  ]),
  held("internal error of the server", "rpc", reply(500, body("XX000", "cache lookup failed for type 1")), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("cancelled on purpose", "rpc", reply(500, body("57014", "canceling statement due to user request")), [
    "permanent",
    "stop",
    "none",
    "dangerous"
  ]),
  held("raised 429", "rpc", reply(429, body("PT429", "Slow down")), ["transient", "retry", "none"]),
  held(
    "one row cut",
    "insert",
    {
      status: 201,
      headers: { "content-type": "application/vnd.pgrst.object+json" },
      body: '{"id":1,"code":"23505","message":"du'
    },
    ["ambiguous", "stop", "certain", "dangerous"]
  ),
  held("count says none", "delete", { status: 204, headers: { "content-range": "*/0" }, body: "" }, [
    "configuration",
    "stop",
    "none",
    "dangerous"
  ]),
  held(
    "host unknown",
    "insert",
    threw(
      "TypeError: fetch failed",
      "TypeError: fetch failed\n\nCaused by: Error: getaddrinfo ENOTFOUND x.supabase.co (ENOTFOUND)\nError: getaddrinfo"
    ),
    ["ambiguous", "retry", "none"]
  ),
  held(
    "HTML with 200, thrown",
    "insert",
    threw(`SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON`),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("invalid JWT at the gateway", "insert", reply(401, { code: "bad_jwt", msg: "invalid JWT" }), [
    "configuration",
    "stop",
    "none"
  ]),
  held("wrong method", "POST /jobs", reply(405, body("PGRST117", "Unsupported HTTP method: LINK")), [
    "permanent",
    "stop",
    "none"
  ])
]
