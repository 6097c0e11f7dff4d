import { Cause, Duration, Effect, Match, Option, Result, Schema } from "effect"
import { Failure } from "../domain/errors/Failure.ts"
import type { Fact } from "../domain/Fact.ts"
import { TimedOut } from "../domain/errors/Reasons.ts"
import { escalationOf } from "../domain/policies/Options.ts"
import { meaningOf } from "../domain/policies/Meaning.ts"
import { Policies, type PolicyTables } from "../domain/policies/Policies.ts"
import { rollbackAfter, type Rollback } from "../domain/policies/Recovery.ts"
import type { Project } from "../domain/Project.ts"
import type { PullRequest } from "../domain/PullRequest.ts"
import type { Resource } from "../domain/Resource.ts"
import { StepName, type Status, afterStep, isSettled } from "../domain/Status.ts"
import type { WorkOrderView } from "../domain/WorkOrder.ts"
import { whileHeld } from "../services/Claim.ts"
import { GitHub } from "../services/GitHub.ts"
import { Projects } from "../services/Projects.ts"
import { Resources } from "../services/Resources.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import { Workspace } from "../services/Workspace.ts"
import { bounded } from "./Bounded.ts"
import * as Failures from "./Failures.ts"
import type { At } from "./StepContext.ts"

const released = ({ kind, name }: Resource, evidence: Schema.Json): Fact => ({
  _tag: "ResourceReleased",
  kind,
  name,
  evidence
})

const preserved = ({ kind, name }: Resource, reason: string): Fact => ({
  _tag: "ResourcePreserved",
  kind,
  name,
  reason
})

/** Others may have seen it: it stays, unless whoever cancelled the order wants it closed, and it is told of that. */
const settlePullRequest = Effect.fnUntraced(function* (
  resource: Resource,
  project: Project,
  { number }: PullRequest,
  cancelling: WorkOrderView["cancelling"]
) {
  const github = yield* GitHub
  const repository = project.repository.forge
  if (cancelling === null) {
    return preserved(resource, `pull request #${number} is open, and others may have seen it`)
  }
  const what = cancelling.close ? "closed" : "kept"
  const body = `Work order ${resource.workOrderId} was cancelled: ${cancelling.reason}. This pull request is ${what}.`
  yield* github.commentPullRequest({ repository, number, body })
  if (!cancelling.close) {
    return preserved(
      resource,
      `pull request #${number} is open; the order was cancelled: ${cancelling.reason}`
    )
  }
  const closed = yield* github.closePullRequest({ repository, number })
  return released(resource, { closed: closed.number, state: closed.state })
})

/** Looks at the real thing behind a row, undoes or keeps it, and answers what is true now. */
const settle = (resource: Resource, project: Project, rollback: Rollback, view: WorkOrderView) =>
  Effect.gen(function* () {
    const workspace = yield* Workspace
    const github = yield* GitHub
    const { workOrderId, run, name } = resource
    const attempt = { project, workOrderId, run }
    return yield* Match.value(resource.kind).pipe(
      Match.when("worktree", () =>
        Effect.map(workspace.closeWorktree(attempt), (gone) => released(resource, { gone }))
      ),
      Match.when("instruction_file", () =>
        Effect.map(workspace.removeInstructions(attempt), (gone) => released(resource, { gone }))
      ),
      Match.when("branch", () =>
        rollback === "keep"
          ? Effect.succeed(preserved(resource, "a later run publishes it instead of paying for it again"))
          : Effect.map(workspace.dropBranch({ ...attempt, branch: name, quarantine: true }), (quarantined) =>
              released(resource, { quarantined })
            )
      ),
      Match.when("remote_branch", () =>
        Effect.map(workspace.remoteHead({ project, branch: name }), (sha) =>
          sha === null
            ? released(resource, { gone: true })
            : preserved(resource, `it was pushed (${sha.slice(0, 10)}), and others may have seen it`)
        )
      ),
      Match.when("pull_request", () =>
        Effect.flatMap(
          github.findPullRequests({ repository: project.repository.forge, branch: name, state: "open" }),
          ([first]) =>
            first === undefined
              ? Effect.succeed(released(resource, { gone: true }))
              : settlePullRequest(resource, project, first, view.cancelling)
        )
      ),
      Match.exhaustive
    )
  })

/** A step's error, also one of a step that is none of the five. */
const isStepError = Schema.is(Schema.Struct({ failure: Failure }))

/** A wait has no legal way to a failure but through its step. */
const outOfWait = ({ status }: WorkOrderView, step: StepName): ReadonlyArray<Fact> =>
  status === "waiting" || status === "needs_review"
    ? [{ _tag: "StatusMoved", to: step, disposition: null }]
    : []

const failed = ({ tag, message }: Failure) => ({ _tag: tag, message })

/** The record of a failure whose step could not write it. */
const unrecorded = (view: WorkOrderView, failure: Failure, tables: PolicyTables): ReadonlyArray<Fact> => [
  ...outOfWait(view, failure.step),
  { _tag: "StepFailed", step: failure.step, ms: 0, failure },
  {
    _tag: "Escalated",
    ...escalationOf(
      failure,
      failed(failure),
      view.order,
      tables.recoveryOf(failure.step, failed(failure)).decides
    )
  }
]

/** The status and the record of an order whose workflow ended with `cause`. */
const ending = Effect.fnUntraced(function* (at: At, view: WorkOrderView, cause: Cause.Cause<unknown>) {
  const tables = yield* Policies
  if (Cause.hasInterruptsOnly(cause)) {
    const facts: ReadonlyArray<Fact> = []
    return { to: "cancelled" satisfies Status, rollback: "undo" satisfies Rollback, facts } as const
  }
  const error = Cause.findErrorOption(cause)
  const known = Option.filter(error, isStepError)
  if (Option.isSome(known)) {
    const { step } = known.value.failure
    const facts = isSettled(view.status) ? [] : unrecorded(view, known.value.failure, tables)
    return { to: afterStep[step].failed, rollback: rollbackAfter[step], facts } as const
  }
  // A defect: the steps turn theirs into errors, so it is one of the pipeline itself.
  const step = Schema.is(StepName)(view.status) ? view.status : "tracking"
  const defect = Failures.fromDefect("pipeline", Cause.squash(cause))
  const failure = yield* Failures.describe({ at, step, attempt: 0 }, defect, meaningOf(defect))
  return {
    to: afterStep[step].failed,
    rollback: rollbackAfter[step],
    facts: unrecorded(view, failure, tables)
  } as const
})

/** Nothing can interrupt a clean-up, so that each of its calls has a bound. */
const inTime =
  (operation: string) =>
  <A, E, R>(call: Effect.Effect<A, E, R>) =>
    bounded(call, (limit) => new TimedOut({ operation, limitMs: Duration.toMillis(limit) }))

/**
 * Cleans up after a run that did not end well, and records how it was left. Looks at every row the run still
 * holds, whoever made it, so that it also finds what a killed process left behind. Harmless to repeat.
 */
export const compensate = Effect.fn("compensate")(function* (at: At, cause: Cause.Cause<unknown>) {
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const resources = yield* Resources
  const journal = yield* StepJournal

  const view = yield* inTime("read the order")(orders.get({ id: at.workOrderId }))
  const project = yield* inTime("read the project")(projects.get({ id: view.order.project }))
  const { to, rollback, facts } = yield* ending(at, view, cause)

  const rows = yield* inTime("read what is held")(resources.list({ workOrderId: at.workOrderId }))
  const open = rows.filter(({ run, state }) => run === at.run && (state === "intended" || state === "held"))
  const settled = yield* Effect.forEach(open, (resource) =>
    whileHeld(settle(resource, project, rollback, view)).pipe(
      inTime(`settle ${resource.kind}`),
      Effect.catchDefect((defect) => Effect.fail(Failures.fromDefect(`release ${resource.kind}`, defect))),
      Effect.result,
      Effect.tap((result) =>
        Result.isFailure(result)
          ? Effect.logError(`${resource.kind} ${resource.name} could not be settled`, result.failure)
          : Effect.void
      )
    )
  )
  const done = settled.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  const disposition =
    done.length < settled.length
      ? "manual_intervention_required"
      : done.some(({ _tag }) => _tag === "ResourcePreserved")
        ? "preserved"
        : "rolled_back"
  const moved: Fact = { _tag: "StatusMoved", to, disposition }
  yield* inTime("record the clean-up")(journal.commit({ ...at, facts: [...facts, ...done, moved] }))
})
