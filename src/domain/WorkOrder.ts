import { Effect, Schema } from "effect"
import { ProjectId, Run, Sha, WorkOrderId } from "./Ids.ts"
import { Proposal, RepositoryPath } from "./Proposal.ts"
import { Disposition, Status } from "./Status.ts"
import { Usd, UsdFromDecimal } from "./Usd.ts"

/** What sort of work it is: the axis for "this model always fails on auth tasks". */
export const Kind = Schema.Literals(["bug", "feature", "refactor", "auth", "test", "docs", "chore"])
export type Kind = typeof Kind.Type

/** Anything a caller wants to keep beside the order. Updated by merge, so that concurrent writers lose nothing. */
export const Metadata = Schema.Record(Schema.String, Schema.Json)
export type Metadata = typeof Metadata.Type

export const MaxAttempts = Schema.Int.pipe(
  Schema.check(Schema.isBetween({ minimum: 1, maximum: 50 }, { message: "must be from 1 to 50" }))
)

const editorSecondsMax = 900
export const EditorMs = Schema.Int.pipe(
  Schema.check(
    Schema.isBetween(
      { minimum: 1_000, maximum: editorSecondsMax * 1_000 },
      { message: `must be from 1,000 to ${editorSecondsMax * 1_000} milliseconds` }
    )
  )
)
const EditorSeconds = Schema.Int.pipe(
  Schema.check(
    Schema.isBetween(
      { minimum: 1, maximum: editorSecondsMax },
      { message: `must be from 1 to ${editorSecondsMax} seconds` }
    )
  )
)

export const OrderLimits = Schema.Struct({
  /** The most this order may spend; the project's limit where it is missing. */
  maxUsd: Schema.optionalKey(Usd),
  /** How many failures of its own making this order may meet in one run; `Limits.orderAttempts` where it is missing. */
  maxAttempts: Schema.optionalKey(MaxAttempts),
  /** How long one run of an outside editor may take, in milliseconds; `Limits.editor` where it is missing. */
  editorMs: Schema.optionalKey(EditorMs)
})

/** What somebody asks for. */
export class WorkOrder extends Schema.Class<WorkOrder>("WorkOrder")({
  id: WorkOrderId,
  project: ProjectId,
  kind: Kind,
  title: Schema.String.pipe(
    Schema.check(
      Schema.isPattern(/^\S[^\r\n]{0,199}$/, { message: "must be one line of 1 to 200 characters" })
    )
  ),
  description: Schema.String,
  acceptanceCriteria: Schema.Array(Schema.NonEmptyString),
  /** Files and folders (ending in /) that may be touched; empty means all of the repository. */
  filesInScope: Schema.Array(RepositoryPath),
  baseBranch: Schema.NonEmptyString,
  /** Higher runs first. */
  priority: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: -100, maximum: 100 }))),
  limits: OrderLimits,
  /** Not begun before this; at once where it is missing. */
  startAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  metadata: Metadata,
  /** A change that was worked out elsewhere: no model is asked, nothing is paid. */
  proposal: Schema.optionalKey(Proposal)
}) {}

/** How long a step took and how often it was begun. */
export const StepSummary = Schema.Struct({
  name: Schema.String,
  status: Schema.Literals(["running", "succeeded", "failed"]),
  attempts: Schema.Int,
  ms: Schema.NullOr(Schema.Int)
})
export type StepSummary = typeof StepSummary.Type

/** A work order and everything that became of it, as the store tells it. */
export class WorkOrderView extends Schema.Class<WorkOrderView>("WorkOrderView")({
  order: WorkOrder,
  status: Status,
  disposition: Schema.NullOr(Disposition),
  /** Somebody has stopped it for a while: it goes no further than the end of the step it is in. */
  paused: Schema.Boolean,
  /** Somebody cancelled it. `close`: a pull request that is open by then is closed instead of kept. */
  cancelling: Schema.NullOr(Schema.Struct({ reason: Schema.String, close: Schema.Boolean })),
  run: Run,
  branch: Schema.NullOr(Schema.String),
  baseSha: Schema.NullOr(Sha),
  headSha: Schema.NullOr(Sha),
  pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
  /** The last failure in words, with what to do next. */
  failure: Schema.NullOr(
    Schema.Struct({ step: Schema.String, tag: Schema.String, message: Schema.String, hint: Schema.String })
  ),
  cost: Usd,
  /** Failures of this run that the order's own work caused. */
  attemptsSpent: Schema.Int,
  /** Since when its deadline counts: it was submitted then, or somebody let it go on. */
  countsFrom: Schema.DateTimeUtcFromString,
  steps: Schema.Array(StepSummary),
  submittedAt: Schema.DateTimeUtcFromString,
  updatedAt: Schema.DateTimeUtcFromString
}) {}

const orElse = <S extends Schema.Constraint>(schema: S, value: S["Encoded"]) =>
  Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema)

/** A work order as a person writes it: what is left out has a default. */
export const WorkOrderRequest = Schema.Struct({
  id: Schema.optionalKey(WorkOrderId),
  project: ProjectId,
  kind: orElse(Kind, "feature"),
  title: WorkOrder.fields.title,
  description: orElse(WorkOrder.fields.description, ""),
  acceptanceCriteria: orElse(WorkOrder.fields.acceptanceCriteria, []),
  filesInScope: orElse(WorkOrder.fields.filesInScope, []),
  /** The project's base branch when left out. */
  baseBranch: Schema.optionalKey(WorkOrder.fields.baseBranch),
  priority: orElse(WorkOrder.fields.priority, 0),
  /** In dollars, "2.50". */
  maxUsd: Schema.optionalKey(UsdFromDecimal),
  maxAttempts: Schema.optionalKey(MaxAttempts),
  /** How long one run of an outside editor may take. */
  editorSeconds: Schema.optionalKey(EditorSeconds),
  /** Not begun before this, "2026-03-29T08:00:00Z"; at once when left out. */
  startAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  metadata: orElse(Metadata, {}),
  proposal: Schema.optionalKey(Proposal)
})
export type WorkOrderRequest = typeof WorkOrderRequest.Type

/** The order that a request stands for. */
export const fromRequest = (request: WorkOrderRequest, id: WorkOrderId, baseBranch: string): WorkOrder => {
  const { maxUsd, maxAttempts, editorSeconds, proposal, ...same } = request
  return new WorkOrder({
    ...same,
    id: request.id ?? id,
    baseBranch: request.baseBranch ?? baseBranch,
    limits: {
      ...(maxUsd === undefined ? {} : { maxUsd }),
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(editorSeconds === undefined ? {} : { editorMs: editorSeconds * 1_000 })
    },
    ...(proposal === undefined ? {} : { proposal })
  })
}
