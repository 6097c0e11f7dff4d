import { PgClient } from "@effect/sql-pg"
import { Deferred, Effect, Fiber, Schedule } from "effect"

/** Any number that nothing else in the database locks. */
const key = 7_202_511

const poll = Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))

/** Looks until it holds; a schedule that ends without it is a failure, and not an answer. */
const until = <E, R>(what: string, count: Effect.Effect<number, E, R>, holds: (stopped: number) => boolean) =>
  Effect.repeat(count, { schedule: poll, until: holds }).pipe(
    Effect.filterOrFail(holds, () => new Error(`${what} did not come to be`)),
    Effect.asVoid
  )

/**
 * Stops whoever makes a certain change to a table in the middle of its transaction, as if the database were
 * slow there: `table`, `event` and `when` are those of a trigger. Ends with the scope.
 */
export const make = Effect.fnUntraced(function* (table: string, event: "insert" | "update", when: string) {
  const sql = yield* PgClient.PgClient
  const locked = yield* Deferred.make<void>()
  const over = yield* Deferred.make<void>()
  const hold = Effect.gen(function* () {
    yield* sql`select pg_advisory_xact_lock(${key}::bigint)`
    yield* Deferred.succeed(locked, undefined)
    yield* Deferred.await(over)
  })
  const holder = yield* Effect.forkScoped(sql.withTransaction(hold))
  yield* Effect.raceFirst(Deferred.await(locked), Fiber.join(holder))

  const statements = [
    `create function public.blockade() returns trigger language plpgsql as
       $$ begin perform pg_advisory_xact_lock(${key}); return new; end $$`,
    `create trigger blockade before ${event} on ${table}
       for each row when (${when}) execute function public.blockade()`
  ]
  yield* Effect.forEach(statements, (text) => sql.unsafe(text).unprepared)

  const waiting = sql<{ pid: number }>`select pid from pg_locks
    where locktype = 'advisory' and not granted and objid = ${key}
      and database = (select oid from pg_database where datname = current_database())`
  const count = Effect.map(waiting, (rows) => rows.length)

  return {
    /** Answers once somebody is stopped. */
    reached: until("The blockade", count, (stopped) => stopped > 0),
    /** Ends the sessions of those who are stopped, so that what they were about to change is not changed. */
    terminate: Effect.gen(function* () {
      yield* sql`select pg_terminate_backend(pid) from pg_locks
        where locktype = 'advisory' and not granted and objid = ${key}
          and database = (select oid from pg_database where datname = current_database())`
      yield* until("The end of the sessions", count, (stopped) => stopped === 0)
    }),
    /** Lets everybody pass from now on. */
    lift: Effect.asVoid(Deferred.succeed(over, undefined))
  }
})
