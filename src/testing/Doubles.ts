import { Clock, DateTime, Effect, Layer } from "effect"
import { ProjectId, Run, WorkOrderId } from "../domain/Ids.ts"
import { Project } from "../domain/Project.ts"
import { Usd } from "../domain/Usd.ts"
import { WorkOrder } from "../domain/WorkOrder.ts"
import * as pipeline from "../pipeline.ts"
import * as MemoryEngine from "./memory/Engine.ts"
import * as Escalating from "./memory/Escalating.ts"
import * as Gateway from "./memory/Gateway.ts"
import * as Ledger from "./memory/Ledger.ts"
import * as Outside from "./memory/Outside.ts"
import { State } from "./memory/State.ts"
import * as Store from "./memory/Store.ts"

/** A project and an order for tests; `new WorkOrder({ ...order, ... })` makes others. */
export const project = new Project({
  id: ProjectId.make("sample"),
  repository: { remoteUrl: "https://forge.invalid/o/r.git", forge: { owner: "o", name: "r" } },
  baseBranch: "main",
  checks: [{ name: "test", command: ["true"], timeoutMs: 60_000 }],
  limits: { dailyUsd: Usd.make(20_000_000), workOrderUsd: Usd.make(2_000_000) },
  concurrency: 4,
  timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
  mode: "on"
})

/** The first run of `order`. */
export const at = { workOrderId: WorkOrderId.make("order-1"), run: Run.make(1) }

export const order = new WorkOrder({
  id: at.workOrderId,
  project: project.id,
  kind: "bug",
  title: "Totals lose cents",
  description: "They are rounded down.",
  acceptanceCriteria: [],
  filesInScope: [],
  baseBranch: "main",
  priority: 0,
  limits: {},
  metadata: {}
})

/** The one proposal that the doubles know, a model's answer with it, the models that are asked, and two commits. */
export const { baseSha, headSha, proposal, reply, route } = Outside

/**
 * Every service in memory, each doing well: a store with its tables, a ledger with its limits, and a world outside
 * that remembers what was made in it. A test reads all three after a run.
 */
export const make = () => {
  const state = new State()
  const outside = new Outside.Outside()
  const desk = new Escalating.Desk()
  const programs = new Gateway.Programs()
  const services = Layer.mergeAll(
    Store.layer(state),
    Ledger.layer(state),
    Gateway.replies(state),
    Escalating.layer(state, desk),
    Outside.layer(outside)
  )
  return {
    /** What the store has. */
    state,
    /** What is really there: worktrees, branches, pull requests. */
    outside,
    /** What the client manager was told, and what is spooled. */
    desk,
    /** Programs that ask models through the gateway. */
    programs,
    /** All services. */
    services: Layer.provideMerge(Gateway.layer(programs), services),
    /** The gateway alone, over other services: what they meet is met by its programs. */
    gateway: Gateway.layer(programs),
    /** The durable engine's behaviour, over this store. */
    engine: MemoryEngine.layer(state),
    /** Stores the project and the order, as if it had been submitted at `submittedAt` (milliseconds since 1970), or now. */
    submit: (submittedAt?: number) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        state.projects.set(project.id, project)
        return state.add(order, submittedAt ?? now)
      })
  }
}
export type Doubles = ReturnType<typeof make>

/** The pipeline on doubles; `faults` stand between the two. */
export const pipelineOn = <R>(doubles: Doubles, faults: Layer.Layer<R, never, R> | Layer.Layer<never>) =>
  pipeline.layer.pipe(
    Layer.provideMerge(faults),
    Layer.provideMerge(doubles.services),
    Layer.provideMerge(doubles.engine)
  )
