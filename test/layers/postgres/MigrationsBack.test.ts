import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schedule } from "effect"
import { ProjectId, WorkOrderId } from "../../../src/domain/Ids.ts"
import { Project } from "../../../src/domain/Project.ts"
import { WorkOrder } from "../../../src/domain/WorkOrder.ts"
import * as Environment from "../../../src/layers/Environment.ts"
import * as Migrations from "../../../src/layers/postgres/Migrations.ts"
import * as PostgresEngine from "../../../src/layers/postgres/PostgresEngine.ts"
import * as pipeline from "../../../src/pipeline.ts"
import { Escalations } from "../../../src/services/Escalations.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as Cli from "../../support/Cli.ts"
import * as OldSystem from "../../support/OldSystem.ts"
import * as Outside from "../../support/Outside.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"
import * as TestDatabases from "../../support/TestDatabase.ts"
import { order as anyOrder } from "../../support/World.ts"

/* The way back, on a real PostgreSQL with the fixture of the old system; what lies outside the database is doubles. */

const empty = Layer.merge(TestDatabases.layerEmpty, NodeServices.layer)
const database = Environment.store.pipe(Layer.provideMerge(empty))
const worker = pipeline.layer.pipe(
  Layer.provideMerge(PostgresEngine.layer({ slots: 8 })),
  Layer.provide(Outside.layer)
)
const shopFront = ProjectId.make("shop-front")
const half = WorkOrderId.make("11111111-0000-4000-8000-000000000003")

const set = Effect.fn(function* (id: ProjectId, mode: Project["mode"]) {
  const projects = yield* Projects
  yield* projects.put(new Project({ ...(yield* projects.get({ id })), mode, concurrency: 64 }))
})

/** Lets Moose work until no order of the project is under way any more; at most 20 seconds. */
const work = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const left = Effect.andThen(
    sql`select pg_notify('moose_work', '')`,
    OldSystem.count("moose.executions where state <> 'done'")
  )
  yield* left.pipe(
    Effect.flatMap((orders) => (orders === 0 ? Effect.void : Effect.fail(`${orders} are left`))),
    Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "150 seconds" }))),
    Effect.provide(worker)
  )
})

interface OldOrder {
  readonly status: string
  readonly branch: string | null
  readonly number: number | null
  readonly sha: string | null
  readonly title: string
}

const oldOrders = Effect.fn(function* (where: string) {
  const sql = yield* PgClient.PgClient
  return yield* sql.unsafe<OldOrder>(`select status, branch_name as branch, pr_number as number, commit_sha as sha, title
    from public.work_orders where ${where} order by created_at, id`).unprepared
})

const spent = Effect.fn(function* (table: string, column: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql.unsafe<{ sum: number }>(
    `select coalesce(sum(${column}), 0)::float8 as sum from ${table}`
  ).unprepared
  return row?.sum ?? 0
})

/** Everything that is Moose's, in one text for each table. */
const own = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const tables = [
    "work_orders",
    "work_order_events",
    "cost_tracking",
    "decision_logs",
    "outcome_vectors",
    "escalations",
    "projects"
  ]
  return yield* Effect.forEach(tables, (table) =>
    sql
      .unsafe<{ row: string }>(`select to_jsonb(t)::text as row from public.${table} t order by 1`)
      .unprepared.pipe(Effect.map((rows) => rows.map(({ row }) => row)))
  )
})

describe("the way back", () => {
  it.live("changes nothing where Moose has done nothing, forward and back, twice", () =>
    Effect.gen(function* () {
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      yield* Migrations.bring
      const taken = yield* own
      for (const _ of [1, 2]) {
        const { aside, written } = yield* Migrations.back
        assert.deepStrictEqual([aside, written.filter(({ rows }) => rows > 0)], [[], []])
        assert.deepStrictEqual(yield* OldSystem.contents("public"), before)
        assert.strictEqual(yield* OldSystem.count("support.open_orders"), 63)
        const { applied, moved, old } = yield* Migrations.bring
        assert.deepStrictEqual([applied, moved, Option.getOrThrow(old).rows], [[], true, 0])
        assert.deepStrictEqual(yield* own, taken)
      }
    }).pipe(Effect.provide(database))
  )

  it.live("carries over what each has done since, both ways, twice", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      const escalations = yield* Escalations
      yield* OldSystem.load
      const pending = (yield* oldOrders(
        "status = 'pending' and project_id = '00000000-0000-4000-8000-000000000001'"
      )).map(({ title }) => title)
      yield* Migrations.bring
      const mooseSpentBefore = yield* spent(
        "public.cost_tracking",
        "coalesce(settled_micros, reserved_micros)"
      )

      // Moose does what was pending, one that was in flight, and one of its own.
      yield* set(shopFront, "on")
      const [stuck] = yield* escalations
        .list({ workOrderId: half, status: "open", limit: 10 })
        .pipe(Effect.map((found) => found.filter(({ type }) => type === "old_in_flight")))
      yield* escalations.resolve({ id: stuck?.id ?? assert.fail(), option: "retry", by: "ada" })
      yield* orders.submit(
        new WorkOrder({
          ...anyOrder,
          id: WorkOrderId.make("own-1"),
          project: shopFront,
          title: "Moose's own"
        })
      )
      yield* work
      assert.strictEqual((yield* orders.get({ id: half })).status, "completed")
      const mooseSpent =
        (yield* spent("public.cost_tracking", "coalesce(settled_micros, reserved_micros)")) - mooseSpentBefore
      assert.isAbove(mooseSpent, 0)
      const costs = yield* spent("moose_old.cost_tracking where cost_usd > 0 and cost_usd < 1000", "cost_usd")
      const before = yield* own

      const { aside, written } = yield* Migrations.back
      assert.deepStrictEqual(aside, [])
      assert.isAbove(pending.length, 5)
      assert.strictEqual(written.find(({ name }) => name === "work_orders")?.rows, pending.length + 2)
      const done = yield* oldOrders(`status = 'completed' and metadata ? 'moose'`)
      assert.sameMembers(
        done.map(({ title }) => title),
        [...pending, "Half way", "Moose's own"]
      )
      for (const { branch, number, sha } of done) {
        assert.match(branch ?? "", /^moose\/wo-/)
        assert.match(sha ?? "", /^[0-9a-f]{40}$/)
        assert.isAbove(number ?? 0, 0)
      }
      // The old budget sees it.
      const costsNow = yield* spent("public.cost_tracking where cost_usd > 0 and cost_usd < 1000", "cost_usd")
      assert.approximately(costsNow - costs, mooseSpent / 1_000_000, 1e-6)
      assert.strictEqual(
        yield* OldSystem.count(
          "public.outcome_vectors o join public.work_orders w on w.id = o.work_order_id where w.title = 'Moose''s own'"
        ),
        1
      )
      assert.strictEqual(yield* OldSystem.count("pg_namespace where nspname in ('moose', 'moose_old')"), 0)
      assert.strictEqual((yield* Effect.flip(Migrations.verify))._tag, "NotMigrated")

      // The old system goes on: it finishes one, fails one, and is given another.
      yield* OldSystem.script(`
        update work_orders set status = 'completed', branch_name = 'b', commit_sha = repeat('ef', 20), pr_number = 500,
          pr_url = 'https://github.com/acme/billing/pull/500'
          where id = (select id from work_orders where status = 'pending' and project_id = '00000000-0000-4000-8000-000000000002' order by id limit 1);
        update work_orders set status = 'failed', error_message = 'again' where id = '11111111-0000-4000-8000-000000000002';
        insert into work_orders (id, project_id, title) values ('44444444-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', 'Meanwhile');
        insert into cost_tracking (work_order_id, cost_usd, model) values ('44444444-0000-4000-8000-000000000001', 1.25, 'gpt-5');`)

      const forward = yield* Migrations.bring
      assert.strictEqual(
        Option.getOrThrow(forward.old).statuses.find(({ status }) => status === "pending")?.orders,
        32 - pending.length - 2 + 1
      )
      const after = yield* own
      // Moose knows all it knew: its own rows are as they were, but for the orders that the old system went on with.
      const [ordersBefore = [], ...restBefore] = before
      const [ordersAfter = [], ...restAfter] = after
      assert.strictEqual(ordersAfter.filter((row) => !ordersBefore.includes(row)).length, 3)
      for (const [index, rows] of restBefore.entries()) {
        assert.includeMembers(restAfter[index] ?? [], rows)
      }
      const finished = yield* sql<{
        id: string
        status: string
      }>`select id, status from public.work_orders where pull_request_number = 500`
      assert.deepStrictEqual(
        finished.map(({ status }) => status),
        ["completed"]
      )
      assert.strictEqual((yield* orders.get({ id: half })).run, 2)
      const meanwhile = yield* orders.get({ id: WorkOrderId.make("44444444-0000-4000-8000-000000000001") })
      assert.deepStrictEqual([meanwhile.status, meanwhile.cost], ["pending", 1_250_000])

      // And once more: nothing is written twice.
      const copies = yield* OldSystem.count("moose_old.cost_tracking")
      const again = yield* Migrations.back
      assert.deepStrictEqual(
        again.written.filter(({ rows }) => rows > 0),
        []
      )
      assert.strictEqual(yield* OldSystem.count("public.cost_tracking"), copies)
      const last = yield* Migrations.bring
      assert.strictEqual(Option.getOrThrow(last.old).rows, 0)
      assert.deepStrictEqual(yield* own, after)
    }).pipe(Effect.provide(database))
  )

  it.live("gives an order that was under way to the old system, and takes its word for it", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      yield* OldSystem.load
      yield* Migrations.bring
      const unassigned = WorkOrderId.make("11111111-0000-4000-8000-000000000001")
      yield* set(ProjectId.make("old-unassigned"), "on")
      const waits = Effect.gen(function* () {
        yield* sql`select moose.claim_execution(${`${unassigned}/1`}, 'r', 1)`
        yield* sql`select moose.apply_facts(${unassigned}, 1, '[{"_tag": "StatusMoved", "to": "waiting", "disposition": null}]')`
        yield* sql`update moose.executions set state = 'suspended', owner = null where work_order = ${unassigned}`
      })
      yield* waits
      yield* Migrations.back
      const [given] = yield* sql<{ status: string; error: string }>`select status, error_message as error
        from public.work_orders where id::text = ${unassigned}`
      assert.strictEqual(given?.status, "failed")
      assert.match(given?.error ?? "", /^was under way in Moose \(waiting\)/)
      yield* Migrations.bring
      assert.strictEqual((yield* orders.get({ id: unassigned })).status, "waiting")
      yield* Migrations.back
      yield* OldSystem.script(`update work_orders set status = 'completed', commit_sha = repeat('ab', 20), pr_number = 3,
        pr_url = 'https://github.com/acme/x/pull/3' where id = '${unassigned}'`)
      yield* Migrations.bring
      assert.strictEqual((yield* orders.get({ id: unassigned })).status, "completed")
      assert.strictEqual(yield* OldSystem.count("moose.executions where state <> 'done'"), 0)
    }).pipe(Effect.provide(database))
  )

  it.live("leaves to the old system what was completed in shadow", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* OldSystem.load
      yield* Migrations.bring
      const pending = "11111111-0000-4000-8000-000000000001"
      yield* sql`update public.work_orders set shadow = true, head_sha = repeat('a', 40) where id = ${pending}`
      for (const to of ["routing", "generating", "applying", "creating_pr", "tracking", "completed"]) {
        yield* sql`update public.work_orders set status = ${to} where id = ${pending}`
      }
      yield* Migrations.back
      const [left] = yield* sql`select status, commit_sha, metadata->'moose'->>'status' as here
        from public.work_orders where id::text = ${pending}`
      assert.deepStrictEqual(left, { status: "pending", commit_sha: "a".repeat(40), here: "completed" })
    }).pipe(Effect.provide(database))
  )

  it.live("lists what the old tables cannot hold, and keeps it", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      yield* OldSystem.load
      yield* OldSystem.script(
        "alter table work_orders add column squad text, add constraint has_squad check (title <> 'No room')"
      )
      yield* Migrations.bring
      yield* orders.submit(
        new WorkOrder({ ...anyOrder, id: WorkOrderId.make("own-1"), project: shopFront, title: "No room" })
      )
      const { aside } = yield* Migrations.back
      assert.deepStrictEqual(
        aside.map(({ source, id }) => [source, id]),
        [["work_orders", "own-1"]]
      )
      assert.match(aside[0]?.reason ?? "", /violates check constraint "has_squad" \(23514\)$/)
      assert.strictEqual(yield* OldSystem.count("moose_kept.work_orders where id = 'own-1'"), 1)
      yield* Migrations.bring
      assert.strictEqual((yield* orders.get({ id: WorkOrderId.make("own-1") })).status, "pending")
      assert.deepStrictEqual(yield* sql`select state from moose.executions where work_order = 'own-1'`, [
        { state: "ready" }
      ])
    }).pipe(Effect.provide(database))
  )

  it.live("is refused while Moose works, and where there is nothing to go back to", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* OldSystem.load
      yield* Migrations.bring
      yield* sql`select moose.hold_lease('{"runner": "r", "host": "h", "processId": 1, "leaseMs": 60000}')`
      const here = yield* Effect.flip(Migrations.back)
      assert.match(here.message, /^Moose is at work: 0 executions run, 1 workers are there$/)
      yield* sql`delete from moose.runners`
      yield* set(ProjectId.make("old-unassigned"), "on")
      yield* sql`update moose.executions set state = 'running', owner = 'gone' where state = 'ready'`
      const running = yield* Effect.flip(Migrations.back)
      assert.match(running.message, /^Moose is at work: 1 executions run/)
      assert.strictEqual(running._tag, "NotPutBack")
      yield* sql`update moose.executions set state = 'done', owner = null where state = 'running'`
      yield* sql`drop schema moose_old cascade`
      assert.match((yield* Effect.flip(Migrations.back)).message, /^There is nothing to go back to/)
      assert.strictEqual(yield* OldSystem.count("public.work_orders"), 305)
    }).pipe(Effect.provide(database))
  )

  it.live("does not begin anew where the old tables are gone and Moose's own are aside", () =>
    Effect.gen(function* () {
      yield* OldSystem.load
      yield* Migrations.bring
      yield* Migrations.back
      yield* OldSystem.script(
        OldSystem.tables.map((table) => `drop table public.${table} cascade;`).join("\n")
      )
      assert.match(
        (yield* Effect.flip(Migrations.bring)).message,
        /schema moose_kept: It holds what Moose had/
      )
    }).pipe(Effect.provide(database))
  )
})

describe("moose migrate", () => {
  it.live("says what it found and did, and asks for --yes on the way back", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      const env = { DATABASE_URL: Redacted.value(url) }
      const rehearsed = yield* Cli.here(["migrate", "--dry-run"], env)
      assert.match(rehearsed.stdout, /^Nothing was changed\. Without --dry-run:\nApplied 0001_tables\.sql, /)
      assert.deepStrictEqual(yield* OldSystem.contents("public"), before)
      const done = yield* Cli.here(["migrate"], env)
      assert.deepStrictEqual(done.stdout.split("\n").slice(1), [
        "The old system's tables are in the schema moose_old, as they were. Its work orders: 181 completed, 61 failed, 31 in_progress, 32 pending.",
        "Taken over: 5 projects, 305 work_orders, 815 cost_tracking, 336 outcome_vectors, 300 decision_logs, 92 escalations.",
        "16 rows are listed instead: select source, old_id, reason from moose.old_rows where target is null",
        "31 orders were in flight, and somebody has to decide: moose escalations list",
        "5 projects are off. How to go on: docs/rollout.md",
        ""
      ])
      assert.strictEqual((yield* Cli.here(["migrate"], env)).stdout, "The database is up to date.\n")
      const asked = yield* Cli.here(["migrate", "--back"], env)
      assert.strictEqual(asked.code, 1)
      assert.match(asked.stderr, /moose migrate --back --yes/)
      assert.strictEqual(yield* OldSystem.count("moose_old.work_orders"), 305)
      const back = yield* Cli.here(["migrate", "--back", "--yes"], env)
      assert.strictEqual(
        back.stdout,
        "The old system's tables are back in their places. Moose's own are in the schema moose_kept.\nMoose had changed nothing.\nForward again: moose migrate\n"
      )
      assert.deepStrictEqual(yield* OldSystem.contents("public"), before)
      const nothing = yield* Cli.here(["migrate", "--back", "--yes"], env)
      assert.strictEqual(nothing.code, 1)
      assert.match(nothing.stderr, /There is nothing to go back to/)
    }).pipe(Effect.provide(empty))
  )

  it.live("has a way back for databases of one's own only", () =>
    Effect.gen(function* () {
      const said = yield* Cli.here(["migrate", "--dry-run"], {})
      assert.strictEqual(said.code, 1)
      assert.match(said.stderr, /--dry-run is for a database of your own, and DATABASE_URL is not set/)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
