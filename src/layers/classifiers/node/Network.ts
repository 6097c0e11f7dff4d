import type { Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import { conclude, isOf, type Kind, looksLike, ruleOf } from "./Kind.ts"
import type { Thrown } from "./Thrown.ts"

/** Cut after the answer had begun. It goes first, because its cause may be any of those below. */
const truncated: Kind = {
  id: "node.network.truncated",
  tag: "StreamTruncated",
  reach: "unknown",
  looks: [
    {
      codes: /^(UND_ERR_BODY_TIMEOUT|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_INVALID_EOF_STATE|Z_BUF_ERROR)$/
    },
    { words: /^(terminated|aborted)$/ }
  ]
}

/** The server has it all, and may still be working when we look: a repeat now would race with it. */
const silence: Kind = {
  id: "node.network.silence",
  tag: "OutcomeUnknown",
  reach: "unknown",
  looks: [
    { names: /^(TimeoutError|TimeoutException)$/ },
    { codes: /^(UND_ERR_HEADERS_TIMEOUT|ESOCKETTIMEDOUT|ERR_HTTP_REQUEST_TIMEOUT)$/ },
    // axios and node-fetch
    { words: /^(timeout of \d+ ?ms exceeded|network timeout at: )/ }
  ]
}

/** What a handshake is turned down with, as OpenSSL's code or in its words. */
const handshakeNo =
  "WRONG_VERSION|PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|VERSION_TOO_LOW|HANDSHAKE_FAILURE|UNRECOGNIZED_NAME|UNKNOWN_CA|CERTIFICATE|INSUFFICIENT_SECURITY|ACCESS_DENIED|NO_APPLICATION_PROTOCOL|TOO_SMALL|TOO_WEAK|UNSAFE_LEGACY|NO_SHARED_CIPHER|NO_CIPHER"

/** What happens before the first byte of a request leaves. */
const neverSent: ReadonlyArray<Kind> = [
  {
    id: "node.proxy.credentials",
    tag: "ProxyFailure",
    reach: "refused",
    looks: [{ words: /^Proxy response \(407\)/ }, { codes: /^ERR_PROXY_INVALID_CONFIG$/ }],
    // A proxy that wants a login goes on wanting one.
    but: { category: "configuration", retryable: false, hint: "Correct the proxy's address or credentials." }
  },
  {
    id: "node.proxy.unreachable",
    tag: "ProxyFailure",
    reach: "refused",
    looks: [
      { words: /^Proxy response \(\d+\)/ },
      { codes: /^(UND_ERR_PRX_CONN|UND_ERR_SOCKS5\w*|ERR_PROXY_TUNNEL)$/ }
    ]
  },
  {
    id: "node.request.unfit",
    tag: "InvalidRequest",
    reach: "refused",
    looks: [
      {
        codes:
          /^(ERR_INVALID_(URL|CHAR|HTTP_TOKEN|PROTOCOL|ARG_\w+|DOMAIN_NAME|IP_ADDRESS)|ERR_HTTP_INVALID_\w+|ERR_UNESCAPED_CHARACTERS|ERR_SOCKET_BAD_PORT|ERR_OUT_OF_RANGE|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|UND_ERR_REQ_CONTENT_LENGTH_MISMATCH|ERR_HTTP2_(INVALID_(HEADER|PSEUDO|INFO|CONNECTION_H|SETTING)\w*|CONNECT_\w+|PSEUDOHEADER\w*|UNSUPPORTED_PROTOCOL|PAYLOAD_FORBIDDEN))$/
      },
      {
        words:
          /^(bad port|unknown scheme|invalid method|Invalid URL|Failed to parse URL|Request with GET\/HEAD|(Headers|Request|RequestInit|FormData|URL)\b[^]{0,300} (invalid|not a valid))/
      }
    ]
  },
  {
    id: "node.dns.name-unknown",
    tag: "NetworkDns",
    reach: "refused",
    looks: [{ codes: /^(ENOTFOUND|ENODATA|EAI_NONAME|EAI_NODATA)$/ }],
    // A name that does not exist may be a typing error as well as a resolver without its network.
    but: { category: "ambiguous" }
  },
  {
    id: "node.dns.no-answer",
    tag: "NetworkDns",
    reach: "refused",
    looks: [
      { codes: /^(EAI_\w+|ESERVFAIL|ETIMEOUT|EREFUSED|EBADRESP|EFORMERR)$/ },
      { codes: /./, syscalls: /^(getaddrinfo|getnameinfo|query\w+)$/ }
    ]
  },
  {
    id: "node.tls.distrust",
    tag: "TlsFailure",
    reach: "refused",
    looks: [
      {
        codes:
          /^(CERT_\w+|CRL_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_(GET|VERIFY|DECODE|DECRYPT)_\w+|ERROR_IN_C(ERT|RL)_\w+|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|ERR_TLS_CERT_\w+|ERR_TLS_INVALID_\w+|ERR_TLS_PROTOCOL_\w+|UND_ERR_PRX_TLS)$/
      },
      { codes: new RegExp(`^ERR_SSL_.*(?:${handshakeNo})`) },
      { words: new RegExp(`SSL routines:\\w*:.*(?:${handshakeNo.replaceAll("_", "[ _]")})`, "i") }
    ]
  },
  {
    id: "node.connect.slow",
    tag: "NetworkTimeout",
    reach: "refused",
    looks: [
      { codes: /^(UND_ERR_CONNECT_TIMEOUT|ERR_SOCKET_CONNECTION_TIMEOUT|ERR_TLS_HANDSHAKE_TIMEOUT)$/ },
      { codes: /^ETIMEDOUT$/, syscalls: /^connect$/ }
    ]
  },
  {
    id: "node.connect.forbidden",
    tag: "PermissionDenied",
    reach: "refused",
    looks: [{ codes: /^(EACCES|EPERM)$/, syscalls: /^connect$/ }]
  },
  {
    id: "node.connect.none",
    tag: "NetworkUnreachable",
    reach: "refused",
    looks: [{ codes: /^ECONNREFUSED$/ }, { codes: /./, syscalls: /^connect$/ }]
  },
  {
    id: "node.connect.turned-away",
    tag: "NetworkReset",
    reach: "refused",
    looks: [
      { words: /disconnected before secure TLS connection was established/ },
      // RFC 9113, 8.7: a refused stream was not processed.
      { codes: /^(ERR_HTTP2_GOAWAY_SESSION|ERR_SOCKET_CLOSED_BEFORE_CONNECTION)$/ },
      { words: /^Stream closed with error code NGHTTP2_REFUSED_STREAM\b/ }
    ]
  },
  {
    id: "node.client.closed",
    tag: "ClientClosed",
    reach: "refused",
    looks: [{ codes: /^UND_ERR_CLOSED$/ }]
  }
]

const abandoned: Kind = {
  id: "node.abandoned",
  tag: "Aborted",
  reach: "unknown",
  looks: [
    { names: /^AbortError$/ },
    { codes: /^(ABORT_ERR|ECANCELED|ERR_CANCELED|UND_ERR_ABORT|UND_ERR_ABORTED)$/ }
  ]
}

/** The connection broke, and nobody said whether the request had been dealt with. */
const broken: ReadonlyArray<Kind> = [
  {
    id: "node.network.dead",
    tag: "NetworkTimeout",
    reach: "unknown",
    looks: [{ codes: /^ETIMEDOUT$/ }]
  },
  {
    id: "node.client.destroyed",
    tag: "OutcomeUnknown",
    reach: "unknown",
    looks: [{ codes: /^UND_ERR_DESTROYED$/ }]
  },
  {
    id: "node.network.cut",
    tag: "NetworkReset",
    reach: "unknown",
    looks: [
      {
        codes:
          /^(ECONNRESET|ECONNABORTED|EPIPE|ENOTCONN|ESHUTDOWN|ENETRESET|EPROTO|EOF|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|UND_ERR_SOCKET|UND_ERR_INFO|ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)|ERR_SOCKET_CLOSED|ERR_HTTP2_\w+|ERR_SSL_.+)$/
      },
      { words: /^(socket hang up|other side closed)$/ }
    ]
  },
  {
    id: "node.fetch.cause-lost",
    tag: "OutcomeUnknown",
    reach: "unknown",
    looks: [
      {
        words:
          /^(fetch failed|Failed to fetch|Load failed|Network request failed|NetworkError when attempting)/
      }
    ]
  }
]

/** Each attempt failed before it was sent, though not all for the same reason. */
const everyAttemptNeverSent = ({ attempts }: Thrown): Kind | undefined => {
  const kinds = attempts.map((chain) => neverSent.find((kind) => looksLike(kind, chain)))
  if (attempts.length < 2 || kinds.includes(undefined)) return undefined
  return kinds.find((kind) => kind?.but?.retryable === false || kind?.tag === "TlsFailure") ?? kinds[0]
}

const mixed: Rule<Thrown, Tag> = {
  id: "node.connect.mixed",
  when: (thrown) => {
    const kind = everyAttemptNeverSent(thrown)
    return kind === undefined ? undefined : conclude(kind)
  }
}

/** Of something that changes nothing, not knowing whether it happened is only a delay. */
const unlessReading =
  (kind: Kind, reads: (operation: string, thrown: Thrown) => boolean): Rule<Thrown, Tag>["when"] =>
  (thrown, operation) => {
    if (!isOf(kind, thrown)) return undefined
    return kind.tag === "OutcomeUnknown" && reads(operation, thrown)
      ? { tag: "NetworkTimeout", reach: "refused" }
      : conclude(kind)
  }

/** How a call over the network may fail, whoever made it. `reads`: it can change nothing. */
export const networkRules = (
  reads: (operation: string, thrown: Thrown) => boolean
): ReadonlyArray<Rule<Thrown, Tag>> => [
  ruleOf(truncated),
  { id: silence.id, when: unlessReading(silence, reads) },
  ...neverSent.map(ruleOf),
  mixed,
  ruleOf(abandoned),
  ...broken.map((kind) => ({ id: kind.id, when: unlessReading(kind, reads) }))
]
