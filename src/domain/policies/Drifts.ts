import type { DriftTag } from "../Drift.ts"
import type { Failure } from "../errors/Failure.ts"

/** What a drift means to whoever reads of it. */
export interface DriftMeaning {
  readonly means: string
  /** What follows, said to whoever has to do something; null where the repair is all of it. */
  readonly hint: string | null
  /** How urgent it is where a person has to be told. */
  readonly severity: Failure["severity"]
}

const unknown = (what: string): DriftMeaning => ({
  means: `no order ever said it would make this ${what}`,
  hint: "Is this the right database for this MOOSE_HOME and this repository? Remove it by hand if nobody needs it.",
  severity: "medium"
})

/** Every drift there is: docs/reconciler.md is made of this table. */
export const drifts: Record<DriftTag, DriftMeaning> = {
  OrphanWorktree: { means: "a worktree that nobody works in any more", hint: null, severity: "low" },
  OrphanInstructionFile: {
    means: "an instruction file that no editor reads any more",
    hint: null,
    severity: "low"
  },
  OrphanBranch: {
    means: "a branch of the mirror that its order, which is over, does not need",
    hint: null,
    severity: "low"
  },
  MissingBranch: {
    means: "the books have this branch, the mirror has not",
    hint: null,
    severity: "low"
  },
  StaleIntent: {
    means: "it was about to be made or taken away when its process ended, and is not there",
    hint: null,
    severity: "low"
  },
  UnsettledResource: {
    means: "it is there, and its order ended without saying what is to become of it",
    hint: null,
    severity: "low"
  },
  MissingRemoteBranch: {
    means: "the remote does not have this branch any more",
    hint: null,
    severity: "low"
  },
  BranchMovedByPerson: {
    means: "the branch is not at the commit where its order left it: somebody else pushed",
    hint: "Moose never overwrites it. Go on with that branch by hand, or set it back before the order is tried again.",
    severity: "medium"
  },
  UnrecordedPullRequest: {
    means: "this pull request is the order's, and the order does not know of it",
    hint: null,
    severity: "low"
  },
  PullRequestMergedByHand: { means: "somebody merged the pull request", hint: null, severity: "low" },
  PullRequestClosedByHand: {
    means: "somebody closed the pull request without merging it",
    hint: null,
    severity: "low"
  },
  MissingPullRequest: {
    means: "the books have this pull request, the forge has not",
    hint: "See whether the repository was moved or the forge lost it. Nothing is made in its place.",
    severity: "high"
  },
  UnknownWorktree: unknown("worktree"),
  UnknownInstructionFile: unknown("instruction file"),
  UnknownBranch: unknown("branch of the mirror"),
  UnknownRemoteBranch: {
    means: "no order has this branch, though it is called like one of ours",
    hint: "Another database's worker, or a person, has pushed it. Delete it by hand if nobody needs it.",
    severity: "low"
  },
  ExpiredQuarantine: {
    means: "these commits were in quarantine for as long as they are kept",
    hint: null,
    severity: "low"
  },
  LeakedReservation: {
    means: "money is set aside for a call that nobody makes any more",
    hint: null,
    severity: "low"
  },
  RowEditedByHand: {
    means: "two rows contradict each other, as no step leaves them: one was edited by hand",
    hint: "Nothing is overwritten. Put the row right, or the one it contradicts, whichever is wrong.",
    severity: "high"
  }
}
