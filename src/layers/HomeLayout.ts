import type { Path } from "effect"
import type { ProjectId, Run, WorkOrderId } from "../domain/Ids.ts"

/**
 * Where things are below Moose's home: `mirrors/<project>.git` is a bare copy of the repository,
 * `worktrees/<project>/<order>-<run>` a checkout of it, `instructions/<order>-<run>.md` what an outside editor is told.
 */
export const make = (path: Path.Path, directory: string) => {
  const root = path.resolve(directory)
  const worktrees = path.join(root, "worktrees")
  const instructions = path.join(root, "instructions")
  return {
    root,
    worktrees,
    instructions,
    mirrorOf: (project: ProjectId) => path.join(root, "mirrors", `${project}.git`),
    worktreesOf: (project: ProjectId) => path.join(worktrees, project),
    worktreeOf: (project: ProjectId, workOrderId: WorkOrderId, run: Run) =>
      path.join(worktrees, project, `${workOrderId}-${run}`),
    instructionsOf: (workOrderId: WorkOrderId, run: Run) =>
      path.join(instructions, `${workOrderId}-${run}.md`)
  }
}
export type HomeLayout = ReturnType<typeof make>
