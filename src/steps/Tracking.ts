import { Effect } from "effect"
import { OutcomeUnknown, TrackingError } from "../domain/errors/TrackingError.ts"
import type { Change } from "../domain/Change.ts"
import { Outcome } from "../domain/Outcome.ts"
import type { PullRequest } from "../domain/PullRequest.ts"
import { whileHeld } from "../services/Claim.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import { Workspace } from "../services/Workspace.ts"
import * as Step from "./Step.ts"
import { StepContext, record } from "./StepContext.ts"

export interface Result {
  readonly model: string | null
  readonly change: Change
  readonly pullRequest: PullRequest | null
}

/** What the order leaves behind: on the remote what is under review, in the mirror nothing. */
const settleResources = Effect.fnUntraced(function* ({ change, pullRequest }: Result) {
  const { at, project } = yield* StepContext
  const { branch } = change
  if (pullRequest === null) {
    const reason = "the project is in shadow: this is the only copy of the change"
    return yield* record({ _tag: "ResourcePreserved", kind: "branch", name: branch, reason })
  }
  const workspace = yield* Workspace
  yield* whileHeld(workspace.dropBranch({ project, ...at, branch, quarantine: false }))
  const reason = `under review as pull request #${pullRequest.number}`
  yield* record(
    { _tag: "ResourceReleased", kind: "branch", name: branch, evidence: { sha: change.headSha } },
    { _tag: "ResourcePreserved", kind: "remote_branch", name: branch, reason },
    { _tag: "ResourcePreserved", kind: "pull_request", name: branch, reason }
  )
})

/** Writes down how the order ended. `completed` needs evidence: a head that was read back, and a change. */
export const tracking = Step.builtIn({
  name: "tracking",
  output: Outcome,
  error: TrackingError,
  fail: (fields) => new TrackingError(fields),
  summary: () => "outcome, cost and decision are recorded",
  run: Effect.fn("tracking")(function* (result: Result) {
    const { at } = yield* StepContext
    const { change, pullRequest, model } = result
    if (pullRequest !== null && pullRequest.head.sha !== change.headSha) {
      return yield* new OutcomeUnknown({ missing: "the pull request's head is not the change that was made" })
    }
    const orders = yield* WorkOrders
    const { cost } = yield* orders.get({ id: at.workOrderId })
    const outcome = new Outcome({
      workOrderId: at.workOrderId,
      branch: change.branch,
      headSha: change.headSha,
      files: change.files.length,
      insertions: change.insertions,
      deletions: change.deletions,
      pullRequest: pullRequest === null ? null : { number: pullRequest.number, url: pullRequest.url },
      model,
      cost
    })
    yield* settleResources(result)
    yield* record({ _tag: "OutcomeRecorded", outcome })
    return outcome
  })
})
