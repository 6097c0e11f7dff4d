import { assert } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Queue } from "effect"
import { type ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { type GatewayAccess, ModelGateway } from "../../src/services/ModelGateway.ts"
import { ModelReplies } from "../../src/services/ModelReplies.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Gateway from "../support/Gateway.ts"
import * as Loopback from "../support/Loopback.ts"
import { aProject, anOrder, has, onEach, run, stores } from "./OnEach.ts"

const request = "a".repeat(64)
const usage = { inputTokens: 1000, outputTokens: 100 }

onEach("ModelReplies", stores, (it) => {
  const paid = {
    model: "m",
    finish: "stop",
    usage,
    amount: Usd.make(450),
    reply: { contentType: "application/json", body: '{"text":"done"}' }
  } as const
  const call = { run, category: "applying", model: "m", rule: "first", amount: Usd.make(1000) } as const

  it.effect("sets money aside for a reply, keeps it with its bill, once, and answers it as it came", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const replies = yield* ModelReplies
      const orders = yield* WorkOrders
      const { id: workOrderId, project } = yield* anOrder()
      const money = Effect.map(budget.status({ project }), ([row]) => [
        Number(row?.reserved),
        Number(row?.settled)
      ])
      const key = { workOrderId, run, call: "applying/editor/1", request, ordinal: 1 }
      const reserve = { ...call, workOrderId, call: "applying/editor/1/1" }
      const begin = replies.begin({ reply: key, reserve })
      const reserved = Effect.map(begin, (begun) =>
        begun._tag === "Reserved" ? begun.reservation : assert.fail("it was bought before")
      )
      const { id: reservation, ...its } = yield* reserved
      const { rule: _, ...wanted } = reserve
      assert.deepStrictEqual(its, wanted)
      assert.deepStrictEqual(yield* money, [1000, 0])
      // Two that buy the same: what the first has set aside is presumed spent, until its bill is there.
      const second = (yield* reserved).id
      assert.notStrictEqual(second, reservation)
      assert.deepStrictEqual(yield* money, [1000, 0])
      yield* replies.keep({ ...key, ...paid, reservation })
      yield* replies.keep({ ...key, ...paid, reservation })
      assert.deepStrictEqual(yield* begin, { _tag: "Kept", paid })
      assert.strictEqual(Number((yield* orders.get({ id: workOrderId })).cost), 450 + 1000)
      // The first is kept, and both are billed.
      const other = { ...paid, reply: { contentType: "text/plain", body: "another" } }
      yield* replies.keep({ ...key, ...other, reservation: second })
      assert.deepStrictEqual(yield* begin, { _tag: "Kept", paid })
      assert.strictEqual(Number((yield* orders.get({ id: workOrderId })).cost), 900)
      assert.deepStrictEqual(yield* money, [0, 900])
      for (const another of [{ ordinal: 2 }, { call: "applying/editor/2" }, { request: "b".repeat(64) }]) {
        const begun = yield* replies.begin({
          reply: { ...key, ...another },
          reserve: { ...reserve, amount: Usd.make(1) }
        })
        assert.strictEqual(begun._tag, "Reserved")
      }
    })
  )

  it.effect("refuses what does not fit, and answers what was bought also when nothing fits", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const replies = yield* ModelReplies
      const { id: project, limits } = yield* aProject()
      const { id: workOrderId } = yield* anOrder({ project })
      const key = { workOrderId, run, call: "applying/editor/1", request, ordinal: 1 }
      const reserve = { ...call, workOrderId, call: "applying/editor/1/1" }
      const tooMuch = { ...reserve, amount: Usd.make(limits.workOrderUsd + 1) }
      const refused = yield* Effect.flip(replies.begin({ reply: key, reserve: tooMuch }))
      has(refused, { _tag: "BudgetExceeded", scope: "work_order", requested: tooMuch.amount })
      const [nothing] = yield* budget.status({ project })
      assert.strictEqual(Number(nothing?.reserved), 0)
      const begun = yield* replies.begin({ reply: key, reserve })
      if (begun._tag !== "Reserved") return assert.fail("it was bought before")
      yield* replies.keep({ ...key, ...paid, reservation: begun.reservation.id })
      const again = yield* replies.begin({ reply: key, reserve: tooMuch })
      assert.deepStrictEqual(again, { _tag: "Kept", paid })
      const [after] = yield* budget.status({ project })
      assert.strictEqual(Number(after?.reserved), 0)
    })
  )

  it.effect("sets nothing aside for an order that is not there", () =>
    Effect.gen(function* () {
      const replies = yield* ModelReplies
      const workOrderId = WorkOrderId.make("nothing")
      const reply = { workOrderId, run, call: "applying/editor/1", request, ordinal: 1 }
      const failure = yield* Effect.flip(
        replies.begin({ reply, reserve: { ...call, workOrderId, call: "applying/editor/1/1" } })
      )
      has(failure, { _tag: "LedgerConflict", problem: "work_order" })
    })
  )

  it.effect("keeps nothing for an order that is not there", () =>
    Effect.gen(function* () {
      const replies = yield* ModelReplies
      const failure = yield* Effect.flip(
        replies.keep({
          workOrderId: WorkOrderId.make("nothing"),
          run,
          call: "applying/editor/1",
          request,
          ordinal: 1,
          reservation: ReservationId.make("00000000-0000-0000-0000-000000000000"),
          model: "m",
          finish: "stop",
          usage,
          amount: Usd.make(1),
          reply: { contentType: "text/plain", body: "" }
        })
      )
      assert.strictEqual(failure._tag, "StoreConflict")
    })
  )
})

/** A model, and a program that asks it through the gateway. */
class Program extends Context.Service<
  Program,
  {
    readonly ask: (access: GatewayAccess, prompt: string) => Effect.Effect<string | null>
    /** From now on the model does not answer. */
    readonly silence: Effect.Effect<void>
    /** Waits until this has been asked. */
    readonly asked: (prompt: string) => Effect.Effect<unknown>
  }
>()("moose/test/contracts/Program") {}

const answer = "done"
type Services = Budget | ModelReplies | ModelGateway | Program | Projects | WorkOrders

const memory: Layer.Layer<Services> = Layer.unwrap(
  Effect.gen(function* () {
    const { services, gateway, programs } = Doubles.make()
    const asked = yield* Queue.unbounded<string>()
    let silent = false
    const model = Layer.succeed(Proposer, {
      ask: ({ prompt }) =>
        Effect.andThen(
          Queue.offer(asked, prompt),
          Effect.suspend(() =>
            silent ? Effect.never : Effect.succeed({ ...Doubles.reply, text: answer, usage })
          )
        )
    })
    const program = Program.of({
      ask: ({ id }, prompt) => programs.ask(id, prompt),
      silence: Effect.sync(() => {
        silent = true
      }),
      asked: (prompt) => Effect.repeat(Queue.take(asked), { until: (it) => it === prompt })
    })
    return Layer.merge(
      gateway.pipe(Layer.provideMerge(model), Layer.provideMerge(services)),
      Layer.succeed(Program, program)
    )
  })
)

const loopback = Layer.unwrap(
  Effect.gen(function* () {
    let silent = false
    const completion = Loopback.reply(200, {
      id: "c1",
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
      usage: { prompt_tokens: usage.inputTokens, completion_tokens: usage.outputTokens }
    })
    const { url, seen } = yield* Loopback.serve((request, response) => {
      if (!silent) completion(request, response)
    })
    const program = Program.of({
      ask: (access, prompt) =>
        Effect.map(Gateway.post(access, Gateway.ask(prompt)), ({ status, text }) =>
          status === 200 && text.includes(answer) ? answer : null
        ),
      silence: Effect.sync(() => {
        silent = true
      }),
      asked: (prompt) =>
        Effect.repeat(Queue.take(seen), { until: (it) => it._tag === "Request" && it.body.includes(prompt) })
    })
    return Layer.merge(Gateway.layerTo(url), Layer.succeed(Program, program))
  })
).pipe(Layer.provideMerge(Gateway.store))

/** An order of its own, and what an access for it is opened with. */
const granting = Effect.fnUntraced(function* (workOrderUsd: number) {
  const limits = { dailyUsd: Usd.make(20_000_000), workOrderUsd: Usd.make(workOrderUsd) }
  const { id: project } = yield* aProject({ limits })
  const order = yield* anOrder({ project })
  return { project, open: Gateway.granting(order.id) }
})

/** What is settled, reserved and presumed in the project today. */
const sums = (project: ProjectId) =>
  Effect.flatMap(Budget, (budget) =>
    Effect.map(budget.status({ project }), ([row]) =>
      [row?.settled, row?.reserved, row?.presumed].map(Number)
    )
  )

/** 1000 tokens of input at a dollar per million, and 100 of output at two. */
const bill = 1200

const gateways: Readonly<Record<string, Layer.Layer<Services, Layer.Error<typeof loopback>>>> = {
  "in memory": memory,
  "on loopback": loopback
}

onEach("ModelGateway", gateways, (it) => {
  it.effect("reserves, asks, and settles; what is journaled under the same call is not bought again", () =>
    Effect.gen(function* () {
      const gateway = yield* ModelGateway
      const program = yield* Program
      const { project, open } = yield* granting(2_000_000)
      const call = (number: number, replayed: boolean) => ({
        call: `${open.call}/${number}`,
        outcome: { _tag: "Answered", finish: "stop", usage, amount: bill, replayed }
      })
      const access = yield* gateway.open(open)
      assert.strictEqual(yield* program.ask(access, "a"), answer)
      assert.strictEqual(yield* program.ask(access, "a"), answer)
      has(yield* gateway.account(access), { calls: [call(1, false), call(2, false)], settled: 2 * bill })
      has(yield* gateway.close(access), { calls: [call(1, false), call(2, false)], settled: 2 * bill })
      has(yield* gateway.close(access), { calls: [], settled: 0 })
      const again = yield* gateway.open(open)
      assert.strictEqual(yield* program.ask(again, "a"), answer)
      has(yield* gateway.close(again), { calls: [call(1, true)], settled: 0 })
      assert.deepStrictEqual(yield* sums(project), [2 * bill, 0, 0])
      assert.isNull(yield* program.ask(again, "a"))
    })
  )

  it.effect("refuses what does not fit, before anything is asked", () =>
    Effect.gen(function* () {
      const gateway = yield* ModelGateway
      const program = yield* Program
      const { project, open } = yield* granting(500)
      const access = yield* gateway.open(open)
      assert.isNull(yield* program.ask(access, "a"))
      const { calls, settled } = yield* gateway.close(access)
      assert.strictEqual(calls.length, 1)
      const outcome = calls[0]?.outcome
      assert.strictEqual(outcome?._tag, "Refused")
      if (outcome?._tag === "Refused") has(outcome.reason, { _tag: "BudgetExceeded", scope: "work_order" })
      assert.strictEqual(Number(settled), 0)
      assert.deepStrictEqual(yield* sums(project), [0, 0, 0])
    })
  )

  it.effect("has accounted for a call under way when it has closed: it counts as spent", () =>
    Effect.gen(function* () {
      const gateway = yield* ModelGateway
      const program = yield* Program
      const { project, open } = yield* granting(2_000_000)
      const access = yield* gateway.open(open)
      yield* program.silence
      const asking = yield* Effect.forkChild(program.ask(access, "slow"))
      yield* program.asked("slow")
      const { calls } = yield* gateway.close(access)
      assert.deepStrictEqual(calls, [{ call: `${open.call}/1`, outcome: { _tag: "Abandoned", sent: true } }])
      assert.isNull(yield* Fiber.join(asking))
      const [settled, reserved, presumed = 0] = yield* sums(project)
      assert.deepStrictEqual([settled, reserved], [0, 0])
      assert.isAbove(presumed, 0)
    })
  )
})
