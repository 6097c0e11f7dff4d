import { PgClient } from "@effect/sql-pg"
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Schedule,
  Schema,
  Scope
} from "effect"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import * as Evidence from "../../../../src/domain/errors/Evidence.ts"
import { StoreUnavailable } from "../../../../src/domain/errors/Reasons.ts"
import { ProjectId, Run, WorkOrderId, executionId } from "../../../../src/domain/Ids.ts"
import { Limits } from "../../../../src/domain/policies/Limits.ts"
import { Project } from "../../../../src/domain/Project.ts"
import { WorkOrder } from "../../../../src/domain/WorkOrder.ts"
import * as Environment from "../../../../src/layers/Environment.ts"
import * as PostgresEngine from "../../../../src/layers/postgres/PostgresEngine.ts"
import { StoreCall } from "../../../../src/layers/postgres/StoreCall.ts"
import { Projects } from "../../../../src/services/Projects.ts"
import { WorkOrders } from "../../../../src/services/WorkOrders.ts"
import { At } from "../../../../src/steps/StepContext.ts"
import * as TestDatabase from "../../../support/TestDatabase.ts"
import { order as anyOrder, project as anyProject } from "../../../support/World.ts"

/**
 * Waits take a fiftieth of their time, except those for an answer of the database, which are in between. `ahead`
 * moves the time.
 */
export const hurried = (ahead = { ms: 0 }) =>
  Effect.map(Clock.Clock, (clock): Clock.Clock => ({
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ahead.ms,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (ms) => ms + ahead.ms),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
    currentTimeNanos: clock.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => {
      const ms = Duration.toMillis(duration)
      return clock.sleep(Duration.millis(ms < 4_000 || ms > 10_000 ? ms / 50 : ms))
    }
  }))

/** A database of its own, the stores on it, and little patience. What the engine logs on purpose is not shown. */
export const inDatabase = <A, E, R>(effect: Effect.Effect<A, E, R>, ahead?: { ms: number }) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(
      Environment.store.pipe(Layer.provideMerge(TestDatabase.layer), Layer.merge(Logger.layer([])))
    ),
    Effect.provideServiceEffect(Clock.Clock, hurried(ahead))
  )

export type Verdict = "work" | "fail" | "lose the reply"

/** The store, with what becomes of each call decided by the test. */
export const faulty = (verdict: (name: string) => Verdict) =>
  Effect.map(StoreCall, (real) => {
    const gone = (name: string) =>
      Effect.fail(new StoreUnavailable({ evidence: Evidence.make({ operation: name, excerpt: "gone" }) }))
    return StoreCall.of({
      call: (name, input) =>
        Effect.suspend(() => {
          const what = verdict(name)
          if (what === "fail") return gone(name)
          return what === "work" ? real.call(name, input) : Effect.andThen(real.call(name, input), gone(name))
        })
    })
  })

export interface Opened {
  readonly engine: WorkflowEngine.WorkflowEngine["Service"]
  readonly close: Effect.Effect<void>
  readonly register: <
    Name extends string,
    Payload extends Workflow.AnyStructSchema,
    Success extends Schema.Top,
    Err extends Schema.Top,
    R
  >(
    workflow: Workflow.Workflow<Name, Payload, Success, Err>,
    execute: (payload: Payload["Type"]) => Effect.Effect<Success["Type"], Err["Type"], R>
  ) => ReturnType<typeof registerIn<Name, Payload, Success, Err, R>>
}

const registerIn = <
  Name extends string,
  Payload extends Workflow.AnyStructSchema,
  Success extends Schema.Top,
  Err extends Schema.Top,
  R
>(
  engine: WorkflowEngine.WorkflowEngine["Service"],
  scope: Scope.Scope,
  workflow: Workflow.Workflow<Name, Payload, Success, Err>,
  execute: (payload: Payload["Type"]) => Effect.Effect<Success["Type"], Err["Type"], R>
) => Scope.provide(engine.register(workflow, execute), scope)

/** An engine with a runner of its own, until it is closed or the test ends. */
export const open = Effect.fnUntraced(function* (
  options: Partial<PostgresEngine.Options> = {},
  store?: StoreCall["Service"]
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = PostgresEngine.layer({ slots: 8, ...options })
  const context = yield* Layer.buildWithScope(
    store === undefined ? layer : Layer.provide(layer, Layer.succeed(StoreCall, store)),
    scope
  )
  const engine = Context.get(context, WorkflowEngine.WorkflowEngine)
  const opened: Opened = {
    engine,
    close: Scope.close(scope, Exit.void),
    register: (workflow, execute) => registerIn(engine, scope, workflow, execute)
  }
  return opened
})

/** What happened, in order, with places to stop at. */
export const journal = () => {
  const lines: Array<string> = []
  const note = (line: string) => Effect.sync(() => void lines.push(line))
  return {
    lines,
    note,
    count: (line: string) => lines.filter((it) => it === line).length,
    /** An activity that notes its name. */
    step: (name: string) => Activity.make({ name, execute: note(name) }),
    /** The same, undone when the workflow fails. */
    undoable: (name: string) =>
      Activity.make({ name, execute: note(name) }).pipe(Workflow.withCompensation(() => note(`undo ${name}`)))
  }
}

/** An activity that says when it has begun, stays until it is let go on, and says when it is interrupted. */
export const stop = Effect.fnUntraced(function* (log: ReturnType<typeof journal>, name: string) {
  const begun = yield* Deferred.make<void>()
  const goOn = yield* Deferred.make<void>()
  const activity = Activity.make({
    name,
    interruptRetryPolicy: Schedule.recurs(0),
    execute: Effect.gen(function* () {
      yield* Effect.addFinalizer(() => log.note(`left ${name}`))
      yield* log.note(name)
      yield* Deferred.succeed(begun, undefined)
      yield* Deferred.await(goOn)
    }).pipe(Effect.scoped)
  })
  return { activity, begun: Deferred.await(begun), goOn: Deferred.succeed(goOn, undefined) }
})

export const id = { id: Schema.String }

/** A workflow without results of its own. */
export const workflow = (name: string) =>
  Workflow.make(name, { payload: id, idempotencyKey: (payload) => payload.id })

/** Stands in for the pipeline: what work orders are run by. */
export const Pipeline = Workflow.make("moose/Pipeline", {
  payload: At,
  idempotencyKey: ({ workOrderId, run }) => executionId(workOrderId, run)
})

export const begin = (
  { engine }: Opened,
  it: ReturnType<typeof workflow>,
  executionId: string
): Effect.Effect<unknown> => engine.execute(it, { executionId, payload: { id: executionId }, discard: true })

export const finish = ({ engine }: Opened, it: ReturnType<typeof workflow>, executionId: string) =>
  Effect.exit(engine.execute(it, { executionId, payload: { id: executionId } }))

let orders = 0

export const aProject = (change: Partial<Project> = {}) =>
  Effect.flatMap(Projects, (projects) =>
    projects.put(new Project({ ...anyProject, id: ProjectId.make(`project-${++orders}`), ...change }))
  )

export const anOrder = Effect.fnUntraced(function* (project: Project, change: Partial<WorkOrder> = {}) {
  const store = yield* WorkOrders
  const order = new WorkOrder({
    ...anyOrder,
    id: WorkOrderId.make(`order-${String(++orders).padStart(4, "0")}`),
    project: project.id,
    ...change
  })
  yield* store.submit(order)
  const at = { workOrderId: order.id, run: Run.make(1) }
  return { order, at, execution: executionId(order.id, at.run) }
})

export const Row = Schema.Struct({
  state: Schema.String,
  owner: Schema.NullOr(Schema.String),
  fence: Schema.BigInt,
  pause: Schema.Int
})

/** An execution as it is stored; `pause` is how many seconds it may not be claimed for. */
export const row = Effect.fnUntraced(function* (execution: string) {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql`
    select state, owner, fence, greatest(0, ceil(extract(epoch from available_at - moose.now())))::integer as pause
    from moose.executions where id = ${execution}`
  return yield* Schema.decodeUnknownEffect(Row)(rows[0])
})

/** Looks until it is so. The test's own time limit bounds it. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, isSo: (seen: A) => boolean) =>
  Effect.repeat(look, { schedule: Schedule.spaced("250 millis"), until: isSo })

export const until = (isSo: () => boolean) => eventually(Effect.sync(isSo), (it) => it)

/** Ends every lease, as if those who hold them had been silent for long. */
export const endLeases = Effect.flatMap(
  PgClient.PgClient,
  (sql) => sql`update moose.runners set lease_until = moose.now() - interval '1 second'`
)

/** Another process's words, said by hand: claims as `runner`. */
export const tickAs = Effect.fnUntraced(function* (
  runner: string,
  workflows: ReadonlyArray<string>,
  room = 8,
  more: {
    readonly leaseMs?: number
    readonly version?: number
    readonly replays?: ReadonlyArray<number>
  } = {}
) {
  const store = yield* StoreCall
  const answer = yield* store.call("runner_tick", {
    runner,
    host: "elsewhere",
    processId: 1,
    leaseMs: 15_000,
    version: 1,
    replays: [],
    stallsMax: Limits.executionStallsMax,
    ...more,
    room,
    running: [],
    only: null,
    workflows
  })
  const read = Schema.decodeUnknownEffect(
    Schema.Struct({
      claims: Schema.Array(Schema.Struct({ id: Schema.String, fence: Schema.Int })),
      cancelled: Schema.Array(Schema.String)
    })
  )
  return yield* read(answer)
})

export const call = (name: string, input: unknown) =>
  Effect.flatMap(StoreCall, (store) => store.call(name, input))

export const joined = <A, E>(fiber: Fiber.Fiber<A, E>) => Fiber.await(fiber)
