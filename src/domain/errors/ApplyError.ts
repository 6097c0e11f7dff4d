import { Schema } from "effect"
import { Evidence } from "./Evidence.ts"
import { Failure } from "./Failure.ts"
import { OutputTruncated, modelReasons } from "./GenerationError.ts"
import {
  BaseBranchMissing,
  BudgetExceeded,
  ResultRefused,
  UnexpectedDefect,
  everyStep,
  gitReasons,
  ledgerReasons,
  remoteReasons,
  storeReasons
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

/** The editor is there, and is not one that Moose can work with: another version, or one that cannot be kept in its worktree. */
export class EditorUnsupported extends Schema.TaggedError<EditorUnsupported>()("EditorUnsupported", {
  editor: Schema.String,
  /** What was found, in its own words; what is wanted is in the evidence. */
  found: Schema.String,
  evidence
}) {
  override get message() {
    return `The editor ${this.editor} cannot be used: ${this.evidence.excerpt}`
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

/** An edit does not fit the file as it is. `edit` counts from 1, and is null where the editor does not say which it was. */
export class EditorRejectedEdits extends Schema.TaggedError<EditorRejectedEdits>()("EditorRejectedEdits", {
  edit: Schema.NullOr(Schema.Int),
  path,
  problem: Schema.String,
  /** How often the editor showed its own model what was wrong, before it gave up. */
  rounds: Schema.optionalKey(Schema.Int)
}) {
  override get message() {
    const which = this.edit === null ? "The edits" : `Edit ${this.edit}`
    const tried = this.rounds === undefined ? "" : ` (its model was shown why ${this.rounds} times)`
    return `${which} of ${this.path} cannot be applied: ${this.problem}${tried}`
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
  EditorUnsupported,
  EditorCrashed,
  EditorTimedOut,
  EditorRejectedEdits,
  UnsafeEdit,
  OutOfScopeEdit,
  NoChanges
] as const

/** And one that asks a model itself, through the gateway, in a worktree that git is asked about. */
export const askingEditorReasons = [
  ...editorReasons,
  ...modelReasons,
  OutputTruncated,
  BudgetExceeded,
  ...ledgerReasons,
  ...storeReasons,
  ...gitReasons,
  ResultRefused,
  UnexpectedDefect
] as const

export const ApplyReason = Schema.Union([
  ...everyStep,
  ...remoteReasons,
  ...askingEditorReasons,
  BaseBranchMissing,
  WorktreeFailed,
  BranchConflict,
  ChangeTooLarge,
  ChecksFailed
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
