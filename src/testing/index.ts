/**
 * For tests against Moose: every service in memory, ways to make each of them fail as it can, one of every failure,
 * and a forge without a network. docs/testing.md shows a test that uses them.
 */

/** All services in memory, each doing well, an engine, a project and an order: `Doubles.make()`. */
export * as Doubles from "./Doubles.ts"
/** What calls of a service meet instead of their answers: `Faults.inject(Workspace, { method, what, when })`. */
export * as Faults from "./Faults.ts"
/** A forge on this machine that speaks the part of GitHub's REST API that Moose uses. */
export * as LocalForge from "../layers/forge/LocalForge.ts"
/** One of every reason there is: `Samples.samples.PushRejected`. */
export * as Samples from "./Samples.ts"
/** Faults on real parts: a database, a remote, a forge, a model, a disk, a clock. */
export * from "./real/index.ts"
/** Every service with its contract, for tests that go through all of them. */
export * as Services from "./Services.ts"
/** Runs an effect in a time of its own, in which days take milliseconds: `Simulation.run(effect, { until })`. */
export * as Simulation from "./Simulation.ts"
