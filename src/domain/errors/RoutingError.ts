import { Schema } from "effect"
import { ProjectId } from "../Ids.ts"
import { Kind } from "../WorkOrder.ts"
import { EditorMissing, EditorUnsupported } from "./ApplyError.ts"
import { Evidence } from "./Evidence.ts"
import { Failure } from "./Failure.ts"
import { ForgeFailed } from "./PullRequestError.ts"
import {
  BaseBranchMissing,
  BudgetExceeded,
  CircuitOpen,
  PermissionDenied,
  RateLimited,
  UnknownPrice,
  everyStep,
  ledgerReasons,
  remoteReasons
} from "./Reasons.ts"

export class ManagerUnreachable extends Schema.TaggedError<ManagerUnreachable>()("ManagerUnreachable", {
  evidence: Evidence
}) {
  override get message() {
    return `The manager cannot be reached: ${this.evidence.excerpt}`
  }
}

export class ManagerRejected extends Schema.TaggedError<ManagerRejected>()("ManagerRejected", {
  why: Schema.String
}) {
  override get message() {
    return `The manager rejected the work order: ${this.why}`
  }
}

export class NoEligibleModel extends Schema.TaggedError<NoEligibleModel>()("NoEligibleModel", {
  kind: Kind,
  why: Schema.String
}) {
  override get message() {
    return `No model may be asked for a ${this.kind}: ${this.why}`
  }
}

export class ProjectPaused extends Schema.TaggedError<ProjectPaused>()("ProjectPaused", { id: ProjectId }) {
  override get message() {
    return `Project ${this.id} is switched off`
  }
}

/** What a look ahead can find: that a later step could not do its work. */
export const preflightReasons = [
  ...remoteReasons,
  BaseBranchMissing,
  PermissionDenied,
  RateLimited,
  CircuitOpen,
  ForgeFailed,
  EditorMissing,
  EditorUnsupported
] as const

export const RoutingReason = Schema.Union([
  ...everyStep,
  ...preflightReasons,
  ...ledgerReasons,
  BudgetExceeded,
  UnknownPrice,
  ManagerUnreachable,
  ManagerRejected,
  NoEligibleModel,
  ProjectPaused
])
export type RoutingReason = typeof RoutingReason.Type

/** Choosing a model failed. Nothing has been paid or touched. */
export class RoutingError extends Schema.TaggedError<RoutingError>()("RoutingError", {
  reason: RoutingReason,
  failure: Failure
}) {
  override get message() {
    return this.reason.message
  }
}
