import { type Case, held } from "./Case.ts"

const failed = (cause: unknown) => ({ name: "TypeError", message: "fetch failed", cause })
const terminated = (cause: unknown) => ({ name: "TypeError", message: "terminated", cause })
/** A system error as libuv's codes reach JavaScript. */
const system = (code: string, syscall: string, what = "") => ({
  name: "Error",
  code,
  syscall,
  message: `${code}: ${what}, ${syscall} '/srv/x'`
})
const parse = (message: string) => ({ name: "SyntaxError", message })

export const nodeCases: ReadonlyArray<Case> = [
  // nodejs/undici lib/core/errors.js 8.12
  held(
    "connect timeout",
    "fetch",
    failed({
      name: "ConnectTimeoutError",
      code: "UND_ERR_CONNECT_TIMEOUT",
      message: "Connect Timeout Error (attempted address: 192.0.2.1:443, timeout: 10000ms)"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "headers timeout of a write",
    "POST /orders",
    failed({
      name: "HeadersTimeoutError",
      code: "UND_ERR_HEADERS_TIMEOUT",
      message: "Headers Timeout Error"
    }),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "headers timeout of a read",
    "GET /orders",
    failed({
      name: "HeadersTimeoutError",
      code: "UND_ERR_HEADERS_TIMEOUT",
      message: "Headers Timeout Error"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "reset in flight",
    "fetch",
    failed({ name: "Error", code: "ECONNRESET", errno: -104, syscall: "read", message: "read ECONNRESET" }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "broken pipe",
    "fetch",
    failed({ name: "Error", code: "EPIPE", errno: -32, syscall: "write", message: "write EPIPE" }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "established connection timed out",
    "http",
    { name: "Error", code: "ETIMEDOUT", syscall: "read", message: "read ETIMEDOUT" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "other side closed while reading",
    "GET /x",
    failed({ name: "SocketError", code: "UND_ERR_SOCKET", message: "other side closed" }),
    ["transient", "retry", "none"]
  ),
  held("cause lost", "fetch", { name: "TypeError", message: "fetch failed" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "name server busy",
    "fetch",
    failed({
      name: "Error",
      code: "EAI_AGAIN",
      syscall: "getaddrinfo",
      message: "getaddrinfo EAI_AGAIN api.example"
    }),
    ["transient", "retry", "none"]
  ),
  held("unknown scheme (provoked)", "fetch", failed({ name: "Error", message: "unknown scheme" }), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "unparsable address (provoked)",
    "fetch",
    {
      name: "TypeError",
      message: "Failed to parse URL from http://[",
      cause: { name: "TypeError", code: "ERR_INVALID_URL", message: "Invalid URL" }
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "garbage instead of HTTP (provoked)",
    "fetch",
    failed({
      name: "HTTPParserError",
      message: "Response does not match the HTTP/1.1 protocol (Expected HTTP/, RTSP/ or ICE/)"
    }),
    ["permanent", "stop", "possible"]
  ),
  held(
    "TLS to a plain port (provoked)",
    "fetch",
    failed({
      name: "Error",
      code: "ERR_SSL_WRONG_VERSION_NUMBER",
      message: "40ED:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number"
    }),
    ["configuration", "stop", "none"]
  ),
  held(
    "name not in certificate",
    "https",
    {
      name: "Error",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      message:
        "Hostname/IP does not match certificate's altnames: Host: a.example. is not in the cert's altnames"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "unknown issuer",
    "fetch",
    failed({
      name: "Error",
      code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      message: "unable to get local issuer certificate"
    }),
    ["configuration", "stop", "none"]
  ),
  // dangerous: TLS broke after the handshake, in the middle of the exchange
  held(
    "bad record in an open connection",
    "fetch",
    failed({
      name: "Error",
      code: "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
      message: "decryption failed or bad record mac"
    }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "handshake too slow",
    "https",
    { name: "Error", code: "ERR_TLS_HANDSHAKE_TIMEOUT", message: "TLS handshake timed out" },
    ["transient", "retry", "none"]
  ),
  held(
    "body shorter than promised",
    "fetch",
    terminated({
      name: "ResponseContentLengthMismatchError",
      code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
      message: "Response body length does not match content-length header"
    }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "closed too early",
    "http",
    { name: "Error", code: "ERR_STREAM_PREMATURE_CLOSE", message: "Premature close" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "bad gzip (provoked)",
    "fetch",
    terminated({ name: "Error", code: "Z_DATA_ERROR", message: "incorrect header check" }),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "too many redirects (provoked)",
    "fetch",
    failed({ name: "Error", message: "redirect count exceeded" }),
    ["permanent", "stop", "possible"]
  ),
  held(
    "answer over the size limit",
    "request",
    {
      name: "ResponseExceededMaxSizeError",
      code: "UND_ERR_RES_EXCEEDED_MAX_SIZE",
      message: "Response content exceeded max size"
    },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "client was destroyed in flight",
    "request",
    { name: "ClientDestroyedError", code: "UND_ERR_DESTROYED", message: "The client is destroyed" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "proxy refused the tunnel",
    "fetch",
    failed({
      name: "AbortError",
      code: "UND_ERR_ABORTED",
      message: "Proxy response (503) !== 200 when HTTP Tunneling"
    }),
    ["transient", "retry", "none"]
  ),
  held(
    "proxy wants credentials",
    "fetch",
    failed({
      name: "AbortError",
      code: "UND_ERR_ABORTED",
      message: "Proxy response (407) !== 200 when HTTP Tunneling"
    }),
    ["configuration", "stop", "none"]
  ),
  // addresses mixed: one was only slow, none was connected
  held(
    "refused and unreachable",
    "http",
    {
      name: "AggregateError",
      code: "ETIMEDOUT",
      message: "",
      errors: [
        { code: "ETIMEDOUT", syscall: "connect", message: "connect ETIMEDOUT 192.0.2.1:443" },
        { code: "ENETUNREACH", syscall: "connect", message: "connect ENETUNREACH 2001:db8::1:443" }
      ]
    },
    ["transient", "retry", "none"]
  ),
  // dangerous: of several attempts one got through (Promise.any)
  held(
    "one of several was in flight",
    "fetch",
    {
      name: "AggregateError",
      message: "All promises were rejected",
      errors: [
        failed({ code: "ECONNREFUSED", syscall: "connect", message: "connect ECONNREFUSED 127.0.0.1:1" }),
        failed({ name: "SocketError", code: "UND_ERR_SOCKET", message: "other side closed" })
      ]
    },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "aborted by a deadline",
    "fetch",
    {
      name: "AbortError",
      code: "ABORT_ERR",
      message: "The operation was aborted",
      cause: { name: "TimeoutError", code: 23, message: "The operation was aborted due to timeout" }
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  // HTTP/2 (provoked with Node 24): a refused stream was not processed, RFC 9113 section 8.7
  held(
    "refused stream (provoked)",
    "http2",
    {
      name: "Error",
      code: "ERR_HTTP2_STREAM_ERROR",
      message: "Stream closed with error code NGHTTP2_REFUSED_STREAM"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "stream broke",
    "http2",
    {
      name: "Error",
      code: "ERR_HTTP2_STREAM_ERROR",
      message: "Stream closed with error code NGHTTP2_INTERNAL_ERROR"
    },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "after a goaway (provoked)",
    "http2",
    {
      name: "Error",
      code: "ERR_HTTP2_GOAWAY_SESSION",
      message: "New streams cannot be created after receiving a GOAWAY"
    },
    ["transient", "retry", "none"]
  ),
  // JSON (V8's words, provoked)
  held(
    "plain gateway text as JSON",
    "fetch",
    parse(`Unexpected token 'u', "upstream c"... is not valid JSON`),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held("cut JSON", "fetch", parse("Unterminated string in JSON at position 7 (line 1 column 8)"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("older V8 on HTML", "fetch", parse("Unexpected token < in JSON at position 0"), [
    "transient",
    "retry",
    "possible",
    "dangerous"
  ]),
  // processes (provoked)
  held(
    "synchronous child over time",
    "spawn",
    {
      name: "Error",
      code: "ETIMEDOUT",
      errno: -110,
      syscall: "spawnSync git",
      path: "git",
      signal: "SIGTERM",
      message: "spawnSync git ETIMEDOUT"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "synchronous child over its buffer",
    "spawn",
    {
      name: "Error",
      code: "ENOBUFS",
      syscall: "spawnSync git",
      signal: "SIGTERM",
      message: "spawnSync git ENOBUFS"
    },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "child over time",
    "execFile",
    {
      name: "Error",
      code: null,
      killed: true,
      signal: "SIGTERM",
      cmd: "git push",
      message: "Command failed: git push\n"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "child killed by the system",
    "execFile",
    {
      name: "Error",
      code: null,
      killed: false,
      signal: "SIGKILL",
      cmd: "git push",
      message: "Command failed: git push\n"
    },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "child exited 3",
    "execFile",
    {
      name: "Error",
      code: 3,
      killed: false,
      signal: null,
      cmd: "sh -c x",
      message: "Command failed: sh -c x\n"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "not executable",
    "spawn",
    {
      name: "Error",
      code: "EACCES",
      errno: -13,
      syscall: "spawn /etc/passwd",
      path: "/etc/passwd",
      message: "spawn /etc/passwd EACCES"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "no processes left",
    "spawn",
    { name: "Error", code: "EAGAIN", errno: -11, syscall: "spawn git", message: "spawn git EAGAIN" },
    ["transient", "retry", "none"]
  ),
  // libuv's map of errors
  held("file missing", "readFile", system("ENOENT", "open", "no such file or directory"), [
    "permanent",
    "stop",
    "none"
  ]),
  held("no permission", "writeFile", system("EACCES", "open", "permission denied"), [
    "configuration",
    "stop",
    "none"
  ]),
  held("read-only file system", "mkdir", system("EROFS", "mkdir", "read-only file system"), [
    "configuration",
    "stop",
    "none"
  ]),
  held("too many open files", "readFile", system("EMFILE", "open", "too many open files"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "quota of the disk",
    "write",
    { name: "Error", code: "EDQUOT", syscall: "write", message: "EDQUOT: disk quota exceeded, write" },
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held(
    "input/output error",
    "write",
    { name: "Error", code: "EIO", syscall: "write", message: "EIO: i/o error, write" },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "recursive removal stopped (provoked)",
    "rm",
    {
      name: "Error",
      code: "EPERM",
      syscall: "rm",
      message: "EPERM, Operation not permitted: /proc/self/net '/proc/self/net'"
    },
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held(
    "port in use",
    "listen",
    {
      name: "Error",
      code: "EADDRINUSE",
      syscall: "listen",
      message: "listen EADDRINUSE: address already in use :::3000"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "package missing",
    "import",
    {
      name: "Error",
      code: "ERR_MODULE_NOT_FOUND",
      message: "Cannot find package 'left-pad' imported from /srv/app.js"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "a slip of ours",
    "fetch",
    { name: "TypeError", message: "Cannot read properties of undefined (reading 'id')" },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held("words nobody knows", "fetch", { name: "Error", message: "something odd" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("nothing at all", "fetch", {}, ["ambiguous", "stop", "possible", "dangerous"]),
  // second round, written when the rules stood
  held(
    "axios over time",
    "post",
    { name: "AxiosError", code: "ECONNABORTED", message: "timeout of 5000ms exceeded" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "undici retried in vain",
    "request",
    { name: "RequestRetryError", code: "UND_ERR_REQ_RETRY", statusCode: 503, message: "Request failed" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "undici's error for a status",
    "request",
    { name: "ResponseError", code: "UND_ERR_RESPONSE", statusCode: 429, message: "Response Error" },
    ["transient", "retry", "none"]
  ),
  held(
    "body read twice",
    "fetch",
    { name: "TypeError", message: "Body is unusable: Body has already been read" },
    ["permanent", "stop", "possible"]
  ),
  held(
    "unreadable private key",
    "sign",
    { name: "Error", code: "ERR_OSSL_UNSUPPORTED", message: "error:1E08010C:DECODER routines::unsupported" },
    ["configuration", "stop", "none"]
  ),
  held(
    "worker thread out of memory",
    "worker",
    {
      name: "Error",
      code: "ERR_WORKER_OUT_OF_MEMORY",
      message: "Worker terminated due to reaching memory limit: JS heap out of memory"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "execFileSync exited 2",
    "execFileSync",
    { name: "Error", status: 2, signal: null, pid: 4711, message: "Command failed: git push" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "shell found no program",
    "exec",
    {
      name: "Error",
      code: 127,
      killed: false,
      signal: null,
      cmd: "gitt push",
      message: "Command failed: gitt push\n/bin/sh: 1: gitt: not found\n"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "reset after a write",
    "PUT /x",
    failed({ name: "Error", code: "ECONNRESET", syscall: "write", message: "write ECONNRESET" }),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "socket file missing",
    "connect",
    { name: "Error", code: "ENOENT", syscall: "connect", message: "connect ENOENT /run/x.sock" },
    ["transient", "retry", "none"]
  ),
  held(
    "copy ran out of disk",
    "cp",
    {
      name: "Error",
      code: "ENOSPC",
      syscall: "copyfile",
      message: "ENOSPC: no space left on device, copyfile 'a' -> 'b'"
    },
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held("rename across disks", "rename", system("EXDEV", "rename", "cross-device link not permitted"), [
    "permanent",
    "stop",
    "none"
  ]),
  held("file exists", "mkdir", system("EEXIST", "mkdir", "file already exists"), [
    "permanent",
    "stop",
    "none"
  ])
]
