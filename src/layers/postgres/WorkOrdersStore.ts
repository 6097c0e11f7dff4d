import { randomUUID } from "node:crypto"
import { Duration, Effect, Layer, Schedule, Schema } from "effect"
import { ProjectMissing, PullRequestUnrecorded, WorkOrderMissing } from "../../domain/errors/Reasons.ts"
import type { WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { WorkOrders, WorkOrdersContract as Contract } from "../../services/WorkOrders.ts"
import { StoreCall, storeFunction } from "./StoreCall.ts"
import * as Together from "./Together.ts"

const noOrder = ({ id }: { readonly id: WorkOrderId }) => new WorkOrderMissing({ id })

const submit = storeFunction(
  "submit_work_order",
  Contract.submit.input,
  Contract.submit.output,
  ({ project }) => new ProjectMissing({ id: project })
)
const submitTogether = storeFunction(
  "submit_work_orders",
  Schema.Array(Contract.submit.input),
  Schema.Array(Contract.submit.output)
)
const get = storeFunction("get_work_order", Contract.get.input, Contract.get.output, noOrder)
const list = storeFunction("list_work_orders", Contract.list.input, Contract.list.output)
const timeline = storeFunction("timeline", Contract.timeline.input, Contract.timeline.output)
const merge = storeFunction(
  "merge_metadata",
  Contract.mergeMetadata.input,
  Contract.mergeMetadata.output,
  noOrder
)
const cancel = storeFunction("cancel_work_order", Contract.cancel.input, Contract.cancel.output, noOrder)
const retry = storeFunction(
  "retry_work_order",
  // One per request, so that a call whose reply was lost does not begin a second run.
  Schema.Struct({ ...Contract.retry.input.fields, key: Schema.String }),
  Contract.retry.output,
  noOrder
)
const pause = storeFunction("pause_work_order", Contract.pause.input, Contract.pause.output, noOrder)
const resume = storeFunction("resume_work_order", Contract.resume.input, Contract.resume.output, noOrder)
const byPullRequest = storeFunction(
  "work_order_by_pull_request",
  Contract.byPullRequest.input,
  Contract.byPullRequest.output,
  (asked) => new PullRequestUnrecorded(asked)
)
const stuck = storeFunction("stuck_orders", Contract.stuck.input, Contract.stuck.output)
const outcomes = storeFunction("past_outcomes", Contract.pastOutcomes.input, Contract.pastOutcomes.output)
const explain = storeFunction(
  "explain_order",
  Schema.Struct({ ...Contract.explain.input.fields, limit: Schema.Int }),
  Contract.explain.output,
  noOrder
)
const state = storeFunction("order_state", Contract.state.input, Contract.state.output, noOrder)
const errors = storeFunction(
  "list_errors",
  Schema.Struct({ ...Contract.errors.input.fields, limit: Schema.Int, ordersLimit: Schema.Int }),
  Contract.errors.output
)

const { pullRequestLookups } = Limits

const lookups = Schedule.recurs(pullRequestLookups.length).pipe(
  Schedule.modifyDelay(({ attempt }) => Effect.succeed(pullRequestLookups[attempt - 1] ?? Duration.zero))
)

/** Work orders in the store. */
export const layer = Layer.effect(
  WorkOrders,
  Effect.gen(function* () {
    const context = yield* Effect.context<StoreCall>()
    const provide = Effect.provide(context)
    const submitted = yield* Together.make({
      most: Limits.commitsTogether,
      callsMax: Limits.commitsAtOnce,
      alone: submit,
      together: submitTogether,
      isOneCallers: ({ _tag }) => _tag !== "StoreUnavailable"
    })
    return WorkOrders.of({
      submit: Effect.fn("WorkOrders.submit")(submitted),
      get: Effect.fn("WorkOrders.get")(get, provide),
      list: Effect.fn("WorkOrders.list")(list, provide),
      timeline: Effect.fn("WorkOrders.timeline")(timeline, provide),
      mergeMetadata: Effect.fn("WorkOrders.mergeMetadata")(merge, provide),
      cancel: Effect.fn("WorkOrders.cancel")(cancel, provide),
      retry: Effect.fn("WorkOrders.retry")((input) => retry({ ...input, key: randomUUID() }), provide),
      pause: Effect.fn("WorkOrders.pause")(pause, provide),
      resume: Effect.fn("WorkOrders.resume")(resume, provide),
      byPullRequest: Effect.fn("WorkOrders.byPullRequest")(
        (input) =>
          Effect.retry(byPullRequest(input), {
            schedule: lookups,
            while: ({ _tag }) => _tag === "PullRequestUnrecorded"
          }),
        provide
      ),
      stuck: Effect.fn("WorkOrders.stuck")(stuck, provide),
      pastOutcomes: Effect.fn("WorkOrders.pastOutcomes")(outcomes, provide),
      explain: Effect.fn("WorkOrders.explain")(
        (input) => explain({ ...input, limit: Limits.explainedRowsMax }),
        provide
      ),
      state: Effect.fn("WorkOrders.state")(state, provide),
      errors: Effect.fn("WorkOrders.errors")(
        (input) => errors({ ...input, limit: Limits.errorGroupsMax, ordersLimit: Limits.errorOrdersMax }),
        provide
      )
    })
  })
)
