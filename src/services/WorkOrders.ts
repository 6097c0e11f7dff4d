import { Context, Schema } from "effect"
import {
  ProjectMissing,
  PullRequestUnrecorded,
  WorkOrderMissing,
  storeReasons
} from "../domain/errors/Reasons.ts"
import { TimelineEvent } from "../domain/Fact.ts"
import { ProjectId, WorkOrderId } from "../domain/Ids.ts"
import { OrderState } from "../domain/OrderState.ts"
import { ErrorGroup, OrderStory } from "../domain/OrderStory.ts"
import { Component } from "../domain/policies/Component.ts"
import { RepositoryName } from "../domain/Project.ts"
import { PastOutcome } from "../domain/Route.ts"
import { Status, StepName } from "../domain/Status.ts"
import { StuckOrder } from "../domain/StuckOrder.ts"
import { Kind, Metadata, WorkOrder, WorkOrderView } from "../domain/WorkOrder.ts"
import type { Service } from "./Contract.ts"

export const WorkOrdersContract = {
  /**
   * Stores an order and queues its first run, in one commit. The same order again changes nothing and
   * answers `created: false`; another body under a stored id is StoreConflict.
   */
  submit: {
    input: WorkOrder,
    output: Schema.Struct({ created: Schema.Boolean, view: WorkOrderView }),
    failure: Schema.Union([...storeReasons, ProjectMissing])
  },
  get: {
    input: Schema.Struct({ id: WorkOrderId }),
    output: WorkOrderView,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /** Newest first. */
  list: {
    input: Schema.Struct({
      project: Schema.optionalKey(ProjectId),
      status: Schema.optionalKey(Status),
      limit: Schema.Int
    }),
    output: Schema.Array(WorkOrderView),
    failure: Schema.Union(storeReasons)
  },
  /** The timeline after `after` (0 for all of it), oldest first, at most `limit` lines. */
  timeline: {
    input: Schema.Struct({ id: WorkOrderId, after: Schema.Int, limit: Schema.Int }),
    output: Schema.Array(TimelineEvent),
    failure: Schema.Union(storeReasons)
  },
  /** Merges keys into the order's metadata; keys that are not named stay. Answers the whole of it. */
  mergeMetadata: {
    input: Schema.Struct({ id: WorkOrderId, metadata: Metadata }),
    output: Metadata,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /**
   * Asks the runner that holds the order to stop and clean up; an order that nobody has begun is cancelled
   * at once. A pull request that is open by then is kept and told of it, or closed with `close`. Answers whether
   * there was anything to cancel.
   */
  cancel: {
    input: Schema.Struct({
      id: WorkOrderId,
      reason: Schema.NonEmptyString,
      close: Schema.optionalKey(Schema.Boolean)
    }),
    output: Schema.Boolean,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /**
   * Begins another run of an order that failed or was cancelled, where it failed or at an earlier step; what the steps
   * before that journaled is taken over. StoreConflict says why it cannot.
   */
  retry: {
    input: Schema.Struct({ id: WorkOrderId, from: Schema.optionalKey(StepName), by: Schema.NonEmptyString }),
    output: WorkOrderView,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /** The order stops before its next step, until it is resumed. StoreConflict where it is over. */
  pause: {
    input: Schema.Struct({ id: WorkOrderId, by: Schema.NonEmptyString }),
    output: WorkOrderView,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /** Lets a paused order go on; one that is not paused stays as it is. */
  resume: {
    input: Schema.Struct({ id: WorkOrderId, by: Schema.NonEmptyString }),
    output: WorkOrderView,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /**
   * The order that a pull request belongs to; the newest of several. A pull request may be heard of before its order
   * has stored it, so the look-up is repeated for as long as `Limits.pullRequestLookups` says.
   */
  byPullRequest: {
    input: Schema.Struct({ repository: RepositoryName, number: Schema.Int }),
    output: WorkOrderView,
    failure: Schema.Union([...storeReasons, PullRequestUnrecorded])
  },
  /** Orders that do not get on and that nobody was told of yet, the latest first, at most `limit`. */
  stuck: {
    input: Schema.Struct({
      /** How long an order of this status may make no progress; statuses that are not named have no such limit. */
      noProgressMs: Schema.Record(Schema.String, Schema.Int),
      /** How old an order may become, counted from when its deadline counts. */
      ageMs: Schema.Int,
      limit: Schema.Int
    }),
    output: Schema.Array(StuckOrder),
    failure: Schema.Union(storeReasons)
  },
  /** How each model has done on one kind of work in one project. */
  pastOutcomes: {
    input: Schema.Struct({ project: ProjectId, kind: Kind }),
    output: Schema.Array(PastOutcome),
    failure: Schema.Union(storeReasons)
  },
  /** Everything there is to say about an order and its current run, at one moment. */
  explain: {
    input: Schema.Struct({ id: WorkOrderId }),
    output: OrderStory,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /** What an order holds right now: commits, pull request, resources, reservations. */
  state: {
    input: Schema.Struct({ id: WorkOrderId }),
    output: OrderState,
    failure: Schema.Union([...storeReasons, WorkOrderMissing])
  },
  /** The failures of all orders since a moment, by step, component and reason, last seen first; of one of each where named. */
  errors: {
    input: Schema.Struct({
      since: Schema.DateTimeUtcFromString,
      step: Schema.optionalKey(StepName),
      component: Schema.optionalKey(Component),
      tag: Schema.optionalKey(Schema.String)
    }),
    output: Schema.Array(ErrorGroup),
    failure: Schema.Union(storeReasons)
  }
} as const

/** What people ask for, and what has become of it. */
export class WorkOrders extends Context.Service<WorkOrders, Service<typeof WorkOrdersContract>>()(
  "moose/services/WorkOrders"
) {}
