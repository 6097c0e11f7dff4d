import { Array, Effect, FileSystem, Layer, Path } from "effect"
import { Change } from "../domain/Change.ts"
import { BranchConflict, ChangeTooLarge, WorktreeFailed } from "../domain/errors/ApplyError.ts"
import * as Evidence from "../domain/errors/Evidence.ts"
import type { GitFailed } from "../domain/errors/Reasons.ts"
import type { Project } from "../domain/Project.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Input } from "../services/Contract.ts"
import { Git } from "../services/Git.ts"
import { Workspace, type WorkspaceContract } from "../services/Workspace.ts"
import { conditions } from "./classifiers/git/Conditions.ts"
import { freeBytes } from "./DiskSpace.ts"
import { fileReason, gitFailed } from "./git/Failures.ts"
import { chooseFiles, choosePaths } from "./git/PromptFiles.ts"
import { keep, kept } from "./git/Quarantine.ts"
import * as HomeLayout from "./HomeLayout.ts"

type In<M extends keyof typeof WorkspaceContract> = Input<typeof WorkspaceContract, M>

/** The trailer of a commit message that says which order made the commit. */
export const workOrderTrailer = "Moose-Work-Order"

const worktreeFailed = (path: string, operation: string, excerpt: string): WorktreeFailed =>
  new WorktreeFailed({ path, evidence: Evidence.make({ operation, excerpt }) })

/** Replaced or removed by a process that took the attempt for its own: the next try has a worktree again. */
const vanished = (path: string, { evidence }: GitFailed): WorktreeFailed => {
  const condition = { tag: "WorktreeHalfMade", ...conditions.WorktreeHalfMade, sideEffect: "none" } as const
  return new WorktreeFailed({ path, evidence: { ...evidence, condition } })
}

/** `Workspace` in a folder of its own, which `HomeLayout` describes. */
export const layer = (options: {
  readonly directory: string
  /** What must be free for work to begin; `Limits.diskFreeBytesMin` when nothing is said. */
  readonly freeBytesMin?: number
}) =>
  Layer.effect(
    Workspace,
    Effect.gen(function* () {
      const git = yield* Git
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = HomeLayout.make(path, options.directory)

      const freeBytesMin = options.freeBytesMin ?? Limits.diskFreeBytesMin

      const mirrorOf = (project: Project) => home.mirrorOf(project.id)

      const placesOf = ({ project, workOrderId, run }: In<"locate">) => ({
        worktree: home.worktreeOf(project.id, workOrderId, run),
        instructions: home.instructionsOf(workOrderId, run)
      })

      const exists = (operation: string, target: string) =>
        Effect.mapError(fs.exists(target), (error) => fileReason(operation, target, error))

      const locate = Effect.fn("Workspace.locate")((input: In<"locate">) => Effect.succeed(placesOf(input)))

      const ready = Effect.fn("Workspace.ready")(function* ({ project }: In<"ready">) {
        const operation = "make a folder for worktrees"
        const directory = home.worktreesOf(project.id)
        yield* fs.makeDirectory(directory, { recursive: true }).pipe(
          // A file system that was mounted read-only after an error looks well until it is written to.
          Effect.andThen(fs.access(directory, { writable: true })),
          Effect.mapError((error) => fileReason(operation, directory, error))
        )
        return { freeBytes: yield* freeBytes(directory, freeBytesMin) }
      })

      const snapshot = Effect.fn("Workspace.snapshot")(function* (input: In<"snapshot">) {
        const { project, baseBranch, filesInScope } = input
        const directory = mirrorOf(project)
        yield* git.initBare({ directory })
        const { remoteUrl } = project.repository
        const sha = yield* git.fetchBranch({ directory, remoteUrl, branch: baseBranch })
        const all = yield* git.listFiles({ directory, sha })
        const read = (file: string) =>
          Effect.map(
            git.readFile({ directory, sha, path: file, bytesMax: Limits.promptFileBytesMax }),
            (content) => (content === null ? [] : [{ path: file, content }])
          )
        return {
          baseSha: sha,
          paths: choosePaths(all, filesInScope),
          files: yield* chooseFiles(all, filesInScope, read)
        }
      })

      const openWorktree = Effect.fn("Workspace.openWorktree")(function* (input: In<"openWorktree">) {
        const { project, baseBranch, baseSha } = input
        const { worktree } = placesOf(input)
        const directory = mirrorOf(project)
        const operation = "git worktree add"
        yield* git.initBare({ directory })
        const add = git.addWorktree({ directory, worktree, sha: baseSha })
        yield* add.pipe(
          // A new mirror, on another machine for example, does not have the commit yet.
          Effect.catchTag("GitFailed", () =>
            Effect.andThen(
              git.fetchBranch({
                directory,
                remoteUrl: project.repository.remoteUrl,
                branch: baseBranch
              }),
              Effect.catchTag(add, "GitFailed", ({ evidence }) =>
                Effect.fail(new WorktreeFailed({ path: worktree, evidence }))
              )
            )
          )
        )
        const head = yield* git.readRef({ directory: worktree, ref: "HEAD" })
        if (head !== baseSha) {
          return yield* Effect.fail(
            worktreeFailed(worktree, operation, `HEAD is ${head ?? "nothing"}, not ${baseSha}`)
          )
        }
        return head
      })

      const closeWorktree = Effect.fn("Workspace.closeWorktree")(function* (input: In<"closeWorktree">) {
        const { worktree } = placesOf(input)
        yield* git.removeWorktree({ directory: mirrorOf(input.project), worktree })
        return !(yield* exists("git worktree remove", worktree))
      })

      const writeInstructions = Effect.fn("Workspace.writeInstructions")(function* (
        input: In<"writeInstructions">
      ) {
        const { instructions } = placesOf(input)
        yield* fs.makeDirectory(path.dirname(instructions), { recursive: true }).pipe(
          Effect.andThen(fs.writeFileString(instructions, input.content)),
          Effect.mapError((error) => {
            const reason = fileReason("write instructions", instructions, error)
            return reason._tag === "DiskFull"
              ? reason
              : new WorktreeFailed({ path: instructions, evidence: reason.evidence })
          })
        )
      })

      const removeInstructions = Effect.fn("Workspace.removeInstructions")(function* (
        input: In<"removeInstructions">
      ) {
        const operation = "remove instructions"
        const { instructions } = placesOf(input)
        for (const target of [instructions, HomeLayout.editorFolderOf(instructions)]) {
          yield* Effect.mapError(fs.remove(target, { recursive: true, force: true }), (error) =>
            fileReason(operation, target, error)
          )
          if (yield* exists(operation, target)) return false
        }
        return true
      })

      /** May this order's branch be made, or moved away from where it is? */
      const checkOwner = Effect.fnUntraced(function* (input: In<"commit">, directory: string, ref: string) {
        const { branch, baseSha, workOrderId } = input
        const found = yield* git.readRef({ directory, ref })
        if (found === null || found === baseSha) return
        const owner = yield* git.trailer({ directory, sha: found, key: workOrderTrailer })
        if (owner !== workOrderId) return yield* Effect.fail(new BranchConflict({ branch, found }))
      })

      const commit = Effect.fn("Workspace.commit")(function* (input: In<"commit">) {
        const { project, branch, baseSha, paths, message, committedAt } = input
        const operation = "git commit"
        const { worktree } = placesOf(input)
        const directory = mirrorOf(project)
        const ref = `refs/heads/${branch}`
        yield* checkOwner(input, directory, ref)
        const made = Effect.gen(function* () {
          // An earlier try of ours, or an editor that commits by itself, may have moved it: all of it is one change.
          if ((yield* git.readRef({ directory: worktree, ref: "HEAD" })) !== baseSha) {
            yield* git.writeRef({ directory: worktree, ref: "HEAD", sha: baseSha })
          }
          return yield* git.commitAll({ worktree, paths, message, committedAt })
        })
        const headSha = yield* Effect.catchTag(made, "GitFailed", (error) =>
          Effect.flatMap(exists(operation, worktree), (there) =>
            Effect.fail(there ? error : vanished(worktree, error))
          )
        )
        if (headSha === null) return null
        const { files, insertions, deletions, patch } = yield* git.diff({
          directory,
          from: baseSha,
          to: headSha
        })
        if (!Array.isReadonlyArrayNonEmpty(files)) {
          return yield* Effect.fail(
            worktreeFailed(worktree, operation, `${headSha} changes no file of ${baseSha}`)
          )
        }
        const bytes = Buffer.byteLength(patch)
        if (bytes > Limits.patchBytesMax) {
          return yield* Effect.fail(new ChangeTooLarge({ bytes, limit: Limits.patchBytesMax }))
        }
        yield* git.writeRef({ directory, ref, sha: headSha })
        return new Change({
          branch,
          baseSha,
          headSha,
          files,
          insertions,
          deletions,
          patch,
          message,
          committedAt
        })
      })

      const remoteHead = Effect.fn("Workspace.remoteHead")(({ project, branch }: In<"remoteHead">) =>
        git.remoteHead({ remoteUrl: project.repository.remoteUrl, branch })
      )

      /** Sees to it that the mirror has the change's commit, which another machine may have made. */
      const rebuild = Effect.fnUntraced(function* ({ project, baseBranch, change }: In<"push">) {
        const directory = mirrorOf(project)
        const { baseSha, headSha, patch, message, committedAt } = change
        yield* git.initBare({ directory })
        if (yield* git.holds({ directory, sha: headSha })) return
        if (!(yield* git.holds({ directory, sha: baseSha }))) {
          const { remoteUrl } = project.repository
          yield* git.fetchBranch({ directory, remoteUrl, branch: baseBranch })
        }
        const made = yield* git.commitPatch({ directory, baseSha, patch, message, committedAt })
        if (made === headSha) return
        const excerpt = `the change's patch makes ${made}, not ${headSha}: another git, or another identity`
        return yield* Effect.fail(gitFailed("git commit-tree", excerpt))
      })

      const push = Effect.fn("Workspace.push")(function* (input: In<"push">) {
        const { project, change, expected } = input
        yield* rebuild(input)
        yield* git.push({
          directory: mirrorOf(project),
          remoteUrl: project.repository.remoteUrl,
          sha: change.headSha,
          branch: change.branch,
          expected
        })
      })

      const dropBranch = Effect.fn("Workspace.dropBranch")(function* (input: In<"dropBranch">) {
        const { project, workOrderId, run, branch, quarantine } = input
        const directory = mirrorOf(project)
        if (!(yield* exists("git update-ref", directory))) return null
        const ref = `refs/heads/${branch}`
        const tip = yield* git.readRef({ directory, ref })
        // Moved there already, by somebody who did not come to say so.
        if (tip === null) return quarantine ? yield* kept(git, directory, { workOrderId, run }) : null
        if (quarantine) yield* keep(git, directory, { workOrderId, run, sha: tip })
        yield* git.writeRef({ directory, ref, sha: null })
        return tip
      })

      const diff = Effect.fn("Workspace.diff")(function* ({ project, from, to }: In<"diff">) {
        const { patch } = yield* git.diff({ directory: mirrorOf(project), from, to })
        return patch
      })

      return Workspace.of({
        ready,
        snapshot,
        locate,
        openWorktree,
        closeWorktree,
        writeInstructions,
        removeInstructions,
        commit,
        remoteHead,
        push,
        diff,
        dropBranch
      })
    })
  )
