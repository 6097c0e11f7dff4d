import { Schema } from "effect"
import { Evidence } from "./Evidence.ts"
import { Failure } from "./Failure.ts"
import { ProviderOverloaded, ProviderUnavailable } from "./GenerationError.ts"
import {
  BaseBranchMissing,
  BudgetExceeded,
  CircuitOpen,
  RateLimited,
  everyStep,
  ledgerReasons,
  remoteReasons
} from "./Reasons.ts"

const path = Schema.String
const evidence = Evidence

export class WorktreeFailed extends Schema.TaggedError<WorktreeFailed>()("WorktreeFailed", {
  path,
  evidence
}) {
  override get message() {
    return `The worktree ${this.path} could not be made: ${this.evidence.excerpt}`
  }
}

/** The order's branch exists and holds something that is not ours. */
export class BranchConflict extends Schema.TaggedError<BranchConflict>()("BranchConflict", {
  branch: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `Branch ${this.branch} already holds ${this.found}, which this work order did not make`
  }
}

export class EditorMissing extends Schema.TaggedError<EditorMissing>()("EditorMissing", {
  editor: Schema.String,
  evidence
}) {
  override get message() {
    return `The editor ${this.editor} is not installed: ${this.evidence.excerpt}`
  }
}

export class EditorCrashed extends Schema.TaggedError<EditorCrashed>()("EditorCrashed", {
  editor: Schema.String,
  evidence
}) {
  override get message() {
    return `The editor ${this.editor} crashed: ${this.evidence.excerpt}`
  }
}

export class EditorTimedOut extends Schema.TaggedError<EditorTimedOut>()("EditorTimedOut", {
  editor: Schema.String,
  limitMs: Schema.Int
}) {
  override get message() {
    return `The editor ${this.editor} did not end within ${this.limitMs / 1000} s`
  }
}

/** An edit does not fit the file as it is. `edit` counts from 1. */
export class EditorRejectedEdits extends Schema.TaggedError<EditorRejectedEdits>()("EditorRejectedEdits", {
  edit: Schema.Int,
  path,
  problem: Schema.String
}) {
  override get message() {
    return `Edit ${this.edit} of ${this.path} cannot be applied: ${this.problem}`
  }
}

export class NoChanges extends Schema.TaggedError<NoChanges>()("NoChanges", {}) {
  override get message() {
    return "The edits leave every file as it was"
  }
}

/** The change is longer than a change may be that is stored with its order. In bytes of its patch. */
export class ChangeTooLarge extends Schema.TaggedError<ChangeTooLarge>()("ChangeTooLarge", {
  bytes: Schema.Int,
  limit: Schema.Int
}) {
  override get message() {
    return `The change is a patch of ${this.bytes} bytes, and at most ${this.limit} are allowed`
  }
}

/** A project check failed after the edit. */
export class ChecksFailed extends Schema.TaggedError<ChecksFailed>()("ChecksFailed", {
  check: Schema.String,
  /** The end of what it printed, for the one who mends the change. */
  log: Schema.String,
  evidence
}) {
  override get message() {
    const { exitCode, excerpt } = this.evidence
    const how = exitCode === undefined ? "" : ` (exit ${exitCode})`
    return `The check "${this.check}" fails after the edit${how}${excerpt === "" ? "" : `: ${excerpt}`}`
  }
}

/** An edit would leave the worktree, go through a symbolic link, or touch git's own files. */
export class UnsafeEdit extends Schema.TaggedError<UnsafeEdit>()("UnsafeEdit", { path, why: Schema.String }) {
  override get message() {
    return `Edit of ${this.path} refused: ${this.why}`
  }
}

export class OutOfScopeEdit extends Schema.TaggedError<OutOfScopeEdit>()("OutOfScopeEdit", {
  path,
  scope: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Edit of ${this.path} refused: the work order allows ${this.scope.join(", ")}`
  }
}

/** What an editor can end in. */
export const editorReasons = [
  EditorMissing,
  EditorCrashed,
  EditorTimedOut,
  EditorRejectedEdits,
  UnsafeEdit,
  OutOfScopeEdit,
  NoChanges
] as const

export const ApplyReason = Schema.Union([
  ...everyStep,
  ...remoteReasons,
  ...editorReasons,
  BaseBranchMissing,
  ...ledgerReasons,
  BudgetExceeded,
  WorktreeFailed,
  BranchConflict,
  ChangeTooLarge,
  ChecksFailed,
  RateLimited,
  ProviderOverloaded,
  ProviderUnavailable,
  CircuitOpen
])
export type ApplyReason = typeof ApplyReason.Type

/** Making the change failed. The worktree is gone again; nothing left the machine. */
export class ApplyError extends Schema.TaggedError<ApplyError>()("ApplyError", {
  reason: ApplyReason,
  failure: Failure
}) {
  override get message() {
    return this.reason.message
  }
}
