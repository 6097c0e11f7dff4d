import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Schedule } from "effect"
import { Refused } from "../src/domain/errors/GenerationError.ts"
import { ClientManagerUnavailable, PermissionDenied } from "../src/domain/errors/Reasons.ts"
import type { Escalation, OptionName } from "../src/domain/Escalation.ts"
import { WorkOrderId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { Policies } from "../src/domain/policies/Policies.ts"
import { recoveryOf } from "../src/domain/policies/Recovery.ts"
import { retry } from "../src/domain/policies/Retry.ts"
import { Project } from "../src/domain/Project.ts"
import { Usd } from "../src/domain/Usd.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as PostgresEngine from "../src/layers/postgres/PostgresEngine.ts"
import * as Notices from "../src/operations/Notices.ts"
import * as pipeline from "../src/pipeline.ts"
import { ClientManager } from "../src/services/ClientManager.ts"
import { Escalations } from "../src/services/Escalations.ts"
import { GitHub } from "../src/services/GitHub.ts"
import { Projects } from "../src/services/Projects.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import * as Outside from "./support/Outside.ts"
import * as TestDatabase from "./support/TestDatabase.ts"
import { order, project, reply } from "./support/World.ts"

/* The durable engine and the store on a real PostgreSQL; the world outside is doubles. */

const tables = {
  recoveryOf,
  retry: {
    ...retry,
    generating: { delays: [], deadline: Duration.minutes(1) },
    creating_pr: { delays: [], deadline: Duration.minutes(1) }
  },
  park: { first: Duration.millis(20), longest: Duration.millis(100) }
}

const worker = <R>(outside: Layer.Layer<R>) =>
  pipeline.layer.pipe(
    Layer.provideMerge(PostgresEngine.layer({ slots: 8 })),
    Layer.provide(outside),
    Layer.provide(Outside.layer),
    Layer.provide(Layer.succeed(Policies, tables))
  )

const database = Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))
const idOf = (index: number) => WorkOrderId.make(`order-${index}`)

const submit = Effect.fnUntraced(function* (count: number, change: Partial<WorkOrder> = {}) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(new Project({ ...project, concurrency: 64 }))
  for (let index = 1; index <= count; index++) {
    yield* orders.submit(new WorkOrder({ ...order, ...change, id: idOf(index) }))
  }
})

/** Asks again and again, and lets the runners look for work meanwhile, until it holds; at most 20 seconds. */
const until = <A, E, R>(what: string, look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* Effect.andThen(sql`select pg_notify('moose_work', '')`, look).pipe(
      Effect.flatMap((seen) => (holds(seen) ? Effect.succeed(seen) : Effect.fail(`not yet: ${what}`))),
      Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "150 seconds" })))
    )
  })

const view = (index = 1) => Effect.flatMap(WorkOrders, (orders) => orders.get({ id: idOf(index) }))
const ends = (index: number, status: string) =>
  until(
    `order ${index} is ${status}`,
    view(index),
    (it) => it.status === status && it.disposition !== "rollback_pending"
  )
const open = Effect.flatMap(Escalations, (escalations) => escalations.list({ status: "open", limit: 50 }))
const theOne = Effect.map(open, (found) => {
  const [one] = found
  if (one === undefined || found.length > 1) return assert.fail(`${found.length} escalations are open`)
  return one
})
const choose = ({ id }: Escalation, option: OptionName) =>
  Effect.flatMap(Escalations, (escalations) => escalations.resolve({ id, option, by: "ada" }))

/** A model that counts how often it is asked. */
const counting = () => {
  const asked = { times: 0 }
  const layer = Layer.succeed(Proposer, {
    ask: () =>
      Effect.sync(() => {
        asked.times++
        return reply
      })
  })
  return { asked, layer }
}

describe("an order that does not fit its budget", () => {
  const poor = { limits: { maxUsd: Usd.make(1) } }

  it.live("is asked about with priced options, and goes on where it was when the limit is raised", () =>
    Effect.gen(function* () {
      const model = counting()
      yield* submit(1, poor)
      yield* Effect.gen(function* () {
        yield* ends(1, "needs_review")
        const asked = yield* theOne
        assert.strictEqual(model.asked.times, 0)
        assert.deepStrictEqual(
          asked.options.map(({ option }) => option),
          ["raise_budget", "abandon"]
        )
        assert.isAbove(asked.options[0]?.usd ?? 0, 0)
        assert.strictEqual(asked.defaultOption, "abandon")
        yield* choose(asked, "raise_budget")
        // The first limit was of the routing; the call itself may need more, and asks so quickly that only the
        // new question tells it from the old one.
        const { more } = yield* until(
          "it ends, or asks for more",
          Effect.all({
            order: view(),
            more: Effect.map(open, (all) => all.find(({ id }) => id !== asked.id))
          }),
          ({ order: { status }, more }) => status === "completed" || more !== undefined
        )
        if (more !== undefined) yield* choose(more, "raise_budget")
        const done = yield* ends(1, "completed")
        assert.strictEqual(done.run, 1)
        assert.strictEqual(model.asked.times, 1)
      }).pipe(Effect.provide(worker(model.layer)))
    }).pipe(Effect.provide(database))
  )

  it.live("is cancelled and cleaned up when it is given up", () =>
    Effect.gen(function* () {
      yield* submit(1, poor)
      yield* Effect.gen(function* () {
        yield* ends(1, "needs_review")
        yield* choose(yield* theOne, "abandon")
        yield* ends(1, "cancelled")
      }).pipe(Effect.provide(worker(counting().layer)))
    }).pipe(Effect.provide(database))
  )
})

describe("an order that failed", () => {
  it.live("begins another run where it failed, and nothing before that is paid for again", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const model = counting()
      let down = true
      const forge = Layer.effect(
        GitHub,
        Effect.map(GitHub, (real) => ({
          ...real,
          createPullRequest: (input: Parameters<GitHub["Service"]["createPullRequest"]>[0]) =>
            down
              ? Effect.fail(
                  new PermissionDenied({
                    service: "forge",
                    evidence: { operation: "POST /pulls", excerpt: "no" }
                  })
                )
              : real.createPullRequest(input)
        }))
      ).pipe(Layer.provide(Outside.layer))
      yield* submit(1)
      yield* Effect.gen(function* () {
        const failed = yield* ends(1, "pr_failed")
        assert.strictEqual(failed.disposition, "preserved")
        const asked = yield* theOne
        assert.strictEqual(asked.context["tag"], "PermissionDenied")
        down = false
        const option = asked.options.find(({ option: it }) => it === "retry")
        assert.deepInclude(option, { step: "creating_pr", usd: Usd.make(0) })
        yield* choose(asked, "retry")
        const done = yield* ends(1, "completed")
        assert.strictEqual(done.run, 2)
        assert.strictEqual(model.asked.times, 1)
        const rows = yield* sql<{ run: number }>`select run from public.cost_tracking`
        assert.deepStrictEqual(
          rows.map(({ run }) => run),
          [1]
        )
        // The same choice again changes nothing; another one is refused.
        yield* choose(asked, "retry")
        const refused = yield* Effect.flip(choose(asked, "abandon"))
        assert.strictEqual(refused._tag, "StoreConflict")
        assert.deepStrictEqual(yield* open, [])
      }).pipe(Effect.provide(worker(Layer.merge(model.layer, forge))))
    }).pipe(Effect.provide(database))
  )

  it.live("160 times for the same reason is one escalation, one notice and a counter", () =>
    Effect.gen(function* () {
      const refusing = Layer.succeed(Proposer, {
        ask: ({ model: { model } }) =>
          Effect.fail(new Refused({ model, evidence: { operation: "ask", excerpt: "I will not" } }))
      })
      const told: Array<number> = []
      const clientManager = Layer.succeed(ClientManager, {
        notify: ({ escalation }) =>
          Effect.sync(() => {
            told.push(escalation.id)
            return { channel: "client_manager" as const, reference: "cm-1" }
          })
      })
      yield* submit(160)
      yield* Effect.gen(function* () {
        yield* until("all have failed", open, ([first]) => first?.occurrences === 160)
        const one = yield* theOne
        assert.strictEqual(one.ordersCount, 160)
        assert.isAtMost(one.orders.length, Limits.escalationOrdersMax)
        yield* Notices.deliver().pipe(Effect.provide(clientManager))
        yield* Notices.deliver().pipe(Effect.provide(clientManager))
        assert.deepStrictEqual(told, [one.id])
        const after = yield* theOne
        assert.deepInclude(after.receipt, { channel: "client_manager", reference: "cm-1" })
        assert.isNotNull(after.ackDeadline)
      }).pipe(Effect.provide(worker(refusing)))
    }).pipe(Effect.provide(database))
  )
})

describe("a notice", () => {
  const trouble = {
    key: "trouble-1",
    type: "trouble",
    severity: "high" as const,
    fingerprint: "trouble",
    context: { message: "the mirror is gone" },
    options: [
      { option: "acknowledge" as const, label: "It is back.", usd: Usd.make(0), recommended: true },
      { option: "abandon" as const, label: "Do without.", usd: Usd.make(0), recommended: false }
    ] as const,
    defaultOption: "abandon" as const
  }
  /** The time of the next notice has come. */
  const later = Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql`update public.escalations set next_notice_at = moose.now() where next_notice_at is not null`
  )
  const telling = (told: Array<number>) =>
    Layer.succeed(ClientManager, {
      notify: ({ escalation: { notices } }) =>
        Effect.sync(() => {
          told.push(notices)
          return { channel: "client_manager" as const, reference: null }
        })
    })

  it.live("is repeated a few times, then silence is the answer", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const told: Array<number> = []
      const id = yield* escalations.raise(trouble)
      assert.strictEqual(yield* escalations.raise(trouble), id)
      for (let times = 0; times < Limits.remindersMax + 3; times++) {
        yield* later
        yield* Notices.deliver().pipe(Effect.provide(telling(told)))
      }
      assert.deepStrictEqual(told, [0, 1, 2, 3])
      const silent = yield* escalations.get({ id })
      assert.deepInclude(silent, { status: "resolved", resolvedBy: "silence", occurrences: 1 })
      assert.strictEqual(silent.resolution?.option, "abandon")
    }).pipe(Effect.provide(database))
  )

  it.live("is not repeated once somebody takes it", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const told: Array<number> = []
      const id = yield* escalations.raise({ ...trouble, defaultOption: null })
      yield* Notices.deliver().pipe(Effect.provide(telling(told)))
      const taken = yield* escalations.acknowledge({ id, by: "ada" })
      assert.strictEqual(taken.assignee, "ada")
      yield* later
      yield* Notices.deliver().pipe(Effect.provide(telling(told)))
      assert.deepStrictEqual(told, [0])
    }).pipe(Effect.provide(database))
  )

  it.live("that nobody takes in stands with the orders all the same", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble)
      const deaf = Layer.succeed(ClientManager, {
        notify: () =>
          Effect.fail(new ClientManagerUnavailable({ evidence: { operation: "POST", excerpt: "refused" } }))
      })
      yield* Notices.deliver().pipe(Effect.provide(deaf))
      assert.deepInclude((yield* escalations.get({ id })).receipt, { channel: "order", reference: null })
    }).pipe(Effect.provide(database))
  )

  it.live("without an escalation is EscalationMissing", () =>
    Effect.gen(function* () {
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble)
      yield* escalations.resolve({ id, option: "acknowledge", by: "ada" })
      const missing = yield* Effect.flip(escalations.acknowledge({ id, by: "ada" }))
      assert.strictEqual(missing._tag, "StoreConflict")
    }).pipe(Effect.provide(database))
  )
})
