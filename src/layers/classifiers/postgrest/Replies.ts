import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import { isGood, type Reply } from "./Reply.ts"

const reading = /^(?:select|get|head|count|read|options|explain)\b/i

/** Only what is known to change nothing; a function that is called may do anything. */
export const reads = (operation: string): boolean => reading.test(operation.trim())

const isJson = ({ headers, body }: Reply): boolean =>
  /json/.test(headers["content-type"] ?? "json") && /^[[{"]/m.test(body)

const noRows = ({ body, headers }: Reply): boolean =>
  /^\[\]$/m.test(body) || (headers["content-range"] ?? "").endsWith("/0")

/** Answers that look like success. */
const goodReplies: ReadonlyArray<Rule<Reply, Tag>> = [
  {
    id: "postgrest.nothing-changed",
    when: (reply, operation) =>
      isGood(reply) && noRows(reply) && /\b(update|delete|patch)\b/i.test(operation)
        ? { tag: "RlsViolation", reach: "refused" }
        : undefined
  },
  {
    id: "postgrest.reply-cut",
    when: (reply, operation) => {
      if (!isGood(reply) || reply.wellFormed || !isJson(reply)) return undefined
      // A status of 2xx is sent after the commit.
      return reads(operation)
        ? { tag: "StreamTruncated", reach: "refused" }
        : { tag: "ReplyCut", reach: "happened" }
    }
  },
  {
    id: "postgrest.not-ours",
    when: (reply) =>
      isGood(reply) && !reply.wellFormed ? { tag: "ResponseMalformed", reach: "unknown" } : undefined
  }
]

interface StatusRow {
  readonly id: string
  readonly statuses: RegExp
  readonly tag: Tag
  readonly reach: Reach
  readonly words?: RegExp
}

/** Answers without a code of PostgREST's: a gateway's. Only statuses that turn a request away are sure. */
const statusRows: ReadonlyArray<StatusRow> = [
  { id: "gateway.rate", statuses: /^429$/, tag: "RateLimited", reach: "refused" },
  {
    id: "gateway.token-expired",
    statuses: /^401$/,
    tag: "TokenExpired",
    reach: "refused",
    words: /\b(JWT|token)\b.*\bexpired\b/i
  },
  { id: "gateway.credentials", statuses: /^(401|407)$/, tag: "AuthenticationFailed", reach: "refused" },
  { id: "gateway.forbidden", statuses: /^(403|451)$/, tag: "PermissionDenied", reach: "refused" },
  { id: "gateway.restricted", statuses: /^402$/, tag: "QuotaExhausted", reach: "refused" },
  { id: "gateway.no-route", statuses: /^(404|410|421|30\d)$/, tag: "EndpointMissing", reach: "refused" },
  { id: "gateway.too-large", statuses: /^(413|414|431)$/, tag: "RequestTooLarge", reach: "refused" },
  {
    id: "gateway.request",
    statuses: /^(400|405|406|411|415|416|422)$/,
    tag: "InvalidRequest",
    reach: "refused"
  },
  { id: "gateway.paused", statuses: /^540$/, tag: "ProjectPaused", reach: "refused" },
  // What stands before it found nothing to pass the request on to.
  { id: "gateway.no-origin", statuses: /^(521|523|530)$/, tag: "GatewayError", reach: "refused" },
  {
    id: "gateway.no-upstream",
    statuses: /^(502|503)$/,
    tag: "GatewayError",
    reach: "refused",
    words: /name resolution failed|get a peer from the ring-balancer|no healthy upstream/i
  },
  { id: "gateway.trouble", statuses: /^(408|5\d\d)$/, tag: "GatewayError", reach: "unknown" }
]

const statusRule = ({ id, statuses, tag, reach, words }: StatusRow): Rule<Reply, Tag> => ({
  id,
  when: (reply): Conclusion<Tag> | undefined => {
    if (reply.status === null || !statuses.test(String(reply.status))) return undefined
    const text = `${reply.message} ${reply.headers["www-authenticate"] ?? ""}`
    return words === undefined || words.test(text) ? { tag, reach } : undefined
  }
})

/** What a status says where no code says more. */
export const replyRules: ReadonlyArray<Rule<Reply, Tag>> = [...goodReplies, ...statusRows.map(statusRule)]
