import type { Meaning } from "../errors/Failure.ts"
import type { Reason } from "../errors/PipelineError.ts"

const unrecognised = "Unrecognised"

type Row = Meaning

const row = (
  category: Meaning["category"],
  blame: Meaning["blame"],
  severity: Meaning["severity"],
  retryable: boolean,
  sideEffect: Meaning["sideEffect"],
  hint: string
): Row => ({ category, blame, severity, retryable, sideEffect, hint })

/** What each reason means. One row per reason: adding a reason without a row does not compile. */
const rows: Record<Reason["_tag"], Row> = {
  StoreUnavailable: row(
    "transient",
    "platform",
    "high",
    true,
    "possible",
    "Check that the database is up and reachable (moose doctor), then try again."
  ),
  StoreConflict: row(
    "permanent",
    "task",
    "medium",
    false,
    "none",
    "Use another id, or submit exactly the same work order again."
  ),
  WorkOrderMissing: row("permanent", "task", "medium", false, "none", "Look up the id with: moose status"),
  ProjectMissing: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "none",
    "Add it with: moose project add"
  ),
  TimedOut: row(
    "ambiguous",
    "platform",
    "high",
    true,
    "possible",
    "See in the timeline what was slow; submit the order again when that is mended."
  ),
  ResultRefused: row(
    "configuration",
    "platform",
    "critical",
    false,
    "certain",
    "What the step did is done, and only its record is missing: mend what the database refuses, as the excerpt says."
  ),
  UnexpectedDefect: row(
    "permanent",
    "platform",
    "critical",
    false,
    "possible",
    "This is a bug. Report it with the excerpt above."
  ),
  BudgetExceeded: row(
    "budget",
    "budget",
    "medium",
    false,
    "none",
    "Wait for the reset, or raise the limit: moose project set"
  ),
  LedgerUnavailable: row(
    "transient",
    "platform",
    "high",
    true,
    "none",
    "Check that the database is up and reachable (moose doctor); nothing is paid for until then."
  ),
  LedgerConflict: row(
    "permanent",
    "platform",
    "high",
    false,
    "none",
    "This is a bug, or a row of cost_tracking that was changed by hand: compare it with the excerpt above."
  ),
  UnknownPrice: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "none",
    "Choose a model with a known price (MOOSE_MODEL), or add its line to the JSON array in the file that MOOSE_PRICES names: docs/money.md."
  ),
  ManagerUnreachable: row(
    "transient",
    "platform",
    "medium",
    true,
    "none",
    "Check MANAGER_URL, or unset it to route by the built-in rules."
  ),
  ManagerRejected: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Change the work order as the manager says."
  ),
  NoEligibleModel: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "none",
    "Set a key for a provider (OPENAI_API_KEY, ANTHROPIC_API_KEY), or raise the order's limit; moose doctor lists what is in use."
  ),
  ProjectPaused: row(
    "configuration",
    "configuration",
    "low",
    false,
    "none",
    "Switch it on with: moose project set <id> --mode on"
  ),
  RemoteUnreachable: row(
    "transient",
    "platform",
    "high",
    true,
    "possible",
    "Check the network and the remote's address, then submit again."
  ),
  AuthenticationFailed: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Set a valid token or key; moose doctor says which one is in use."
  ),
  PermissionDenied: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Give the token write access to the repository's contents and pull requests."
  ),
  RateLimited: row(
    "transient",
    "provider",
    "low",
    true,
    "none",
    "Nothing to do: it passes by itself. Submit again later."
  ),
  CircuitOpen: row(
    "transient",
    "provider",
    "medium",
    true,
    "none",
    "Nothing to do: it is tried again by itself. The failures before it say what is wrong with it."
  ),
  RepositoryMissing: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Check the repository's address, and that the token may see it."
  ),
  BaseBranchMissing: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "none",
    "Name an existing branch with --base."
  ),
  DiskFull: row(
    "configuration",
    "platform",
    "critical",
    false,
    "none",
    "Free space where MOOSE_HOME is, then submit again."
  ),
  RepositoryLocked: row(
    "transient",
    "platform",
    "medium",
    true,
    "none",
    "If no git process is running, remove the lock file named above."
  ),
  GitFailed: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "possible",
    "Read git's own words above; moose doctor checks the installation."
  ),
  ProviderOverloaded: row(
    "transient",
    "provider",
    "medium",
    true,
    "none",
    "Nothing to do: it passes by itself. Submit again later."
  ),
  ProviderUnavailable: row(
    "transient",
    "provider",
    "high",
    true,
    "possible",
    "Check the provider's status page and OPENAI_BASE_URL, then submit again."
  ),
  QuotaExhausted: row(
    "budget",
    "configuration",
    "high",
    false,
    "none",
    "Add credit to the provider's account, or use another key."
  ),
  ModelNotFound: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "none",
    "Check MOOSE_MODEL against the provider's list of models."
  ),
  ContextWindowExceeded: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Name fewer or smaller files in the order's scope."
  ),
  OutputTruncated: row(
    "rejected",
    "task",
    "medium",
    false,
    "certain",
    "Ask for a smaller change, or split the work order."
  ),
  Refused: row(
    "rejected",
    "task",
    "medium",
    false,
    "certain",
    "Read why the model declined, and reword the work order."
  ),
  RequestRejected: row(
    "permanent",
    "platform",
    "high",
    false,
    "none",
    "The request does not suit this provider; check MOOSE_MODEL and OPENAI_BASE_URL."
  ),
  MalformedProposal: row(
    "rejected",
    "task",
    "medium",
    false,
    "certain",
    "Submit again, or use a more capable model (MOOSE_MODEL)."
  ),
  ModelsExhausted: row(
    "rejected",
    "provider",
    "high",
    false,
    "possible",
    "Read each model's failure above; submit again when one of them can answer."
  ),
  WorktreeFailed: row(
    "permanent",
    "platform",
    "high",
    false,
    "none",
    "Check that MOOSE_HOME is writable; remove the path named above if it is in the way."
  ),
  BranchConflict: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Remove or rename that branch, or submit under another id."
  ),
  ChangeTooLarge: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Split the work order, or leave generated files out of it."
  ),
  EditorMissing: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Install Aider (pipx install aider-chat==0.86.2) or name it with MOOSE_AIDER; unset MOOSE_EDITOR to use the built-in editor."
  ),
  EditorUnsupported: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Install the Aider that is wanted (pipx install aider-chat==0.86.2) and name it with MOOSE_AIDER; unset MOOSE_EDITOR to use the built-in editor."
  ),
  EditorCrashed: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "none",
    "See the excerpt; the worktree has been removed, so submitting again is safe."
  ),
  EditorTimedOut: row(
    "ambiguous",
    "platform",
    "high",
    true,
    "none",
    "Give the order more time, or make it smaller."
  ),
  EditorRejectedEdits: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Correct the edit so that it fits the file at the base branch, and submit again."
  ),
  NoChanges: row(
    "rejected",
    "task",
    "low",
    false,
    "none",
    "The work may be done already; compare the files with what the order asks."
  ),
  ChecksFailed: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Read the check's output above, and correct the edit or the check."
  ),
  UnsafeEdit: row(
    "rejected",
    "task",
    "high",
    false,
    "none",
    "Name files inside the repository by their plain relative path."
  ),
  OutOfScopeEdit: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Add the file to the order's scope (--scope), or leave it alone."
  ),
  HeadMoved: row(
    "rejected",
    "task",
    "high",
    false,
    "none",
    "Look at what was pushed to that branch; keep or remove it, then submit again."
  ),
  PushRejected: row(
    "rejected",
    "task",
    "high",
    false,
    "none",
    "Read the remote's reason; its hooks or rules must allow the push."
  ),
  PushProtected: row(
    "configuration",
    "configuration",
    "high",
    false,
    "none",
    "Allow pushes to branches moose/* in the repository's rules."
  ),
  SecretBlocked: row(
    "rejected",
    "task",
    "critical",
    false,
    "none",
    "Remove the secret from the change, and revoke it if it is real."
  ),
  NothingToMerge: row(
    "rejected",
    "task",
    "low",
    false,
    "none",
    "The base branch may hold the change already."
  ),
  PullRequestExists: row(
    "ambiguous",
    "task",
    "medium",
    false,
    "certain",
    "Look at the pull request that is there; it may be from an earlier try."
  ),
  PullRequestEnded: row(
    "rejected",
    "task",
    "medium",
    false,
    "none",
    "Merged: the work is done. Closed: reopen it and retry, or submit the work as a new order."
  ),
  PullRequestUnverified: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "possible",
    "Look at the branch and its pull request on the forge before submitting again."
  ),
  ForgeFailed: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "possible",
    "Look at the forge's status page, and whether the pull request is there."
  ),
  OutcomeUnknown: row(
    "ambiguous",
    "platform",
    "critical",
    false,
    "possible",
    "The pull request exists; look at it, then mend the record."
  )
}

/**
 * What a reason means. Where a classifier recognised the evidence, what it found decides, because one reason has
 * many causes; else the reason's own row. A failure that nobody recognised keeps the row's cautious answer.
 */
export const meaningOf = (reason: Reason): Meaning => {
  const condition = "evidence" in reason ? reason.evidence.condition : undefined
  if (condition === undefined || condition.tag === unrecognised) return rows[reason._tag]
  const { category, blame, severity, retryable, sideEffect, hint } = condition
  return { category, blame, severity, retryable, sideEffect, hint }
}
