import { Context, Schema } from "effect"
import { EditorMissing, EditorUnsupported, askingEditorReasons } from "../domain/errors/ApplyError.ts"
import { TimedOut } from "../domain/errors/Reasons.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import { Proposal, RepositoryPath } from "../domain/Proposal.ts"
import { ModelChoice } from "../domain/Route.ts"
import { SpendCategory, SpendRule } from "../domain/Spending.ts"
import type { Service } from "./Contract.ts"

export const CodeEditorContract = {
  /** Can edits be made at all? Fails when the program that makes them is not there, or not one that can be used. */
  ready: {
    input: Schema.Struct({}),
    output: Schema.Void,
    failure: Schema.Union([EditorMissing, EditorUnsupported, TimedOut])
  },
  /**
   * Makes a proposal's change in a worktree. Refuses by name an edit outside `filesInScope` (empty: anywhere),
   * outside the worktree, through a symbolic link, or into `.git`. Answers the paths it wrote or removed. After a
   * failure nothing outside of the worktree is changed, and the worktree is worth nothing.
   */
  apply: {
    input: Schema.Struct({
      workOrderId: WorkOrderId,
      run: Run,
      /** Names this try within the run: what an editor that asks a model calls its requests by. */
      call: Schema.NonEmptyString,
      category: SpendCategory,
      /** What allows it to be tried. */
      rule: SpendRule,
      /** The model that made the proposal, for an editor that asks one. Null: nobody is asked, and nothing is paid. */
      model: Schema.NullOr(ModelChoice),
      /** Absolute path of the worktree. */
      directory: Schema.NonEmptyString,
      /** Absolute path of the file that tells an outside editor what to do; what it keeps stands beside it, until that is removed. */
      instructions: Schema.NonEmptyString,
      proposal: Proposal,
      filesInScope: Schema.Array(RepositoryPath),
      /** How long an outside editor may take. */
      timeoutMs: Schema.Int
    }),
    output: Schema.Array(RepositoryPath),
    failure: Schema.Union(askingEditorReasons)
  }
} as const

/** Changes files. */
export class CodeEditor extends Context.Service<CodeEditor, Service<typeof CodeEditorContract>>()(
  "moose/services/CodeEditor"
) {}
