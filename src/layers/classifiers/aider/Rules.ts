import type { Conclusion, Reach, Rule } from "../../../domain/failures/Classified.ts"
import type { Ended } from "../command/Ended.ts"
import type { Tag } from "./Conditions.ts"
import { type Facts, facts, unlessApplied } from "./Facts.ts"

const nothing = unlessApplied("refused")
const perhaps = unlessApplied("unknown")

const rule = (id: string, when: (run: Facts) => Conclusion<Tag> | undefined): Rule<Ended, Tag> => ({
  id,
  when: (input, operation) => when(facts(input, operation))
})

const said = (
  id: string,
  tag: Tag | ((run: Facts) => Tag),
  says: RegExp,
  reach: (run: Facts) => Reach = nothing,
  unless: (run: Facts) => boolean = () => false
): Rule<Ended, Tag> =>
  rule(id, (run) =>
    says.test(run.text) && !unless(run)
      ? { tag: typeof tag === "function" ? tag(run) : tag, reach: reach(run) }
      : undefined
  )

const damaged = /may be corrupt|corrupted\?|sanity check failed/i

/** How the run ended, before any word of it. */
export const endings: ReadonlyArray<Rule<Ended, Tag>> = [
  rule("process.killed", (run) => (run.killed ? { tag: "ProcessKilled", reach: perhaps(run) } : undefined)),
  rule("process.missing", (run) =>
    run.exitCode === 127 ||
    run.exitCode === 126 ||
    /\baider: (?:command )?not found|spawn aider ENOENT|No module named '?(?:aider|litellm|boto3)|Error loading required imports|need to: pip install|Bad git executable/m.test(
      run.text
    )
      ? { tag: "ToolMissing", reach: nothing(run) }
      : undefined
  ),
  said(
    "setup.wrong",
    ({ text }) => (damaged.test(text) ? "RepositoryCorrupt" : "SetupWrong"),
    /it may be corrupt\?|Is your git repo corrupted|Repository sanity check failed|^Unable to (?:read git repository|list files in git repo)|file not found error$|^Message file not found|^Error reading message file|Unable to parse --(?:lint|test)-cmd|parse config file|Unable to open config file|^Configuration error detected|no API keys were provided|without an OpenRouter API key|requires an OpenRouter API key|Error loading aider model settings|Unknown edit format|Unable to create git repo|is a directory(?:, (?:not provided alone|but --no-git))?$|Invalid alias format|No --test-cmd provided|GITHUB_COPILOT_TOKEN|Files are in different git repos|Unable to set up|"reason": ?"(?:Invalid (?:directory|lint|alias)|Directory with|Message file|Unknown edit format|No test command|OpenRouter key)/im
  ),
  rule("process.usage", (run) =>
    /^aider: error: |^usage: aider /m.test(run.text) ? { tag: "InvalidRequest", reach: "refused" } : undefined
  )
]

const denied = /Permission denied|Errno (?:13|1|30)\b|Read-only file system|EACCES|EPERM|EROFS/
const notCommitted = /^Unable to commit: /m
const full = /Errno (?:28|122)\b|No space left on device|Disk quota exceeded/

/** What became of the edits. */
export const edits: ReadonlyArray<Rule<Ended, Tag>> = [
  said(
    "edit.disk",
    ({ text }) => (full.test(text) ? "DiskFull" : "FileSystemDenied"),
    /^(?:OSError|PermissionError): \[Errno|^(?:Exception while updating files|Unable to write file|Unable to create \S+, skipping)/m,
    (run) => (/, skipping edits/.test(run.text) ? nothing(run) : perhaps(run)),
    ({ text }) => !full.test(text) && !denied.test(text) && !/, skipping edits/.test(text)
  ),
  said(
    "edit.kept",
    ({ text }) => (notCommitted.test(text) ? "CommitFailed" : "ChecksFailed"),
    new RegExp(
      `${notCommitted.source}|^Attempt to fix (?:lint|test) errors|^# Fix any errors below|^## Running: `,
      "m"
    ),
    // Lint, tests and the commit come only after an edit; Aider also commits what it found before its own edits.
    (run) => (notCommitted.test(run.text) ? perhaps(run) : "happened")
  )
]

const perMinute = /per[_ -]?minute|PerMinute|\b[TR]PM\b/
const tooOften =
  /\b(?:Router)?RateLimitError|has rate limited you|rate_limit_error|RESOURCE_EXHAUSTED|Too Many Requests/
/** The request was sent, and what became of it over there nobody said: it may have been answered, and billed. */
const unheard = /litellm\.Timeout|APITimeoutError|timed out without returning|\bread ?timed? ?out\b/i
const recovered = (run: Facts): boolean => run.replied && !run.applied

/** What the provider said. Aider prints litellm's exception, its own sentence about it, or both. */
export const provider: ReadonlyArray<Rule<Ended, Tag>> = [
  said(
    "provider.balance",
    "QuotaExhausted",
    /credit balance is too low|insufficient (?:credits|balance|funds)|exceeded your current quota|insufficient_quota|usage limits|BudgetExceededError|Budget has been exceeded|"code": ?402\b|Error code: 402|Payment Required|spend(?:ing)? (?:limit|cap)|billing (?:hard )?limit|credits? (?:exhausted|required|have run out)|requires more credits/i,
    nothing,
    (run) => recovered(run) || perMinute.test(run.text)
  ),
  said(
    "provider.too-long",
    "TooLong",
    /ContextWindowExceededError|has hit a token limit|possibly exhausted context window|possibly exceeded output limit|estimated chat context of|prompt is too long|maximum context length|exceeds? (?:the )?(?:model's )?(?:maximum )?context|context_length_exceeded|input length and `max_tokens` exceed|too many tokens|request too large/i,
    nothing,
    // The log counts a reply that was cut at the limit as one.
    (run) => recovered(run) && !/has hit a token limit/.test(run.text)
  ),
  said(
    "provider.content",
    "ContentRefused",
    /ContentPolicyViolationError|safety policy about the content|content management policy|content[_ ]filter|violat\w+ (?:our|the|usage) polic/i,
    nothing,
    recovered
  ),
  said(
    "provider.untrusted",
    "TlsFailure",
    /CERTIFICATE_VERIFY_FAILED|certificate verify failed|self[- ]signed certificate|SSLCertVerificationError/i,
    nothing,
    recovered
  ),
  said(
    "provider.access",
    ({ text }) =>
      /PermissionDeniedError|Permission was denied|does not have access/.test(text)
        ? "PermissionDenied"
        : "AuthenticationFailed",
    /AuthenticationError|not able to authenticate you|Incorrect API key|invalid x-api-key|API key not valid|api_key client option must be set|PermissionDeniedError|Permission was denied\. Check|No auth credentials found/i,
    nothing,
    recovered
  ),
  said(
    "provider.model",
    "ModelUnknown",
    /\bNotFoundError|LLM Provider NOT provided|model[_ ]not[_ ]found|not a valid model ID|no (?:endpoints|allowed providers) (?:found|are available)|(?:unknown|invalid|unsupported) model\b|model .{1,80}(?:does not exist|not found|is not supported)/i,
    nothing,
    recovered
  ),
  said(
    "provider.busy",
    ({ text }) => (tooOften.test(text) ? "RateLimited" : "ProviderOverloaded"),
    new RegExp(
      `${tooOften.source}|overloaded_error|\\bOverloaded\\b|(?:ServiceUnavailable|InternalServer|BadGateway)Error|servers are down or overloaded|is down, overloaded or rate`
    ),
    nothing,
    recovered
  ),
  said(
    "provider.network",
    ({ text }) => (/Timeout|timed out/.test(text) ? "NetworkTimeout" : "NetworkUnreachable"),
    /litellm\.Timeout|APITimeoutError|timed out without returning|APIConnectionError|^Connection error\.|litellm\.APIError/m,
    (run) => (unheard.test(run.text) ? perhaps(run) : nothing(run)),
    (run) => recovered(run) || /\b4(?:0[0-79]|1\d|2[0-8])\b.*(?:error|bad request)/i.test(run.text)
  ),
  said(
    "provider.request",
    "RequestRefused",
    /(?:BadRequest|UnsupportedParams|UnprocessableEntity|InvalidRequest|ImageFetch)Error|invalid_request_error/,
    nothing,
    recovered
  ),
  said(
    "provider.unreadable",
    "ResponseMalformed",
    /(?:APIResponseValidation|JSONSchemaValidation|OpenAI|AzureOpenAI)Error\b|No data found in LLM response/,
    nothing,
    recovered
  )
]

const ran = ({ exitCode }: Facts): boolean => exitCode === 0 || exitCode === null

const skipped = /^Skipping /m

/** What the reply was worth. */
export const replies: ReadonlyArray<Rule<Ended, Tag>> = [
  said(
    "edit.rejected",
    ({ text }) => (skipped.test(text) ? "EditSkipped" : "EditRejected"),
    /^Skipping (?:edits to )?\S.* that (?:matches (?:gitignore|aiderignore) spec|is not a normal file)|^Skipping edits to |did not conform to the edit format|SearchReplaceNoExactMatch|SEARCH\/REPLACE blocks? failed to match|UnifiedDiffNo(?:Match|tUnique)|hunks? failed to apply|Expected `>>>>>>> REPLACE`|No filename provided before|Error parsing patch|^Only \d+ reflections allowed|Malformed|bad (?:filename|path) .*edit/m
  ),
  rule("edit.not-by-setting", (run) => {
    if (/^Run shell commands?\?.*: n(?:o)?$/im.test(run.text))
      return { tag: "ShellDeclined", reach: nothing(run) }
    return /^Did not apply edit to .*--dry-run/m.test(run.text) && !run.applied
      ? { tag: "DryRun", reach: "refused" }
      : undefined
  }),
  rule("reply.worthless", (run) => {
    if (!ran(run) || run.applied) return undefined
    // Aider counts an empty reply as one, too.
    if (/^Empty response received from LLM/m.test(run.text)) return { tag: "EmptyReply", reach: "refused" }
    if (run.replied) return { tag: "NoEdits", reach: "refused" }
    return run.unanswered ? { tag: "NoReply", reach: "refused" } : undefined
  }),
  // Nothing known went wrong, but the edits are there.
  rule("edit.applied", (run) => (run.applied ? { tag: "OutcomeUnknown", reach: "happened" } : undefined)),
  // A warning, and only the matter when nothing else is.
  said("setup.key", "KeyMissing", /^- \w+: Not set$/m)
]
