import { Context, Schema } from "effect"
import { storeReasons } from "../domain/errors/Reasons.ts"
import { ProjectId, Run, Sha, WorkOrderId } from "../domain/Ids.ts"
import { Resource } from "../domain/Resource.ts"
import { Reservation } from "../domain/Spending.ts"
import { Status } from "../domain/Status.ts"
import type { Service } from "./Contract.ts"

const time = Schema.DateTimeUtcFromString
const store = Schema.Union(storeReasons)

/** A row of `resources`, and when it was last written. */
export const HeldRow = Schema.Struct({ ...Resource.fields, changedAt: time })
export type HeldRow = typeof HeldRow.Type

/** An order as far as what it holds is concerned. */
export const HoldingOrder = Schema.Struct({
  workOrderId: WorkOrderId,
  run: Run,
  project: ProjectId,
  title: Schema.String,
  status: Status,
  branch: Schema.NullOr(Schema.String),
  headSha: Schema.NullOr(Sha),
  pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
  updatedAt: time,
  /**
   * live: a worker is at it; waiting: for a clock or for somebody; left: its run has not ended, and nobody is at it;
   * over: its run has ended; none: it has no run.
   */
  held: Schema.Literals(["live", "waiting", "left", "over", "none"]),
  /** For how long nobody has been at it. */
  idleMs: Schema.Int,
  /** Released things included, oldest first. */
  rows: Schema.Array(HeldRow)
})
export type HoldingOrder = typeof HoldingOrder.Type

const Quarantined = Schema.Struct({ workOrderId: WorkOrderId, run: Run, sha: Sha })

export const Books = Schema.Struct({
  now: time,
  orders: Schema.Array(HoldingOrder),
  /** Since when commits are in quarantine; null where nobody wrote it down. */
  quarantined: Schema.Array(
    Schema.Struct({
      ...Quarantined.fields,
      title: Schema.NullOr(Schema.String),
      since: Schema.NullOr(time)
    })
  ),
  /** Reservations whose owner is gone, or whose run has ended. */
  reservations: Schema.Array(
    Schema.Struct({
      since: time,
      expired: Schema.Boolean,
      project: ProjectId,
      reservation: Reservation
    })
  ),
  /** Rows that contradict each other. */
  edited: Schema.Array(
    Schema.Struct({
      workOrderId: Schema.NullOr(WorkOrderId),
      run: Schema.NullOr(Run),
      project: Schema.NullOr(ProjectId),
      table: Schema.String,
      column: Schema.String,
      says: Schema.NullOr(Schema.String),
      but: Schema.NullOr(Schema.String)
    })
  )
})
export type Books = typeof Books.Type

/** How a row of `resources` is left by a repair. */
export const Change = Schema.Struct({
  run: Run,
  kind: Resource.fields.kind,
  name: Resource.fields.name,
  state: Resource.fields.state,
  /** What was read back; null leaves what the row has. */
  evidence: Resource.fields.evidence,
  reason: Resource.fields.reason
})
export type Change = typeof Change.Type

const held = { workOrderId: WorkOrderId, holder: Schema.NonEmptyString }

export const ReconciliationContract = {
  /** When a pass begins, by the clock of the rows, and the projects in which orders ever held something. */
  begin: {
    input: Schema.Struct({}),
    output: Schema.Struct({ now: time, projects: Schema.Array(ProjectId) }),
    failure: store
  },
  /**
   * What the books say of at most `limit` orders that hold something, those that were compared the longest ago first,
   * and of all orders that something called one of `names` belongs to. `mark`: they were compared now.
   */
  view: {
    input: Schema.Struct({
      limit: Schema.Int,
      names: Schema.Array(Schema.String),
      quarantined: Schema.Array(Quarantined),
      mark: Schema.Boolean
    }),
    output: Books,
    failure: store
  },
  /**
   * Takes the right to repair what an order left, for `Limits.repairHold`: its next run waits until then. Answers who
   * holds it now, or null where a worker is at it, it is not as it was `seen`, or somebody else repairs.
   */
  hold: {
    input: Schema.Struct({ workOrderId: WorkOrderId, run: Run, seen: time }),
    output: Schema.NullOr(Schema.NonEmptyString),
    failure: store
  },
  /** Writes down what a repair found or did, by whoever holds the order; StoreConflict when that has ended. */
  record: {
    input: Schema.Struct({
      ...held,
      run: Run,
      changes: Schema.Array(Change),
      pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
      /** One line for the order's timeline. */
      note: Schema.NonEmptyString
    }),
    output: Schema.Void,
    failure: store
  },
  /** Gives the right back; whoever waits for the order goes on. */
  end: { input: Schema.Struct(held), output: Schema.Void, failure: store }
} as const

/** What the database knows of things outside it, and the right to repair what it is wrong about. */
export class Reconciliation extends Context.Service<Reconciliation, Service<typeof ReconciliationContract>>()(
  "moose/services/Reconciliation"
) {}
