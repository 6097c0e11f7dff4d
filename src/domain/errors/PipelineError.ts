import { Schema } from "effect"
import { ApplyError, ApplyReason } from "./ApplyError.ts"
import { GenerationError, GenerationReason } from "./GenerationError.ts"
import { PullRequestError, PullRequestReason } from "./PullRequestError.ts"
import { RoutingError, RoutingReason } from "./RoutingError.ts"
import { TrackingError, TrackingReason } from "./TrackingError.ts"

/** Everything a work order can fail with: one error per step, each with its reason. */
export const PipelineError = Schema.Union([
  RoutingError,
  GenerationError,
  ApplyError,
  PullRequestError,
  TrackingError
])
export type PipelineError = typeof PipelineError.Type

/** Every reason of every step. */
export const Reason = Schema.Union([
  RoutingReason,
  GenerationReason,
  ApplyReason,
  PullRequestReason,
  TrackingReason
])
export type Reason = typeof Reason.Type
