import { Schema } from "effect"
import type { AnyReason } from "../errors/Failure.ts"
import { Reason } from "../errors/PipelineError.ts"

/** The part that failed: one of ours, or the system outside that it talks to. `step` is the body of an added step. */
export const Component = Schema.Literals([
  "store",
  "ledger",
  "manager",
  "git",
  "forge",
  "provider",
  "editor",
  "checks",
  "machine",
  "pipeline",
  "step"
])
export type Component = typeof Component.Type

/** Operations as the layers name them: "git push", "POST /repos/{owner}/{repo}/pulls", "moose.apply_facts". */
const byOperation = (operation: string): Component => {
  if (operation.startsWith("git ")) return "git"
  if (/^(?:start )?aider\b/.test(operation)) return "editor"
  if (operation.startsWith("moose.")) return "store"
  if (/^(?:ask(?:ing)? |call provider:|POST \/(?:chat|responses|messages))/.test(operation)) return "provider"
  if (operation === "POST /route") return "manager"
  return /^(?:call forge|[A-Z]+ \/)/.test(operation) ? "forge" : "pipeline"
}

/** One row per reason: a reason without one does not compile. */
const rows: Record<Reason["_tag"], Component | "as the operation says"> = {
  StoreUnavailable: "store",
  StoreConflict: "store",
  WorkOrderMissing: "store",
  ProjectMissing: "store",
  TimedOut: "as the operation says",
  ResultRefused: "store",
  UnexpectedDefect: "pipeline",
  BudgetExceeded: "ledger",
  LedgerUnavailable: "ledger",
  LedgerConflict: "ledger",
  UnknownPrice: "ledger",
  ManagerUnreachable: "manager",
  ManagerRejected: "manager",
  NoEligibleModel: "manager",
  ProjectPaused: "pipeline",
  RemoteUnreachable: "as the operation says",
  AuthenticationFailed: "as the operation says",
  PermissionDenied: "as the operation says",
  RateLimited: "as the operation says",
  CircuitOpen: "as the operation says",
  RepositoryMissing: "as the operation says",
  BaseBranchMissing: "git",
  DiskFull: "machine",
  RepositoryLocked: "git",
  GitFailed: "git",
  ProviderOverloaded: "provider",
  ProviderUnavailable: "provider",
  QuotaExhausted: "provider",
  ModelNotFound: "provider",
  ContextWindowExceeded: "provider",
  OutputTruncated: "provider",
  Refused: "provider",
  RequestRejected: "provider",
  MalformedProposal: "provider",
  ModelsExhausted: "provider",
  WorktreeFailed: "git",
  BranchConflict: "git",
  ChangeTooLarge: "editor",
  EditorMissing: "editor",
  EditorUnsupported: "editor",
  EditorCrashed: "editor",
  EditorTimedOut: "editor",
  EditorRejectedEdits: "editor",
  NoChanges: "editor",
  ChecksFailed: "checks",
  UnsafeEdit: "editor",
  OutOfScopeEdit: "editor",
  HeadMoved: "forge",
  PushRejected: "forge",
  PushProtected: "forge",
  SecretBlocked: "forge",
  NothingToMerge: "forge",
  PullRequestExists: "forge",
  PullRequestEnded: "forge",
  PullRequestUnverified: "forge",
  ForgeFailed: "forge",
  OutcomeUnknown: "store"
}

const isReason = Schema.is(Reason)
const operationOf = (reason: Reason): string =>
  "operation" in reason ? reason.operation : "evidence" in reason ? reason.evidence.operation : ""

/** Which part a reason is about; an added step's own reasons are about that step. */
export const componentOf = (reason: AnyReason): Component => {
  if (!isReason(reason)) return "step"
  const row = rows[reason._tag]
  if (row !== "as the operation says") return row
  const component = byOperation(operationOf(reason))
  // Whom an editor asks is its model: it is the one that does not take the key, or asks to slow down.
  return component === "editor" && reason._tag !== "TimedOut" ? "provider" : component
}
