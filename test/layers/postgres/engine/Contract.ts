import { assert, layer } from "@effect/vitest"
import { Cause, DateTime, Effect, Exit, type Layer, Option, Schedule, Schema } from "effect"
import { Activity, DurableClock, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"

class Refused extends Schema.TaggedError<Refused>()("Refused", {
  at: Schema.DateTimeUtcFromString,
  amount: Schema.BigIntFromString
}) {}

const refused = new Refused({ at: DateTime.makeUnsafe("2026-03-29T00:30:00Z"), amount: 7n })

const id = { id: Schema.String }
const idempotencyKey = (payload: { readonly id: string }) => payload.id

/** What happened, in order. */
const journal = () => {
  const lines: Array<string> = []
  return {
    lines,
    note: (line: string) => Effect.sync(() => void lines.push(line)),
    count: (line: string) => lines.filter((it) => it === line).length
  }
}

type Journal = ReturnType<typeof journal>

const step = (log: Journal, name: string) => Activity.make({ name, execute: log.note(name) })

const undoable = (log: Journal, name: string) =>
  step(log, name).pipe(Workflow.withCompensation(() => log.note(`undo ${name}`)))

const gate = DurableDeferred.make("gate", { success: Schema.String, error: Refused })

/** How an execution stands once it waits for something. */
const suspended = (workflow: Workflow.Any, executionId: string) =>
  Effect.gen(function* () {
    const engine = yield* WorkflowEngine.WorkflowEngine
    const result = yield* engine.poll(cast(workflow), executionId)
    return Option.isSome(result) && result.value._tag === "Suspended"
  }).pipe(Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (it) => it }))

const cast = (workflow: Workflow.Any) => Workflow.make(workflow._tag, { payload: id, idempotencyKey })

/** What every engine has to do. `name` says which one this is. */
export const contract = <E>(name: string, engine: Layer.Layer<WorkflowEngine.WorkflowEngine, E>) =>
  layer(engine, { excludeTestServices: true })(`the contract, by ${name}`, (it) => {
    it.effect("answers a success through its schema, and runs each activity once for all who ask", () =>
      Effect.gen(function* () {
        const log = journal()
        const Add = Workflow.make("Add", {
          payload: { ...id, at: Schema.DateTimeUtcFromString, amount: Schema.BigIntFromString },
          success: Schema.Struct({ at: Schema.DateTimeUtcFromString, amount: Schema.BigIntFromString }),
          idempotencyKey
        })
        yield* register(Add, ({ at, amount }) =>
          Effect.gen(function* () {
            const more = yield* Activity.make({
              name: "more",
              success: Schema.BigIntFromString,
              execute: Effect.as(log.note("more"), amount + 1n)
            })
            return { at: DateTime.add(at, { hours: 1 }), amount: more }
          })
        )
        const payload = { id: "1", at: refused.at, amount: 41n }
        const answers = yield* Effect.all([Add.execute(payload), Add.execute(payload)], { concurrency: 2 })
        const expected = { at: DateTime.makeUnsafe("2026-03-29T01:30:00Z"), amount: 42n }
        assert.deepStrictEqual(answers, [expected, expected])
        assert.deepStrictEqual(yield* Add.execute(payload), expected)
        assert.deepStrictEqual(log.lines, ["more"])
      })
    )

    it.effect("answers typed failures of activities and of the workflow through their schemas", () =>
      Effect.gen(function* () {
        const Fail = Workflow.make("Fail", { payload: id, error: Refused, idempotencyKey })
        yield* register(Fail, () =>
          Activity.make({ name: "fail", error: Refused, execute: Effect.fail(refused) })
        )
        const error = yield* Effect.flip(Fail.execute({ id: "1" }))
        assert.instanceOf(error, Refused)
        assert.deepStrictEqual(error, refused)
        assert.deepStrictEqual(yield* Effect.flip(Fail.execute({ id: "1" })), refused)
      })
    )

    it.effect("answers a defect as a defect", () =>
      Effect.gen(function* () {
        const Die = Workflow.make("Die", { payload: id, idempotencyKey })
        yield* register(Die, () => Activity.make({ name: "die", execute: Effect.die(new Error("a bug")) }))
        const exit = yield* Effect.exit(Die.execute({ id: "1" }))
        assert.isTrue(Exit.hasDies(exit))
        assert.isTrue(Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("a bug"))
      })
    )

    it.effect("waits for a deferred that is completed from outside, and replays what is journaled", () =>
      Effect.gen(function* () {
        const log = journal()
        const Wait = Workflow.make("Wait", {
          payload: id,
          success: Schema.String,
          error: Refused,
          idempotencyKey
        })
        yield* register(Wait, () =>
          Effect.gen(function* () {
            yield* step(log, "before")
            const said = yield* DurableDeferred.await(gate)
            yield* step(log, "after")
            return said
          })
        )
        const executionId = yield* Wait.execute({ id: "1" }, { discard: true })
        yield* suspended(Wait, executionId)
        const token = DurableDeferred.tokenFromExecutionId(gate, { workflow: Wait, executionId })
        yield* DurableDeferred.succeed(gate, { token, value: "go" })
        yield* DurableDeferred.succeed(gate, { token, value: "too late" })
        assert.strictEqual(yield* Wait.execute({ id: "1" }), "go")
        assert.deepStrictEqual(log.lines, ["before", "after"])

        const other = yield* Wait.execute({ id: "2" }, { discard: true })
        yield* DurableDeferred.fail(gate, {
          token: DurableDeferred.tokenFromExecutionId(gate, { workflow: Wait, executionId: other }),
          error: refused
        })
        assert.deepStrictEqual(yield* Effect.flip(Wait.execute({ id: "2" })), refused)
      })
    )

    it.effect("journals each attempt of an activity", () =>
      Effect.gen(function* () {
        const log = journal()
        const Retry = Workflow.make("Retry", { payload: id, success: Schema.Int, idempotencyKey })
        yield* register(Retry, () =>
          Effect.gen(function* () {
            const attempt = yield* Activity.make({
              name: "flaky",
              success: Schema.Int,
              error: Refused,
              execute: Effect.gen(function* () {
                const current = yield* Activity.CurrentAttempt
                yield* log.note(`attempt ${current}`)
                return yield* current < 3 ? Effect.fail(refused) : Effect.succeed(current)
              })
            }).pipe(Activity.retry({ times: 5 }), Effect.orDie)
            yield* DurableClock.sleep({ name: "nap", duration: "1 millis", inMemoryThreshold: 0 })
            return attempt
          })
        )
        assert.strictEqual(yield* Retry.execute({ id: "1" }), 3)
        assert.deepStrictEqual(log.lines, ["attempt 1", "attempt 2", "attempt 3"])
      })
    )

    it.effect("journals an activity inside an activity by itself", () =>
      Effect.gen(function* () {
        const log = journal()
        const Nested = Workflow.make("Nested", { payload: id, success: Schema.Int, idempotencyKey })
        const paid = Activity.make({
          name: "paid",
          success: Schema.Int,
          error: Refused,
          execute: Effect.as(log.note("paid"), 5)
        })
        yield* register(Nested, () =>
          Activity.make({
            name: "outer",
            success: Schema.Int,
            execute: Effect.gen(function* () {
              yield* log.note("outer")
              const cost = yield* Effect.orDie(paid)
              // Suspends the outer activity, which has no result to journal yet.
              yield* DurableClock.sleep({ name: "nap", duration: "1 millis", inMemoryThreshold: 0 })
              return cost
            })
          })
        )
        assert.strictEqual(yield* Nested.execute({ id: "1" }), 5)
        assert.deepStrictEqual(log.lines, ["outer", "paid", "outer"])
      })
    )

    it.effect("compensates a failure, newest first, and nothing else", () =>
      Effect.gen(function* () {
        const log = journal()
        const Undo = Workflow.make("Undo", {
          payload: { ...id, fails: Schema.Boolean },
          error: Refused,
          idempotencyKey
        })
        yield* register(Undo, ({ fails }) =>
          Effect.gen(function* () {
            yield* undoable(log, "a")
            yield* undoable(log, "b")
            if (fails) return yield* Effect.fail(refused)
          })
        )
        yield* Undo.execute({ id: "good", fails: false })
        assert.deepStrictEqual(log.lines, ["a", "b"])
        yield* Effect.flip(Undo.execute({ id: "bad", fails: true }))
        assert.deepStrictEqual(log.lines, ["a", "b", "a", "b", "undo b", "undo a"])
      })
    )

    it.effect("compensates an interrupted execution once, and runs nothing new", () =>
      Effect.gen(function* () {
        const log = journal()
        const Stop = Workflow.make("Stop", { payload: id, error: Refused, idempotencyKey })
        yield* register(Stop, () =>
          Effect.gen(function* () {
            yield* undoable(log, "a")
            yield* DurableDeferred.await(gate)
            yield* step(log, "never")
          })
        )
        const executionId = yield* Stop.execute({ id: "1" }, { discard: true })
        yield* suspended(Stop, executionId)
        yield* Stop.interrupt(executionId)
        yield* Stop.interrupt(executionId)
        const exit = yield* Effect.exit(Stop.execute({ id: "1" }))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        yield* Stop.interrupt(executionId)
        assert.deepStrictEqual(log.lines, ["a", "undo a"])
      })
    )

    it.effect("sleeps by a durable clock", () =>
      Effect.gen(function* () {
        const log = journal()
        const Sleep = Workflow.make("Sleep", { payload: id, idempotencyKey })
        yield* register(Sleep, () =>
          Effect.gen(function* () {
            yield* step(log, "evening")
            yield* DurableClock.sleep({ name: "night", duration: "1 millis", inMemoryThreshold: 0 })
            yield* step(log, "morning")
          })
        )
        yield* Sleep.execute({ id: "1" })
        assert.deepStrictEqual(log.lines, ["evening", "morning"])
      })
    )

    it.effect("runs a child workflow once, and hands on how it ended", () =>
      Effect.gen(function* () {
        const log = journal()
        const Child = Workflow.make("Child", {
          payload: id,
          success: Schema.BigIntFromString,
          error: Refused,
          idempotencyKey
        })
        const Parent = Workflow.make("Parent", {
          payload: id,
          success: Schema.BigIntFromString,
          error: Refused,
          idempotencyKey
        })
        yield* register(Child, (payload) =>
          Effect.gen(function* () {
            yield* step(log, `child ${payload.id}`)
            yield* DurableClock.sleep({ name: "nap", duration: "1 millis", inMemoryThreshold: 0 })
            if (payload.id === "bad") return yield* Effect.fail(refused)
            return 3n
          })
        )
        yield* register(Parent, (payload) =>
          Effect.gen(function* () {
            const answer = yield* Child.execute(payload)
            yield* step(log, `parent ${payload.id}`)
            return answer
          })
        )
        assert.strictEqual(yield* Parent.execute({ id: "good" }), 3n)
        assert.deepStrictEqual(yield* Effect.flip(Parent.execute({ id: "bad" })), refused)
        assert.deepStrictEqual(log.lines, ["child good", "parent good", "child bad"])
      })
    )

    it.effect("says how an execution stands", () =>
      Effect.gen(function* () {
        const Ask = Workflow.make("Ask", {
          payload: id,
          success: Schema.String,
          error: Refused,
          idempotencyKey
        })
        yield* register(Ask, () => DurableDeferred.await(gate))
        const executionId = yield* Ask.executionId({ id: "1" })
        assert.deepStrictEqual(yield* Ask.poll(executionId), Option.none())
        yield* Ask.execute({ id: "1" }, { discard: true })
        yield* suspended(Ask, executionId)
        yield* DurableDeferred.succeed(gate, {
          token: DurableDeferred.tokenFromExecutionId(gate, { workflow: Ask, executionId }),
          value: "done"
        })
        yield* Ask.execute({ id: "1" })
        const result = yield* Ask.poll(executionId)
        assert.isTrue(Option.isSome(result) && result.value._tag === "Complete")
        assert.deepStrictEqual(
          Option.map(result, (it) => (it._tag === "Complete" ? it.exit : it._tag)),
          Option.some(Exit.succeed("done"))
        )
      })
    )

    it.effect("takes the first arm of a durable race, and journals who won", () =>
      Effect.gen(function* () {
        const log = journal()
        const Race = Workflow.make("Race", { payload: id, success: Schema.String, idempotencyKey })
        yield* register(Race, () =>
          Effect.gen(function* () {
            const winner = yield* DurableDeferred.raceAll({
              name: "race",
              success: Schema.String,
              error: Schema.Never,
              effects: [
                Effect.as(Effect.orDie(DurableDeferred.await(gate)), "gate"),
                Effect.as(step(log, "run"), "run")
              ]
            })
            yield* DurableClock.sleep({ name: "nap", duration: "1 millis", inMemoryThreshold: 0 })
            return winner
          })
        )
        assert.strictEqual(yield* Race.execute({ id: "1" }), "run")
        assert.deepStrictEqual(log.lines, ["run"])
      })
    )
  })

/** A workflow for as long as the test's scope is open. */
const register = <
  Name extends string,
  Payload extends Workflow.AnyStructSchema,
  Success extends Schema.Top,
  Err extends Schema.Top,
  R
>(
  workflow: Workflow.Workflow<Name, Payload, Success, Err>,
  execute: (payload: Payload["Type"]) => Effect.Effect<Success["Type"], Err["Type"], R>
) => Effect.flatMap(WorkflowEngine.WorkflowEngine, (engine) => engine.register(workflow, execute))
