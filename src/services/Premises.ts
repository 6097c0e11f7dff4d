import { Context, Schema } from "effect"
import { QuarantineEmpty, BranchOccupied } from "../domain/errors/PremisesError.ts"
import { gitReasons } from "../domain/errors/Reasons.ts"
import { ProjectId, Run, Sha, WorkOrderId } from "../domain/Ids.ts"
import type { Service } from "./Contract.ts"

const local = Schema.Union(gitReasons)

/** A worktree, or an instruction file with what an editor keeps beside it. The attempt is what its name says, null where it says none. */
const Found = {
  path: Schema.String,
  workOrderId: Schema.NullOr(WorkOrderId),
  run: Schema.NullOr(Run)
}

/** What an attempt left here. */
const Attempt = { project: ProjectId, workOrderId: WorkOrderId, run: Run }

/** Commits that were kept when their branch was removed. */
export const Kept = Schema.Struct({ ...Attempt, ref: Schema.String, sha: Sha })
export type Kept = typeof Kept.Type

export const Inventory = Schema.Struct({
  /** This machine, as rows of `resources` name it, and Moose's home on it; everything here is below that. */
  host: Schema.String,
  root: Schema.String,
  /** `project` is null for a folder that no given project has. */
  worktrees: Schema.Array(Schema.Struct({ ...Found, project: Schema.NullOr(ProjectId) })),
  instructions: Schema.Array(Schema.Struct(Found)),
  /** `moose/wo-*` of each project's mirror, and which order made the commit it is at. */
  branches: Schema.Array(
    Schema.Struct({
      project: ProjectId,
      branch: Schema.String,
      sha: Sha,
      workOrderId: Schema.NullOr(WorkOrderId)
    })
  ),
  quarantine: Schema.Array(Kept),
  /** False where there was more than `Limits.premisesMax` of something: what is not listed may be there. */
  complete: Schema.Boolean
})
export type Inventory = typeof Inventory.Type

export const PremisesContract = {
  /** All there is on this machine of these projects. Changes nothing. */
  look: {
    input: Schema.Struct({ projects: Schema.Array(ProjectId) }),
    output: Inventory,
    failure: local
  },
  /**
   * Removes an attempt's worktree. A commit of the order that is checked out there, and that no branch has, goes into
   * quarantine first. Answers whether the worktree is gone, and the commit.
   */
  clearWorktree: {
    input: Schema.Struct(Attempt),
    output: Schema.Struct({ gone: Schema.Boolean, quarantined: Schema.NullOr(Sha) }),
    failure: local
  },
  /** Makes a branch that is missing at a commit the mirror has. False where it does not have it. */
  remakeBranch: {
    input: Schema.Struct({ project: ProjectId, branch: Schema.NonEmptyString, sha: Sha }),
    output: Schema.Boolean,
    failure: local
  },
  /** Turns what is in quarantine into the order's branch again, and answers that; a branch that is there stays as it is. */
  restore: {
    input: Schema.Struct({ project: ProjectId, ref: Schema.NonEmptyString }),
    output: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      branch: Schema.String,
      sha: Sha,
      /** The repository that the branch is in. */
      mirror: Schema.String
    }),
    failure: Schema.Union([...gitReasons, QuarantineEmpty, BranchOccupied])
  },
  /** Lets go of what is in quarantine, if it is still this commit. Its objects go when git next cleans up. */
  purge: {
    input: Schema.Struct({ project: ProjectId, ref: Schema.NonEmptyString, sha: Sha }),
    output: Schema.Boolean,
    failure: local
  }
} as const

/** Moose's own folder on this machine, seen from outside the orders: what is there, whoever made it. */
export class Premises extends Context.Service<Premises, Service<typeof PremisesContract>>()(
  "moose/services/Premises"
) {}
