import { Effect } from "effect"
import { Change } from "../domain/Change.ts"
import { ApplyError, NoChanges } from "../domain/errors/ApplyError.ts"
import { branchName } from "../domain/Ids.ts"
import type { Proposal } from "../domain/Proposal.ts"
import type { WorkOrder } from "../domain/WorkOrder.ts"
import { CodeEditor } from "../services/CodeEditor.ts"
import { Workspace } from "../services/Workspace.ts"
import * as Acquire from "./Acquire.ts"
import type { Generated } from "./Generating.ts"
import * as Step from "./Step.ts"
import { type At, StepContext, record } from "./StepContext.ts"

/** The commit's message; its trailers are how a commit is known to be this order's. */
const commitMessage = ({ workOrderId, run }: At, proposal: Proposal) =>
  `${proposal.commitMessage.trim()}\n\nMoose-Work-Order: ${workOrderId}\nMoose-Attempt: ${run}\n`

/** What an outside editor is told. */
const instructions = (order: WorkOrder, proposal: Proposal) =>
  [
    `# ${order.title}`,
    order.description,
    ...order.acceptanceCriteria.map((criterion) => `- ${criterion}`),
    "## Proposal",
    proposal.summary,
    "```json",
    JSON.stringify(proposal.edits, null, 2),
    "```"
  ].join("\n\n")

/** Makes the proposal's edits in a worktree of their own and commits them on the order's branch. */
export const applying = Step.make({
  name: "applying",
  success: Change,
  error: ApplyError,
  fail: (fields) => new ApplyError(fields),
  summary: ({ files, insertions, deletions, headSha }) =>
    `${headSha.slice(0, 10)} changes ${files.length} ${files.length === 1 ? "file" : "files"}, +${insertions} -${deletions}`,
  body: Effect.fn("applying")(function* ({ proposal, baseSha }: Generated) {
    const { at, order, project, submittedAt } = yield* StepContext
    const workspace = yield* Workspace
    const editor = yield* CodeEditor
    const attempt = { project, ...at }
    const where = yield* workspace.locate(attempt)

    const worktree = yield* Acquire.intend("worktree", where.worktree)
    yield* Acquire.scoped(worktree, {
      acquire: workspace.openWorktree({ ...attempt, baseBranch: order.baseBranch, baseSha }),
      release: workspace.closeWorktree(attempt)
    })
    const instructionFile = yield* Acquire.intend("instruction_file", where.instructions)
    yield* Acquire.scoped(instructionFile, {
      acquire: workspace.writeInstructions({ ...attempt, content: instructions(order, proposal) }),
      release: workspace.removeInstructions(attempt)
    })

    const paths = yield* editor.apply({
      directory: where.worktree,
      instructions: where.instructions,
      proposal,
      filesInScope: order.filesInScope
    })

    const branch = yield* Acquire.intend("branch", branchName(at.workOrderId))
    const change = yield* Acquire.kept(
      branch,
      workspace
        .commit({
          ...attempt,
          branch: branch.name,
          baseSha,
          paths,
          message: commitMessage(at, proposal),
          committedAt: submittedAt
        })
        .pipe(
          Effect.flatMap((made) => (made === null ? Effect.fail(new NoChanges({})) : Effect.succeed(made)))
        ),
      ({ headSha }) => ({ sha: headSha })
    )
    yield* record({ _tag: "BranchPrepared", branch: branch.name, baseSha, headSha: change.headSha })
    return change
  })
})
