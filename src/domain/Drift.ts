import { Schema } from "effect"
import { ProjectId, Run, WorkOrderId } from "./Ids.ts"
import { ResourceKind } from "./Resource.ts"
import { Reservation } from "./Spending.ts"

/**
 * remove: it is deleted, nothing in it is worth keeping; quarantine: it is deleted and its commits are kept; restore: it
 * is made again from what is kept; release: the row says that it is gone; adopt: the row says that it is there, and why
 * it stays; note: the row and the timeline say what somebody did; purge: what was in quarantine for long enough goes;
 * presume: it counts as spent; ask: nothing is done, and a person is told once.
 */
export const Repair = Schema.Literals([
  "remove",
  "quarantine",
  "restore",
  "release",
  "adopt",
  "note",
  "purge",
  "presume",
  "ask"
])
export type Repair = typeof Repair.Type

const common = {
  workOrderId: Schema.NullOr(WorkOrderId),
  run: Schema.NullOr(Run),
  project: Schema.NullOr(ProjectId),
  /** The exact name of the thing: a path, a branch, a ref, `table.column`. */
  name: Schema.String,
  /** For how long, in milliseconds, as far as it is known. */
  ageMs: Schema.NullOr(Schema.Int),
  /** What was seen, and what the books say. */
  evidence: Schema.Record(Schema.String, Schema.Json),
  repair: Repair
}

const one = <const Tag extends string>(tag: Tag) => Schema.TaggedStruct(tag, common)

/** A worktree whose run has ended, or that nobody has been at for long. */
export const OrphanWorktree = one("OrphanWorktree")
/** An instruction file whose run has ended, or that nobody has been at for long. */
export const OrphanInstructionFile = one("OrphanInstructionFile")
/** A branch of the mirror that its order, which is over, does not need. */
export const OrphanBranch = one("OrphanBranch")
/** A branch that the books have, and the mirror has not. */
export const MissingBranch = one("MissingBranch")
/** A thing that was about to be made, or taken away, and is not there. */
export const StaleIntent = Schema.TaggedStruct("StaleIntent", { ...common, kind: ResourceKind })
/** A thing that is there, and whose order ended without saying what is to become of it. */
export const UnsettledResource = Schema.TaggedStruct("UnsettledResource", { ...common, kind: ResourceKind })
/** A branch that was pushed, and that the remote has not any more. */
export const MissingRemoteBranch = one("MissingRemoteBranch")
/** A branch that is not at the commit where its order left it. */
export const BranchMovedByPerson = one("BranchMovedByPerson")
/** A pull request of an order's branch that the order does not know of. */
export const UnrecordedPullRequest = one("UnrecordedPullRequest")
/** Somebody merged the pull request. */
export const PullRequestMergedByHand = one("PullRequestMergedByHand")
/** Somebody closed the pull request without merging it. */
export const PullRequestClosedByHand = one("PullRequestClosedByHand")
/** A pull request that the books have, and the forge has not. */
export const MissingPullRequest = one("MissingPullRequest")
/** Something under Moose's home, or a branch called like one of ours, that no order ever said it would make. */
export const UnknownWorktree = one("UnknownWorktree")
export const UnknownInstructionFile = one("UnknownInstructionFile")
export const UnknownBranch = one("UnknownBranch")
export const UnknownRemoteBranch = one("UnknownRemoteBranch")
/** Commits that were in quarantine for as long as they are kept. */
export const ExpiredQuarantine = one("ExpiredQuarantine")
/** Money that is set aside for a call that nobody makes any more. */
export const LeakedReservation = Schema.TaggedStruct("LeakedReservation", {
  ...common,
  reservation: Reservation
})
/** Rows that contradict each other, as no step leaves them. */
export const RowEditedByHand = one("RowEditedByHand")

/** One place where the database, git, the forge and the ledger do not agree. */
export const Drift = Schema.Union([
  OrphanWorktree,
  OrphanInstructionFile,
  OrphanBranch,
  MissingBranch,
  StaleIntent,
  UnsettledResource,
  MissingRemoteBranch,
  BranchMovedByPerson,
  UnrecordedPullRequest,
  PullRequestMergedByHand,
  PullRequestClosedByHand,
  MissingPullRequest,
  UnknownWorktree,
  UnknownInstructionFile,
  UnknownBranch,
  UnknownRemoteBranch,
  ExpiredQuarantine,
  LeakedReservation,
  RowEditedByHand
])
export type Drift = typeof Drift.Type
export type DriftTag = Drift["_tag"]

/** What became of a drift. */
export const DriftOutcome = Schema.Union([
  /** Nothing was asked for. */
  Schema.TaggedStruct("Proposed", {}),
  Schema.TaggedStruct("Repaired", { what: Schema.String }),
  /** A person was told, now or by an earlier pass. */
  Schema.TaggedStruct("Told", {}),
  /** Somebody is at the order, or was quicker; the next pass looks again. */
  Schema.TaggedStruct("Left", { why: Schema.String })
])
export type DriftOutcome = typeof DriftOutcome.Type

/** What one pass found and did. */
export const DriftReport = Schema.Struct({
  at: Schema.DateTimeUtcFromString,
  drifts: Schema.Array(Schema.Struct({ drift: Drift, outcome: DriftOutcome })),
  /** What could not be looked at, and so is not known to agree. */
  unseen: Schema.Array(Schema.Struct({ what: Schema.String, why: Schema.String })),
  /** How many orders were compared. */
  orders: Schema.Int
})
export type DriftReport = typeof DriftReport.Type
