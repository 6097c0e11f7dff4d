import { type ConditionRow, row } from "../../../domain/failures/Condition.ts"
import { conditions as git } from "../git/Conditions.ts"

const setting = (hint: string): ConditionRow => row("configuration", "configuration", "high", false, hint)
const refusal = (hint: string): ConditionRow => row("rejected", "task", "medium", false, hint)
const permanent = (hint: string): ConditionRow => row("permanent", "platform", "medium", false, hint)

/** What can be the matter with a gh command; it runs git, so git's conditions are among them. */
export const conditions = {
  ...git,
  ProcessKilled: row(
    "transient",
    "platform",
    "medium",
    true,
    "gh was ended from outside. Look at what it had done, then repeat."
  ),
  Cancelled: row("ambiguous", "platform", "medium", false, "gh was cancelled: look at what it had done."),
  InvalidRequest: permanent("gh was called wrongly: this is our bug."),
  SettingWrong: setting(
    "gh lacks something it was told to use: correct the remote, the branch, the label or the flag it names."
  ),
  BranchNotPushed: setting("Push the branch first, or name it with --head."),

  ChecksPending: row("transient", "provider", "low", true, "Still running; ask again later."),
  ChecksFailed: refusal("A check failed: read its log, and change the work."),
  ChecksMissing: row(
    "ambiguous",
    "provider",
    "low",
    false,
    "No check has reported: either none is set up, or none has started yet."
  ),
  PullRequestExists: permanent(
    "The pull request is there already, perhaps from our own lost reply: adopt it."
  ),
  PullRequestMerged: permanent("The pull request is merged; only what comes after the merge is left to do."),
  PullRequestIncomplete: refusal(
    "The pull request is there, but reviewers, labels or the project were not set: set them on it."
  ),
  HeadNotSeenYet: row(
    "rejected",
    "provider",
    "low",
    true,
    "GitHub does not see the pushed branch yet: check the push, then try again in a few seconds."
  ),
  HeadMoved: refusal("Somebody pushed to the branch meanwhile: look at it again before merging."),
  BaseMoved: row(
    "transient",
    "provider",
    "low",
    true,
    "The base branch moved while merging; the next try sees it."
  ),
  NoCommits: refusal(
    "There is nothing between the branches: no change was made, or head or base is the wrong branch."
  ),
  RuleRefused: refusal("The repository's rules refuse: conflicts, a draft, a missing review or check."),
  RequestInvalid: refusal("GitHub refuses the request as it is: read its message, and correct it."),
  Gone: permanent("It is not there, or is switched off for this repository.")
} as const satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
