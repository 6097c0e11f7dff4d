import { Schema } from "effect"
import { Run, WorkOrderId } from "../Ids.ts"
import { OrderState } from "../OrderState.ts"
import { StepName } from "../Status.ts"
import type { Evidence } from "./Evidence.ts"

export const Category = Schema.Literals([
  "transient",
  "permanent",
  "configuration",
  "rejected",
  "budget",
  "ambiguous"
])
export const Severity = Schema.Literals(["low", "medium", "high", "critical"])
export const Blame = Schema.Literals(["task", "provider", "platform", "configuration", "budget"])
/** May the operation have taken effect although it failed? */
export const SideEffect = Schema.Literals(["none", "possible", "certain"])

/** What a reason means, decided in `policies/Meaning.ts` and nowhere else. */
export const Meaning = Schema.Struct({
  category: Category,
  severity: Severity,
  blame: Blame,
  retryable: Schema.Boolean,
  sideEffect: SideEffect,
  /** What a tired person can do about it. */
  hint: Schema.String
})
export type Meaning = typeof Meaning.Type

/** What every reason has, also one that a step brings along which is none of the five. */
export interface AnyReason {
  readonly _tag: string
  readonly message: string
  readonly evidence?: Evidence
}

/** What every failure carries, whatever went wrong. */
export class Failure extends Schema.Class<Failure>("Failure")({
  /** The step of the pipeline, whose status the order had. */
  step: StepName,
  /** The part that failed: `policies/Component.ts`. */
  component: Schema.String,
  /** The service and what it was doing: "git push". */
  operation: Schema.String,
  workOrderId: WorkOrderId,
  run: Run,
  /** Which try of the step's body it was, from 1; 0 where the step could not begin. */
  attempt: Schema.Int,
  tag: Schema.String,
  message: Schema.String,
  ...Meaning.fields,
  retryAfterMs: Schema.NullOr(Schema.Int),
  /** The first 500 characters of stderr or of the body, secrets removed. */
  excerpt: Schema.String,
  /** Failures that led to this one. */
  causes: Schema.Array(Schema.Struct({ tag: Schema.String, message: Schema.String })),
  /** Where the foreign error came from, as far as it said: its stack, secrets removed. */
  stack: Schema.optionalKey(Schema.String),
  /** Of the trace that the step's spans belong to. */
  traceId: Schema.optionalKey(Schema.String),
  /** What the order held at that moment. */
  state: Schema.Union([OrderState, Schema.Struct({ unknown: Schema.String })])
}) {}
