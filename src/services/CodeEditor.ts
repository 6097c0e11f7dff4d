import { Context, Schema } from "effect"
import { EditorMissing, editorReasons } from "../domain/errors/ApplyError.ts"
import { DiskFull } from "../domain/errors/Reasons.ts"
import { Proposal, RepositoryPath } from "../domain/Proposal.ts"
import type { Service } from "./Contract.ts"

export const CodeEditorContract = {
  /** Can edits be made at all? Fails when the program that makes them is not there. */
  ready: { input: Schema.Struct({}), output: Schema.Void, failure: EditorMissing },
  /**
   * Makes a proposal's edits in a worktree, or none of them. Refuses by name an edit outside
   * `filesInScope` (empty: anywhere), outside the worktree, through a symbolic link, or into `.git`.
   * Answers the paths it wrote or removed.
   */
  apply: {
    input: Schema.Struct({
      /** Absolute path of the worktree. */
      directory: Schema.NonEmptyString,
      /** Absolute path of the file that tells an outside editor what to do. */
      instructions: Schema.NonEmptyString,
      proposal: Proposal,
      filesInScope: Schema.Array(RepositoryPath)
    }),
    output: Schema.Array(RepositoryPath),
    failure: Schema.Union([...editorReasons, DiskFull])
  }
} as const

/** Changes files. */
export class CodeEditor extends Context.Service<CodeEditor, Service<typeof CodeEditorContract>>()(
  "moose/services/CodeEditor"
) {}
