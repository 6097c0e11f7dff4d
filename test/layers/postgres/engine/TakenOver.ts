import { assert } from "@effect/vitest"
import { Deferred, Effect, Option, Schedule, Schema, type Scope } from "effect"
import { Activity, Workflow, type WorkflowEngine } from "effect/workflow"
import { executionId } from "../../../../src/domain/Ids.ts"
import { StepJournal } from "../../../../src/services/StepJournal.ts"
import { WorkOrders } from "../../../../src/services/WorkOrders.ts"
import { At } from "../../../../src/steps/StepContext.ts"
import { journal } from "./Harness.ts"

/** What an order is run by, with a result that tells who brought it. */
const Pipeline = Workflow.make("moose/Pipeline", {
  payload: At,
  success: Schema.String,
  idempotencyKey: ({ workOrderId, run }) => executionId(workOrderId, run)
})

type Engine = WorkflowEngine.WorkflowEngine["Service"]
/** Teaches an engine the workflow. */
export type Register = (engine: Engine) => Effect.Effect<void, never, Scope.Scope>

/** An engine on a store, with a way to take executions from whoever holds them. */
export interface Subject<E, R> {
  readonly engine: Engine
  /** An order that is stored and not begun. */
  readonly order: At
  /**
   * Another holder claims the execution until `claimed` is so, and the first one is not told. Answers the engine
   * that it belongs to now.
   */
  readonly takeOver: (register: Register, claimed: () => boolean) => Effect.Effect<Engine, E, R>
}

/** One that is begun by two holders, one after the other; the first has said how its step ended after the second began. */
const scene = Effect.fnUntraced(function* <E, R>({ engine, order, takeOver }: Subject<E, R>) {
  const log = journal()
  const orders = yield* WorkOrders
  const steps = yield* StepJournal
  const spoken = yield* Deferred.make<void>()
  const holders = yield* Effect.forEach(["first", "second"], (name) =>
    Effect.all({ name: Effect.succeed(name), begun: Deferred.make<void>(), goOn: Deferred.make<void>() })
  )
  const [first, second] = holders
  if (first === undefined || second === undefined) return assert.fail("two holders")
  const waiting = [first, second]

  const stepOf = ({ name, begun, goOn }: typeof first) =>
    Activity.make({
      name: "routing",
      success: Schema.String,
      interruptRetryPolicy: Schedule.recurs(0),
      execute: Effect.gen(function* () {
        yield* log.note(`${name} begins`)
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(goOn)
        const facts = [{ _tag: "Noted", step: "routing", message: `said by the ${name}` }] as const
        yield* Effect.orDie(steps.append({ ...order, facts }))
        return name
      })
    })
  const register: Register = (at) =>
    at.register(Pipeline, () =>
      Effect.gen(function* () {
        yield* log.undoable("before")
        const holder = waiting.shift()
        if (holder === undefined) return yield* Effect.die(new Error("nobody else was to hold it"))
        const { name } = holder
        const result = yield* stepOf(holder).pipe(
          Effect.onExit(() =>
            Effect.andThen(log.note(`${name} is past it`), Deferred.succeed(spoken, undefined))
          )
        )
        yield* log.step(`after the ${result}'s`)
        return result
      })
    )

  const execution = { executionId: executionId(order.workOrderId, order.run), payload: order }
  yield* register(engine)
  yield* engine.execute(Pipeline, { ...execution, discard: true })
  yield* Deferred.await(first.begun)
  const owner = yield* takeOver(register, () => log.count("second begins") === 1)
  yield* Deferred.succeed(first.goOn, undefined)
  yield* Deferred.await(spoken)
  return {
    said: Effect.map(orders.timeline({ id: order.workOrderId, after: 0, limit: 100 }), (lines) =>
      lines.filter(({ kind }) => kind === "Noted").map(({ message }) => message)
    ),
    isOver: Effect.map(engine.poll(Pipeline, execution.executionId), (result) =>
      Option.exists(result, ({ _tag }) => _tag === "Complete")
    ),
    lines: log.lines,
    end: Effect.andThen(Deferred.succeed(second.goOn, undefined), owner.execute(Pipeline, execution))
  }
})

/** Whether what the first holder says once it was taken over from is taken for true. */
export const isHeard = Effect.fnUntraced(function* <E, R>(subject: Subject<E, R>) {
  const { said } = yield* scene(subject)
  return (yield* said).includes("said by the first")
})

/** What every engine has to do whose executions can be taken over. */
export const firstIsNotHeard = Effect.fnUntraced(function* <E, R>(subject: Subject<E, R>) {
  const { end, isOver, lines, said } = yield* scene(subject)
  assert.deepStrictEqual(yield* said, [])
  assert.isFalse(yield* isOver)
  assert.strictEqual(yield* end, "second")
  assert.deepStrictEqual(yield* said, ["said by the second"])
  assert.isTrue(yield* isOver)
  // Nothing was done twice but the step that had no result, and nothing was undone.
  assert.deepStrictEqual(lines, [
    "before",
    "first begins",
    "second begins",
    "first is past it",
    "second is past it",
    "after the second's"
  ])
})
