import { Effect } from "effect"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import type { Fact } from "../../../domain/Fact.ts"
import { CurrentPendingFacts } from "../../../services/StepJournal.ts"
import type * as Commits from "./Commits.ts"
import { patiently, unstorable } from "./Executions.ts"
import * as Run from "./Run.ts"

/** Runs activities whose results are not journaled yet. */
export const make = (store: Commits.Commits) => {
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
        const entry = { _tag: "StepEnded", ...run.claim, name: activity.name, attempt } as const
        const commit = (it: Workflow.Result<unknown, unknown>, its: ReadonlyArray<Fact>) =>
          patiently(store({ ...entry, result: it, facts: its }))
        const [stored, committed] = yield* Effect.map(
          commit(result, facts),
          (ok) => [result, ok] as const
        ).pipe(
          Effect.catchTag("StoreConflict", (error) => {
            const instead = unstorable(error)
            return Effect.map(commit(instead, []), (ok) => [instead, ok] as const)
          }),
          Effect.tapError((error) => Effect.logWarning("A result could not be stored", error)),
          Effect.catch(() => Run.abandon(run, outer, "unavailable"))
        )
        if (!committed) return yield* Run.abandon(run, outer, "fenced")
        run.activities.set(Run.activityKey(activity.name, attempt), stored)
        return stored
      })
    )
  })

  return { run }
}
