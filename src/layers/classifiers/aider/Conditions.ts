import { type ConditionRow, row, sharedConditions } from "../../../domain/failures/Condition.ts"

const setting = (hint: string): ConditionRow => row("configuration", "configuration", "high", false, hint)
const refusal = (hint: string): ConditionRow => row("rejected", "task", "medium", false, hint)

/**
 * What can be the matter with a run of Aider. Its side effects are edits, and replies that it may be billed for without
 * having heard them; what its model calls cost is settled elsewhere.
 */
export const conditions = {
  ...sharedConditions,
  ProcessKilled: row(
    "transient",
    "platform",
    "medium",
    true,
    "Aider was ended from outside. Rebuild the worktree, then run it again."
  ),
  InvalidRequest: row("permanent", "platform", "high", false, "Aider was called wrongly: this is our bug."),
  SetupWrong: setting(
    "Aider found something wrong with how it was set up before it asked any model: correct that."
  ),
  RepositoryCorrupt: row("permanent", "platform", "medium", false, "The worktree is damaged: make it anew."),
  FileSystemDenied: setting("Aider may not write there: correct the owner or the permissions."),

  KeyMissing: setting("Aider only warns and goes on: set the provider's key before the run."),
  ModelUnknown: setting("The provider does not know the model: correct its name, or choose another."),
  RequestRefused: row(
    "permanent",
    "platform",
    "medium",
    false,
    "The provider does not accept this request for this model: correct the model's settings."
  ),
  ContentRefused: refusal("The provider refused the content: change the task, or use another model."),
  TooLong: row(
    "budget",
    "task",
    "medium",
    false,
    "Too long for the model: send fewer files, or split the task."
  ),
  ProviderOverloaded: row(
    "transient",
    "provider",
    "medium",
    true,
    "The provider is overloaded: wait, or use another model."
  ),
  EmptyReply: row(
    "ambiguous",
    "provider",
    "medium",
    true,
    "The model replied with nothing: look at the balance and the filters, then try once more."
  ),
  NoReply: row(
    "ambiguous",
    "provider",
    "medium",
    false,
    "The model was asked and no reply was recorded: look for the error in the chat history."
  ),

  EditRejected: refusal(
    "The model's edits do not fit the files: ask for smaller ones, against what is there now."
  ),
  EditSkipped: refusal("The model edits a file that may not be edited: change the task."),
  NoEdits: refusal(
    "The model answered without an edit. Exit 0 says nothing: compare the worktree, then rephrase the task."
  ),
  ChecksFailed: refusal("The edits were made, but lint or tests fail: run the checks and decide."),
  CommitFailed: refusal(
    "The edits are in the worktree and were not committed: commit them, or discard the worktree."
  ),
  ShellDeclined: setting("Aider never runs shell commands unasked: install what is missing outside of it."),
  DryRun: setting("Aider was told to change nothing (--dry-run).")
} as const satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
