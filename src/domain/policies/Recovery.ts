import type { ApplyReason } from "../errors/ApplyError.ts"
import type { GenerationReason } from "../errors/GenerationError.ts"
import type { AnyReason } from "../errors/Failure.ts"
import type { PullRequestReason } from "../errors/PullRequestError.ts"
import type { RoutingReason } from "../errors/RoutingError.ts"
import type { TrackingReason } from "../errors/TrackingError.ts"
import type { StepName } from "../Status.ts"

/** What happens to what an order made when it does not end well. */
export type Rollback = "undo" | "keep"

/**
 * Early steps undo everything (commits are quarantined, never deleted); late steps keep what was paid for,
 * so that a later run publishes it instead of buying it again.
 */
export const rollbackAfter: Record<StepName, Rollback> = {
  routing: "undo",
  generating: "undo",
  applying: "undo",
  creating_pr: "keep",
  tracking: "keep"
}

/** What can be done about a failure before the step is given up. */
export type Action =
  /** The same again, after a delay of the retry table. */
  | "retry"
  /** The next model of the route. */
  | "next_model"
  /** The same model, asked for less. */
  | "smaller_request"
  /** The same model, shown what was wrong. */
  | "repair"
  /** Nothing, until the other side is well again: the order is parked and spends no attempts. */
  | "wait"
  /** Somebody is asked how to go on; the order is suspended meanwhile. */
  | "ask"

/** Who decides how to go on once the actions are spent. */
export type Decider = "system" | "client_manager" | "human"

export interface Row {
  /** In this order, each until it is spent. Then the step fails, and `rollbackAfter` says what is kept. */
  readonly actions: ReadonlyArray<Action>
  readonly decides: Decider
}

/** The reasons that each step can end in. */
export interface ReasonsByStep {
  readonly routing: RoutingReason
  readonly generating: GenerationReason
  readonly applying: ApplyReason
  readonly creating_pr: PullRequestReason
  readonly tracking: TrackingReason
}

export type TagOf<S extends StepName> = ReasonsByStep[S]["_tag"]

/** What an order meets before its step has begun, because it could not be read: nothing can be tried for it. */
export interface UnreadRow {
  readonly decides: Decider
}

/** Reasons that are met nowhere else: a step that reads the order once more is `tracking`. */
type Unread<S extends StepName> = "ProjectMissing" | (S extends "tracking" ? never : "WorkOrderMissing")

const row = (decides: Decider, ...actions: ReadonlyArray<Action>): Row => ({ actions, decides })

/** Somebody has to change something first. */
const human = row("human")
/** The work itself is at fault: whoever ordered it decides. */
const director = row("client_manager")
const again = row("human", "retry")
const againThenWait = row("human", "retry", "wait")
const wait = row("human", "wait")
const repair = row("client_manager", "repair")
const nextModel = row("human", "next_model")

const unread: UnreadRow = { decides: "human" }

/** What is done about the reasons that any step can meet. */
const everyStep = {
  StoreUnavailable: againThenWait,
  StoreConflict: human,
  WorkOrderMissing: unread,
  ProjectMissing: unread,
  // Waited out where it was somebody else that did not answer.
  TimedOut: againThenWait,
  ResultRefused: human,
  UnexpectedDefect: human
} as const

const git = {
  // Repeated only where the evidence says that it may pass: Meaning.ts.
  GitFailed: again,
  RepositoryLocked: again,
  DiskFull: human
} as const

const remote = {
  ...git,
  RemoteUnreachable: againThenWait,
  AuthenticationFailed: human,
  RepositoryMissing: human
} as const

const money = {
  // Until the reset; where that does not help, somebody is asked to raise the limit.
  BudgetExceeded: row("human", "wait", "ask"),
  LedgerUnavailable: againThenWait,
  LedgerConflict: human
} as const

/** What is done about each reason of each step: one row each, and a missing one does not compile. */
export const recovery: {
  readonly [S in StepName]: { readonly [T in TagOf<S>]: T extends Unread<S> ? UnreadRow : Row }
} = {
  routing: {
    ...everyStep,
    ...money,
    ...remote,
    BaseBranchMissing: human,
    PermissionDenied: human,
    EditorMissing: human,
    EditorUnsupported: human,
    RateLimited: againThenWait,
    CircuitOpen: againThenWait,
    ForgeFailed: againThenWait,
    UnknownPrice: human,
    ManagerUnreachable: again,
    ManagerRejected: director,
    NoEligibleModel: human,
    ProjectPaused: wait
  },
  generating: {
    ...everyStep,
    ...remote,
    ...money,
    BaseBranchMissing: human,
    RateLimited: row("human", "retry", "next_model", "wait"),
    ProviderOverloaded: row("human", "retry", "next_model", "wait"),
    ProviderUnavailable: row("human", "retry", "next_model", "wait"),
    // Nothing was asked, so there is nothing to repeat: the next one may be well.
    CircuitOpen: row("human", "next_model", "wait"),
    // A call that hangs is not repeated, because it may have been paid for; an outage may look like that, too.
    TimedOut: row("human", "next_model", "wait"),
    QuotaExhausted: nextModel,
    AuthenticationFailed: nextModel,
    ModelNotFound: nextModel,
    RequestRejected: nextModel,
    ContextWindowExceeded: row("client_manager", "smaller_request", "next_model"),
    OutputTruncated: row("client_manager", "smaller_request", "next_model"),
    // Asking again for what was declined is neither polite nor useful; another model may see it otherwise.
    Refused: row("client_manager", "next_model"),
    MalformedProposal: row("client_manager", "repair", "next_model"),
    // Waited out only when every one of the failures would be.
    ModelsExhausted: row("client_manager", "wait")
  },
  applying: {
    ...everyStep,
    ...remote,
    ...money,
    BaseBranchMissing: human,
    WorktreeFailed: again,
    BranchConflict: human,
    EditorMissing: human,
    EditorUnsupported: human,
    EditorCrashed: again,
    EditorTimedOut: again,
    // The model is shown what was wrong with its change, once; an order that brings its own goes back to its author.
    EditorRejectedEdits: repair,
    ChecksFailed: repair,
    OutOfScopeEdit: repair,
    // Of the model that should mend a change, or that the editor asks.
    RateLimited: againThenWait,
    ProviderOverloaded: againThenWait,
    ProviderUnavailable: againThenWait,
    CircuitOpen: againThenWait,
    QuotaExhausted: human,
    ModelNotFound: human,
    RequestRejected: human,
    // It has proposed the change already, so another model would begin anew: that is for whoever ordered it.
    ContextWindowExceeded: director,
    OutputTruncated: director,
    Refused: director,
    NoChanges: director,
    ChangeTooLarge: director,
    UnsafeEdit: director
  },
  creating_pr: {
    ...everyStep,
    ...remote,
    BaseBranchMissing: human,
    RateLimited: againThenWait,
    CircuitOpen: againThenWait,
    HeadMoved: director,
    PushRejected: row("client_manager", "retry"),
    PushProtected: human,
    SecretBlocked: director,
    PermissionDenied: human,
    NothingToMerge: director,
    // Looked for already: one that is there and is not ours, or that does not show what was pushed.
    PullRequestExists: human,
    PullRequestEnded: director,
    PullRequestUnverified: human,
    ForgeFailed: againThenWait
  },
  tracking: {
    ...everyStep,
    ...git,
    WorkOrderMissing: human,
    // Nobody else is asked here, so that there is nobody to wait for.
    TimedOut: again,
    OutcomeUnknown: human
  }
}

/** What is done about a reason in a step. A reason that the step does not declare is a person's. */
export const recoveryOf = (step: StepName, reason: Pick<AnyReason, "_tag">): Row => {
  const rows: Readonly<Record<string, UnreadRow | Row>> = recovery[step]
  return { actions: [], ...(rows[reason._tag] ?? human) }
}
