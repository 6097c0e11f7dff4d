import { Duration, Effect, Layer, Schedule, Schema } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { storeFunction } from "./StoreCall.ts"

/** How many rows of each kind went. */
export const Purged = Schema.Struct({
  events: Schema.Int,
  results: Schema.Int,
  replies: Schema.Int,
  executions: Schema.Int,
  batches: Schema.Int,
  runners: Schema.Int
})
export type Purged = typeof Purged.Type

const some = storeFunction("purge", Schema.Struct({ olderThanMs: Schema.Int, limit: Schema.Int }), Purged)

const nothing: Purged = { events: 0, results: 0, replies: 0, executions: 0, batches: 0, runners: 0 }

const sum = (a: Purged, b: Purged): Purged => ({
  events: a.events + b.events,
  results: a.results + b.results,
  replies: a.replies + b.replies,
  executions: a.executions + b.executions,
  batches: a.batches + b.batches,
  runners: a.runners + b.runners
})

/**
 * Removes what is over and older than `age`: timelines, journals of runs that nobody will take over from with the replies
 * that programs bought in them, runners that are gone. Orders, decisions, failures, money and outcomes stay. In commits of `Limits.purgeTogether` rows of each kind,
 * at most `Limits.purgeCommits` of them; answers how many rows went.
 */
export const purge = Effect.fn("Retention.purge")(function* (age: Duration.Duration) {
  let all = nothing
  for (let commits = 0; commits < Limits.purgeCommits; commits++) {
    const gone = yield* some({ olderThanMs: Math.ceil(Duration.toMillis(age)), limit: Limits.purgeTogether })
    all = sum(all, gone)
    if (Math.max(...Object.values(gone)) < Limits.purgeTogether) break
  }
  return all
})

/** Purges now and then, for as long as the layer lives. What could not be purged is left to the next time. */
export const layer = Layer.effectDiscard(
  purge(Limits.retention).pipe(
    Effect.catch((error) => Effect.logWarning("What is old could not be purged", error)),
    Effect.repeat(Schedule.spaced(Limits.purgeEvery)),
    Effect.forkScoped
  )
)
