import { Clock, Duration, Effect, FileSystem, Layer, Path, type PlatformError, Semaphore } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { EditorCrashed, EditorRejectedEdits, EditorTimedOut } from "../domain/errors/ApplyError.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import { DiskFull } from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { ModelChoice } from "../domain/Route.ts"
import { CodeEditor, type CodeEditorContract } from "../services/CodeEditor.ts"
import type { Input } from "../services/Contract.ts"
import { ModelGateway } from "../services/ModelGateway.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { changesSince, headOf } from "./aider/Changes.ts"
import { editorName, failureOf, verdictOf } from "./aider/Conclude.ts"
import * as Folder from "./aider/Folder.ts"
import { invocation } from "./aider/Invocation.ts"
import * as Look from "./aider/Look.ts"
import * as Notes from "./aider/Notes.ts"
import { divide } from "./aider/Parts.ts"
import { throughGateway } from "./aider/Through.ts"
import { classifier as node } from "./classifiers/Node.ts"
import { conditionOf } from "./classifiers/Condition.ts"
import { inScope, parse, scopeOf } from "./editor/ScopedPath.ts"
import { printable } from "./editor/Words.ts"
import { find, open } from "./editor/Worktree.ts"
import * as GitCommand from "./git/Command.ts"
import { editorFolderOf } from "./HomeLayout.ts"
import * as PatchEditor from "./PatchEditor.ts"
import * as Subprocess from "./Subprocess.ts"

type In = Input<typeof CodeEditorContract, "apply">

const spawning = "start aider"

/** What the disk said while Aider's own folder was made or read. */
const onDisk =
  (operation: string, path: string) =>
  (error: PlatformError.PlatformError): DiskFull | EditorCrashed => {
    const met = conditionOf(node, operation, error)
    const evidence = Evidence.make({ operation, excerpt: error.message, cause: error, ...met })
    return met.condition.tag === "DiskFull"
      ? new DiskFull({ path, evidence })
      : new EditorCrashed({ editor: editorName, evidence })
  }

/**
 * Aider as a child process. It asks its model through the gateway, with a token for this attempt, so that it never
 * has a key and its calls obey the ledger; it writes in its worktree and in a folder of its own beside the instruction
 * file, and nowhere else. A change that nobody has to be asked for, and what Aider's edits cannot say, is made by the
 * built-in editor.
 */
export const layer = (options: { readonly command: string }) =>
  Layer.effect(
    CodeEditor,
    Effect.gen(function* () {
      const context = yield* Effect.context<
        FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner
      >()
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const gateway = yield* ModelGateway
      const journal = yield* StepJournal
      const git = yield* GitCommand.make({})
      const builtIn = yield* CodeEditor.pipe(Effect.provide(PatchEditor.layer))
      const alone = yield* Semaphore.make(1)
      let wellUntil = 0

      const start = (command: Subprocess.Command) => Effect.provide(Subprocess.run(command), context)
      const isFenced = Look.isFenced(fs, options.command)

      const ready = Effect.fn("CodeEditor.ready")(function* () {
        const now = yield* Clock.currentTimeMillis
        if (now < wellUntil) return
        yield* Effect.provide(Look.look(options.command), context)
        wellUntil = now + Duration.toMillis(Limits.editorWell)
      }, alone.withPermit)

      /** Refuses by name what the proposal itself is not allowed, and answers the files that are there to be edited. */
      const filesOf = Effect.fnUntraced(function* ({ directory, proposal, filesInScope }: In) {
        const excess = proposal.edits[Limits.editsMax]
        if (excess !== undefined) {
          const problem = `a proposal may have ${Limits.editsMax} edits, this one has ${proposal.edits.length}`
          return yield* new EditorRejectedEdits({
            edit: Limits.editsMax + 1,
            path: printable(excess.path),
            problem
          })
        }
        const worktree = yield* open(fs, path, directory)
        const scope = yield* scopeOf(worktree, filesInScope)
        const there = new Set<string>()
        for (const edit of proposal.edits) {
          const name = yield* parse(edit.path)
          yield* inScope(scope, name)
          if ((yield* find(worktree, name))._tag === "File") there.add(path.join(worktree.root, name))
        }
        return { root: worktree.root, scope, there: [...there] }
      })

      const readUpTo = (file: string) =>
        Effect.map(
          Effect.orElseSucceed(fs.readFile(file), () => new Uint8Array()),
          (bytes) => Subprocess.text(bytes.subarray(-Limits.editorOutputBytesMax))
        )

      /** One run, from its folder to what differs in the worktree. */
      const runAider = Effect.fnUntraced(function* (input: In, model: ModelChoice) {
        const { workOrderId, run, call, category, rule, instructions, timeoutMs } = input
        const { root, scope, there } = yield* filesOf(input)
        const head = yield* headOf(git, root)
        const own = editorFolderOf(instructions)
        const disk = onDisk(spawning, own)
        const folder = yield* Effect.mapError(Folder.make(fs, path, own, model), disk)
        const putBack = yield* Effect.mapError(Folder.hide(fs, path, root, folder), disk)

        const granted = { workOrderId, run, call, category, rule, model }
        const { account, used: ended } = yield* throughGateway(gateway, granted, (access) => {
          const command = {
            ...invocation({
              command: options.command,
              folder,
              worktree: root,
              instructions,
              model,
              access,
              files: there
            }),
            timeout: Duration.millis(timeoutMs),
            killAfter: Limits.editorKillAfter,
            outputBytesMax: Limits.editorOutputBytesMax,
            keep: "end" as const
          }
          return Notes.told({ journal, at: { workOrderId, run }, token: access.token }, (heard) =>
            Effect.result(start({ ...command, heard }))
          )
        })

        if (ended._tag === "Failure") {
          const { failure } = ended
          switch (failure._tag) {
            case "SubprocessMissing":
              return yield* Look.missing(spawning, failure.message)
            case "SubprocessFailed":
              return yield* new EditorCrashed({
                editor: editorName,
                evidence: Evidence.make({
                  operation: spawning,
                  excerpt: failure.message,
                  cause: failure.cause
                })
              })
            case "SubprocessTimedOut": {
              // It repeats by itself what the gateway refused; then that is what it had no time for.
              const verdict = verdictOf(account, model)
              return yield* verdict?._tag === "BudgetExceeded"
                ? Effect.fail(verdict)
                : new EditorTimedOut({ editor: editorName, limitMs: failure.limitMs })
            }
          }
        }
        yield* Effect.mapError(putBack, disk)
        const changed = yield* changesSince(git, fs, path, root, head).pipe(
          Effect.catchTag("PlatformError", (error) => Effect.fail(disk(error)))
        )
        const refused = (yield* readUpTo(folder.refused)).split("\0").filter((it) => it !== "")
        const failure = failureOf({
          exitCode: ended.success.exitCode,
          signal: ended.success.signal,
          stdout: Subprocess.text(ended.success.stdout),
          stderr: ended.success.stderr,
          analytics: yield* readUpTo(folder.analytics),
          refused,
          relative: (it) => path.relative(root, it),
          account,
          model,
          changed
        })
        if (failure !== undefined) return yield* Effect.fail(failure)
        yield* isFenced(spawning, folder)
        for (const name of changed) yield* inScope(scope, yield* parse(name))
        return changed
      })

      const apply = Effect.fn("CodeEditor.apply")(function* (input: In) {
        const { model, proposal } = input
        if (model === null) return yield* builtIn.apply(input)
        const { asked, byHand } = divide(proposal)
        if (asked === undefined) return yield* builtIn.apply(input)
        const paths = yield* runAider({ ...input, proposal: asked }, model)
        if (byHand === undefined) return paths
        const more = yield* builtIn.apply({ ...input, proposal: byHand })
        return [...new Set([...paths, ...more])].toSorted()
      })

      return CodeEditor.of({ ready, apply })
    })
  )
