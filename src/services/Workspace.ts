import { Context, Schema } from "effect"
import { BranchConflict, ChangeTooLarge, WorktreeFailed } from "../domain/errors/ApplyError.ts"
import { pushReasons } from "../domain/errors/PullRequestError.ts"
import { BaseBranchMissing, DiskFull, gitReasons, remoteReasons } from "../domain/errors/Reasons.ts"
import { Change } from "../domain/Change.ts"
import { Run, Sha, WorkOrderId } from "../domain/Ids.ts"
import { Project } from "../domain/Project.ts"
import { RepositoryPath } from "../domain/Proposal.ts"
import type { Service } from "./Contract.ts"

/** The repository at the commit a change starts from, as much of it as a model is shown. */
export const Snapshot = Schema.Struct({
  baseSha: Sha,
  paths: Schema.Array(RepositoryPath),
  files: Schema.Array(Schema.Struct({ path: RepositoryPath, content: Schema.String }))
})
export type Snapshot = typeof Snapshot.Type

const Attempt = Schema.Struct({ project: Project, workOrderId: WorkOrderId, run: Run })

export const WorkspaceContract = {
  /**
   * Can worktrees of this project be made? Answers what is free where they are; DiskFull when that is less than
   * `Limits.diskFreeBytesMin`.
   */
  ready: {
    input: Schema.Struct({ project: Project }),
    output: Schema.Struct({ freeBytes: Schema.Int }),
    failure: Schema.Union(gitReasons)
  },
  /** Brings the mirror up to date and reads what is in scope at the tip of the base branch. */
  snapshot: {
    input: Schema.Struct({
      project: Project,
      baseBranch: Schema.NonEmptyString,
      filesInScope: Schema.Array(RepositoryPath)
    }),
    output: Snapshot,
    failure: Schema.Union([...remoteReasons, BaseBranchMissing])
  },
  /** Where this attempt's worktree and instruction file are, whether or not they exist. Asks nobody. */
  locate: {
    input: Attempt,
    output: Schema.Struct({ worktree: Schema.String, instructions: Schema.String }),
    failure: Schema.Never
  },
  /** Makes the attempt's worktree at `baseSha`, replacing what a crash may have left, and reads its HEAD back. */
  openWorktree: {
    input: Schema.Struct({ ...Attempt.fields, baseBranch: Schema.NonEmptyString, baseSha: Sha }),
    output: Sha,
    failure: Schema.Union([...remoteReasons, BaseBranchMissing, WorktreeFailed])
  },
  /** Removes the attempt's worktree; answers true once it is really gone. */
  closeWorktree: { input: Attempt, output: Schema.Boolean, failure: Schema.Union(gitReasons) },
  writeInstructions: {
    input: Schema.Struct({ ...Attempt.fields, content: Schema.String }),
    output: Schema.Void,
    failure: Schema.Union([DiskFull, WorktreeFailed])
  },
  /** Removes the attempt's instruction file; answers true once it is really gone. */
  removeInstructions: { input: Attempt, output: Schema.Boolean, failure: Schema.Union(gitReasons) },
  /**
   * Commits what differs in the worktree and points the order's branch at it, unless that branch holds
   * another order's commit. `paths` were edited on purpose and count also where git ignores them. Null when
   * nothing differs.
   */
  commit: {
    input: Schema.Struct({
      ...Attempt.fields,
      branch: Schema.NonEmptyString,
      baseSha: Sha,
      paths: Schema.Array(RepositoryPath),
      message: Schema.NonEmptyString,
      committedAt: Schema.Int
    }),
    output: Schema.NullOr(Change),
    failure: Schema.Union([...gitReasons, BranchConflict, ChangeTooLarge, WorktreeFailed])
  },
  /** What the remote has under the order's branch, read from the remote itself. */
  remoteHead: {
    input: Schema.Struct({ project: Project, branch: Schema.NonEmptyString }),
    output: Schema.NullOr(Sha),
    failure: Schema.Union(remoteReasons)
  },
  /**
   * Pushes the change to its branch, which must still be at `expected` on the remote. A machine that does not have the
   * commit, because another one made it, makes it again from the change's patch.
   */
  push: {
    input: Schema.Struct({
      project: Project,
      baseBranch: Schema.NonEmptyString,
      change: Change,
      expected: Schema.NullOr(Sha)
    }),
    output: Schema.Void,
    failure: Schema.Union([...remoteReasons, ...pushReasons, BaseBranchMissing])
  },
  /** What differs between two commits of the mirror, as a patch. */
  diff: {
    input: Schema.Struct({ project: Project, from: Sha, to: Sha }),
    output: Schema.String,
    failure: Schema.Union(gitReasons)
  },
  /**
   * Removes the order's branch from the mirror. With `quarantine` its tip is kept first, under
   * `refs/moose/quarantine/<order>/<run>`. Answers the tip; where the branch is gone already, what is kept there of
   * this attempt, or null.
   */
  dropBranch: {
    input: Schema.Struct({ ...Attempt.fields, branch: Schema.NonEmptyString, quarantine: Schema.Boolean }),
    output: Schema.NullOr(Sha),
    failure: Schema.Union(gitReasons)
  }
} as const

/** Where changes are made: a mirror per project, a worktree per attempt, never anybody's checkout. */
export class Workspace extends Context.Service<Workspace, Service<typeof WorkspaceContract>>()(
  "moose/services/Workspace"
) {}
