/**
 * Moose for programs: what a route handler needs to submit, watch and cancel work orders, and what a process
 * needs to run them. Whatever is not named here may change without notice.
 *
 * A worker is `Environment.worker()` over `Environment.everything`; a route handler needs
 * `Environment.stored` only. Both need `Settings.layer` and `Environment.platform`.
 */

// What people ask for, and how it ended.
export {
  Kind,
  Metadata,
  StepSummary,
  WorkOrder,
  WorkOrderRequest,
  WorkOrderView,
  fromRequest
} from "./domain/WorkOrder.ts"
export { Edit, Proposal } from "./domain/Proposal.ts"
export { Outcome } from "./domain/Outcome.ts"
export { Disposition, Status, StepName, isSettled, stepNames } from "./domain/Status.ts"
export { TimelineEvent } from "./domain/Fact.ts"

// Where the work is done.
export { Check, Project, ProjectLimits, ProjectMode, Repository, RepositoryName } from "./domain/Project.ts"
/** Gives a project its repository's name on the forge, from the address of its remote. */
export { parseRepositoryUrl } from "./domain/RepositoryUrl.ts"

// Names and money.
export { ProjectId, Run, Sha, WorkOrderId, branchName, executionId, quarantineRef } from "./domain/Ids.ts"
/** Whole micro-dollars, and how they are read and written. */
export * as Usd from "./domain/Usd.ts"

// Failures: one error per step, each with its reason, and what is stored of them.
export { PipelineError, Reason } from "./domain/errors/PipelineError.ts"
export { RoutingError } from "./domain/errors/RoutingError.ts"
export { GenerationError } from "./domain/errors/GenerationError.ts"
export { ApplyError } from "./domain/errors/ApplyError.ts"
export { PullRequestError } from "./domain/errors/PullRequestError.ts"
export { TrackingError } from "./domain/errors/TrackingError.ts"
export { Failure } from "./domain/errors/Failure.ts"
/** Turns a request's SchemaError into words for the one who sent it. */
export { problemOf } from "./domain/SchemaProblem.ts"

// Services: a tag, and its contract, from which doubles and faults are made.
export type { Contract, Input, Method, Output, Service } from "./services/Contract.ts"
export { Budget, BudgetContract } from "./services/Budget.ts"
export { CodeEditor, CodeEditorContract } from "./services/CodeEditor.ts"
export { Git, GitContract } from "./services/Git.ts"
export { GitHub, GitHubContract } from "./services/GitHub.ts"
export { Manager, ManagerContract } from "./services/Manager.ts"
export { Premises, PremisesContract } from "./services/Premises.ts"
export { Projects, ProjectsContract } from "./services/Projects.ts"
export { ModelReply, Proposer, ProposerContract } from "./services/Proposer.ts"
export { Reconciliation, ReconciliationContract } from "./services/Reconciliation.ts"
export { Resources, ResourcesContract } from "./services/Resources.ts"
export { StepJournal, StepJournalContract } from "./services/StepJournal.ts"
export { WorkOrders, WorkOrdersContract } from "./services/WorkOrders.ts"
export { Snapshot, Workspace, WorkspaceContract } from "./services/Workspace.ts"

// Steps of your own: `Step.make` makes one, `Step.andThen` puts it after one of the five, and `makePipeline` runs
// them instead of `pipelineLayer`. examples/secret-scan-step does all of it.
export * as Evidence from "./domain/errors/Evidence.ts"
export { Applied, applying } from "./steps/Applying.ts"
export { creatingPr } from "./steps/CreatingPr.ts"
export { Generated, generating } from "./steps/Generating.ts"
export { routing } from "./steps/Routing.ts"
/** Around anything of your own step that others can see: not begun where another worker has taken the run over. */
export { whileHeld } from "./services/Claim.ts"
export { At, StepContext, record } from "./steps/StepContext.ts"
export { tracking } from "./steps/Tracking.ts"
export * as Step from "./steps/Step.ts"
export { make as makePipeline } from "./pipeline.ts"

// The pipeline. `pipelineLayer` is for those who bring their own WorkflowEngine; `Environment.worker` has it.
export { type Ended, Pipeline, layer as pipelineLayer, run } from "./pipeline.ts"

// Where the database and the world do not agree: one pass of the reconciler, and what it answers.
export { Drift, DriftReport } from "./domain/Drift.ts"
export * as Reconciler from "./operations/Reconciler.ts"

// The composition: every part of Moose as a layer, so that any of them can be replaced.
export * as Environment from "./layers/Environment.ts"
/** `Settings.layer` reads the environment, `Settings.layerEmbedded` needs nothing but a home. */
export * as Settings from "./layers/Settings.ts"
