import { Effect, Layer } from "effect"
import { BranchOccupied, QuarantineEmpty } from "../../domain/errors/PremisesError.ts"
import { ProjectId, Run, WorkOrderId, branchName, branchPrefix, quarantineRef } from "../../domain/Ids.ts"
import { Premises } from "../../services/Premises.ts"
import type { Outside } from "./Outside.ts"

/** Doubles know one project only. */
const project = ProjectId.make("sample")

/** `<order>-<run>`, as the doubles name what an attempt has. */
const attemptOf = (key: string) => ({
  workOrderId: WorkOrderId.make(key.slice(0, key.lastIndexOf("-"))),
  run: Run.make(Number(key.slice(key.lastIndexOf("-") + 1)))
})

/** What lies about in the world of `Outside`. */
export const premises = (outside: Outside) => {
  const kept = () =>
    [...outside.quarantine].map(([key, sha]) => {
      const attempt = attemptOf(key)
      return { project, ...attempt, ref: quarantineRef(attempt.workOrderId, attempt.run), sha, key }
    })
  return Layer.succeed(Premises, {
    look: () =>
      Effect.sync(() => ({
        host: "memory",
        root: "/",
        worktrees: [...outside.worktrees].map((key) => ({
          path: `/worktrees/${key}`,
          project,
          ...attemptOf(key)
        })),
        instructions: [...outside.instructions].map((key) => ({
          path: `/instructions/${key}.md`,
          ...attemptOf(key)
        })),
        branches: [...outside.branches].map(([branch, sha]) => ({
          project,
          branch,
          sha,
          workOrderId: WorkOrderId.make(branch.slice(branchPrefix.length))
        })),
        quarantine: kept().map(({ ref, run, sha, workOrderId }) => ({ project, workOrderId, run, ref, sha })),
        complete: true
      })),
    clearWorktree: ({ workOrderId, run }) =>
      Effect.sync(() => {
        outside.worktrees.delete(`${workOrderId}-${run}`)
        return { gone: true, quarantined: null }
      }),
    remakeBranch: ({ branch, sha }) =>
      Effect.sync(() => {
        if (!outside.branches.has(branch)) outside.branches.set(branch, sha)
        return true
      }),
    restore: Effect.fnUntraced(function* ({ ref }) {
      const found = kept().find((it) => it.ref === ref)
      if (found === undefined) return yield* new QuarantineEmpty({ ref })
      const { key, run, sha, workOrderId } = found
      const branch = branchName(workOrderId)
      const there = outside.branches.get(branch)
      if (there !== undefined && there !== sha) return yield* new BranchOccupied({ branch, found: there })
      outside.branches.set(branch, sha)
      outside.quarantine.delete(key)
      return { workOrderId, run, branch, sha, mirror: "/mirrors/sample.git" }
    }),
    purge: ({ ref, sha }) =>
      Effect.sync(() => {
        const found = kept().find((it) => it.ref === ref && it.sha === sha)
        return found !== undefined && outside.quarantine.delete(found.key)
      })
  })
}
