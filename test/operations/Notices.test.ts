import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Layer, Schedule } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Outage from "../../bench/chaos/Outage.ts"
import { ClientManagerUnavailable, StoreConflict, StoreUnavailable } from "../../src/domain/errors/Reasons.ts"
import { Escalation, EscalationId } from "../../src/domain/Escalation.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { zero } from "../../src/domain/Usd.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as HttpClientManager from "../../src/layers/HttpClientManager.ts"
import * as Notices from "../../src/operations/Notices.ts"
import { ClientManager } from "../../src/services/ClientManager.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { Spool, type Spooled } from "../../src/services/Spool.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const trouble = (key: string): Spooled => ({
  key,
  type: "failure",
  severity: "high",
  fingerprint: key,
  context: { message: "the mirror is gone" },
  options: [{ option: "acknowledge", label: "It is back.", usd: zero, recommended: true }],
  defaultOption: null
})

const emptySpool = Layer.mock(Spool, { peek: () => Effect.succeed([]) })

/** The card of an escalation that nobody was told of. */
const card = (id: number) =>
  new Escalation({
    id: EscalationId.make(id),
    ...trouble(`trouble-${id}`),
    status: "open",
    occurrences: 1,
    assignee: null,
    createdAt: DateTime.makeUnsafe(0),
    updatedAt: DateTime.makeUnsafe(0),
    now: DateTime.makeUnsafe(0),
    notices: 0,
    receipt: null,
    ackDeadline: null,
    acknowledgedAt: null,
    resolution: null,
    resolvedBy: null,
    resolvedAt: null,
    ordersCount: 0,
    orders: [],
    burnPerMinute: zero
  })

/** Lets time pass in small pieces, so that what answers in between has its turn. */
const pass = (duration: Duration.Input) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.adjust("250 millis"),
      Effect.repeat(
        Effect.callback<void>((resume) => {
          setImmediate(() => resume(Effect.void))
        }),
        Schedule.recurs(5)
      )
    ),
    Schedule.recurs(Duration.toMillis(duration) / 250)
  )

/** Tells of so many escalations, `apart` from each other, to a client manager that fails three times for each. */
const receipts = Effect.fnUntraced(function* (count: number, apart: Duration.Duration) {
  const attempts = new Map<string, number>()
  const failures = [
    () => Promise.reject(new TypeError("fetch failed")),
    () => Promise.resolve(new Response("Bad Gateway", { status: 502 })),
    () => Promise.resolve(new Response("Service Unavailable", { status: 503 }))
  ]
  const fetch: typeof globalThis.fetch = (_input, init) => {
    const key = new Headers(init?.headers).get("idempotency-key") ?? "no key"
    const attempt = attempts.get(key) ?? 0
    attempts.set(key, attempt + 1)
    return failures[attempt]?.() ?? Promise.resolve(Response.json({ id: key }, { status: 201 }))
  }
  const waiting = new Map(
    Array.from({ length: count }, (_, index) => [index + 1, Duration.toMillis(apart) * index])
  )
  const took: Array<number> = []
  const store = Layer.mock(Escalations, {
    dueNotices: ({ limit }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const due = [...waiting].filter(([, raisedAt]) => raisedAt <= now).slice(0, limit)
        return due.map(([id]) => card(id))
      }),
    noticeSent: ({ id, receipt }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        assert.strictEqual(receipt.channel, "client_manager")
        took.push(now - (waiting.get(id) ?? Number.NaN))
        waiting.delete(id)
      })
  })
  const manager = HttpClientManager.layer({ url: new URL("http://client-manager.invalid") })
  yield* Effect.gen(function* () {
    yield* pass(Duration.sum(Duration.times(apart, count), Duration.minutes(1)))
  }).pipe(
    Effect.provide(
      Notices.layer.pipe(
        Layer.provide(Layer.mergeAll(store, emptySpool, manager)),
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
      )
    )
  )
  assert.strictEqual(took.length, count)
  assert.isTrue([...attempts.values()].every((times) => times === 4))
  const sorted = took.toSorted((a, b) => a - b)
  return sorted[Math.ceil(count * 0.99) - 1] ?? Number.NaN
})

describe("Notices", () => {
  it.live(
    "with database and client manager away: every failure is stored and told once they are back, none twice",
    () =>
      Effect.gen(function* () {
        const { url } = yield* TestDatabase.TestDatabase
        const seen = yield* Outage.run({ url, failures: 30, outage: Duration.seconds(2) })
        const { rows, fingerprints, twice, left, notices, different } = seen
        assert.deepStrictEqual([rows, fingerprints, twice], [30, 30, 0])
        assert.deepStrictEqual([left, notices, different], [0, 30, 30])
        assert.isAbove(seen.spooled, 0)
        assert.isBelow(seen.storedAfterMs, 60_000)
        assert.isBelow(seen.toldAfterMs, 60_000)
      }).pipe(Effect.provide(TestDatabase.layer))
  )

  it.effect("through three failures of each delivery, 99 of 100 receipts are there within a minute", () =>
    Effect.gen(function* () {
      const spread = yield* receipts(100, Duration.millis(600))
      assert.isBelow(spread, 60_000)
    })
  )

  it.effect("even when all hundred are raised at once", () =>
    Effect.gen(function* () {
      assert.isBelow(yield* receipts(100, Duration.zero), 60_000)
    })
  )

  it.live("that nobody answers are tried again soon, and are no notices that somebody left unanswered", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const escalations = yield* Escalations
      const id = yield* escalations.raise(trouble("one"))
      let away = true
      const manager = Layer.succeed(ClientManager, {
        notify: () =>
          Effect.suspend(() =>
            away
              ? Effect.fail(
                  new ClientManagerUnavailable({ evidence: { operation: "POST", excerpt: "refused" } })
                )
              : Effect.succeed({ channel: "client_manager" as const, reference: "cm-1" })
          )
      })
      const later = sql`update public.escalations set next_notice_at = moose.now() where id = ${id}`
      yield* Effect.gen(function* () {
        // More often than silence would be waited for.
        for (let times = 0; times < Limits.remindersMax + 3; times++) {
          yield* Notices.deliver()
          const [due] = yield* sql<{ seconds: number }>`
            select extract(epoch from next_notice_at - moose.now())::float8 as seconds from public.escalations`
          assert.isAtMost(due?.seconds ?? Number.NaN, Duration.toSeconds(Limits.noticeAgain))
          yield* later
        }
        const untold = yield* escalations.get({ id })
        assert.strictEqual(untold.status, "open")
        assert.strictEqual(untold.notices, 0)
        assert.strictEqual(untold.receipt?.channel, "order")
        away = false
        yield* Notices.deliver()
        const told = yield* escalations.get({ id })
        assert.strictEqual(told.notices, 1)
        assert.strictEqual(told.receipt?.channel, "client_manager")
      }).pipe(Effect.provide(manager))
    }).pipe(Effect.provide(Layer.provideMerge(Environment.store, TestDatabase.layer)))
  )

  it.effect("one that the store refuses keeps no other in the spool, and is not lost", () =>
    Effect.gen(function* () {
      const stored: Array<string> = []
      let spooled = ["bad", "good", "better"].map(trouble)
      const spool = Layer.mock(Spool, {
        peek: () => Effect.sync(() => spooled),
        remove: ({ keys }) =>
          Effect.sync(() => {
            spooled = spooled.filter(({ key }) => !keys.includes(key))
          })
      })
      const evidence = { operation: "raise", excerpt: "no" }
      const refusing = Layer.mock(Escalations, {
        raise: ({ key }) =>
          key === "bad"
            ? Effect.fail(new StoreConflict({ conflict: "no", evidence }))
            : Effect.sync(() => EscalationId.make(stored.push(key)))
      })
      yield* Notices.drain().pipe(Effect.provide(Layer.merge(spool, refusing)))
      assert.deepStrictEqual(stored, ["good", "better"])
      assert.deepStrictEqual(
        spooled.map(({ key }) => key),
        ["bad"]
      )
    })
  )

  it.effect("what can be stored nowhere now waits in the spool", () =>
    Effect.gen(function* () {
      const spooled: Array<string> = []
      const spool = Layer.mock(Spool, { put: ({ key }) => Effect.sync(() => void spooled.push(key)) })
      const evidence = { operation: "raise", excerpt: "refused" }
      const down = Layer.mock(Escalations, { raise: () => Effect.fail(new StoreUnavailable({ evidence })) })
      yield* Notices.raise(trouble("one")).pipe(Effect.provide(Layer.merge(spool, down)))
      assert.deepStrictEqual(spooled, ["one"])
    })
  )
})
