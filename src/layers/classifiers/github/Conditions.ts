import { type ConditionRow, sharedConditions } from "../../../domain/failures/Condition.ts"

const row = (
  category: ConditionRow["category"],
  blame: ConditionRow["blame"],
  severity: ConditionRow["severity"],
  retryable: boolean,
  hint: string
): ConditionRow => ({ category, blame, severity, retryable, hint })

/** What can be the matter with a call to GitHub. */
export const conditions = {
  ...sharedConditions,
  SsoRequired: row(
    "configuration",
    "configuration",
    "high",
    false,
    "Authorise the token for the organisation: the address is in the x-github-sso header."
  ),
  RepositoryClosed: row(
    "permanent",
    "configuration",
    "medium",
    false,
    "The repository is archived, locked or blocked. Take it off the list, or have it opened."
  ),
  RepositoryEmpty: row("permanent", "configuration", "medium", false, "Push a first commit."),
  RepositoryMissingOrHidden: row(
    "ambiguous",
    "configuration",
    "high",
    false,
    "It does not exist, or the token may not see it; GitHub answers both alike. Check the name, then the token."
  ),
  AddressMoved: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "It was renamed or moved. Put the new address into the project."
  ),
  PullRequestExists: row(
    "permanent",
    "task",
    "low",
    false,
    "Find the open pull request of this branch and adopt it; it may be our own."
  ),
  AlreadyExists: row(
    "permanent",
    "task",
    "medium",
    false,
    "Look at the one that is there: an earlier try may have made it, or somebody else."
  ),
  ReferenceMissing: row(
    "permanent",
    "task",
    "low",
    false,
    "It is gone already, or the path is wrong: heads/<branch>, without refs/."
  ),
  NothingToMerge: row(
    "rejected",
    "task",
    "low",
    false,
    "The branch equals its base: nothing was changed, or it is merged already."
  ),
  HeadUnknown: row(
    "rejected",
    "configuration",
    "medium",
    true,
    "The head branch is not there, or not visible yet: it must have been pushed to this repository."
  ),
  BaseUnknown: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "The base branch is not there: name one that is."
  ),
  BranchesUnknown: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "Neither branch is there: this is not the repository that was pushed to."
  ),
  BaseMoved: row(
    "transient",
    "platform",
    "low",
    true,
    "The base branch moved at that moment; look whether it is merged, then repeat."
  ),
  MergeRefused: row(
    "rejected",
    "task",
    "medium",
    false,
    "A conflict, a moved branch or a rule is in the way. Read which, and settle it first."
  ),
  FeatureOff: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "Switch the feature on in the repository's settings."
  ),
  InvalidRequest: row(
    "permanent",
    "platform",
    "high",
    false,
    "GitHub says that the request itself is wrong. This is a bug here."
  ),
  ValidationFailed: row(
    "rejected",
    "task",
    "medium",
    false,
    "GitHub refused the content. Read its words, and change what they name."
  ),
  CreatedReplyLost: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "It was done, and the answer cannot be read. Look it up and adopt it; do not repeat."
  ),
  NotGitHub: row(
    "configuration",
    "configuration",
    "high",
    false,
    "A page answered in place of the API: a login page of the network, or a wrong address."
  ),
  StreamTruncated: row("transient", "platform", "medium", true, "The answer broke off; ask again."),
  RequestRejected: row(
    "permanent",
    "platform",
    "high",
    false,
    "The request could not even be sent. Check the address; else this is a bug here."
  ),
  Abandoned: row(
    "permanent",
    "platform",
    "medium",
    false,
    "We gave the call up ourselves. Look whether it was done."
  )
} as const satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
