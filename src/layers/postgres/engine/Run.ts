import { Context, Deferred, Effect, type Exit, type Fiber } from "effect"
import { type Workflow, WorkflowEngine } from "effect/workflow"
import type { Fact } from "../../../domain/Fact.ts"
import type { Claim, Claimed } from "./EngineStore.ts"
import type { Registration } from "./Registration.ts"

/** Why a run stopped here without a result. */
export type Lost =
  /** Somebody else holds the execution: nothing more may be written or done. */
  | "fenced"
  /** The store could not take a result: the execution is given back, to run again after a pause. */
  | "unavailable"
  /** The code ended in a defect, or the journal cannot be read: given back like that, and counted. */
  | "stalled"
  /** This process is leaving: the execution is given back at once. */
  | "leaving"

/** How a step ended. */
export interface Ended {
  readonly name: string
  readonly attempt: number
  readonly result: Workflow.Result<unknown, unknown>
  readonly facts: ReadonlyArray<Fact>
}

/** One execution as this process runs it. Everything durable about it is in the store. */
export interface Run {
  readonly claim: Claim
  readonly registration: Registration
  readonly payload: object
  readonly activities: Map<string, Workflow.Result<unknown, unknown>>
  readonly deferreds: Map<string, Exit.Exit<unknown, unknown>>
  /** Answers those who wait here. `undefined`: the run stopped without a result. */
  readonly done: Deferred.Deferred<Workflow.Result<unknown, unknown> | undefined>
  /** The current replay. */
  instance: WorkflowEngine.WorkflowInstance["Service"]
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** The current replay has come to the end of the workflow's code: how it ends stands, and its clean-up may run. */
  bodyEnded: boolean
  /** Somebody asked for the execution to be cancelled. */
  interrupted: boolean
  /** Something happened that the current replay has not seen: replay once more instead of suspending. */
  stale: boolean
  /** The last step's end, which is committed together with the run's. */
  unsaid: Ended | undefined
  lost: Lost | undefined
}

/**
 * The run that workflow code belongs to. Not found by the execution's id: an execution that was lost may be
 * claimed again while what is left of its last run still cleans up.
 */
export const CurrentRun = Context.Reference<Run | undefined>("moose/layers/postgres/engine/Run/CurrentRun", {
  defaultValue: () => undefined
})

export const activityKey = (name: string, attempt: number) => `${name}/${attempt}`

export const make = (claimed: Claimed, runner: string, registration: Registration, payload: object): Run => ({
  claim: { execution: claimed.id, runner, fence: claimed.fence },
  registration,
  payload,
  activities: new Map(claimed.activities.map((it) => [activityKey(it.name, it.attempt), it.result])),
  deferreds: new Map(claimed.deferreds.map((it) => [it.name, it.exit])),
  done: Deferred.makeUnsafe(),
  instance: WorkflowEngine.WorkflowInstance.initial(registration.workflow, claimed.id),
  fiber: undefined,
  bodyEnded: false,
  interrupted: claimed.cancelRequested,
  stale: false,
  unsaid: undefined,
  lost: undefined
})

/**
 * Stops a run here for good. Its compensations are skipped, because the execution is not over: whoever holds
 * it next decides how it ends.
 */
export const lose = (run: Run, why: Lost) => {
  run.lost ??= why
  run.instance.abandoned = true
}

/** Ends workflow code whose run is lost. What it was in the middle of has no result. */
export const abandon = (run: Run, instance: WorkflowEngine.WorkflowInstance["Service"], why: Lost) =>
  Effect.suspend(() => {
    lose(run, why)
    instance.abandoned = true
    // Tells an enclosing activity that this interrupt is on purpose, and not to be tried again.
    instance.suspended = true
    return Effect.interrupt
  })
