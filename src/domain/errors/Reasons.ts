import { DateTime, Schema } from "effect"
import { ProjectId, WorkOrderId } from "../Ids.ts"
import { RepositoryName } from "../Project.ts"
import { Usd, format } from "../Usd.ts"
import { Evidence } from "./Evidence.ts"

/**
 * Reasons that more than one step can meet. A reason says what went wrong with the facts a handler needs,
 * and its message says it in words; what it means (retry? whose fault? what next?) is decided in
 * `policies/`, in one place.
 */

const evidence = Evidence

/** The database did not answer, or the connection broke while it did. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  evidence
}) {
  override get message() {
    return `The database cannot be reached (${this.evidence.operation}): ${this.evidence.excerpt}`
  }
}

/** The row is not what the caller believed: another body under the same id, or an illegal move. */
export class StoreConflict extends Schema.TaggedError<StoreConflict>()("StoreConflict", {
  conflict: Schema.String,
  evidence
}) {
  override get message() {
    return this.conflict
  }
}

export class WorkOrderMissing extends Schema.TaggedError<WorkOrderMissing>()("WorkOrderMissing", {
  id: WorkOrderId
}) {
  override get message() {
    return `There is no work order ${this.id}`
  }
}

/** No order is known to have opened this pull request: it is somebody else's, or its order has not stored it yet. */
export class PullRequestUnrecorded extends Schema.TaggedError<PullRequestUnrecorded>()(
  "PullRequestUnrecorded",
  { repository: RepositoryName, number: Schema.Int }
) {
  override get message() {
    return `No work order is known to have pull request #${this.number} of ${this.repository.owner}/${this.repository.name}`
  }
}

export class ProjectMissing extends Schema.TaggedError<ProjectMissing>()("ProjectMissing", {
  id: ProjectId
}) {
  override get message() {
    return `There is no project ${this.id}`
  }
}

/** The ledger did not answer: nothing may be paid for as long as it is not known what fits. */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>()("LedgerUnavailable", {
  evidence
}) {
  override get message() {
    return `The ledger cannot be reached (${this.evidence.operation}): ${this.evidence.excerpt}`
  }
}

/** The ledger refused, and nothing was changed: the call is wrong, or the reservation is not what the caller believed. */
export class LedgerConflict extends Schema.TaggedError<LedgerConflict>()("LedgerConflict", {
  /**
   * amount: none of micro-dollars; category, work_order: there is no such; reservation: not one of this order, or its
   * id is taken; settled, cancelled, presumed: it is that already; answer: what the ledger said cannot be read.
   */
  problem: Schema.Literals([
    "amount",
    "category",
    "work_order",
    "reservation",
    "settled",
    "cancelled",
    "presumed",
    "answer"
  ]),
  evidence
}) {
  override get message() {
    return `The ledger refused (${this.evidence.operation}): ${this.evidence.excerpt}`
  }
}

const scopes = {
  work_order: "work order",
  project_day: "project's day",
  emergency: "project's emergency ceiling for the day",
  model_day: "model's day in this project"
}

export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  scope: Schema.Literals(["project_day", "work_order", "emergency", "model_day"]),
  requested: Usd,
  limit: Usd,
  settled: Usd,
  reserved: Usd,
  presumed: Usd,
  /** Whose limit it is, where it is a model's. */
  model: Schema.optionalKey(Schema.String),
  resetsAt: Schema.NullOr(Schema.DateTimeUtcFromString)
}) {
  override get message() {
    const resets = this.resetsAt === null ? "" : `; it resets at ${DateTime.formatIso(this.resetsAt)}`
    return (
      `$${format(this.requested)} does not fit in the ${scopes[this.scope]}: of $${format(this.limit)}, ` +
      `$${format(this.settled)} is spent, $${format(this.reserved)} reserved and $${format(this.presumed)} presumed spent` +
      `, so $${format(this.left)} is left${resets}`
    )
  }

  get left(): Usd {
    return Usd.make(Math.max(0, this.limit - this.settled - this.reserved - this.presumed))
  }
}

export class UnknownPrice extends Schema.TaggedError<UnknownPrice>()("UnknownPrice", {
  model: Schema.String,
  /** What to add to the file that MOOSE_PRICES names; missing where no line would help. */
  line: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const add = this.line === undefined ? "" : `; its line for MOOSE_PRICES, to be filled in: ${this.line}`
    return `The price of model ${this.model} is not known, so it may not be asked${add}`
  }
}

export class RemoteUnreachable extends Schema.TaggedError<RemoteUnreachable>()("RemoteUnreachable", {
  remote: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.remote} cannot be reached: ${this.evidence.excerpt}`
  }
}

export class AuthenticationFailed extends Schema.TaggedError<AuthenticationFailed>()("AuthenticationFailed", {
  service: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.service} did not accept the credentials: ${this.evidence.excerpt}`
  }
}

export class PermissionDenied extends Schema.TaggedError<PermissionDenied>()("PermissionDenied", {
  service: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.service} knows who we are and refuses: ${this.evidence.excerpt}`
  }
}

export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  service: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.service} asks us to slow down: ${this.evidence.excerpt}`
  }
}

/** A dependency failed so often that nothing is asked of it for a while. Nothing was sent. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  /** What is left alone: `forge`, `provider:openai/gpt-5`. */
  dependency: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.dependency} is left alone for now: ${this.evidence.excerpt}`
  }
}

export class RepositoryMissing extends Schema.TaggedError<RepositoryMissing>()("RepositoryMissing", {
  repository: Schema.String,
  evidence
}) {
  override get message() {
    return `${this.repository} is not a repository we can see: ${this.evidence.excerpt}`
  }
}

export class BaseBranchMissing extends Schema.TaggedError<BaseBranchMissing>()("BaseBranchMissing", {
  repository: Schema.String,
  branch: Schema.String
}) {
  override get message() {
    return `${this.repository} has no branch ${this.branch}`
  }
}

export class DiskFull extends Schema.TaggedError<DiskFull>()("DiskFull", { path: Schema.String, evidence }) {
  override get message() {
    return `No space is left where ${this.path} should be written`
  }
}

export class RepositoryLocked extends Schema.TaggedError<RepositoryLocked>()("RepositoryLocked", {
  path: Schema.String,
  evidence
}) {
  override get message() {
    return `Another git process holds a lock in ${this.path}: ${this.evidence.excerpt}`
  }
}

/** git is missing, too old, or failed in a way that no rule recognises. */
export class GitFailed extends Schema.TaggedError<GitFailed>()("GitFailed", { evidence }) {
  override get message() {
    const how = this.evidence.exitCode === undefined ? "" : ` (exit ${this.evidence.exitCode})`
    return `${this.evidence.operation} failed${how}: ${this.evidence.excerpt}`
  }
}

/** A program did not end within its limit and was killed. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  operation: Schema.String,
  limitMs: Schema.Int
}) {
  override get message() {
    return `${this.operation} did not end within ${this.limitMs / 1000} s`
  }
}

/**
 * The database refuses to record what a step has done, and would refuse it again. It passes through the journal as a
 * defect, which keeps only its name and its message.
 */
export class ResultRefused extends Schema.TaggedError<ResultRefused>()("ResultRefused", { evidence }) {
  override get message() {
    return this.evidence.excerpt
  }
}

/** A bug, ours or a plug-in's: something failed that its signature does not admit. */
export class UnexpectedDefect extends Schema.TaggedError<UnexpectedDefect>()("UnexpectedDefect", {
  evidence
}) {
  override get message() {
    return `A bug in Moose: ${this.evidence.excerpt}`
  }
}

export class EscalationMissing extends Schema.TaggedError<EscalationMissing>()("EscalationMissing", {
  id: Schema.Int
}) {
  override get message() {
    return `There is no escalation ${this.id}`
  }
}

/** Nobody took in the notice of an escalation, and trying again may help. */
export class ClientManagerUnavailable extends Schema.TaggedError<ClientManagerUnavailable>()(
  "ClientManagerUnavailable",
  { evidence }
) {
  override get message() {
    return `The client manager cannot be reached: ${this.evidence.excerpt}`
  }
}

/** The client manager does not take in such a notice: its address, its credentials or its version are wrong. */
export class ClientManagerRejected extends Schema.TaggedError<ClientManagerRejected>()(
  "ClientManagerRejected",
  { evidence }
) {
  override get message() {
    return `The client manager refuses the notice: ${this.evidence.excerpt}`
  }
}

/** What waits on this machine to be stored could not be written or read. */
export class SpoolFailed extends Schema.TaggedError<SpoolFailed>()("SpoolFailed", {
  path: Schema.String,
  evidence
}) {
  override get message() {
    return `The spool ${this.path} cannot be used: ${this.evidence.excerpt}`
  }
}

/** What the store can answer instead of doing as asked. */
export const storeReasons = [StoreUnavailable, StoreConflict] as const

/** What the ledger can answer instead of doing as asked. */
export const ledgerReasons = [LedgerUnavailable, LedgerConflict] as const

/** What any step can meet, whatever it does. */
export const everyStep = [
  ...storeReasons,
  WorkOrderMissing,
  ProjectMissing,
  TimedOut,
  ResultRefused,
  UnexpectedDefect
] as const

/** What any git command can meet. */
export const gitReasons = [GitFailed, RepositoryLocked, DiskFull, TimedOut] as const

/** What any git command that talks to a remote can meet. */
export const remoteReasons = [
  ...gitReasons,
  RemoteUnreachable,
  AuthenticationFailed,
  RepositoryMissing
] as const
