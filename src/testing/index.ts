/** For tests against Moose: a forge without a network, one of every failure, and ways to make them happen. */

/** The service as it is, but for one method that fails: `Faults.failing`, and `Faults.meeting` for any reason. */
export * as Faults from "./Faults.ts"
/** A forge on this machine that speaks the part of GitHub's REST API that Moose uses. */
export * as LocalForge from "../layers/forge/LocalForge.ts"
/** One of every reason there is: `Samples.samples.PushRejected`. */
export * as Samples from "./Samples.ts"
/** Faults on real parts: a database, a remote, a forge, a model, a disk, a clock. */
export * from "./real/index.ts"
