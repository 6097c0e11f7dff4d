import { Effect, Exit, type Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Evidence from "../../../domain/errors/Evidence.ts"
import { ResultRefused, type StoreConflict, type StoreUnavailable } from "../../../domain/errors/Reasons.ts"
import { Limits } from "../../../domain/policies/Limits.ts"
import { repeating } from "../StoreCall.ts"
import type * as Commits from "./Commits.ts"
import * as Run from "./Run.ts"

/** Longer than a store call's own attempts: what a step has produced is worth waiting for. */
export const patiently = repeating(Limits.journalAttempts)

/** Stands in for a result that the store refuses, and would refuse for ever. */
export const unstorable = (error: { readonly message: string }) => {
  const excerpt = `The result could not be stored: ${error.message}`
  const evidence = Evidence.make({ operation: "storing a result", excerpt })
  return new Workflow.Complete({ exit: Exit.die(new ResultRefused({ evidence })) })
}

/** Commits how steps and runs end. */
export const make = (commit: Commits.Commits) => {
  const stepEnded = ({ claim }: Run.Run, { name, attempt, result, facts }: Run.Ended) =>
    ({ _tag: "StepEnded", ...claim, name, attempt, result, facts }) as const

  /** Commits a step's end, and answers what is journaled. Undefined: nothing, and the run is lost. */
  const step = Effect.fnUntraced(function* (run: Run.Run, ended: Run.Ended) {
    const store = (it: Run.Ended) =>
      Effect.map(patiently(commit({ ...stepEnded(run, it), runResult: null })), (stored) => {
        if (stored) run.activities.set(Run.activityKey(it.name, it.attempt), it.result)
        else Run.lose(run, "fenced")
        return stored ? it.result : undefined
      })
    return yield* store(ended).pipe(
      Effect.catchTag("StoreConflict", (error) => store({ ...ended, result: unstorable(error), facts: [] })),
      Effect.catch((error) => {
        Run.lose(run, "unavailable")
        return Effect.as(Effect.logWarning("A result could not be stored", error), undefined)
      })
    )
  })

  /**
   * Commits by itself what waits for the run's end, because something else comes first. False: it is not journaled as it
   * was; the run is lost, or has to be replayed with what is.
   */
  const unsaid = (run: Run.Run) =>
    Effect.suspend(() => {
      const ended = run.unsaid
      if (ended === undefined) return Effect.succeed(true)
      run.unsaid = undefined
      return Effect.map(step(run, ended), (stored) => {
        const same = stored === ended.result
        if (!same) run.stale = true
        return same
      })
    }).pipe(Effect.uninterruptible)

  /** Commits the run's end, and what waits for it. False: the claim is no longer current, and nothing was written. */
  const end = (
    run: Run.Run,
    result: Workflow.Result<unknown, unknown>
  ): Effect.Effect<boolean, StoreUnavailable | StoreConflict | Schema.SchemaError> =>
    Effect.flatMap(run.registration.encodeResult(result), (json) =>
      patiently(
        run.unsaid === undefined
          ? commit({ _tag: "Finished", ...run.claim, result: json })
          : commit({ ...stepEnded(run, run.unsaid), runResult: json })
      )
    )

  return { step, unsaid, end }
}
export type Ends = ReturnType<typeof make>
