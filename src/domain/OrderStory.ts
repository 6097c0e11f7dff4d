import { Schema } from "effect"
import { WorkOrderId } from "./Ids.ts"
import { ProjectMode } from "./Project.ts"
import { Resource } from "./Resource.ts"
import { Usd } from "./Usd.ts"
import { WorkOrderView } from "./WorkOrder.ts"

const time = Schema.DateTimeUtcFromString
/** A step's name, as text: a row by an older version must not hide the rest. */
const step = Schema.NullOr(Schema.String)

/** A failure as it was recorded, and how long it has been met. */
export const MetFailure = Schema.Struct({
  step,
  tag: Schema.String,
  category: Schema.String,
  severity: Schema.String,
  message: Schema.String,
  hint: Schema.String,
  operation: Schema.String,
  excerpt: Schema.String,
  causes: Schema.Array(Schema.Struct({ tag: Schema.String, message: Schema.String })),
  at: time,
  /** When the same reason was met first, in the same step of the same run. */
  firstAt: time,
  times: Schema.Int
})
export type MetFailure = typeof MetFailure.Type

/** What a waiting order waits for. */
export const Waiting = Schema.Struct({
  /** provider:openai, forge, budget:shop. */
  for: Schema.NullOr(Schema.String),
  resumeAt: Schema.NullOr(time),
  step,
  tag: Schema.NullOr(Schema.String),
  cause: Schema.NullOr(Schema.String),
  incident: Schema.NullOr(
    Schema.Struct({
      tag: Schema.String,
      message: Schema.String,
      openedAt: time,
      nextProbeAt: time,
      failedProbes: Schema.Int,
      /** How many orders wait for the same. */
      orders: Schema.Int
    })
  )
})
export type Waiting = typeof Waiting.Type

/** A thing that an order made or was about to make, in whichever run. */
export const HeldResource = Schema.Struct({
  run: Resource.fields.run,
  kind: Resource.fields.kind,
  name: Schema.String,
  state: Resource.fields.state,
  host: Schema.String,
  evidence: Schema.NullOr(Schema.Json),
  reason: Schema.NullOr(Schema.String),
  updatedAt: time
})
export type HeldResource = typeof HeldResource.Type

export const LedgerState = Schema.Literals(["reserved", "settled", "cancelled", "presumed"])

/** An order's calls of one state and what they come to. */
export const LedgerLine = Schema.Struct({ state: LedgerState, calls: Schema.Int, amount: Usd })

/** Everything the store knows about an order and its current run, at one moment. Lists are oldest first. */
export class OrderStory extends Schema.Class<OrderStory>("OrderStory")({
  now: time,
  view: WorkOrderView,
  statusSince: time,
  /** Completed without a pull request, on purpose. */
  shadow: Schema.Boolean,
  /** The last failure of this run, whether or not it went on after it. */
  failure: Schema.NullOr(MetFailure),
  waiting: Schema.NullOr(Waiting),
  execution: Schema.NullOr(
    Schema.Struct({
      state: Schema.Literals(["ready", "running", "suspended", "done"]),
      availableAt: time,
      cancelRequested: Schema.Boolean,
      /** Of the worker that runs it, if one does. */
      host: Schema.NullOr(Schema.String),
      processId: Schema.NullOr(Schema.Int),
      leaseUntil: Schema.NullOr(time)
    })
  ),
  project: Schema.Struct({
    id: Schema.String,
    mode: ProjectMode,
    concurrency: Schema.Int,
    running: Schema.Int
  }),
  /** How many workers are alive. */
  workers: Schema.Int,
  resources: Schema.Array(HeldResource),
  ledger: Schema.Array(LedgerLine),
  decisions: Schema.Array(Schema.Struct({ step, choice: Schema.String, reason: Schema.String, at: time })),
  failures: Schema.Array(Schema.Struct({ step, tag: Schema.String, message: Schema.String, at: time })),
  /** Waits, what was kept, and moves from one status to another. */
  events: Schema.Array(Schema.Struct({ kind: Schema.String, step, message: Schema.String, at: time }))
}) {}

/** Failures of one reason in one step and component. */
export const ErrorGroup = Schema.Struct({
  step,
  /** The part that failed (`policies/Component.ts`); empty in rows from before it was recorded. */
  component: Schema.String,
  tag: Schema.String,
  times: Schema.Int,
  orders: Schema.Int,
  /** The first that is stored, however long ago. */
  firstAt: time,
  lastAt: time,
  category: Schema.String,
  severity: Schema.String,
  /** Of the last one. */
  message: Schema.String,
  hint: Schema.String,
  /** The orders that met it last, newest first. */
  newestOrders: Schema.Array(WorkOrderId)
})
export type ErrorGroup = typeof ErrorGroup.Type
