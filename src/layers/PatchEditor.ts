import { Effect, FileSystem, Layer, Path } from "effect"
import { EditorRejectedEdits, NoChanges } from "../domain/errors/ApplyError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { CodeEditor, type CodeEditorContract } from "../services/CodeEditor.ts"
import type { Input } from "../services/Contract.ts"
import { type NumberedEdit, draftChanges } from "./editor/Drafts.ts"
import { inScope, parse, scopeOf } from "./editor/ScopedPath.ts"
import { swap } from "./editor/Swap.ts"
import { printable } from "./editor/Words.ts"
import { open } from "./editor/Worktree.ts"

/**
 * The built-in editor: makes a proposal's edits itself, in this process. Every edit is checked and computed
 * in memory before the first file is touched, and then all files change or none. It does not read the
 * instruction file.
 */
export const layer: Layer.Layer<CodeEditor, never, FileSystem.FileSystem | Path.Path> = Layer.effect(
  CodeEditor,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path

    const apply = Effect.fn("CodeEditor.apply")(function* ({
      directory,
      filesInScope,
      proposal
    }: Input<typeof CodeEditorContract, "apply">) {
      const excess = proposal.edits[Limits.editsMax]
      if (excess !== undefined) {
        return yield* new EditorRejectedEdits({
          edit: Limits.editsMax + 1,
          path: printable(excess.path),
          problem: `a proposal may have ${Limits.editsMax} edits, this one has ${proposal.edits.length}`
        })
      }
      const worktree = yield* open(fs, path, directory)
      const scope = yield* scopeOf(worktree, filesInScope)
      const edits: Array<NumberedEdit> = []
      for (const [index, edit] of proposal.edits.entries()) {
        const path = yield* parse(edit.path)
        yield* inScope(scope, path)
        edits.push({ number: index + 1, path, edit })
      }
      const changes = yield* draftChanges(worktree, edits)
      if (changes.length === 0) return yield* new NoChanges({})
      yield* swap(worktree, changes)
      return changes.map((change) => change.path).toSorted()
    })

    // It is part of this program.
    const ready = Effect.fn("CodeEditor.ready")(() => Effect.void)

    return CodeEditor.of({ ready, apply })
  })
)
