import { Duration, Effect, Schema } from "effect"
import { Change } from "../domain/Change.ts"
import { providerOf, remoteOf } from "../domain/Dependency.ts"
import { ApplyError, ChecksFailed, NoChanges } from "../domain/errors/ApplyError.ts"
import { OneModelFailure, ProviderOverloaded, ProviderUnavailable } from "../domain/errors/GenerationError.ts"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { CircuitOpen, RateLimited, TimedOut } from "../domain/errors/Reasons.ts"
import { branchName } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Proposal } from "../domain/Proposal.ts"
import { Checks } from "../services/Checks.ts"
import { whileHeld } from "../services/Claim.ts"
import { CodeEditor } from "../services/CodeEditor.ts"
import { Incidents } from "../services/Incidents.ts"
import { Workspace } from "../services/Workspace.ts"
import * as Acquire from "./Acquire.ts"
import { askModel } from "./AskModel.ts"
import type { Generated } from "./Generating.ts"
import { goesOn, mayGoOn } from "./GoingOn.ts"
import * as Prompt from "./Prompt.ts"
import * as Step from "./Step.ts"
import { type At, StepContext, record } from "./StepContext.ts"

/** The commit's message; its trailers are how a commit is known to be this order's. */
const commitMessage = ({ workOrderId, run }: At, proposal: Proposal) =>
  `${proposal.commitMessage.trim()}\n\nMoose-Work-Order: ${workOrderId}\nMoose-Attempt: ${run}\n`

const isOneModelFailure = Schema.is(OneModelFailure)
/** The model may be able to help later. */
const isPassing = Schema.is(
  Schema.Union([RateLimited, ProviderOverloaded, ProviderUnavailable, CircuitOpen, TimedOut])
)

/** What was made, and the proposal it was made from: the given one, or the one that mended it. */
export const Applied = Schema.Struct({ change: Change, proposal: Proposal })

/** One try: a worktree of its own, the edits, the project's checks, the commit. */
const tryProposal = Effect.fnUntraced(function* (
  { proposal, baseSha, model }: Generated,
  category: "applying" | "repair"
) {
  const { at, order, project, submittedAt, attempt: number, waits } = yield* StepContext
  const workspace = yield* Workspace
  const editor = yield* CodeEditor
  const checks = yield* Checks
  const attempt = { project, ...at }
  const where = yield* workspace.locate(attempt)

  const worktree = yield* Acquire.intend("worktree", where.worktree)
  yield* Acquire.scoped(worktree, {
    acquire: workspace.openWorktree({ ...attempt, baseBranch: order.baseBranch, baseSha }),
    release: workspace.closeWorktree(attempt)
  })
  const instructionFile = yield* Acquire.intend("instruction_file", where.instructions)
  yield* Acquire.scoped(instructionFile, {
    acquire: workspace.writeInstructions({ ...attempt, content: Prompt.instructions(order, proposal) }),
    release: workspace.removeInstructions(attempt)
  })

  const edit = editor.apply({
    ...at,
    // The same after a wait: what was bought before it is not bought again.
    call: `applying/editor/${number}/${category}`,
    category,
    rule: category === "repair" ? "repair" : number > 1 || waits > 0 ? "retry" : "first",
    model,
    timeoutMs: order.limits.editorMs ?? Duration.toMillis(Limits.editor),
    directory: where.worktree,
    instructions: where.instructions,
    proposal,
    filesInScope: order.filesInScope
  })
  const paths = yield* whileHeld(edit)
  yield* Effect.forEach(
    project.checks,
    (check) => whileHeld(checks.run({ directory: where.worktree, check })),
    { discard: true }
  )

  const branch = yield* Acquire.intend("branch", branchName(at.workOrderId))
  const commit = workspace.commit({
    ...attempt,
    branch: branch.name,
    baseSha,
    paths,
    message: commitMessage(at, proposal),
    committedAt: submittedAt
  })
  const change = yield* Acquire.kept(
    branch,
    Effect.flatMap(commit, (made) => (made === null ? Effect.fail(new NoChanges({})) : Effect.succeed(made))),
    ({ headSha }) => ({ sha: headSha })
  )
  yield* record({ _tag: "BranchPrepared", branch: branch.name, baseSha, headSha: change.headSha })
  return { change, proposal }
}, Effect.scoped)

/** What the model is told about its change; a failing check comes with the end of its log. */
const problemOf = (reason: Reason): string =>
  reason instanceof ChecksFailed ? `${reason.message}\n\n${reason.log}` : reason.message

/**
 * Makes the proposal's edits in a worktree of their own, runs the project's checks and commits the change on
 * the order's branch. A change that does not fit, or fails a check, goes back to its model once.
 */
export const applying = Step.builtIn({
  name: "applying",
  output: Applied,
  error: ApplyError,
  fail: (fields) => new ApplyError(fields),
  summary: ({ change: { files, insertions, deletions, headSha } }) =>
    `${headSha.slice(0, 10)} changes ${files.length} ${files.length === 1 ? "file" : "files"}, +${insertions} -${deletions}`,
  needs: (_generated: Generated, { project }) => [remoteOf(project)],
  provider: ({ model }) => (model === null ? undefined : providerOf(model)),
  handled: (reason) => isOneModelFailure(reason) && reason._tag !== "TimedOut",
  run: Effect.fn("applying")(function* (generated: Generated) {
    const { baseSha, model } = generated
    const { at, order, project, rules } = yield* StepContext
    const workspace = yield* Workspace
    const incidents = yield* Incidents
    return yield* tryProposal(generated, "applying").pipe(
      Effect.catch((reason) =>
        Effect.gen(function* () {
          const repairs = model !== null && rules.recoveryOf(reason).actions.includes("repair")
          if (!repairs || !(yield* mayGoOn(reason))) return yield* Effect.fail(reason)
          yield* goesOn(reason, "repair: the model is shown what was wrong with its change")
          const { baseBranch, filesInScope } = order
          const snapshot = yield* workspace.snapshot({ project, baseBranch, filesInScope })
          const problem = problemOf(reason)
          const { probing } = yield* incidents.admit({
            workOrderId: at.workOrderId,
            dependencies: [providerOf(model)]
          })
          // A model that cannot help leaves the order where it was: with a change that does not do.
          const mended = yield* askModel({
            model,
            call: "applying/repair",
            snapshot,
            problem,
            rule: "repair"
          }).pipe(Effect.catchIf(isOneModelFailure, (why) => Effect.fail(isPassing(why) ? why : reason)))
          yield* record(...probing.map((dependency) => ({ _tag: "DependencyWorks", dependency }) as const))
          return yield* tryProposal({ proposal: mended, baseSha, model }, "repair")
        })
      )
    )
  })
})
