import { type ConditionRow, row, sharedConditions } from "../../../domain/failures/Condition.ts"

const setting = (hint: string): ConditionRow => row("configuration", "configuration", "high", false, hint)
/** Remains of an earlier attempt, or of another program, that somebody must look at. */
const leftover = (hint: string): ConditionRow => row("configuration", "platform", "medium", false, hint)
const refusal = (hint: string): ConditionRow => row("rejected", "task", "medium", false, hint)
const permanent = (hint: string): ConditionRow => row("permanent", "platform", "medium", false, hint)
const passing = (hint: string): ConditionRow => row("transient", "platform", "low", true, hint)
const unclear = (hint: string): ConditionRow => row("ambiguous", "platform", "high", false, hint)

/** What can be the matter with a git command. */
export const conditions = {
  ...sharedConditions,
  ProcessKilled: row(
    "transient",
    "platform",
    "medium",
    true,
    "git was ended from outside, often for lack of memory. Look at what it had done, then repeat."
  ),
  OutOfMemory: row("transient", "platform", "medium", true, "Give the worker more memory if it goes on."),
  InvalidRequest: row("permanent", "platform", "high", false, "git was called wrongly: this is our bug."),

  LockHeld: passing("Another git process works here. Wait; delete the lock file only if none is alive."),
  LockStale: leftover(
    "The process that took the lock is gone: make sure none is alive, then delete the lock file."
  ),
  WorktreeHalfMade: passing("Another process is just making a worktree here; the next try sees all of it."),
  RefMovedMeanwhile: passing("Two processes updated the same reference; the next try sees the new value."),

  PushWaitsForScan: passing("The host still scans the commit; push again when the result is there."),
  PushNotFastForward: row(
    "rejected",
    "platform",
    "medium",
    false,
    "The branch moved on the remote. Fetch, compare, and decide before anything is forced."
  ),
  PushRefused: refusal(
    "The remote refused the push: read its lines, change the commits or the target branch."
  ),
  BranchProtected: refusal(
    "The branch is protected: push to another one, or have its rules let this push through."
  ),
  SecretBlocked: row(
    "rejected",
    "task",
    "critical",
    false,
    "A commit holds a secret: take it out of every commit, and replace the secret."
  ),
  TooLarge: refusal("A file or the whole push is too large for the host: make the change smaller."),
  PushPartial: row(
    "rejected",
    "platform",
    "high",
    false,
    "Some branches were updated and some refused: read every line, and look at each branch on the remote."
  ),
  PushTookEffect: row(
    "ambiguous",
    "platform",
    "medium",
    false,
    "The remote was updated and something failed afterwards: compare the remote branch before repeating."
  ),
  RemoteBranchDeleted: row(
    "permanent",
    "platform",
    "critical",
    false,
    "The push deleted the remote branch, as an empty local reference does. Restore it from a clone or the reflog."
  ),
  RemoteDiskFull: row(
    "configuration",
    "platform",
    "critical",
    false,
    "The remote's disk is full: free space there, then repeat."
  ),
  RemoteUnpackFailed: unclear(
    "The remote could not store the pack and did not say why; its branch is unchanged."
  ),
  RemoteUpdateFailed: unclear("The remote could not update its branch and did not say why; it is unchanged."),
  EmailPrivacyBlocked: setting("Commit with the bot account's no-reply address."),
  WorkflowScopeMissing: setting("Give the token the workflow right, or leave workflow files alone."),
  ShallowClone: setting("The clone is shallow: fetch the rest (--unshallow), then push."),
  UpstreamMissing: setting("Name the remote and the branch to push to or pull from."),

  RepositoryArchived: permanent("The repository is archived: take it off the list of projects."),
  RepositoryHidden: row(
    "ambiguous",
    "configuration",
    "high",
    false,
    "Either the address is wrong or these credentials may not see the repository: check both."
  ),
  RemoteAddressWrong: setting("The address of the remote is wrong: correct it."),
  NotAGitServer: setting(
    "Something that is no git server answers at that address: check it, the proxy and any login page."
  ),
  HostKeyChanged: setting(
    "The host's key is not the known one: verify its fingerprint, then update known_hosts."
  ),
  ServiceRefused: permanent("The host does not accept this request; it will not accept it later either."),

  RefMissing: permanent("The branch, tag or commit does not exist; for a clean-up that is done already."),
  RefExists: leftover("The name is taken: adopt what is there, or choose another name."),
  RefNameConflict: permanent("A branch name cannot be nested under another branch: choose another name."),
  EmptyRepository: permanent("The repository has no commit: make the first one."),
  UnrelatedHistories: permanent("The branches share no commit: check that it is the same repository."),

  NotARepository: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "Check the folder first; then whether .git/HEAD is empty after a crash, and clone again if so."
  ),
  RepositoryCorrupt: permanent("The local repository is damaged: discard it and clone again."),
  RepositoryMisconfigured: setting(
    "git's configuration does not fit this repository: correct the setting it names."
  ),
  FileSystemDenied: setting("The worker may not write there: correct the owner or the permissions."),
  IdentityMissing: setting("Set user.name and user.email for the bot."),
  SigningFailed: setting("Give the bot a signing key, or switch signing off for it."),

  NothingToCommit: row(
    "permanent",
    "task",
    "low",
    false,
    "Nothing was changed; treat it as no change, not as a crash."
  ),
  HookFailed: refusal("A hook in the clone refused: give its output to whoever made the change."),
  DirtyTree: refusal("There are changes that would be lost: commit or discard them first."),
  PathIgnored: refusal(
    "git does not take that path (ignored, in a submodule, behind a link): change the task, or the rule."
  ),
  MergeConflict: refusal("The changes conflict: abort, and do the work again on the new base."),
  PatchFailed: refusal("The patch does not fit: ask for it again, against what is there now."),
  NotMerged: refusal("The branch has commits that are nowhere else: keep them before it is deleted."),
  OperationInProgress: leftover(
    "An earlier merge or rebase was left open: abort it, or make the worktree anew."
  ),
  WorktreeConflict: leftover("The branch or folder belongs to another worktree: remove or prune that one."),
  PathExists: leftover("The folder is there already: remove the remains, or reuse it.")
} as const satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
