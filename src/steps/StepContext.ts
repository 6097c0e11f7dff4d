import { Context, Effect, Schema } from "effect"
import type { Dependency } from "../domain/Dependency.ts"
import type { StoreConflict, StoreUnavailable } from "../domain/errors/Reasons.ts"
import type { Fact } from "../domain/Fact.ts"
import { Run, WorkOrderId } from "../domain/Ids.ts"
import type { Rules } from "../domain/policies/Policies.ts"
import type { Project } from "../domain/Project.ts"
import type { StepName } from "../domain/Status.ts"
import type { WorkOrder } from "../domain/WorkOrder.ts"
import type { Allowance } from "./Allowance.ts"
import { StepJournal } from "../services/StepJournal.ts"

/** One run of one work order. */
export const At = Schema.Struct({ workOrderId: WorkOrderId, run: Run })
export type At = typeof At.Type

/** What a step works on. */
export class StepContext extends Context.Service<
  StepContext,
  {
    readonly at: At
    /** The step of the pipeline whose status the order has. */
    readonly step: StepName
    /** The step's own name, which differs for a step that somebody added. */
    readonly name: string
    readonly rules: Rules
    /** Which try of the step's body this is, from 1. */
    readonly attempt: number
    /** What the order has left to go on with after a failure. */
    readonly allowance: Allowance
    /** How often the order has waited in this step already. */
    readonly waits: number
    /** Dependencies with an incident that this order is the one to try. */
    readonly probing: ReadonlyArray<Dependency>
    readonly order: WorkOrder
    readonly project: Project
    /** When the order was submitted, seconds since 1970: the date of every commit made for it. */
    readonly submittedAt: number
  }
>()("moose/steps/StepContext") {}

/** Adds facts to the running step; they become true with its result. */
export const record = (
  ...facts: ReadonlyArray<Fact>
): Effect.Effect<void, StoreUnavailable | StoreConflict, StepContext | StepJournal> =>
  Effect.gen(function* () {
    const { at } = yield* StepContext
    const journal = yield* StepJournal
    yield* journal.append({ ...at, facts })
  })
