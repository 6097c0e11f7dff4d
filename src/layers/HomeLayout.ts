import type { Path } from "effect"
import type { ProjectId, Run, WorkOrderId } from "../domain/Ids.ts"

const folderEnding = ".d"

/** What an outside editor keeps while it works: made and removed with its instruction file. */
export const editorFolderOf = (instructions: string) => `${instructions}${folderEnding}`

/** The instruction file that this is, or that it is the editor's folder of. */
export const instructionsWith = (entry: string) =>
  entry.endsWith(folderEnding) ? entry.slice(0, -folderEnding.length) : entry

/**
 * Where things are below Moose's home: `mirrors/<project>.git` is a bare copy of the repository,
 * `worktrees/<project>/<order>-<run>` a checkout of it, `instructions/<order>-<run>.md` what an outside editor is told,
 * and the folder `<order>-<run>.md.d` beside it what that editor keeps while it works.
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
