import { hostname } from "node:os"
import { Effect, FileSystem, Layer, Option, Path, Schema } from "effect"
import { BranchOccupied, QuarantineEmpty } from "../domain/errors/PremisesError.ts"
import { type ProjectId, Run, WorkOrderId, branchName, branchPrefix } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Input } from "../services/Contract.ts"
import { Git } from "../services/Git.ts"
import { Premises, type PremisesContract } from "../services/Premises.ts"
import { fileReason } from "./git/Failures.ts"
import { attemptOf, keep, quarantinePrefix } from "./git/Quarantine.ts"
import * as HomeLayout from "./HomeLayout.ts"
import { workOrderTrailer } from "./WorktreeWorkspace.ts"

type In<M extends keyof typeof PremisesContract> = Input<typeof PremisesContract, M>

const heads = "refs/heads/"

const isOrder = Schema.is(WorkOrderId)
const isRun = Schema.is(Run)

/** `<order>-<run>`, as worktrees and instruction files are called. */
const attemptIn = (name: string) => {
  const dash = name.lastIndexOf("-")
  const workOrderId = name.slice(0, dash)
  const run = Number(name.slice(dash + 1))
  return isOrder(workOrderId) && isRun(run) ? { workOrderId, run } : { workOrderId: null, run: null }
}

/** `Premises` in the folder that `WorktreeWorkspace` works in. */
export const layer = (options: { readonly directory: string }) =>
  Layer.effect(
    Premises,
    Effect.gen(function* () {
      const git = yield* Git
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = HomeLayout.make(path, options.directory)

      const exists = (operation: string, target: string) =>
        Effect.mapError(fs.exists(target), (error) => fileReason(operation, target, error))

      /** What a folder holds, in order; nothing when it is not there. */
      const entries = Effect.fnUntraced(function* (directory: string) {
        const operation = "list a folder"
        if (!(yield* exists(operation, directory))) return []
        const found = yield* Effect.mapError(fs.readDirectory(directory), (error) =>
          fileReason(operation, directory, error)
        )
        return found.toSorted()
      })

      const refsOf = Effect.fnUntraced(function* (project: ProjectId, prefix: string) {
        const directory = home.mirrorOf(project)
        if (!(yield* exists("git for-each-ref", directory))) return []
        return yield* git.listRefs({ directory, prefix })
      })

      const ownerOf = (project: ProjectId, sha: In<"purge">["sha"]) =>
        Effect.map(git.trailer({ directory: home.mirrorOf(project), sha, key: workOrderTrailer }), (owner) =>
          isOrder(owner) ? owner : null
        )

      const look = Effect.fn("Premises.look")(function* ({ projects }: In<"look">) {
        const folders = yield* entries(home.worktrees)
        const worktrees = yield* Effect.forEach(folders, (folder) =>
          Effect.map(entries(path.join(home.worktrees, folder)), (names) => {
            const project = projects.find((id) => id === folder) ?? null
            return names.map((name) => ({
              path: path.join(home.worktrees, folder, name),
              project,
              ...attemptIn(name)
            }))
          })
        )
        // What an editor keeps beside its instruction file is part of that: with it or left alone, one thing.
        const told = new Set((yield* entries(home.instructions)).map(HomeLayout.instructionsWith))
        const instructions = [...told].map((name) => ({
          path: path.join(home.instructions, name),
          ...attemptIn(name.replace(/\.md$/, ""))
        }))
        const branches = yield* Effect.forEach(projects, (project) =>
          Effect.map(refsOf(project, `${heads}${branchPrefix}`), (refs) =>
            refs.map(({ ref, sha }) => ({ project, branch: ref.slice(heads.length), sha }))
          )
        )
        const quarantine = yield* Effect.forEach(projects, (project) =>
          Effect.map(refsOf(project, quarantinePrefix), (refs) =>
            refs.flatMap(({ ref, sha }) => {
              const attempt = attemptOf(ref)
              return attempt === undefined ? [] : [{ project, ...attempt, ref, sha }]
            })
          )
        )
        const all = { worktrees: worktrees.flat(), branches: branches.flat(), quarantine: quarantine.flat() }
        const some = <A>(list: ReadonlyArray<A>) => list.slice(0, Limits.premisesMax)
        return {
          host: hostname(),
          root: `${home.root}${path.sep}`,
          worktrees: some(all.worktrees),
          instructions: some(instructions),
          branches: yield* Effect.forEach(some(all.branches), (it) =>
            Effect.map(ownerOf(it.project, it.sha), (workOrderId) => ({ ...it, workOrderId }))
          ),
          quarantine: some(all.quarantine),
          complete: [...Object.values(all), instructions].every(({ length }) => length <= Limits.premisesMax)
        }
      })

      /** The commit of this order that a worktree is at, and that no ref has. */
      const unkept = Effect.fnUntraced(function* ({ project, workOrderId, run }: In<"clearWorktree">) {
        const worktree = home.worktreeOf(project, workOrderId, run)
        if (!(yield* exists("git rev-parse", worktree))) return null
        // One that is no repository any more, because its making or its removal was cut short, has no commit.
        const head = yield* Effect.option(git.readRef({ directory: worktree, ref: "HEAD" }))
        if (Option.isNone(head) || head.value === null) return null
        if ((yield* ownerOf(project, head.value)) !== workOrderId) return null
        const kept = (yield* refsOf(project, "refs/")).some(({ sha }) => sha === head.value)
        return kept ? null : head.value
      })

      const clearWorktree = Effect.fn("Premises.clearWorktree")(function* (input: In<"clearWorktree">) {
        const { project, workOrderId, run } = input
        const directory = home.mirrorOf(project)
        const worktree = home.worktreeOf(project, workOrderId, run)
        const sha = yield* unkept(input)
        if (sha !== null) yield* keep(git, directory, { workOrderId, run, sha })
        yield* git.removeWorktree({ directory, worktree })
        return { gone: !(yield* exists("git worktree remove", worktree)), quarantined: sha }
      })

      const remakeBranch = Effect.fn("Premises.remakeBranch")(function* (input: In<"remakeBranch">) {
        const { project, branch, sha } = input
        const directory = home.mirrorOf(project)
        if (!(yield* exists("git update-ref", directory))) return false
        if (!(yield* git.holds({ directory, sha }))) return false
        const ref = `${heads}${branch}`
        if ((yield* git.readRef({ directory, ref })) === null) yield* git.writeRef({ directory, ref, sha })
        return true
      })

      const restore = Effect.fn("Premises.restore")(function* ({ project, ref }: In<"restore">) {
        const directory = home.mirrorOf(project)
        const attempt = attemptOf(ref)
        const there = attempt !== undefined && (yield* exists("git update-ref", directory))
        const sha = there ? yield* git.readRef({ directory, ref }) : null
        if (attempt === undefined || sha === null) return yield* new QuarantineEmpty({ ref })
        const branch = branchName(attempt.workOrderId)
        const found = yield* git.readRef({ directory, ref: `${heads}${branch}` })
        if (found !== null && found !== sha) return yield* new BranchOccupied({ branch, found })
        yield* git.writeRef({ directory, ref: `${heads}${branch}`, sha })
        yield* git.writeRef({ directory, ref, sha: null })
        return { ...attempt, branch, sha, mirror: directory }
      })

      const purge = Effect.fn("Premises.purge")(function* ({ project, ref, sha }: In<"purge">) {
        const directory = home.mirrorOf(project)
        if (attemptOf(ref) === undefined || (yield* git.readRef({ directory, ref })) !== sha) return false
        yield* git.writeRef({ directory, ref, sha: null })
        return true
      })

      return Premises.of({ look, clearWorktree, remakeBranch, restore, purge })
    })
  )
