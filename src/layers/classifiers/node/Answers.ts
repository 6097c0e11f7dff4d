import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import type { Tag } from "./Conditions.ts"
import { ruleOf } from "./Kind.ts"
import type { Link, Thrown } from "./Thrown.ts"

/** Clients that throw on a bad status: what it says of itself, when nothing else is known of the other side. */
const statusRule = (id: string, statuses: RegExp, conclusion: Conclusion<Tag>): Rule<Thrown, Tag> => ({
  id,
  when: ({ attempts }) => {
    const has = ({ status }: Link) => status !== null && statuses.test(String(status))
    const enough =
      conclusion.reach === "refused"
        ? attempts.length > 0 && attempts.every((chain) => chain.some(has))
        : attempts.some((chain) => chain.some(has))
    return enough ? conclusion : undefined
  }
})

/** An answer came, and could not be used. Whatever was asked for may have been done. */
export const answerRules: ReadonlyArray<Rule<Thrown, Tag>> = [
  statusRule("node.status.rate", /^429$/, { tag: "RateLimited", reach: "refused" }),
  statusRule("node.status.credentials", /^(401|407)$/, { tag: "AuthenticationFailed", reach: "refused" }),
  statusRule("node.status.forbidden", /^(403|451)$/, { tag: "PermissionDenied", reach: "refused" }),
  statusRule("node.status.quota", /^402$/, { tag: "QuotaExhausted", reach: "refused" }),
  statusRule("node.status.trouble", /^(408|5\d\d)$/, { tag: "RemoteServerError", reach: "unknown" }),
  statusRule("node.status.request", /^[34]\d\d$/, { tag: "InvalidRequest", reach: "refused" }),
  ruleOf({
    id: "node.answer.not-http",
    tag: "ResponseMalformed",
    reach: "unknown",
    looks: [
      { codes: /^(UND_ERR_HEADERS_OVERFLOW|HPE_(?!INVALID_EOF_STATE)\w+)$/ },
      { names: /^(HTTPParserError|HeadersOverflowError)$/ }
    ],
    // The same server will say the same again, unlike a body that was damaged on its way.
    but: { category: "permanent" }
  }),
  ruleOf({
    id: "node.answer.redirects",
    tag: "TooManyRedirects",
    reach: "unknown",
    looks: [
      { codes: /^UND_ERR_REDIRECT_MAX$/ },
      { words: /^(redirect count exceeded|unexpected redirect|max redirects)/ }
    ]
  }),
  ruleOf({
    id: "node.answer.gateway-page",
    tag: "GatewayPage",
    reach: "unknown",
    looks: [
      { words: /^Unexpected token '?<'?[, ]/ },
      {
        words:
          /^Unexpected token '.', "(upstream|Bad Gat|Gateway|Service|Internal|error code|no healthy|stream )/i
      }
    ],
    // It passes by itself like any gateway's trouble, also where the request may have gone through.
    but: { category: "transient" }
  }),
  ruleOf({
    id: "node.answer.not-json",
    tag: "ResponseMalformed",
    reach: "unknown",
    looks: [
      { codes: /^(Z_(?!BUF_ERROR)\w+|ERR_ZLIB_\w+|ERR__ERROR_\w+|ERR_BROTLI_\w+|ERR_ENCODING_\w+)$/ },
      { words: /\bis not valid JSON$|\bin JSON at position\b|^Unexpected (token|end|string|number)\b/ }
    ]
  })
]

/** A mistake in our own code. It may come after the real work was done. */
export const slipRule: Rule<Thrown, Tag> = {
  id: "node.slip",
  when: ({ attempts }) =>
    attempts.some((chain) =>
      chain.some(
        ({ name, code }) =>
          /^(TypeError|ReferenceError|RangeError|SyntaxError|EvalError|URIError|AssertionError|DataCloneError|InvalidStateError|InvalidCharacterError|NotSupportedError)$/.test(
            name
          ) ||
          /^(ERR_ASSERTION|ERR_METHOD_NOT_IMPLEMENTED|ERR_INVALID_STATE|ERR_INVALID_THIS|ERR_STREAM_(WRITE_AFTER_END|ALREADY_FINISHED|NULL_VALUES|PUSH_AFTER_EOF))$/.test(
            code
          )
      )
    )
      ? { tag: "ProgrammingError", reach: "unknown" }
      : undefined
}
