import { Deferred, Effect, Schedule } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import * as EngineStore from "./EngineStore.ts"

export interface Waiting {
  /** Tells who waits for it. */
  readonly done: (execution: string) => Effect.Effect<void>
  readonly forDone: (execution: string) => Effect.Effect<void>
}

/**
 * Who waits for executions to be done: told at once of those that end here, and within `Limits.executionPoll` of
 * others, which are looked up together.
 */
export const make = Effect.fnUntraced(function* (isRunningHere: (execution: string) => boolean) {
  const waiting = new Map<string, Deferred.Deferred<void>>()

  const done = (execution: string) =>
    Effect.suspend(() => {
      const answer = waiting.get(execution)
      waiting.delete(execution)
      return answer === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(answer, undefined))
    })

  const look = Effect.suspend(() => {
    const executions = [...waiting.keys()].filter((it) => !isRunningHere(it)).slice(0, Limits.pollsTogether)
    if (executions.length === 0) return Effect.void
    return EngineStore.done({ executions }).pipe(
      Effect.flatMap(Effect.forEach(done, { discard: true })),
      // They may be done for all we know: asked again.
      Effect.catch((error) => Effect.logDebug("Executions could not be looked up", error))
    )
  })
  yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(Limits.executionPoll)))

  const service: Waiting = {
    done,
    forDone: (execution: string) =>
      Effect.suspend(() => {
        const known = waiting.get(execution)
        const answer = known ?? Deferred.makeUnsafe<void>()
        if (known === undefined) waiting.set(execution, answer)
        return Deferred.await(answer)
      })
  }
  return service
})
