import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Activity, DurableClock, Workflow, WorkflowEngine } from "effect/workflow"
import type { Fact } from "../../src/domain/Fact.ts"
import { ProjectId, Run, WorkOrderId, executionId } from "../../src/domain/Ids.ts"
import { Outcome } from "../../src/domain/Outcome.ts"
import { Project } from "../../src/domain/Project.ts"
import { afterStep, stepNames } from "../../src/domain/Status.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as PostgresEngine from "../../src/layers/postgres/PostgresEngine.ts"
import { Budget } from "../../src/services/Budget.ts"
import { LastStep } from "../../src/services/LastStep.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Resources } from "../../src/services/Resources.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { At } from "../../src/steps/StepContext.ts"
import {
  baseSha,
  branch,
  headSha,
  order as anyOrder,
  project as anyProject,
  pullRequest
} from "../../test/support/World.ts"
import type { Contender } from "./Contender.ts"

/** Orders are spread over these, because no project runs more than 64 at once. */
export const projects = Array.from({ length: 8 }, (_, index) => ProjectId.make(`project-${index}`))

export const roomy = Usd.make(1_000_000_000_000)
const cent = Usd.make(10_000)
const usage = { inputTokens: 1000, outputTokens: 100 }

/** What the order is when nothing is done but waiting. */
const isParked = (id: string) => id.startsWith("parked")

type Step = (typeof stepNames)[number]

/** A step's end says what a real one says: the outcome of its call, what it holds, how it went, what comes next. */
const ends = (step: Step, facts: ReadonlyArray<Fact>): ReadonlyArray<Fact> => {
  const following = stepNames[stepNames.indexOf(step) + 1]
  return [
    ...facts,
    { _tag: "StepSucceeded", step, ms: 12, summary: "as it should" },
    { _tag: "StatusMoved", to: afterStep[step].succeeded, disposition: null },
    ...(following === undefined ? [] : [{ _tag: "StepStarted" as const, step: following }])
  ]
}

const workOf: Readonly<
  Record<Step, (at: At) => Effect.Effect<ReadonlyArray<Fact>, unknown, Budget | Resources>>
> = {
  routing: () =>
    Effect.succeed([
      {
        _tag: "Decided",
        step: "routing",
        choice: "gpt-5",
        reason: "cheap first",
        data: { models: ["gpt-5"] }
      }
    ]),
  generating: Effect.fnUntraced(function* ({ run, workOrderId }) {
    const budget = yield* Budget
    const call = {
      call: "generating/1",
      category: "generating",
      model: "gpt-5",
      rule: "first",
      amount: cent
    } as const
    const { id: reservation } = yield* budget.reserve({ workOrderId, run, ...call })
    return [{ _tag: "CostSettled", reservation, amount: cent, usage }]
  }),
  applying: Effect.fnUntraced(function* (at) {
    const resources = yield* Resources
    const held = [
      { kind: "worktree", name: at.workOrderId },
      { kind: "branch", name: `moose/${at.workOrderId}` }
    ] as const
    yield* resources.intend({ ...at, resources: held })
    return [
      ...held.map((it) => ({ _tag: "ResourceHeld" as const, ...it, evidence: { head: headSha } })),
      { _tag: "BranchPrepared", branch, baseSha, headSha }
    ]
  }),
  creating_pr: () =>
    Effect.succeed([{ _tag: "PullRequestOpened", number: pullRequest.number, url: pullRequest.url }]),
  tracking: (at) =>
    Effect.succeed([
      { _tag: "ResourceReleased", kind: "worktree", name: at.workOrderId, evidence: null },
      {
        _tag: "OutcomeRecorded",
        outcome: new Outcome({
          workOrderId: at.workOrderId,
          branch,
          headSha,
          files: 1,
          insertions: 1,
          deletions: 1,
          pullRequest: { number: pullRequest.number, url: pullRequest.url },
          model: "gpt-5",
          cost: cent
        })
      }
    ])
}

const Pipeline = Workflow.make("moose/Pipeline", {
  payload: At,
  success: Schema.Int,
  idempotencyKey: ({ workOrderId, run }) => executionId(workOrderId, run)
})

const step = (name: Step, at: At) =>
  Activity.make({
    name,
    success: Schema.Int,
    execute: Effect.gen(function* () {
      const journal = yield* StepJournal
      yield* journal.append({ ...at, facts: ends(name, yield* Effect.orDie(workOf[name](at))) })
      return stepNames.indexOf(name)
    }).pipe(Effect.orDie),
    annotations: Context.make(LastStep, name === stepNames.at(-1))
  })

const pipeline = Pipeline.toLayer((at) =>
  Effect.gen(function* () {
    let sum = 0
    for (const name of stepNames) {
      if (name === "applying" && isParked(at.workOrderId)) {
        yield* DurableClock.sleep({ name: "day", duration: "1 day", inMemoryThreshold: 0 })
      }
      sum += yield* step(name, at)
    }
    return sum
  })
)

export const seed = Effect.gen(function* () {
  const store = yield* Projects
  for (const id of projects) {
    yield* store.put(
      new Project({
        ...anyProject,
        id,
        concurrency: 64,
        limits: { dailyUsd: roomy, workOrderUsd: roomy }
      })
    )
  }
})

export const anOrder = (id: string, index: number) =>
  new WorkOrder({
    ...anyOrder,
    id: WorkOrderId.make(id),
    project: projects[index % projects.length] ?? anyProject.id
  })

/** Moose's engine and store as a worker has them, with five steps that have nothing to do but to write what they write. */
export const make = Effect.fnUntraced(function* (url: string, slots: number) {
  const store = Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: Redacted.make(url) })))
  const context = yield* Layer.build(
    pipeline.pipe(Layer.provideMerge(PostgresEngine.layer({ slots })), Layer.provideMerge(store))
  )
  const provide = Effect.provide(context)
  yield* provide(seed)
  const name = process.pid
  let orders = 0
  const submit = Effect.fnUntraced(function* (prefix: string) {
    const store = yield* WorkOrders
    const order = anOrder(`${prefix}-${name}-${++orders}`, orders)
    yield* store.submit(order)
    return { workOrderId: order.id, run: Run.make(1) }
  })
  const contender: Contender = {
    order: submit("order").pipe(
      Effect.flatMap((at) =>
        Effect.flatMap(WorkflowEngine.WorkflowEngine, (engine) =>
          // As the pipeline's own `run` does: under the id that its submission has queued.
          engine.execute(Pipeline, { executionId: executionId(at.workOrderId, at.run), payload: at })
        )
      ),
      provide,
      Effect.asVoid
    ),
    park: submit("parked").pipe(provide, Effect.asVoid),
    parked: Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const [row] = yield* sql<{ waiting: number }>`
        select count(*)::integer as waiting from moose.executions where state = 'suspended'`
      return row?.waiting ?? 0
    }).pipe(provide)
  }
  return contender
})
