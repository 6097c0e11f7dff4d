import { type Answer, hasCode, says } from "../http/Answer.ts"
import { isRecord } from "../http/Json.ts"
import {
  complainsOf,
  concluded,
  type GitHubRule,
  isDelete,
  isForbidden,
  isGraphQl,
  isRefusal,
  refused
} from "./Conclude.ts"

const invalid = /^(?:invalid|missing|custom)$/
const headBlank = /^(?:[^:]{0,30}: )?[^:]{0,80}(?:head sha can't be blank|head ref must be a branch)/i
const headInvalid = (answer: Answer): boolean =>
  complainsOf(answer, "head", invalid) || says(answer, headBlank)
const baseInvalid = (answer: Answer): boolean =>
  complainsOf(answer, "base", invalid) ||
  (says(answer, /base (?:ref must be a branch|is invalid)/i) && !says(answer, headBlank))

/** What GitHub refuses for what is in the request, or for what is there already. Looked at after the server's own faults. */
export const refusalRules: ReadonlyArray<GitHubRule> = [
  {
    id: "exists.pull-request",
    when: (answer) =>
      isRefusal(answer) && says(answer, /a pull request (?:for .{0,300} )?already exists/i)
        ? concluded("PullRequestExists", "happened", answer)
        : undefined
  },
  {
    id: "exists.other",
    when: (answer) =>
      isRefusal(answer) &&
      (hasCode(answer, /^already_exists$/) || says(answer, /\balready (?:exists|been taken)/i))
        ? concluded("AlreadyExists", "unknown", answer)
        : undefined
  },
  {
    id: "pull-request.branch-unknown",
    when: (answer) => {
      if (!isRefusal(answer)) return undefined
      const [head, base] = [headInvalid(answer), baseInvalid(answer)]
      if (head) return refused(base ? "BranchesUnknown" : "HeadUnknown", answer)
      return base ? refused("BaseUnknown", answer) : undefined
    }
  },
  {
    id: "pull-request.nothing-to-merge",
    when: (answer) =>
      isRefusal(answer) && says(answer, /no commits between|no history in common/i)
        ? refused("NothingToMerge", answer)
        : undefined
  },
  {
    id: "reference.missing",
    when: (answer, operation) =>
      isRefusal(answer) && says(answer, /reference does not exist|\bref\b.{0,80}not found/i)
        ? concluded("ReferenceMissing", isDelete(operation) ? "unknown" : "refused", answer)
        : undefined
  },
  {
    id: "merge.raced",
    when: (answer) => {
      if (answer.status !== 405 && answer.status !== 409 && !isRefusal(answer)) return undefined
      if (says(answer, /base branch was modified/i)) return refused("BaseMoved", answer)
      // Whose merge it is that is under way, nobody says: it may be our own.
      return says(answer, /merge (?:is )?already in progress/i)
        ? concluded("BaseMoved", "unknown", answer)
        : undefined
    }
  },
  {
    id: "repository.empty",
    when: (answer) =>
      answer.status === 409 && says(answer, /repository is empty/i)
        ? refused("RepositoryEmpty", answer)
        : undefined
  },
  {
    id: "merge.refused",
    when: (answer) =>
      answer.status === 405 ||
      answer.status === 409 ||
      (isRefusal(answer) &&
        (hasCode(answer, /^(?:stale_data|conflict)$/) ||
          says(
            answer,
            /not mergeable|merge conflict|head (?:branch|sha) (?:was modified|mismatch)|not a fast.forward|required status check|approving review|protected branch|repository rule violations|must be made through a pull request|expected head sha|is in (?:clean|unstable|dirty|draft) st/i
          )))
        ? refused("MergeRefused", answer)
        : undefined
  },
  {
    id: "graphql.server-fault",
    when: (answer) =>
      isGraphQl(answer) &&
      (hasCode(answer, /^(?:internal(?:_\w+)?|service_unavailable|timeout|execution_error|loading)$/) ||
        says(
          answer,
          /something went wrong while executing|timed? ?out|couldn't respond to your request in time/i
        ))
        ? concluded("RemoteServerError", "unknown", answer)
        : undefined
  },
  {
    id: "request.invalid",
    when: (answer) =>
      (answer.status !== null && [400, 406, 411, 413, 414, 415, 416, 417, 431].includes(answer.status)) ||
      (isRefusal(answer) &&
        (hasCode(
          answer,
          /^(?:missing_field|missing|max_node_limit_exceeded|maxnodelimitexceeded|undefinedfield|undefinedtype|argumentliteralsincompatible|argumentnotaccepted|missingrequired\w*|missingnodelimit|variable\w*|parse_?error|graphql_parse_failed|validationerror|resource_limits_exceeded)$/
        ) ||
          says(answer, /invalid request\.|does not match .{0,80}schema|parse error on/i)))
        ? refused("InvalidRequest", answer)
        : undefined
  },
  {
    id: "content.refused",
    when: (answer) =>
      answer.status === 422 || (isGraphQl(answer) && hasCode(answer, /^unprocessable$/))
        ? refused("ValidationFailed", answer)
        : undefined
  },
  {
    id: "status.other",
    when: (answer) =>
      answer.status === null || answer.status < 400 || !answer.documents.some(isRecord)
        ? undefined
        : refused(isForbidden(answer) ? "PermissionDenied" : "InvalidRequest", answer)
  }
]
