import type { Reach } from "../../../domain/failures/Classified.ts"
import type { Answer } from "./Answer.ts"

/** What went wrong with a connection, whatever was at its other end. */
export interface Disturbance {
  readonly id: string
  readonly tag:
    | "NetworkUnreachable"
    | "NetworkTimeout"
    | "NetworkDns"
    | "NetworkReset"
    | "TlsFailure"
    | "RequestRejected"
    | "Abandoned"
  readonly reach: Reach
  readonly codes: RegExp
  readonly words: RegExp
}

/**
 * From surely never sent to maybe sent. Only what happens before the first byte of the request leaves counts as
 * refused; a reset or a timeout may come after the server has acted.
 */
export const disturbances: ReadonlyArray<Disturbance> = [
  {
    id: "transport.request-unfit",
    tag: "RequestRejected",
    reach: "refused",
    codes:
      /^(?:ERR_INVALID_(?:URL|CHAR|HTTP_TOKEN|PROTOCOL)|ERR_HTTP_INVALID_HEADER_VALUE|UND_ERR_INVALID_ARG|UND_ERR_REQ_CONTENT_LENGTH_MISMATCH)$/,
    words:
      /^(?:bad port|unknown scheme|Invalid URL|Failed to parse URL|Request cannot be constructed from|Headers\.\w+: .{0,300}is an invalid header)/i
  },
  {
    id: "transport.tls",
    tag: "TlsFailure",
    reach: "refused",
    codes:
      /^(?:CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:GET|VERIFY|DECODE|DECRYPT)|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|CRL_|ERR_SSL_(?:WRONG_VERSION|UNSUPPORTED|NO_PROTOCOLS|TLSV1|SSLV3_ALERT_HANDSHAKE))/,
    words:
      /self[- ]signed certificate|certificate has expired|unable to (?:get local issuer|verify the first) certificate/i
  },
  {
    id: "transport.dns",
    tag: "NetworkDns",
    reach: "refused",
    codes: /^(?:ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL)$/,
    words: /\bgetaddrinfo\b/
  },
  {
    id: "transport.connect-timeout",
    tag: "NetworkTimeout",
    reach: "refused",
    codes: /^UND_ERR_CONNECT_TIMEOUT$/,
    words: /\bconnect ETIMEDOUT\b|^Connect Timeout Error/
  },
  {
    id: "transport.not-connected",
    tag: "NetworkUnreachable",
    reach: "refused",
    codes: /^(?:ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/,
    words: /disconnected before secure TLS connection was established|\bconnect ECONNREFUSED\b/
  },
  {
    id: "transport.abandoned",
    tag: "Abandoned",
    reach: "unknown",
    codes: /^(?:ABORT_ERR|UND_ERR_ABORTED|ERR_CANCELED)$/,
    words: /^(?:Request was aborted|This operation was aborted)/
  },
  {
    id: "transport.timeout",
    tag: "NetworkTimeout",
    reach: "unknown",
    codes: /^(?:ETIMEDOUT|ESOCKETTIMEDOUT|ECONNABORTED|UND_ERR_(?:HEADERS|BODY)_TIMEOUT)$/,
    words: /^Request timed out|aborted due to timeout|^(?:Headers|Body) Timeout Error/i
  },
  {
    id: "transport.cut",
    tag: "NetworkReset",
    reach: "unknown",
    codes:
      /^(?:ECONNRESET|EPIPE|ENOTCONN|EPROTO|UND_ERR_(?:SOCKET|CLOSED|DESTROYED|RES_CONTENT_LENGTH_MISMATCH)|HPE_\w+|ERR_HTTP2_\w+|ERR_STREAM_PREMATURE_CLOSE|ERR_SSL_\w+)$/,
    words:
      /socket hang up|^terminated$|other side closed|^aborted$|fetch failed|^Connection error|network error/i
  }
]

const names: Record<string, RegExp> = {
  "transport.abandoned": /^(?:AbortError|APIUserAbortError)$/,
  "transport.timeout": /^(?:TimeoutError|APIConnectionTimeoutError|(?:Headers|Body)TimeoutError)$/
}

/** Does what was thrown fit? The innermost cause knows most, so it is asked first. */
export const fits = (answer: Answer, disturbance: Disturbance): boolean =>
  answer.status === null &&
  answer.thrown.some(
    ({ name, code, message, syscall }) =>
      disturbance.codes.test(code) ||
      (disturbance.id === "transport.connect-timeout" && code === "ETIMEDOUT" && syscall === "connect") ||
      disturbance.words.test(message) ||
      (names[disturbance.id]?.test(name) ?? false)
  )

/** Whether the name does not exist, or the resolver could not say: a wrong address never passes by itself. */
export const nameUnknown = (answer: Answer): boolean =>
  answer.thrown.some(({ code, message }) => code === "ENOTFOUND" || /\bENOTFOUND\b/.test(message))
