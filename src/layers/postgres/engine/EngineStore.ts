import { Match, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Fact } from "../../../domain/Fact.ts"
import { storeFunction } from "../StoreCall.ts"

/**
 * A step's result as it is journaled. Its success and error are JSON already: an Activity encodes them with
 * its own schemas before the engine sees them.
 */
export const ActivityResult = Schema.toCodecJson(Workflow.Result({ success: Schema.Any, error: Schema.Any }))

export const DeferredExit = Schema.toCodecJson(Schema.Exit(Schema.Any, Schema.Any, Schema.Any))

/** An execution as it is handed to a runner, with everything it has journaled. */
export const Claimed = Schema.Struct({
  id: Schema.String,
  workflow: Schema.String,
  payload: Schema.Json,
  fence: Schema.Int,
  cancelRequested: Schema.Boolean,
  activities: Schema.Array(
    Schema.Struct({ name: Schema.String, attempt: Schema.Int, result: ActivityResult })
  ),
  deferreds: Schema.Array(Schema.Struct({ name: Schema.String, exit: DeferredExit }))
})
export type Claimed = typeof Claimed.Type

/** Enough of a claim to give it back when the rest of it cannot be read. */
export const ClaimedHead = Schema.Struct({ id: Schema.String, workflow: Schema.String, fence: Schema.Int })

/** Proof of a claim: every write names it, and is refused once somebody else holds the execution. */
const claim = { execution: Schema.String, runner: Schema.String, fence: Schema.Int }
export type Claim = { readonly [K in keyof typeof claim]: (typeof claim)[K]["Type"] }

export const readClaimed = Schema.decodeUnknownEffect(Schema.toCodecJson(Claimed))
export const readClaimedHead = Schema.decodeUnknownEffect(ClaimedHead)

/** Whoever claims takes or renews the lease that its claims hang on, and says which code it runs and what it has room for. */
const lease = {
  version: Schema.Int,
  replays: Schema.Array(Schema.Int),
  stallsMax: Schema.Int,
  runner: Schema.String,
  host: Schema.String,
  processId: Schema.Int,
  leaseMs: Schema.Int,
  /** False while there is enough left of the lease: then a call that finds nothing to do writes nothing. */
  renew: Schema.Boolean,
  room: Schema.Int,
  running: Schema.Array(Schema.String),
  workflows: Schema.Array(Schema.String)
}
export type Lease = { readonly [K in keyof typeof lease]: (typeof lease)[K]["Type"] }

export const tick = storeFunction(
  "runner_tick",
  Schema.Struct({ ...lease, only: Schema.NullOr(Schema.Array(Schema.String)) }),
  // Claims are read one by one, so that one damaged journal does not stop all others.
  Schema.Struct({
    claims: Schema.Array(Schema.Json),
    cancelled: Schema.Array(Schema.String),
    /** Somebody could be claimed now, but for want of room or of a place in its project. */
    someLeft: Schema.Boolean,
    /** When the next clock rings or the next lease ends, whoever's: null when there is none. */
    nextMs: Schema.NullOr(Schema.Int)
  })
)

const Start = Schema.Struct({
  id: Schema.String,
  workflow: Schema.String,
  payload: Schema.Json,
  parent: Schema.NullOr(Schema.String)
})
export type Start = typeof Start.Type

const Started = Schema.Union([
  Schema.TaggedStruct("Claimed", { execution: Schema.Json }),
  Schema.TaggedStruct("Done", { result: Schema.NullOr(Schema.Json) }),
  Schema.TaggedStruct("Elsewhere", {})
])
export type Started = typeof Started.Type

/** Starts executions, or tells how they stand: one commit, and one answer each. */
export const start = storeFunction(
  "start_executions",
  Schema.Struct({ ...lease, starts: Schema.Array(Start) }),
  Schema.Array(Started)
)

const StepEnded = Schema.TaggedStruct("StepEnded", {
  ...claim,
  name: Schema.String,
  attempt: Schema.Int,
  result: ActivityResult,
  facts: Schema.Array(Fact),
  /** How the run ends with this step; null where it goes on. */
  runResult: Schema.NullOr(Schema.Json)
})
const Finished = Schema.TaggedStruct("Finished", { ...claim, result: Schema.Json })
const Suspended = Schema.TaggedStruct("Suspended", { ...claim, deferredsSeen: Schema.Int })

/** What a run has to say: a step's end with its facts, its own end, or that it waits. */
const Commit = Schema.Union([StepEnded, Finished, Suspended])
export type Commit = typeof Commit.Type

const commitActivity = storeFunction("commit_activity", StepEnded, Schema.Boolean)
const finish = storeFunction("finish_execution", Finished, Schema.Boolean)
const suspend = storeFunction("suspend_execution", Suspended, Schema.Boolean)

/** False: the claim is no longer current, and nothing was written. */
export const commit = Match.typeTags<Commit>()({
  StepEnded: commitActivity,
  Finished: finish,
  Suspended: suspend
})

/** The same for several at once: one commit, and one answer each. What one of them is refused for, all are. */
export const commitTogether = storeFunction(
  "commit_together",
  Schema.Array(Commit),
  Schema.Array(Schema.Boolean)
)

/** Those of these executions that are done. */
export const done = storeFunction(
  "done_executions",
  Schema.Struct({ executions: Schema.Array(Schema.String) }),
  Schema.Array(Schema.String)
)

export const abandon = storeFunction(
  "abandon_execution",
  Schema.Struct({ ...claim, pauseMs: Schema.Int, stalled: Schema.Boolean }),
  Schema.Boolean
)

export const release = storeFunction("release_runner", Schema.Struct({ runner: Schema.String }), Schema.Null)

/** State is null when there is no such execution; result is null for one that was cancelled unclaimed. */
export const poll = storeFunction(
  "poll_execution",
  Schema.Struct({ execution: Schema.String }),
  Schema.Struct({
    state: Schema.NullOr(Schema.Literals(["ready", "running", "suspended", "done"])),
    result: Schema.NullOr(Schema.Json)
  })
)

export const requestInterrupt = storeFunction(
  "request_interrupt",
  Schema.Struct({ execution: Schema.String }),
  Schema.Null
)

export const resume = storeFunction(
  "resume_execution",
  Schema.Struct({ execution: Schema.String }),
  Schema.Null
)

/** Answers how the deferred was completed by whoever came first. */
export const completeDeferred = storeFunction(
  "complete_deferred",
  Schema.Struct({ execution: Schema.String, name: Schema.String, exit: DeferredExit }),
  DeferredExit
)

export const scheduleClock = storeFunction(
  "schedule_clock",
  Schema.Struct({ execution: Schema.String, name: Schema.String, exit: DeferredExit, ms: Schema.Int }),
  Schema.Null
)
