import { type Case, held } from "./Case.ts"

/** A second round: thrown by Node 24 itself where it could be made to, else in the shape that its source gives it. */
export const nodeMoreCases: ReadonlyArray<Case> = [
  held(
    "fs.eisdir",
    "read",
    {
      name: "Error",
      message: "EISDIR: illegal operation on a directory, read",
      errno: -21,
      code: "EISDIR",
      syscall: "read"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "fs.eexist",
    "mkdir",
    {
      name: "Error",
      message: "EEXIST: file already exists, mkdir '/srv/n'",
      errno: -17,
      code: "EEXIST",
      syscall: "mkdir",
      path: "/srv/n"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "fs.eloop",
    "read",
    {
      name: "Error",
      message: "ELOOP: too many symbolic links encountered, open '/srv/n/l1'",
      errno: -40,
      code: "ELOOP",
      syscall: "open",
      path: "/srv/n/l1"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "spawn.enoent-cwd",
    "spawn",
    { name: "Error", message: "spawn ls ENOENT", errno: -2, code: "ENOENT", syscall: "spawn ls", path: "ls" },
    ["configuration", "stop", "none"]
  ),
  held(
    "spawn.e2big",
    "spawn",
    { name: "Error", message: "spawn E2BIG", errno: -7, code: "E2BIG", syscall: "spawn" },
    ["permanent", "stop", "none"]
  ),
  held(
    "exec.timeout",
    "exec",
    {
      name: "Error",
      message: "Command failed: sleep 5\n",
      killed: true,
      signal: "SIGTERM",
      cmd: "sleep 5",
      code: null
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "exec.nonzero",
    "exec",
    {
      name: "Error",
      message: "Command failed: sh -c echo bad >&2; exit 3\nbad\n",
      code: 3,
      killed: false,
      cmd: "sh -c echo bad >&2; exit 3"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "stream.premature",
    "pipeline",
    { name: "Error", message: "Premature close", code: "ERR_STREAM_PREMATURE_CLOSE" },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "net.eacces-listen",
    "listen",
    {
      name: "Error",
      message: "listen EACCES: permission denied 0.0.0.0:80",
      code: "EACCES",
      errno: -13,
      syscall: "listen",
      address: "0.0.0.0",
      port: 80
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "fetch.reset-post",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: { name: "Error", message: "read ECONNRESET", errno: -104, code: "ECONNRESET", syscall: "read" }
    },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "http.reset-post",
    "http",
    { name: "Error", message: "read ECONNRESET", errno: -104, code: "ECONNRESET", syscall: "read" },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "https.to-plain",
    "https",
    {
      name: "Error",
      message:
        "write EPROTO 408D895B457F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/openssl/openssl/ssl/record/methods/tlsany_meth.c:77:\n",
      errno: -71,
      code: "EPROTO",
      syscall: "write"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "fetch.bad-url",
    "fetch",
    {
      name: "TypeError",
      message: "Failed to parse URL from not a url",
      cause: { name: "TypeError", message: "Invalid URL", code: "ERR_INVALID_URL", input: "not a url" }
    },
    ["permanent", "stop", "none"]
  ),
  held("fetch.abort-reason", "fetch", { name: "Error", message: "worker is stopping" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "http.timeout-destroy",
    "http",
    { name: "Error", message: "request timed out", code: "ESOCKETTIMEDOUT" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "fetch.body-short",
    "fetch",
    {
      name: "TypeError",
      message: "terminated",
      cause: { name: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" }
    },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "json.cut",
    "fetch",
    {
      name: "SyntaxError",
      message: "Expected ',' or ']' after array element in JSON at position 9 (line 1 column 10)"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "json.plain",
    "fetch",
    { name: "SyntaxError", message: "Unexpected token 'O', \"OK\" is not valid JSON" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "http2.internal",
    "http2",
    {
      name: "Error",
      message: "Stream closed with error code NGHTTP2_INTERNAL_ERROR",
      code: "ERR_HTTP2_STREAM_ERROR"
    },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "dns.servfail",
    "dns",
    {
      name: "Error",
      message: "queryA ESERVFAIL api.example.org",
      code: "ESERVFAIL",
      syscall: "queryA",
      hostname: "api.example.org"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "import.missing",
    "import",
    {
      name: "Error",
      message: "Cannot find module '/srv/n/none.mjs' imported from /srv/node1.mjs",
      code: "ERR_MODULE_NOT_FOUND",
      url: "file:///srv/n/none.mjs"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "tls.altname",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "Error",
        message:
          "Hostname/IP does not match certificate's altnames: Host: api.example.org. is not in the cert's altnames: DNS:other.example",
        code: "ERR_TLS_CERT_ALTNAME_INVALID"
      }
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "und.connect-timeout",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "Error",
        message: "Connect Timeout Error (attempted address: api.example.org:443, timeout: 10000ms)",
        code: "UND_ERR_CONNECT_TIMEOUT"
      }
    },
    ["transient", "retry", "none"]
  ),
  held(
    "und.response-exceeded",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "Error",
        message: "Response content exceeded max size",
        code: "UND_ERR_RES_EXCEEDED_MAX_SIZE"
      }
    },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "fs.emfile",
    "open",
    {
      name: "Error",
      message: "EMFILE: too many open files, open '/x'",
      code: "EMFILE",
      syscall: "open",
      errno: -1
    },
    ["transient", "retry", "none"]
  ),
  held(
    "fs.edquot",
    "write",
    {
      name: "Error",
      message: "EDQUOT: disk quota exceeded, write",
      code: "EDQUOT",
      syscall: "write",
      errno: -1
    },
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held(
    "fs.ebusy",
    "unlink",
    {
      name: "Error",
      message: "EBUSY: resource busy or locked, unlink '/x'",
      code: "EBUSY",
      syscall: "unlink",
      errno: -1
    },
    ["transient", "retry", "none"]
  ),
  held(
    "spawn.enomem",
    "spawn",
    { name: "Error", message: "spawn git ENOMEM", code: "ENOMEM", syscall: "spawn git", errno: -1 },
    ["transient", "retry", "none"]
  ),
  held(
    "net.econnaborted",
    "http",
    { name: "Error", message: "read ECONNABORTED", code: "ECONNABORTED", syscall: "read", errno: -1 },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "net.enetdown",
    "connect",
    {
      name: "Error",
      message: "connect ENETDOWN 192.0.2.1:443",
      code: "ENETDOWN",
      syscall: "connect",
      errno: -1
    },
    ["transient", "retry", "none"]
  ),
  held(
    "net.eproto",
    "https",
    {
      name: "Error",
      message: "write EPROTO 0A000152:SSL routines:final_renegotiate:unsafe legacy renegotiation disabled",
      code: "EPROTO",
      syscall: "write",
      errno: -1
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "fetch.aggregate-mixed",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "AggregateError",
        message: "",
        code: "ETIMEDOUT",
        errors: [
          {
            name: "Error",
            message: "connect ETIMEDOUT 192.0.2.1:443",
            code: "ETIMEDOUT",
            syscall: "connect"
          },
          {
            name: "Error",
            message: "connect ENETUNREACH 2001:db8::1:443",
            code: "ENETUNREACH",
            syscall: "connect"
          }
        ]
      }
    },
    ["transient", "retry", "none"]
  ),
  held(
    "heap",
    "run",
    {
      name: "Error",
      message: "Worker terminated due to reaching memory limit: JS heap out of memory",
      code: "ERR_WORKER_OUT_OF_MEMORY"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held("unknown", "fetch", { name: "Error", message: "wat" }, ["ambiguous", "stop", "possible", "dangerous"]),
  held("text-lies", "write", { name: "Error", message: "user said: connect ECONNREFUSED 127.0.0.1:1" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("string", "fetch", { name: "Error", message: "" }, ["ambiguous", "stop", "possible", "dangerous"]),
  held(
    "fs.enospc-open",
    "open",
    {
      name: "Error",
      code: "ENOSPC",
      errno: -28,
      syscall: "open",
      message: "ENOSPC: no space left on device, open '/x'"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "exec.127",
    "exec",
    {
      name: "Error",
      message: "Command failed: nopecmd\n/bin/sh: 1: nopecmd: not found\n",
      code: 127,
      killed: false,
      signal: null,
      cmd: "nopecmd"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "fetch.invalid-cert",
    "fetch",
    {
      name: "TypeError",
      message: "fetch failed",
      cause: {
        name: "Error",
        code: "SELF_SIGNED_CERT_IN_CHAIN",
        message: "self-signed certificate in certificate chain"
      }
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "fetch.body-used",
    "fetch",
    { name: "TypeError", message: "Body is unusable: Body has already been read" },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "dns.timeout",
    "dns",
    {
      name: "Error",
      code: "ETIMEOUT",
      syscall: "queryA",
      hostname: "x.example",
      message: "queryA ETIMEOUT x.example"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "timers.abort",
    "wait",
    { name: "AbortError", code: "ABORT_ERR", message: "The operation was aborted" },
    ["permanent", "stop", "possible", "dangerous"]
  )
]
