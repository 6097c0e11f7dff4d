import { type Answer, hasCode, says } from "../http/Answer.ts"
import {
  concluded,
  type GitHubRule,
  isDelete,
  isForbidden,
  isGraphQl,
  isRefusal,
  refused
} from "./Conclude.ts"

const lacking =
  /must be a collaborator|not accessible (?:by|with)|must have|not permitted|does not have (?:the )?(?:correct )?permission|IP allow list|access restrictions|installation has been suspended|granted the required scopes|administrative rules|not authori[sz]ed|write access to (?:the )?repository|upgrade to github|two-factor|refusing to allow|without permission|not all refs are readable/i
const switchedOff = /(?:are|is|has been) (?:disabled|not allowed|not enabled) (?:for|on|in) th/i
const tooMuch = /\brate limit|abuse detection|submitted too quickly|temporarily (?:blocked|throttled)/i

/** A 403 that means later, not never: the quota is used up, or calls came too fast. */
const isTooMuch = (answer: Answer): boolean =>
  answer.status === 429 ||
  (answer.status === 403 &&
    (answer.headers["retry-after"] !== undefined ||
      answer.headers["x-ratelimit-remaining"] === "0" ||
      answer.body.includes("secondary-rate-limits") ||
      says(answer, tooMuch))) ||
  // Of the content that it turns down GitHub says only this; all else in a 422 is quoted from the request.
  (answer.status === 422 && says(answer, /submitted too quickly/i)) ||
  ((isGraphQl(answer) || answer.status === null) &&
    (hasCode(answer, /^rate_?limit(?:ed)?$/) || says(answer, tooMuch)))

/** Who may do what, and how often. A right that is missing is looked for before a quota: waiting never brings it. */
export const accessRules: ReadonlyArray<GitHubRule> = [
  {
    id: "access.sign-on",
    when: (answer) =>
      (answer.status === 403 || answer.status === 401 || isGraphQl(answer)) &&
      ((answer.headers["x-github-sso"] ?? "").startsWith("required") || says(answer, /\bSAML\b/i))
        ? refused("SsoRequired", answer)
        : undefined
  },
  {
    id: "access.credentials",
    when: (answer) =>
      answer.status === 401 ||
      (answer.status === 403 && says(answer, /login attempts|bad credentials/i)) ||
      (answer.status === null && says(answer, /^(?:bad credentials|requires authentication)/i))
        ? refused("AuthenticationFailed", answer)
        : undefined
  },
  {
    id: "access.proxy",
    when: (answer) =>
      answer.status === 407
        ? { ...refused("ProxyFailure", answer), but: { category: "configuration", retryable: false } }
        : undefined
  },
  {
    id: "repository.closed",
    when: (answer) =>
      answer.status === 451 ||
      ((isForbidden(answer) || isRefusal(answer)) &&
        says(
          answer,
          /\barchived\b|read-only|repository access blocked|repository (?:is|has been) (?:locked|disabled)/i
        ))
        ? refused("RepositoryClosed", answer)
        : undefined
  },
  {
    id: "access.right-missing",
    when: (answer) =>
      (isForbidden(answer) || isRefusal(answer)) &&
      (hasCode(answer, /^(?:insufficient_scopes|fork_collab)$/) || says(answer, lacking))
        ? refused("PermissionDenied", answer)
        : undefined
  },
  {
    id: "later.rate",
    when: (answer) => (isTooMuch(answer) ? concluded("RateLimited", "refused", answer) : undefined)
  },
  {
    id: "access.forbidden",
    when: (answer) => (isForbidden(answer) ? refused("PermissionDenied", answer) : undefined)
  },
  {
    id: "missing.or-hidden",
    when: (answer, operation) =>
      answer.status === 404 || (isGraphQl(answer) && hasCode(answer, /^not_found$/))
        ? concluded("RepositoryMissingOrHidden", isDelete(operation) ? "unknown" : "refused", answer)
        : undefined
  },
  {
    id: "missing.moved",
    when: (answer) =>
      answer.status !== null && [301, 302, 307, 308].includes(answer.status)
        ? refused("AddressMoved", answer)
        : undefined
  },
  {
    id: "missing.switched-off",
    when: (answer) =>
      answer.status === 410 ||
      (isRefusal(answer) && says(answer, switchedOff)) ||
      (answer.status === 405 && says(answer, switchedOff))
        ? refused("FeatureOff", answer)
        : undefined
  }
]
