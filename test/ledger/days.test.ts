import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { DateTime, Effect, Schema } from "effect"
import { Budget } from "../../src/services/Budget.ts"
import { dayOf, resetOf } from "./Days.ts"
import * as Ledger from "./Ledger.ts"

/** Some moment of a day whose end is not 24 hours after its beginning, or not where a naive sum puts it. */
const days = [
  { zone: "UTC", at: "2025-06-15T12:00:00Z", what: "an ordinary day", hours: 24 },
  { zone: "Asia/Kolkata", at: "2025-06-15T12:00:00Z", what: "half an hour aside", hours: 24 },
  { zone: "Europe/Berlin", at: "2025-03-30T06:00:00Z", what: "an hour is left out", hours: 23 },
  { zone: "Europe/Berlin", at: "2025-10-26T06:00:00Z", what: "an hour comes twice", hours: 25 },
  { zone: "Australia/Lord_Howe", at: "2025-04-05T20:00:00Z", what: "half an hour comes twice", hours: 24.5 },
  { zone: "America/Havana", at: "2025-11-01T20:00:00Z", what: "midnight comes twice afterwards", hours: 24 },
  { zone: "America/Havana", at: "2025-11-02T04:30:00Z", what: "after the first of two midnights", hours: 25 },
  {
    zone: "America/Havana",
    at: "2025-11-02T05:30:00Z",
    what: "after the second of two midnights",
    hours: 25
  },
  { zone: "America/Havana", at: "2025-03-08T20:00:00Z", what: "there is no next midnight", hours: 24 },
  { zone: "Africa/Cairo", at: "2025-04-24T12:00:00Z", what: "there is no next midnight", hours: 24 },
  { zone: "Africa/Cairo", at: "2025-04-25T12:00:00Z", what: "there was no midnight", hours: 23 },
  { zone: "Africa/Cairo", at: "2025-10-30T12:00:00Z", what: "the last hour comes twice", hours: 25 },
  { zone: "Asia/Beirut", at: "2025-03-29T12:00:00Z", what: "there is no next midnight", hours: 24 },
  { zone: "Asia/Beirut", at: "2025-10-25T12:00:00Z", what: "the last hour comes twice", hours: 25 },
  { zone: "Pacific/Apia", at: "2011-12-29T20:00:00Z", what: "the next day is left out", hours: 24 }
]

const iso = (ms: number) => new Date(ms).toISOString()
const longAgoMs = 50 * 3_600_000

layer(Ledger.layer)("a day of the ledger", (it) => {
  describe("ends at midnight of the project's own time zone", () => {
    for (const { at, hours, what, zone } of days) {
      it.effect(`in ${zone} on ${dayOf(Date.parse(at), zone)}: ${what}`, () =>
        Effect.gen(function* () {
          const budget = yield* Budget
          const day = dayOf(Date.parse(at), zone)
          const reset = resetOf(Date.parse(at), zone)
          let begin = Date.parse(at) - longAgoMs
          while (dayOf(begin, zone) !== day) begin = resetOf(begin, zone)
          assert.strictEqual((reset - begin) / 3_600_000, hours)

          const all = Ledger.dollars(10)
          yield* Ledger.setClock(at)
          const project = yield* Ledger.putProject({ dailyUsd: all, workOrderUsd: Ledger.dollars(99) }, zone)
          const order = yield* Ledger.submitOrder(project.id)
          const stands = Effect.map(budget.status({ project: project.id }), ([status]) =>
            status === undefined ? assert.fail("no status") : status
          )

          // The whole day has one limit, from its first millisecond to its last.
          yield* Ledger.setClock(iso(begin))
          yield* Ledger.reserve(order, all)
          for (const moment of [begin, Date.parse(at), reset - 1]) {
            yield* Ledger.setClock(iso(moment))
            const refused = yield* Effect.flip(Ledger.reserve(order, Ledger.dollars(1)))
            if (refused._tag !== "BudgetExceeded" || refused.resetsAt === null)
              return assert.fail(String(refused))
            assert.strictEqual(DateTime.formatIso(refused.resetsAt), iso(reset))
            const status = yield* stands
            assert.strictEqual(status.day, day)
            assert.strictEqual(status.reserved, all)
            assert.strictEqual(DateTime.formatIso(status.resetsAt), iso(reset))
          }

          yield* Ledger.setClock(iso(reset))
          yield* Ledger.reserve(order, all)
          const next = yield* stands
          assert.strictEqual(next.reserved, all)
          assert.strictEqual(next.openReservations, 2)
          assert.strictEqual(next.day, dayOf(reset, zone))
          const there = DateTime.toParts(DateTime.setZone(next.now, project.timeZone))
          const padded = [there.month, there.day].map((part) => String(part).padStart(2, "0"))
          assert.strictEqual(next.day, [there.year, ...padded].join("-"))
        })
      )
    }
  })

  it.effect("of a bill is the day of its reservation", () =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const project = yield* Ledger.putProject({
        dailyUsd: Ledger.dollars(10),
        workOrderUsd: Ledger.dollars(99)
      })
      const order = yield* Ledger.submitOrder(project.id)
      yield* Ledger.setClock("2025-06-15T23:59:59.999Z")
      const reservation = yield* Ledger.reserve(order, Ledger.dollars(10))
      yield* Ledger.setClock("2025-06-16T00:00:30Z")
      yield* budget.settle({
        reservation,
        settlement: "a",
        amount: Ledger.dollars(9),
        usage: Ledger.usage
      })
      const [status] = yield* budget.status({ project: project.id })
      assert.strictEqual(status?.settled, 0)
      assert.strictEqual(status?.burnPerHour, Ledger.dollars(9))
      yield* Ledger.reserve(order, Ledger.dollars(10))
    })
  )

  it.effect("of a reservation is the one that was locked, also when midnight passes while it waits", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const project = yield* Ledger.putProject({
        dailyUsd: Ledger.dollars(10),
        workOrderUsd: Ledger.dollars(99)
      })
      const order = yield* Ledger.submitOrder(project.id)
      yield* Ledger.setClock("2025-06-15T23:59:59.999Z")
      const [row] = yield* sql<{ was: string }>`
        select pg_get_functiondef('moose.lock_budget(text)'::regprocedure) as was`
      yield* sql`create table public.locked (scope text not null)`
      yield* sql`create or replace function moose.lock_budget(scope text) returns void language sql as
        $$ insert into public.locked values (scope); select set_config('moose.now', '2025-06-16T00:00:01Z', false) $$`
      const { id } = yield* Ledger.reserve(order, Ledger.dollars(10))
      yield* sql.unsafe(row?.was ?? "").unprepared
      const days = yield* sql`select 1 from public.cost_tracking c join public.locked l
        on l.scope = c.project || '/' || c.day where c.id = ${id}`
      yield* sql`drop table public.locked`
      assert.lengthOf(days, 1)
    })
  )

  it.effect("is one of a time zone that exists", () =>
    Effect.sync(() => {
      assert.throws(() => Schema.decodeSync(Schema.TimeZoneNamedFromString)("Mars/Olympus"))
    })
  )
})
