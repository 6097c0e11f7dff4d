import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, seen } from "../command/Ended.ts"
import type { Facts } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"
import { inTransfer, operationName } from "./Operations.ts"

/**
 * HTTP statuses and curl's numbers, which git prints in every language. `unable to access` is the first
 * question, before anything is sent; a number of curl's stands only where the transfer itself failed.
 */

/** In git's own sentence, and not wherever a test or a hook prints the same words. */
const status =
  /(?:['"»”’] ?[:：] ?The requested URL returned error: |\bcurl 22 The requested URL returned error: |^The requested URL returned error: |\bHTTP (?=\d{3} curl)|result=22, HTTP code = )(\d{3})\b/m
const curl = /\bcurl (\d{1,2})\b/
const transferring = /\bcurl \d|\bRPC\b/
const tooOften =
  /rate limit|too many requests|abuse detection|retry your request again later|exceeded .*request limit/i

/** Did the request for this status carry the work itself? */
const whenSent = (facts: Facts): Conclusion["reach"] =>
  transferring.test(facts.text) ? inTransfer(facts) : "refused"

const ofStatus = (code: number, facts: Facts): Conclusion<Tag> => {
  if (code === 429 || ((code === 403 || code === 503) && tooOften.test(facts.text))) {
    return { tag: "RateLimited", reach: "refused" }
  }
  if (code === 408 || code === 504 || code === 522 || code === 524 || code === 598) {
    return { tag: "NetworkTimeout", reach: whenSent(facts) }
  }
  if (code === 525 || code === 526 || code === 495 || code === 496)
    return { tag: "TlsFailure", reach: "refused" }
  if (code === 507) return { tag: "RemoteDiskFull", reach: whenSent(facts) }
  if (code === 501 || code === 505) return { tag: "ServiceRefused", reach: "refused" }
  if (code === 511) return { tag: "NotAGitServer", reach: "refused" }
  if (code >= 500) return { tag: "RemoteServerError", reach: whenSent(facts) }
  if (code === 423 || code === 425) return { tag: "RemoteServerError", reach: "refused" }
  if (code === 401) return { tag: "AuthenticationFailed", reach: "refused" }
  if (code === 402) return { tag: "QuotaExhausted", reach: "refused" }
  if (code === 403) return { tag: "PermissionDenied", reach: "refused" }
  if (code === 404) return { tag: "RepositoryHidden", reach: "refused" }
  if (code === 407)
    return { tag: "ProxyFailure", reach: "refused", but: { category: "configuration", retryable: false } }
  if (code === 413) return { tag: "TooLarge", reach: "refused" }
  if (code < 400 || code === 405 || code === 406 || code === 411 || code === 415) {
    return { tag: "NotAGitServer", reach: "refused" }
  }
  return { tag: "ServiceRefused", reach: "refused" }
}

const numbers = (...codes: ReadonlyArray<number>): ReadonlySet<number> => new Set(codes)
const dns = numbers(6)
const connect = numbers(7)
const certificate = numbers(51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98)
const address = numbers(1, 2, 3, 4, 47)
const proxy = numbers(5, 97)
const cut = numbers(8, 16, 18, 52, 55, 56, 61, 92, 94, 95, 96)

/** Words of a handshake that was cut off, not turned down. */
export const brokenHandshake =
  /SYSCALL|reset|closed|terminated|timed? ?out|unexpected eof|pull function|decoding the received|connection failed/i

const ofCurl = (code: number, facts: Facts): Conclusion<Tag> | undefined => {
  if (dns.has(code)) return { tag: "NetworkDns", reach: "refused" }
  if (connect.has(code)) return { tag: "NetworkUnreachable", reach: "refused" }
  if (code === 35) {
    return { tag: brokenHandshake.test(facts.text) ? "NetworkReset" : "TlsFailure", reach: "refused" }
  }
  if (certificate.has(code)) return { tag: "TlsFailure", reach: "refused" }
  if (address.has(code)) return { tag: "NotAGitServer", reach: "refused" }
  if (proxy.has(code)) {
    return { tag: "ProxyFailure", reach: "refused", but: { category: "configuration", retryable: false } }
  }
  if (code === 28) return { tag: "NetworkTimeout", reach: inTransfer(facts) }
  if (code === 67) return { tag: "AuthenticationFailed", reach: "refused" }
  if (cut.has(code)) {
    return /ENHANCE_YOUR_CALM/.test(facts.text)
      ? { tag: "RateLimited", reach: inTransfer(facts) }
      : { tag: "NetworkReset", reach: inTransfer(facts) }
  }
  // 65: the data could not be sent a second time, and whatever the first time did is not known.
  return code === 65 ? { tag: "OutcomeUnknown", reach: inTransfer(facts) } : undefined
}

const numbered = (
  id: string,
  pattern: RegExp,
  conclude: (code: number, facts: Facts) => Conclusion<Tag> | undefined
): Rule<Ended, Tag> => ({
  id,
  when: (input, operation) => {
    const facts = { ...seen(input), operation: operationName(operation) }
    const code = pattern.exec(facts.text)?.[1]
    return code === undefined ? undefined : conclude(Number(code), facts)
  }
})

export const http: ReadonlyArray<Rule<Ended, Tag>> = [
  numbered("http.status", status, ofStatus),
  numbered("http.curl", curl, ofCurl)
]
