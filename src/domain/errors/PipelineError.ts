import { Schema } from "effect"
import { ApplyError, type ApplyReason } from "./ApplyError.ts"
import { GenerationError, type GenerationReason } from "./GenerationError.ts"
import { PullRequestError, type PullRequestReason } from "./PullRequestError.ts"
import { RoutingError, type RoutingReason } from "./RoutingError.ts"
import { TrackingError, type TrackingReason } from "./TrackingError.ts"

/** Everything a work order can fail with: one error per step, each with its reason. */
export const PipelineError = Schema.Union([
  RoutingError,
  GenerationError,
  ApplyError,
  PullRequestError,
  TrackingError
])
export type PipelineError = typeof PipelineError.Type

export type Reason = RoutingReason | GenerationReason | ApplyReason | PullRequestReason | TrackingReason
