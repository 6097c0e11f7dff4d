import { Context, Effect, Exit } from "effect"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import type { Fact } from "../../../domain/Fact.ts"
import { LastStep } from "../../../services/LastStep.ts"
import { CurrentPendingFacts } from "../../../services/StepJournal.ts"
import type { Ends } from "./Ends.ts"
import * as Run from "./Run.ts"

const isSuccess = (result: Workflow.Result<unknown, unknown>) =>
  result._tag === "Complete" && Exit.isSuccess(result.exit)

/** Runs activities whose results are not journaled yet. */
export const make = (ends: Ends) => {
  /** The body, then its commit. A body may be interrupted, a commit may not: it decides what is true. */
  const run = Effect.fnUntraced(function* (run: Run.Run, activity: Activity.Any, attempt: number) {
    const outer = yield* WorkflowEngine.WorkflowInstance
    const instance = WorkflowEngine.WorkflowInstance.initial(outer.workflow, outer.executionId)
    instance.interrupted = outer.interrupted
    const facts: Array<Fact> = []
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const result: Workflow.Result<unknown, unknown> = yield* activity.executeEncoded.pipe(
          Workflow.intoResult,
          Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
          Effect.provideService(Activity.CurrentAttempt, attempt),
          Effect.provideService(CurrentPendingFacts, { add: (more) => facts.push(...more) }),
          restore
        )
        if (run.lost !== undefined) return yield* Run.abandon(run, outer, run.lost)
        if (result._tag === "Suspended") return result
        const ended = { name: activity.name, attempt, result, facts }
        if (run.unsaid === undefined && Context.get(activity.annotations, LastStep) && isSuccess(result)) {
          run.unsaid = ended
          run.activities.set(Run.activityKey(activity.name, attempt), result)
          return result
        }
        return (yield* ends.step(run, ended)) ?? (yield* Run.abandon(run, outer, run.lost ?? "fenced"))
      })
    )
  })

  return { run }
}
