import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, type Seen, seen, wasKilled } from "../command/Ended.ts"
import { textRules } from "../command/TextRule.ts"
import { rules as gitRules } from "../Git.ts"
import type { Tag } from "./Conditions.ts"
import { operationName } from "./Operations.ts"
import { calls, network, words } from "./Words.ts"

const rule = (
  id: string,
  when: (what: Seen, operation: string) => Conclusion<Tag> | undefined
): Rule<Ended, Tag> => ({ id, when: (input, operation) => when(seen(input), operationName(operation)) })

const pullRequestLink = /^https?:\/\/\S+\/pull\/\d+$/

/** How it ended, and what it says it did. */
const endings: ReadonlyArray<Rule<Ended, Tag>> = [
  rule("process.killed", (what) =>
    wasKilled(what) ? { tag: "ProcessKilled", reach: "unknown" } : undefined
  ),
  rule("process.missing", ({ exitCode, text }) =>
    exitCode === 127 ||
    exitCode === 126 ||
    /\bgh: (?:command )?not found|spawn gh ENOENT|unable to find git executable/m.test(text)
      ? { tag: "ToolMissing", reach: "refused" }
      : undefined
  ),
  rule("process.cancelled", ({ exitCode }) =>
    exitCode === 2 ? { tag: "Cancelled", reach: "unknown" } : undefined
  ),
  rule("pull-request.exists", ({ text }) =>
    /pull request (?:for branch .* )?already exists/im.test(text)
      ? { tag: "PullRequestExists", reach: "happened" }
      : undefined
  ),
  rule("pull-request.done", ({ text, stdout }, operation) => {
    if (
      /(?:^|\s)(?:Merged|Squashed and merged|Rebased and merged) pull request|was already merged|already queued to merge|will be (?:automatically merged|added to the merge queue)/m.test(
        text
      )
    ) {
      return { tag: "PullRequestMerged", reach: "happened" }
    }
    // gh prints the link as soon as the pull request is made, and then sets reviewers and projects on it.
    return operation.startsWith("pr create") &&
      (stdout.some((line) => pullRequestLink.test(line)) || /pull request update failed/.test(text))
      ? { tag: "PullRequestIncomplete", reach: "happened" }
      : undefined
  }),
  rule("checks.pending", ({ exitCode, text }) =>
    exitCode === 8 ||
    /is still in progress; logs will be available|checks? (?:are|is) still pending/m.test(text)
      ? { tag: "ChecksPending", reach: "refused" }
      : undefined
  ),
  rule("checks.failed", ({ exitCode, stdout, text }, operation) => {
    if (/no (?:required )?checks reported/m.test(text)) return { tag: "ChecksMissing", reach: "refused" }
    return operation.startsWith("pr checks") &&
      exitCode === 1 &&
      (/^Some checks were (?:not successful|cancelled)/m.test(text) ||
        stdout.some((line) => /\t(?:fail|failure|cancel|error)\t|^X\s/.test(line)))
      ? { tag: "ChecksFailed", reach: "refused" }
      : undefined
  })
]

/** Which of git's commands a gh command was running. */
const gitOperation = (operation: string): string => {
  if (/\b(?:clone|fork)\b/.test(operation)) return "clone"
  return /\b(?:create|sync)\b/.test(operation)
    ? "push"
    : /\b(?:checkout|update-branch)\b/.test(operation)
      ? "checkout"
      : "fetch"
}

const throughGit: Rule<Ended, Tag> = {
  id: "git.failed",
  when: (input, raw) => {
    const { text } = seen(input)
    if (!/failed to run git:|^(?:fatal|error): |exit status 128/m.test(text)) return undefined
    const operation = gitOperation(operationName(raw))
    const bareWords: Ended = {
      ...input,
      exitCode: null,
      stdout: "",
      stderr: text.replaceAll("failed to run git: ", "")
    }
    for (const { when } of gitRules) {
      const conclusion = when(bareWords, operation)
      if (conclusion !== undefined) return conclusion
    }
    return undefined
  }
}

/** What is left of a status that came without known words. */
const statuses: ReadonlyArray<Rule<Ended, Tag>> = [
  rule("http.status", ({ text }) => {
    const status = Number(/\bHTTP (\d{3})\b/.exec(text)?.[1] ?? 0)
    if (status === 403) return { tag: "PermissionDenied", reach: "refused" }
    if (status === 409 || status === 422 || status === 405) return { tag: "RequestInvalid", reach: "refused" }
    if (status === 402) return { tag: "QuotaExhausted", reach: "refused" }
    if (status === 408) return { tag: "NetworkTimeout", reach: "unknown" }
    return status >= 400 && status < 500 ? { tag: "Gone", reach: "refused" } : undefined
  }),
  rule("process.auth", ({ exitCode }) =>
    exitCode === 4 ? { tag: "AuthenticationFailed", reach: "refused" } : undefined
  )
]

const text = textRules(operationName)

export const rules: ReadonlyArray<Rule<Ended, Tag>> = [
  ...endings,
  ...text(words),
  ...text(calls),
  throughGit,
  ...text(network),
  ...statuses
]
