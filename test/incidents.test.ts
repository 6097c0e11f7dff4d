import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Latch, Layer, Schedule } from "effect"
import { ProviderUnavailable } from "../src/domain/errors/GenerationError.ts"
import { Run, WorkOrderId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { Policies } from "../src/domain/policies/Policies.ts"
import { recoveryOf } from "../src/domain/policies/Recovery.ts"
import { retry } from "../src/domain/policies/Retry.ts"
import { Project } from "../src/domain/Project.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as PostgresEngine from "../src/layers/postgres/PostgresEngine.ts"
import * as pipeline from "../src/pipeline.ts"
import { Incidents } from "../src/services/Incidents.ts"
import { Projects } from "../src/services/Projects.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { StepJournal } from "../src/services/StepJournal.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import * as Outside from "./support/Outside.ts"
import * as TestDatabase from "./support/TestDatabase.ts"
import { order, project, reply } from "./support/World.ts"

/*
 * The durable engine and the store on a real PostgreSQL; the world outside is doubles. Waits are short, and
 * nothing here sleeps for a given time: it waits for what it wants to see.
 */

const openai = "provider:openai"
const idOf = (index: number) => WorkOrderId.make(`order-${index}`)

/** One attempt a round, so that each call of a model after the first is a probe; and short waits. */
const tables = {
  recoveryOf,
  retry: { ...retry, generating: { delays: [], deadline: Duration.minutes(1) } },
  park: { first: Duration.millis(20), longest: Duration.millis(100) }
}

const down = new ProviderUnavailable({
  model: "gpt-5-mini",
  evidence: { operation: "POST /chat/completions", excerpt: "503 Service Unavailable" }
})

/** A provider that can be down, that can keep its callers waiting, and that counts them. */
class Provider {
  isDown = true
  calls = 0
  inFlight = 0
  /** How many of the calls after the first eight were made at the same time. */
  mostProbes = 0
  readonly gate = Latch.makeUnsafe(true)

  readonly layer = Layer.succeed(Proposer, {
    ask: () =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          this.calls++
          this.inFlight++
          if (this.calls > 8) this.mostProbes = Math.max(this.mostProbes, this.inFlight)
        }),
        () =>
          Effect.andThen(
            this.gate.await,
            Effect.suspend(() => (this.isDown ? Effect.fail(down) : Effect.succeed(reply)))
          ),
        () => Effect.sync(() => void this.inFlight--)
      )
  })
}

const worker = (provider: Provider, slots = 8) =>
  pipeline.layer.pipe(
    Layer.provideMerge(PostgresEngine.layer({ slots })),
    Layer.provide(provider.layer),
    Layer.provide(Outside.layer),
    Layer.provide(Layer.succeed(Policies, tables))
  )

const database = Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))

const submit = Effect.fnUntraced(function* (count: number) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(new Project({ ...project, concurrency: 64 }))
  for (let index = 1; index <= count; index++) {
    yield* orders.submit(new WorkOrder({ ...order, id: idOf(index) }))
  }
})

/** Asks again and again, and lets the runners look for work meanwhile, until it holds; at most 150 seconds. */
const until = <E, R>(what: string, holds: Effect.Effect<boolean, E, R>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const look = Effect.andThen(sql`select pg_notify('moose_work', '')`, holds)
    const seen = yield* look.pipe(
      Effect.flatMap((it) => (it ? Effect.void : Effect.fail("not yet"))),
      Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "150 seconds" }))),
      Effect.result
    )
    assert.deepInclude(seen, { _tag: "Success" }, what)
  })

const statuses = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ status: string; count: number }>`
    select status, count(*)::int as count from public.work_orders group by status`
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
})

const all = (status: string, count: number) =>
  until(
    `${count} orders are ${status}`,
    Effect.map(statuses, (found) => found[status] === count)
  )

const incidents = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql<{
    dependency: string
    tag: string
    open: boolean
    probe: string | null
    failed_probes: number
  }>`select dependency, tag, closed_at is null as open, probe, failed_probes from public.incidents order by id`
})

/** What would be a while: the time has come for all who wait, but for those who wait for the end of a probe. */
const wakeEverybody = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* sql`update moose.clocks set wake_at = moose.now() where wake_at < moose.now() + interval '1 minute'`
})

describe("an outage of a provider", () => {
  it.live("with 50 orders is one incident, tried by one order at a time, and costs nobody an attempt", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const provider = new Provider()
      yield* provider.gate.close
      yield* submit(50)

      yield* Effect.gen(function* () {
        // Eight are in the middle of a call when the provider goes down, and nobody else gets in before they stop.
        yield* until(
          "the first calls are made",
          Effect.sync(() => provider.inFlight === 8)
        )
        yield* provider.gate.open
        yield* all("waiting", 50)

        // Probes fail for a while, and everybody asks for one.
        yield* until(
          "five probes have failed",
          Effect.andThen(
            wakeEverybody,
            Effect.map(incidents, ([first]) => (first?.failed_probes ?? 0) >= 5)
          )
        )
        const during = yield* incidents
        assert.deepStrictEqual(
          during.map(({ dependency, tag, open }) => ({ dependency, tag, open })),
          [{ dependency: openai, tag: "ProviderUnavailable", open: true }]
        )
        assert.strictEqual(provider.mostProbes, 1)

        // The one that probes when the provider is well again is alone, until its answer is committed.
        yield* provider.gate.close
        yield* until(
          "somebody probes",
          Effect.andThen(
            wakeEverybody,
            Effect.sync(() => provider.inFlight === 1)
          )
        )
        provider.isDown = false
        yield* until(
          "everybody else is told to wait",
          Effect.andThen(
            wakeEverybody,
            Effect.map(
              sql<{ count: number }>`select count(*)::int as count from public.work_orders
                where status = 'waiting' and resume_at > moose.now() + interval '1 minute'`,
              ([row]) => row?.count === 49
            )
          )
        )
        assert.strictEqual(provider.mostProbes, 1)
        yield* provider.gate.open
        yield* until(
          "the incident is over",
          Effect.map(incidents, ([first]) => first?.open === false)
        )
        yield* until(
          "all have gone on",
          Effect.andThen(
            wakeEverybody,
            Effect.map(statuses, ({ completed }) => completed === 50)
          )
        )
      }).pipe(Effect.provide(worker(provider)))

      const after = yield* incidents
      assert.deepStrictEqual(
        after.map(({ dependency, open, probe }) => ({ dependency, open, probe })),
        [{ dependency: openai, open: false, probe: null }]
      )
      // Every order was answered once; what was asked in vain were the first eight and the probes.
      const states = yield* sql<{ state: string; count: number }>`
        select state, count(*)::int as count from public.cost_tracking group by state order by state`
      assert.deepStrictEqual(
        states.map(({ state, count }) => [state, count]),
        [
          ["presumed", provider.calls - 50],
          ["settled", 50]
        ]
      )
      assert.strictEqual(provider.calls - 50, 8 + (after[0]?.failed_probes ?? 0))
      const failed = yield* sql`select 1 from public.work_order_events where kind = 'StepFailed'`
      assert.deepStrictEqual(failed, [])
      const waiting = yield* sql`select 1 from public.work_orders
        where resume_at is not null or waiting_for is not null`
      assert.deepStrictEqual(waiting, [])
    }).pipe(Effect.provide(database))
  )

  it.live(
    "that an order has waited out is behind it: another process asks nothing of the store for these waits",
    () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const provider = new Provider()
        yield* submit(1)
        yield* until(
          "it has waited several times",
          Effect.map(incidents, ([first]) => (first?.failed_probes ?? 0) >= 3)
        ).pipe(Effect.provide(worker(provider)))
        provider.isDown = false
        yield* until(
          "its last wait is over",
          Effect.map(
            sql`select 1 from public.work_orders where resume_at is null or resume_at < moose.now()`,
            (rows) => rows.length === 1
          )
        )
        yield* sql`drop function moose.schedule_clock(jsonb)`
        yield* all("completed", 1).pipe(Effect.provide(worker(provider)))
      }).pipe(Effect.provide(database))
  )

  it.live("an order that gives up, or is cancelled, while it probes hands the probe on at once", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      const provider = new Provider()
      yield* submit(2)
      yield* Effect.gen(function* () {
        yield* all("waiting", 2)
        yield* provider.gate.close
        yield* until(
          "somebody probes",
          Effect.andThen(
            wakeEverybody,
            Effect.sync(() => provider.inFlight === 1)
          )
        )
        const [first] = yield* incidents
        const prober = WorkOrderId.make(first?.probe ?? "nobody")
        yield* until(
          "the other one waits for the prober",
          Effect.andThen(
            wakeEverybody,
            Effect.map(
              sql`select 1 from public.work_orders where resume_at > moose.now() + interval '1 minute'`,
              (rows) => rows.length === 1
            )
          )
        )
        provider.isDown = false
        yield* orders.cancel({ id: prober, reason: "test" })
        yield* until(
          "the other one probes",
          Effect.map(incidents, ([it]) => it?.probe !== null && it?.probe !== prober)
        )
        yield* provider.gate.open
        yield* until(
          "it has gone on",
          Effect.map(statuses, ({ completed, cancelled }) => completed === 1 && cancelled === 1)
        )
      }).pipe(Effect.provide(worker(provider)))
      const [ended] = yield* incidents
      assert.deepInclude(ended, { open: false, probe: null })
    }).pipe(Effect.provide(database))
  )
})

/** The clock of the database, for one connection. */
const at = (time: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql`select set_config('moose.now', ${time}, true)`)

const admit = Effect.fnUntraced(function* (index: number, ...dependencies: ReadonlyArray<string>) {
  const service = yield* Incidents
  return yield* Effect.result(service.admit({ workOrderId: idOf(index), dependencies }))
})

const probes = (...probing: ReadonlyArray<string>) => ({ _tag: "Success", success: { probing } }) as const

/** An order stops for a dependency: having met its trouble, or having been told of it. */
const park = Effect.fnUntraced(function* (
  index: number,
  dependency: string,
  incident: boolean,
  resumeAt: string
) {
  const journal = yield* StepJournal
  yield* journal.commit({
    workOrderId: idOf(index),
    run: Run.make(1),
    facts: [
      { _tag: "StatusMoved", to: "waiting", disposition: null },
      {
        _tag: "Parked",
        step: "generating",
        dependency,
        tag: "ProviderUnavailable",
        message: "waits: 503",
        cause: "503",
        resumeAt: DateTime.makeUnsafe(resumeAt),
        incident
      }
    ]
  })
})

const works = Effect.fnUntraced(function* (index: number, dependency: string) {
  const journal = yield* StepJournal
  yield* journal.commit({
    workOrderId: idOf(index),
    run: Run.make(1),
    facts: [{ _tag: "DependencyWorks", dependency }]
  })
})

/** Orders in the middle of a step, in one transaction, so that the clock is that of one connection. */
const frozen = <A, E, R>(count: number, test: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* submit(count)
    yield* sql`update public.work_orders set status = 'routing'`
    yield* sql`update public.work_orders set status = 'generating'`
    yield* sql.withTransaction(test)
  }).pipe(Effect.provide(database))

describe("a probe", () => {
  it.live("whose process dies is another order's after its time, and not before", () =>
    frozen(
      3,
      Effect.gen(function* () {
        yield* at("2026-03-01T12:00:00Z")
        yield* park(1, openai, true, "2026-03-01T12:00:30Z")
        const early = yield* admit(2, openai)
        assert.deepInclude(early, { _tag: "Failure" })

        yield* at("2026-03-01T12:00:30Z")
        assert.deepInclude(yield* admit(2, openai), probes(openai))
        // Asked again, as after a crash of its runner, it still has it.
        assert.deepInclude(yield* admit(2, openai), probes(openai))
        const other = yield* admit(3, openai)
        if (other._tag !== "Failure" || other.failure._tag !== "DependencyDown")
          return assert.fail(other._tag)
        const probeEnds = DateTime.addDuration(DateTime.makeUnsafe("2026-03-01T12:00:30Z"), Limits.probe)
        assert.deepStrictEqual(other.failure.resumeAt, probeEnds)

        yield* at("2026-03-01T12:10:29Z")
        assert.deepInclude(yield* admit(3, openai), { _tag: "Failure" })
        yield* at("2026-03-01T12:10:30Z")
        assert.deepInclude(yield* admit(3, openai), probes(openai))
        // The one that was given up for dead is too late.
        assert.deepInclude(yield* admit(2, openai), { _tag: "Failure" })
      })
    )
  )

  it.live("is not taken by an order that may not go on for another reason", () =>
    frozen(
      3,
      Effect.gen(function* () {
        yield* at("2026-03-01T12:00:00Z")
        yield* park(1, "forge", true, "2026-03-01T12:00:30Z")
        yield* park(2, "remote:example.org", true, "2026-03-01T12:05:00Z")
        yield* at("2026-03-01T12:01:00Z")
        assert.deepInclude(yield* admit(3, "forge", "remote:example.org"), { _tag: "Failure" })
        assert.deepStrictEqual(
          (yield* incidents).map(({ probe }) => probe),
          [null, null]
        )
      })
    )
  )

  it.live("is given back by an order that stops for something else", () =>
    frozen(
      3,
      Effect.gen(function* () {
        yield* at("2026-03-01T12:00:00Z")
        yield* park(1, openai, true, "2026-03-01T12:00:30Z")
        yield* at("2026-03-01T12:01:00Z")
        assert.deepInclude(yield* admit(2, openai), probes(openai))
        yield* park(2, "remote:example.org", true, "2026-03-01T12:02:00Z")
        assert.deepInclude(yield* admit(3, openai), probes(openai))
      })
    )
  )

  it.live("opens no second incident when somebody who was only told of it stops after its end", () =>
    frozen(
      3,
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* at("2026-03-01T12:00:00Z")
        yield* park(1, openai, true, "2026-03-01T12:00:30Z")
        yield* at("2026-03-01T12:01:00Z")
        assert.deepInclude(yield* admit(2, openai), probes(openai))
        assert.deepInclude(yield* admit(3, openai), { _tag: "Failure" })
        yield* works(2, openai)
        // Told to come back in ten minutes, it would sleep them through for nothing.
        yield* park(3, openai, false, "2026-03-01T12:11:00Z")
        yield* sql`insert into moose.clocks (execution, name, exit, wake_at)
          values ('order-3/1', 'generating/1', 'null', '2026-03-01T12:11:00Z')`
        const clocks = yield* sql`select wake_at = moose.now() as now from moose.clocks`
        assert.deepStrictEqual(clocks, [{ now: true }])
        assert.deepStrictEqual(
          (yield* incidents).map(({ open }) => open),
          [false]
        )
        assert.deepInclude(yield* admit(3, openai), probes())
      })
    )
  )
})
