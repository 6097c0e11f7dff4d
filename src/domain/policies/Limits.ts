import { Duration } from "effect"
import type { StepName } from "../Status.ts"

/** Every bound there is. Nothing waits, loops or buffers without one of these. */
export const Limits = {
  /** A whole step, its retries included. */
  step: {
    routing: Duration.seconds(30),
    generating: Duration.minutes(15),
    applying: Duration.minutes(20),
    creating_pr: Duration.minutes(10),
    tracking: Duration.minutes(1)
  } satisfies Record<StepName, Duration.Duration>,

  /** One git command that stays on this machine, and one that talks to a remote. */
  gitLocal: Duration.seconds(60),
  gitRemote: Duration.minutes(5),
  gitOutputBytesMax: 16 * 1024 * 1024,

  forgeCall: Duration.seconds(30),
  modelCall: Duration.minutes(5),

  /** The largest change that is stored with the order. */
  patchBytesMax: 8 * 1024 * 1024,
  /** How much of the repository a model is shown. */
  promptFileBytesMax: 64 * 1024,
  promptFilesMax: 40,
  promptPathsMax: 2_000,

  /** A runner that does not renew its lease for this long has lost its executions. */
  runnerLease: Duration.seconds(15),
  /** How often a runner renews its lease and looks for work it was not told about. */
  runnerTick: Duration.seconds(1),
  /** How many executions one worker runs at once. */
  runnerSlots: 8,

  /** One call of a store function is tried this often in all before it fails as StoreUnavailable. */
  storeAttempts: 5,
  /** How often a step's finished result is offered to the store before the run is abandoned for later. */
  journalAttempts: 8,
  storeRetryFirst: Duration.millis(50),
  storeRetryLongest: Duration.seconds(2),

  timelinePageMax: 500
} as const
