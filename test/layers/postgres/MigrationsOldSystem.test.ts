import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option } from "effect"
import { ProjectId, WorkOrderId } from "../../../src/domain/Ids.ts"
import { Project } from "../../../src/domain/Project.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { WorkOrder } from "../../../src/domain/WorkOrder.ts"
import * as Environment from "../../../src/layers/Environment.ts"
import * as Migrations from "../../../src/layers/postgres/Migrations.ts"
import { Escalations } from "../../../src/services/Escalations.ts"
import { Projects } from "../../../src/services/Projects.ts"
import { WorkOrders } from "../../../src/services/WorkOrders.ts"
import * as OldSystem from "../../support/OldSystem.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"
import * as TestDatabases from "../../support/TestDatabase.ts"
import { order as anyOrder } from "../../support/World.ts"

/* On a real PostgreSQL that holds the fixture of the old system. */

const empty = Layer.merge(TestDatabases.layerEmpty, NodeServices.layer)
const database = Environment.store.pipe(Layer.provideMerge(empty))

/** Each test looks at the same database, migrated once. */
const migrated = Layer.effectDiscard(Effect.andThen(OldSystem.load, Migrations.bring)).pipe(
  Layer.provideMerge(database)
)

const order = (suffix: string) => WorkOrderId.make(`11111111-0000-4000-8000-00000000000${suffix}`)
const shopFront = ProjectId.make("shop-front")

const setMode = Effect.fn(function* (id: ProjectId, mode: Project["mode"]) {
  const projects = yield* Projects
  yield* projects.put(new Project({ ...(yield* projects.get({ id })), mode }))
})

/** Executions that a worker would get. */
const claims = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ claims: number }>`select jsonb_array_length(moose.runner_tick(
    '{"runner": "r", "host": "h", "processId": 1, "leaseMs": 1000, "room": 50, "running": [], "only": null,
      "workflows": ["moose/Pipeline"]}')->'claims')::integer as claims`
  return row?.claims
})

describe("migration from the old system", () => {
  it.live("moves its tables away as they are, with whatever refers to them", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      const open = yield* OldSystem.count("support.open_orders")
      const { moved } = yield* Migrations.bring
      assert.isTrue(moved)
      assert.deepStrictEqual(yield* OldSystem.contents("moose_old"), before)
      assert.strictEqual(yield* OldSystem.count("support.open_orders"), open)
      assert.strictEqual(
        yield* OldSystem.count("support.comments c join moose_old.work_orders w on w.id = c.work_order"),
        10
      )
      // What still speaks the old system's language finds no table of Moose's.
      const functions = yield* sql`select pronamespace::regnamespace::text as schema from pg_proc
        where proname = 'check_and_reserve_budget' order by 1`
      assert.deepStrictEqual(functions, [{ schema: "moose" }, { schema: "moose_old" }])
      assert.strictEqual(yield* OldSystem.count("moose_old.work_orders"), 305)
    }).pipe(Effect.provide(database))
  )

  it.live("goes on where it was interrupted, and has nothing to do the second time", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-migrations-" })
      yield* fs.writeFileString(`${directory}/0001_tables.sql`, "select 1 / 0")
      yield* Effect.flip(Migrations.bringFrom(directory))
      assert.deepStrictEqual(yield* OldSystem.contents("moose_old"), before)
      const { moved, old } = yield* Migrations.bring
      assert.isFalse(moved)
      assert.isTrue(Option.isSome(old))
      assert.strictEqual(yield* OldSystem.count("public.work_orders"), 305)
      const again = yield* Migrations.bring
      assert.deepStrictEqual([again.applied, again.moved], [[], false])
      assert.strictEqual(Option.getOrThrow(again.old).rows, 0)
      assert.strictEqual(yield* OldSystem.count("public.work_orders"), 305)
    }).pipe(Effect.provide(database))
  )

  it.live("happens once however many processes start at the same moment", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      yield* OldSystem.load
      const brought = yield* Effect.all(
        [1, 2, 3].map(() =>
          // A client of its own each, as processes have.
          Effect.provide(Migrations.bring, PgClient.layer({ url, maxConnections: 1 }), { local: true })
        ),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(brought.filter(({ moved }) => moved).length, 1)
      const names = brought.flatMap(({ applied }) => applied)
      assert.strictEqual(new Set(names).size, names.length)
      assert.strictEqual(yield* OldSystem.count("public.work_orders"), 305)
    }).pipe(Effect.provide(database))
  )

  it.live("is rehearsed without a trace", () =>
    Effect.gen(function* () {
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      const rehearsed = yield* Migrations.rehearse
      assert.deepStrictEqual(yield* OldSystem.contents("public"), before)
      assert.strictEqual(
        yield* OldSystem.count("pg_namespace where nspname in ('moose', 'moose_old', 'moose_kept')"),
        0
      )
      assert.deepStrictEqual(yield* Migrations.bring, rehearsed)
    }).pipe(Effect.provide(database))
  )

  it.live("takes what changed there since, and leaves alone what Moose has begun", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      yield* OldSystem.load
      yield* Migrations.bring
      yield* setMode(ProjectId.make("old-unassigned"), "on")
      assert.strictEqual(yield* claims, 1)
      yield* OldSystem.script(`
        update moose_old.work_orders set status = 'completed' where id = '${order("1")}';
        update moose_old.work_orders set status = 'completed', commit_sha = repeat('cd', 20), pr_number = 9,
          pr_url = 'https://github.com/acme/nihongo/pull/9' where id = '${order("2")}';
        update moose_old.work_orders set status = 'failed', error_message = 'it gave up' where id = '${order("3")}';
        update moose_old.cost_tracking set cost_usd = 0.5 where id = '22222222-0000-4000-8000-000000000006'`)
      const { old } = yield* Migrations.bring
      assert.strictEqual(Option.getOrThrow(old).rows, 4)
      assert.strictEqual((yield* orders.get({ id: order("1") })).status, "routing")
      const [listed] = yield* sql<{ reason: string }>`select reason from moose.old_rows
        where source = 'work_orders' and target = ${order("1")}`
      assert.match(listed?.reason ?? "", /after Moose had begun it/)
      const second = yield* orders.get({ id: order("2") })
      assert.deepStrictEqual([second.status, second.pullRequest?.number], ["completed", 9])
      const third = yield* orders.get({ id: order("3") })
      assert.deepStrictEqual(
        [third.status, third.disposition, third.failure?.message],
        ["pr_failed", "exhausted", "it gave up"]
      )
      assert.strictEqual(
        yield* OldSystem.count(
          `public.escalations where fingerprint = 'old_in_flight/${order("3")}' and status = 'open'`
        ),
        0
      )
      const amounts = yield* sql<{
        micros: number
      }>`select settled_micros::integer as micros from public.cost_tracking
        where id = 'old-22222222-0000-4000-8000-000000000006'`
      assert.deepStrictEqual(amounts, [{ micros: 500_000 }])
      const [trigger] = yield* sql<{
        enabled: string
      }>`select tgenabled::text as enabled from pg_trigger where tgname = 'legal_move'`
      assert.strictEqual(trigger?.enabled, "O")
    }).pipe(Effect.provide(database))
  )
})

describe("an old system that goes on in moose_old", () => {
  it.live("finds its tables and functions by its search path, and is taken over again", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      yield* OldSystem.load
      yield* Migrations.bring
      const fits = yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`set local search_path = moose_old, public`
          yield* sql`insert into work_orders (id, title) values ('44444444-0000-4000-8000-000000000001', 'Meanwhile')`
          return yield* sql`select check_and_reserve_budget(0.5) as fits`
        })
      )
      assert.deepStrictEqual(fits, [{ fits: true }])
      assert.strictEqual(Option.getOrThrow((yield* Migrations.bring).old).rows, 1)
      const { order: taken } = yield* orders.get({
        id: WorkOrderId.make("44444444-0000-4000-8000-000000000001")
      })
      assert.strictEqual(taken.title, "Meanwhile")
    }).pipe(Effect.provide(database))
  )
})

describe("an old system that was made otherwise", () => {
  // Numbers for ids, no table of projects, other names, no time zones, a type for the status.
  const otherwise = `
    create type public.order_status as enum ('pending', 'in_progress', 'completed', 'failed', 'archived');
    create table work_orders (id serial primary key, title varchar(80), status order_status, project text, branch text,
      priority integer, created_at timestamp, metadata text);
    create table escalations (id serial primary key, work_order_id integer, type text, status text, context text,
      resolution_options text);
    create table cost_tracking (id serial primary key, work_order_id integer, amount numeric, created_at timestamp);
    create table outcome_vectors (id serial primary key, work_order_id integer, model_used text, result text);
    create table decision_logs (id serial primary key, work_order_id integer, reason text);
    insert into work_orders (title, status, project, branch, priority, created_at, metadata) values
      ('One', 'in_progress', 'Web App', 'b', 1000, '2026-01-01 12:00', '{"not": "json"'),
      (null, 'failed', 'Web App', null, null, null, null),
      ('Two', 'archived', '..', null, null, 'infinity', null);
    insert into cost_tracking (work_order_id, amount, created_at) values (1, 0.0000011, '2026-01-01 12:00'), (3, 1, null);
    insert into outcome_vectors (work_order_id, model_used, result) values (1, 'm', 'success'), (1, 'm', 'failure'), (2, null, 'failed');
    insert into escalations (work_order_id, type, status) values (1, 'stuck', 'resolved'), (3, 'stuck', null);
    insert into decision_logs (work_order_id, reason) values (2, 'because');`

  it.live("is taken over as far as it can be, and put back", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const orders = yield* WorkOrders
      const escalations = yield* Escalations
      yield* OldSystem.script(otherwise)
      yield* Migrations.bring
      const one = yield* orders.get({ id: WorkOrderId.make("1") })
      assert.deepStrictEqual(
        [one.status, one.order.project, one.order.priority, one.branch, one.cost],
        ["generation_failed", "web-app", 100, "b", 2]
      )
      assert.strictEqual((yield* orders.get({ id: WorkOrderId.make("2") })).order.title, "(no title)")
      assert.strictEqual((yield* escalations.list({ limit: 10 })).length, 3)
      const listed = yield* sql`select source, old_id as id, reason from moose.old_rows
        where reason is not null and source <> 'projects' order by 1, 2`
      assert.deepStrictEqual(listed, [
        { source: "cost_tracking", id: "2", reason: "there is no work order 3" },
        { source: "escalations", id: "2", reason: "there is no work order 3" },
        { source: "work_orders", id: "3", reason: "its status is 'archived'" }
      ])
      yield* orders.submit(
        new WorkOrder({ ...anyOrder, id: WorkOrderId.make("own-1"), project: one.order.project })
      )
      const { aside } = yield* Migrations.back
      assert.deepStrictEqual(aside, [])
      const [own] =
        yield* sql`select id, status::text as status, project from public.work_orders where title = ${anyOrder.title}`
      assert.deepStrictEqual(own, { id: 4, status: "pending", project: "Web App" })
      yield* Migrations.bring
      assert.strictEqual(yield* OldSystem.count("public.work_orders"), 3)
    }).pipe(Effect.provide(database))
  )
})

layer(migrated)("what the old system leaves behind", (test) => {
  test.effect("is mapped or listed with a reason, row by row", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      for (const table of OldSystem.tables) {
        assert.strictEqual(
          yield* OldSystem.count(`moose_old.${table} t where not exists (
            select from moose.old_rows o where o.source = '${table}' and o.old_id = t.id::text)`),
          0,
          table
        )
        const key =
          table === "cost_tracking" || table === "work_orders" || table === "projects" ? "id" : "id::text"
        assert.strictEqual(
          yield* OldSystem.count(`moose.old_rows o where o.source = '${table}' and o.target is not null
            and not exists (select from public.${table} t where t.${key} = o.target)`),
          0,
          table
        )
      }
      const listed = yield* sql<{ source: string; reason: string }>`select source, reason from moose.old_rows
        where target is null and source <> 'outcome_vectors' order by source, old_id`
      assert.deepStrictEqual(listed, [
        { source: "cost_tracking", reason: "it belongs to no work order" },
        { source: "cost_tracking", reason: "its amount is 'NaN'" },
        { source: "cost_tracking", reason: "its amount is '-0.5'" },
        { source: "cost_tracking", reason: "its amount is missing" },
        { source: "cost_tracking", reason: "its amount is 'Infinity'" },
        { source: "decision_logs", reason: "there is no work order cb549e1b-43e7-7102-3cd4-f46af704f319" },
        { source: "decision_logs", reason: "it belongs to no work order" }
      ])
      assert.strictEqual(
        yield* OldSystem.count(
          `moose.old_rows where target is null and reason = 'whether it succeeded is missing'`
        ),
        yield* OldSystem.count("moose_old.outcome_vectors where success is null")
      )
    })
  )

  test.effect("has a status here that says no more than is known", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const pairs = yield* sql<{ was: string; status: string; disposition: string | null; all: boolean }>`
        select distinct o.status as was, w.status, w.disposition,
          w.head_sha is not null and w.pull_request_number is not null as all
        from moose_old.work_orders o join public.work_orders w on w.id = o.id::text
        where o.status in ('pending', 'completed') order by 1, 2, 4`
      assert.deepStrictEqual(pairs, [
        { was: "completed", status: "completed", disposition: null, all: true },
        { was: "completed", status: "tracking_failed", disposition: "preserved", all: false },
        { was: "pending", status: "pending", disposition: null, all: false }
      ])
      // By the step it is known to have reached; where none is recorded nobody can say more than that it failed.
      const failed = yield* sql<{ was: string; step: string | null; status: string; disposition: string }>`
        select distinct o.status as was, o.current_step as step, w.status, w.disposition
        from moose_old.work_orders o join public.work_orders w on w.id = o.id::text
        where o.status in ('in_progress', 'failed') order by 1, 2`
      const by = { exhausted: "exhausted", manual: "manual_intervention_required" }
      assert.deepStrictEqual(failed, [
        { was: "failed", step: "github_pr", status: "pr_failed", disposition: by.exhausted },
        { was: "failed", step: "proposer", status: "generation_failed", disposition: by.exhausted },
        { was: "failed", step: "quantum", status: "generation_failed", disposition: by.exhausted },
        { was: "failed", step: null, status: "generation_failed", disposition: by.exhausted },
        { was: "in_progress", step: "aider", status: "aider_failed", disposition: by.manual },
        { was: "in_progress", step: "create_pr", status: "pr_failed", disposition: by.manual },
        { was: "in_progress", step: "routing", status: "routing_failed", disposition: by.manual },
        { was: "in_progress", step: "tracking", status: "tracking_failed", disposition: by.manual }
      ])
    })
  )

  test.effect("keeps its money to the micro-dollar, rounded up, on the day it was spent", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const rows = yield* sql<{ dollars: number; micros: number }>`
        select o.cost_usd as dollars, c.reserved_micros::integer as micros
        from moose_old.cost_tracking o join public.cost_tracking c on c.id = 'old-' || o.id::text`
      assert.isAbove(rows.length, 800)
      for (const { dollars, micros } of rows) assert.strictEqual(micros, microsOf(dollars), String(dollars))
      const byHand =
        yield* sql`select settled_micros::integer as settled, reserved_micros::integer as reserved, state, category, day::text
        from public.cost_tracking where id like 'old-22222222-%' order by id`
      assert.deepStrictEqual(byHand, [
        { settled: 300_001, reserved: 300_001, state: "settled", category: "generating", day: "2026-01-01" },
        { settled: 1, reserved: 1, state: "settled", category: "repair", day: "2026-01-01" },
        {
          settled: 2_500_000,
          reserved: 2_500_000,
          state: "settled",
          category: "architect",
          day: "2026-01-02"
        },
        { settled: null, reserved: 750_000, state: "presumed", category: "generating", day: "2026-01-01" },
        { settled: 0, reserved: 0, state: "settled", category: "generating", day: "2026-01-01" }
      ])
      // What is counted beside the rows has counted them.
      const [sums] = yield* sql<{ rows: string; days: string; orders: string }>`select
        (select sum(coalesce(settled_micros, reserved_micros)) from public.cost_tracking)::text as rows,
        (select sum(settled + reserved + presumed + architect) from moose.budget_days)::text as days,
        (select sum(settled + reserved + presumed) from moose.order_spending)::text as orders`
      assert.deepStrictEqual([sums?.days, sums?.orders], [sums?.rows, sums?.rows])
    })
  )

  test.effect("can be read, all of it, and nothing is lost on the way", () =>
    Effect.gen(function* () {
      const orders = yield* WorkOrders
      const escalations = yield* Escalations
      const all = yield* orders.list({ limit: 1000 })
      assert.strictEqual(all.length, 305)
      for (const {
        order: { id },
        disposition
      } of all) {
        if (disposition === "manual_intervention_required") yield* orders.explain({ id })
      }
      assert.isAbove((yield* escalations.list({ limit: 1000 })).length, 100)

      const { order: bare } = yield* orders.get({ id: order("1") })
      assert.deepStrictEqual(
        [
          bare.title,
          bare.description,
          bare.project,
          bare.acceptanceCriteria,
          bare.filesInScope,
          bare.baseBranch
        ],
        ["two lines", "", "old-unassigned", [], [], "main"]
      )
      const { order: odd } = yield* orders.get({ id: order("2") })
      assert.strictEqual(odd.title, "🫎".repeat(100))
      assert.deepStrictEqual([odd.acceptanceCriteria, odd.filesInScope], [["one text"], ["src/only.ts"]])
      assert.deepStrictEqual([odd.priority, odd.limits], [7, { maxUsd: Usd.make(100_000) }])
      const kept = odd.metadata["old_system"]
      assert.deepInclude(kept, {
        legacy_ticket: "LEG-7",
        metadata: ["not", "an object"],
        status: "pending",
        title: "🫎".repeat(150)
      })
      const { order: blank } = yield* orders.get({ id: order("5") })
      assert.deepStrictEqual([blank.title, blank.priority, blank.limits], ["(no title)", 0, {}])
    })
  )

  test.effect("belongs to projects that are off, with budgets no higher than theirs", () =>
    Effect.gen(function* () {
      const projects = yield* Projects
      const found = (yield* projects.list({})).map(({ id, limits, mode, repository, timeZone }) => ({
        id,
        mode,
        dailyUsd: limits.dailyUsd,
        remoteUrl: repository.remoteUrl,
        zone: timeZone.id
      }))
      const third = "00000000-0000-4000-8000-000000000003"
      const fourth = "00000000-0000-4000-8000-000000000004"
      const nihongo = "git@github.com:acme/nihongo.git"
      assert.deepStrictEqual(found, [
        { id: third, mode: "off", dailyUsd: 0, remoteUrl: "unknown", zone: "UTC" },
        { id: fourth, mode: "off", dailyUsd: 0, remoteUrl: nihongo, zone: "Asia/Tokyo" },
        {
          id: "billing",
          mode: "off",
          dailyUsd: 12_340_000,
          remoteUrl: "https://github.com/acme/billing.git",
          zone: "UTC"
        },
        { id: "old-unassigned", mode: "off", dailyUsd: 0, remoteUrl: "unknown", zone: "UTC" },
        {
          id: "shop-front",
          mode: "off",
          dailyUsd: 20_000_000,
          remoteUrl: "https://github.com/acme/shop-front.git",
          zone: "Europe/Berlin"
        }
      ])
    })
  )

  test.effect("is decided by somebody where it was in flight: retry or abandon", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const escalations = yield* Escalations
      const orders = yield* WorkOrders
      const open = (yield* escalations.list({ status: "open", limit: 1000 })).filter(
        ({ type }) => type === "old_in_flight"
      )
      assert.strictEqual(open.length, 31)
      const pushed = open.find(({ orders: [first] }) => first?.workOrderId === order("3"))
      assert.deepStrictEqual(
        pushed?.options.map(({ option, recommended, usd }) => ({ option, recommended, usd })),
        [
          { option: "retry", recommended: false, usd: 3_550_002 },
          { option: "abandon", recommended: true, usd: 0 }
        ]
      )
      assert.strictEqual(pushed?.context["pullRequest"], "https://github.com/acme/shop-front/pull/77")
      const other = open.find((it) =>
        it.options.some(({ option, recommended }) => option === "retry" && recommended)
      )
      const id = other?.orders[0]?.workOrderId ?? assert.fail("there is none to retry")
      yield* escalations.resolve({ id: other?.id ?? assert.fail(), option: "retry", by: "ada" })
      const again = yield* orders.get({ id })
      assert.deepStrictEqual([again.status, again.run], ["pending", 2])
      assert.deepStrictEqual(
        yield* sql`select workflow, state, payload from moose.executions where id = ${`${id}/2`}`,
        [{ workflow: "moose/Pipeline", state: "ready", payload: { workOrderId: id, run: 2 } }]
      )
      // Its project is off.
      assert.strictEqual(yield* claims, 0)
    })
  )

  test.effect("waits, where it was pending, until its project is on; shadow does not use it up", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const queued = (mode: Project["mode"]) =>
        Effect.andThen(
          setMode(shopFront, mode),
          sql<{ order: string }>`select e.work_order as order from moose.executions e
            join public.work_orders w on w.id = e.work_order
            where w.project = ${shopFront} and e.state = 'ready' and e.run = 1 order by 1`
        )
      const pending = yield* sql<{ order: string }>`select id as order from public.work_orders
        where project = ${shopFront} and status = 'pending' and run = 1 order by 1`
      assert.isAbove(pending.length, 0)
      assert.deepStrictEqual(yield* queued("shadow"), [])
      assert.deepStrictEqual(yield* queued("on"), pending)
      assert.deepStrictEqual(yield* queued("off"), pending)
      assert.deepStrictEqual(yield* queued("on"), pending)
      const [late] = yield* sql<{ late: number }>`select count(*)::integer as late from public.work_orders w
        where w.project = ${shopFront} and w.status = 'pending' and moose.counts_from(w) < moose.now() - interval '1 minute'`
      assert.strictEqual(late?.late, 0)
    })
  )
})

/** Of the shortest decimal that is this number, exactly. */
const microsOf = (dollars: number): number => {
  const [mantissa = "0", exponent = "0"] = String(dollars).split("e")
  const [whole = "0", fraction = ""] = mantissa.split(".")
  const digits = BigInt(whole + fraction)
  const power = Number(exponent) - fraction.length + 6
  if (power >= 0) return Number(digits * 10n ** BigInt(power))
  const divisor = 10n ** BigInt(-power)
  return Number((digits + divisor - 1n) / divisor)
}

const isInTheWay = (tables: string, message: RegExp) =>
  it.live(`refuses ${message.source}`, () =>
    Effect.gen(function* () {
      yield* OldSystem.script(tables)
      const error = yield* Effect.flip(Migrations.bring)
      assert.strictEqual(error._tag, "MigrationFailed")
      assert.match(error.message, message)
      assert.match(error.message, /Nothing was changed/)
      assert.strictEqual(yield* OldSystem.count("pg_namespace where nspname like 'moose%'"), 0)
    }).pipe(Effect.provide(empty))
  )

describe("tables of somebody else's that share a name", () => {
  const orders =
    "create table public.work_orders (id integer primary key, title text, status text, created_at date);"
  isInTheWay("create table public.resources (id integer)", /public\.resources: .* has none of that name/)
  isInTheWay(
    "create table public.work_orders (id integer, machine text)",
    /public\.work_orders: .* no column title/
  )
  isInTheWay(orders, /public\.work_orders: .* there is no table escalations beside it/)
  isInTheWay(orders.replace(" primary key", ""), /public\.work_orders: .* not told apart by id/)
  isInTheWay("create view public.projects as select 1 as id", /public\.projects: .* it is no table/)

  it.live("are refused beside the old system's, too", () =>
    Effect.gen(function* () {
      yield* OldSystem.load
      const before = yield* OldSystem.contents("public")
      yield* OldSystem.script("create table public.incidents (id integer)")
      const error = yield* Effect.flip(Migrations.bring)
      assert.match(error.message, /public\.incidents/)
      assert.deepStrictEqual(yield* OldSystem.contents("public"), before)
    }).pipe(Effect.provide(empty))
  )
})
