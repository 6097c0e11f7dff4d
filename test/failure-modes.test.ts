import { createHmac } from "node:crypto"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Queue, Redacted, Result, Schedule, Schema } from "effect"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { HttpRouter, HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { EditorCrashed } from "../src/domain/errors/ApplyError.ts"
import * as Evidence from "../src/domain/errors/Evidence.ts"
import type { Fact } from "../src/domain/Fact.ts"
import { Run, WorkOrderId } from "../src/domain/Ids.ts"
import { Limits } from "../src/domain/policies/Limits.ts"
import { Policies } from "../src/domain/policies/Policies.ts"
import { recoveryOf } from "../src/domain/policies/Recovery.ts"
import { retry } from "../src/domain/policies/Retry.ts"
import { Project } from "../src/domain/Project.ts"
import { Route } from "../src/domain/Route.ts"
import { Usd } from "../src/domain/Usd.ts"
import { SignatureRefused, verify } from "../src/domain/WebhookSignature.ts"
import { WorkOrder } from "../src/domain/WorkOrder.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as FileSpool from "../src/layers/FileSpool.ts"
import * as GitCli from "../src/layers/GitCli.ts"
import * as LanguageModelProposer from "../src/layers/LanguageModelProposer.ts"
import * as PostgresEngine from "../src/layers/postgres/PostgresEngine.ts"
import { StoreCall } from "../src/layers/postgres/StoreCall.ts"
import * as WorkOrdersStore from "../src/layers/postgres/WorkOrdersStore.ts"
import * as Subprocess from "../src/layers/Subprocess.ts"
import * as WorktreeWorkspace from "../src/layers/WorktreeWorkspace.ts"
import * as StuckWatch from "../src/operations/StuckWatch.ts"
import * as pipeline from "../src/pipeline.ts"
import { Budget } from "../src/services/Budget.ts"
import { CodeEditor } from "../src/services/CodeEditor.ts"
import { Escalations } from "../src/services/Escalations.ts"
import { Manager } from "../src/services/Manager.ts"
import { Projects } from "../src/services/Projects.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { StepJournal } from "../src/services/StepJournal.ts"
import { WorkOrders } from "../src/services/WorkOrders.ts"
import * as PostgresProxy from "../src/testing/real/PostgresProxy.ts"
import { AiMock, timesAsked } from "./support/AiMock.ts"
import * as GitSandbox from "./support/GitSandbox.ts"
import * as Outside from "./support/Outside.ts"
import * as TestDatabase from "./support/TestDatabase.ts"
import { order, project, reply, route } from "./support/World.ts"

/* The failures that Moose is asked about first, by name. The store is a real PostgreSQL; doubles only inject. */

const tables = {
  recoveryOf,
  retry: {
    ...retry,
    generating: { delays: [], deadline: Duration.minutes(1) },
    creating_pr: { delays: [], deadline: Duration.minutes(1) }
  },
  park: { first: Duration.millis(50), longest: Duration.millis(200) }
}

const engine = pipeline.layer.pipe(Layer.provideMerge(PostgresEngine.layer({ slots: 8 })))

/** The pipeline on the durable engine. `outside` replaces some of what does well otherwise. */
const worker = <R, E, S>(outside: Layer.Layer<R, E, S>) =>
  engine.pipe(
    Layer.provide(outside),
    Layer.provide(Outside.layer),
    Layer.provide(Layer.succeed(Policies, tables))
  )

const database = Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))
const id = order.id
const at = { workOrderId: id, run: Run.make(1) }

const submit = Effect.fnUntraced(function* (change: Partial<WorkOrder> = {}, where: Partial<Project> = {}) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(new Project({ ...project, ...where }))
  yield* orders.submit(new WorkOrder({ ...order, ...change }))
})

/** Asks again and again, and lets the runners look for work meanwhile, until it holds; at most 20 seconds. */
const until = <A, E, R>(what: string, look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* Effect.andThen(sql`select pg_notify('moose_work', '')`, look).pipe(
      Effect.flatMap((seen) => (holds(seen) ? Effect.succeed(seen) : Effect.fail(`not yet: ${what}`))),
      Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
    )
  })

const view = Effect.flatMap(WorkOrders, (orders) => orders.get({ id }))
const ends = (status: string) =>
  until(`it is ${status}`, view, (it) => it.status === status && it.disposition !== "rollback_pending")

const open = Effect.flatMap(Escalations, (escalations) => escalations.list({ status: "open", limit: 50 }))
const theOne = Effect.map(open, (found) => {
  const [one] = found
  if (one === undefined || found.length > 1) return assert.fail(`${found.length} escalations are open`)
  return one
})

const unprepared = Effect.fnUntraced(function* (...statements: ReadonlyArray<string>) {
  const sql = yield* PgClient.PgClient
  yield* Effect.forEach(statements, (text) => sql.unsafe(text).unprepared)
})

const commit = Effect.fnUntraced(function* (...facts: ReadonlyArray<Fact>) {
  const journal = yield* StepJournal
  yield* journal.commit({ ...at, facts })
})
const moved = (
  ...statuses: ReadonlyArray<"routing" | "generating" | "applying" | "creating_pr" | "tracking">
) => statuses.map((to): Fact => ({ _tag: "StatusMoved", to, disposition: null }))

/** A route to one model. */
const oneModel = Layer.succeed(Manager, {
  route: () => Effect.succeed(new Route({ models: route.models.slice(0, 1), reason: "one" }))
})

describe("the ten failures", () => {
  it.live("outcome_vectors write fails: escalated, and the same run's work is kept for the retry", () =>
    Effect.gen(function* () {
      yield* submit()
      yield* unprepared(
        `create function public.no_outcomes() returns trigger language plpgsql as
           $$ begin raise exception 'outcome_vectors is read-only' using errcode = '25006'; end $$`,
        `create trigger no_outcomes before insert on public.outcome_vectors
           for each row execute function public.no_outcomes()`
      )
      yield* Effect.gen(function* () {
        const failed = yield* ends("tracking_failed")
        assert.strictEqual(failed.disposition, "preserved")
        assert.strictEqual(failed.pullRequest?.number, 1)
        const asked = yield* theOne
        assert.deepInclude(asked.context, { step: "tracking", tag: "ResultRefused", component: "store" })
        assert.include(asked.context["message"], "outcome_vectors is read-only")
        assert.deepStrictEqual(
          asked.orders.map(({ workOrderId, status }) => ({ workOrderId, status })),
          [{ workOrderId: id, status: "tracking_failed" }]
        )
        yield* unprepared("drop trigger no_outcomes on public.outcome_vectors")
        const escalations = yield* Escalations
        yield* escalations.resolve({ id: asked.id, option: "retry", by: "ada" })
        const done = yield* ends("completed")
        assert.strictEqual(done.run, 2)
        assert.strictEqual(done.pullRequest?.number, 1)
      }).pipe(Effect.provide(worker(Layer.empty)))
    }).pipe(Effect.provide(database))
  )

  it.live("two concurrent requests at a budget limit: one proceeds, the other is told what is left", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase.TestDatabase
      const limits = { dailyUsd: Usd.make(1_000_000), workOrderUsd: Usd.make(2_000_000) }
      yield* submit({}, { limits })
      /** A process of its own: its own connections, and its own ledger. */
      const asProcess = (call: string) =>
        Effect.flatMap(Budget, (budget) =>
          budget.reserve({
            ...at,
            call,
            category: "generating",
            model: "gpt-5",
            rule: "first",
            amount: Usd.make(600_000)
          })
        ).pipe(
          Effect.provide(
            Layer.fresh(Environment.store).pipe(Layer.provide(Layer.fresh(PgClient.layer({ url }))))
          ),
          Effect.result
        )
      const answers = yield* Effect.all([asProcess("generating/1"), asProcess("generating/2")], {
        concurrency: "unbounded"
      })
      const granted = answers.filter(Result.isSuccess)
      const [refused] = answers.filter(Result.isFailure)
      assert.strictEqual(granted.length, 1)
      const why = refused?.failure
      if (why?._tag !== "BudgetExceeded") return assert.fail(String(why))
      assert.strictEqual(why.scope, "project_day")
      assert.deepStrictEqual(
        [why.limit, why.reserved, why.settled, why.left],
        [1_000_000, 600_000, 0, 400_000]
      )
      const sql = yield* PgClient.PgClient
      assert.deepStrictEqual(
        yield* sql`select state, reserved_micros::int as amount from public.cost_tracking`,
        [{ state: "reserved", amount: 600_000 }]
      )
    }).pipe(Effect.provide(database))
  )

  it.live("concurrent metadata updates lose nothing, whoever writes the row besides", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase.TestDatabase
      yield* submit()
      const writer = (name: string) =>
        Effect.gen(function* () {
          const orders = yield* WorkOrders
          yield* Effect.forEach(
            Array.from({ length: 25 }, (_, index) => index),
            (index) => orders.mergeMetadata({ id, metadata: { [`${name}-${index}`]: index, [name]: index } })
          )
        }).pipe(
          Effect.provide(
            Layer.fresh(Environment.store).pipe(Layer.provide(Layer.fresh(PgClient.layer({ url }))))
          )
        )
      yield* Effect.gen(function* () {
        // The pipeline moves the same row through its statuses meanwhile.
        yield* Effect.forEach(["a", "b", "c", "d"], writer, { concurrency: "unbounded", discard: true })
        const done = yield* ends("completed")
        const expected = ["a", "b", "c", "d"].flatMap((name) => [
          [name, 24] as const,
          ...Array.from({ length: 25 }, (_, index) => [`${name}-${index}`, index] as const)
        ])
        assert.deepStrictEqual(done.order.metadata, Object.fromEntries(expected))
      }).pipe(Effect.provide(worker(Layer.empty)))
    }).pipe(Effect.provide(database))
  )

  it.live(
    "malformed model JSON: named as such, escalated after its repair rounds, and paid for each time",
    () =>
      Effect.gen(function* () {
        const mock = yield* AiMock
        mock.onMessage(order.title, {
          content: `{"summary": "Round half up", "edits": [{"_tag": "SearchReplace", "path": `,
          usage: { prompt_tokens: 1_000, completion_tokens: 50, total_tokens: 1_050 }
        })
        const proposer = LanguageModelProposer.layer({
          openai: { apiKey: Redacted.make("not-a-real-key-0123456789"), baseUrl: `${mock.url}/v1` },
          offline: false
        }).pipe(Layer.provide(NodeServices.layer))
        yield* submit()
        yield* Effect.gen(function* () {
          const failed = yield* ends("generation_failed")
          assert.strictEqual(failed.disposition, "rolled_back")
          assert.strictEqual(failed.failure?.tag, "MalformedProposal")
          const asked = yield* theOne
          assert.deepInclude(asked.context, {
            step: "generating",
            tag: "MalformedProposal",
            category: "rejected"
          })
          assert.strictEqual(asked.options.find(({ recommended }) => recommended)?.option, "switch_model")
          const rounds = 1 + Limits.repairRoundsMax
          assert.strictEqual(timesAsked(mock, order.title), rounds)
          const sql = yield* PgClient.PgClient
          const costs = yield* sql<{ state: string }>`select state from public.cost_tracking`
          assert.deepStrictEqual(
            costs.map(({ state }) => state),
            Array.from({ length: rounds }, () => "settled")
          )
        }).pipe(Effect.provide(worker(Layer.merge(proposer, oneModel))))
      }).pipe(Effect.provide(database), Effect.provide(AiMock.layer))
  )

  it.live("database connection lost: nothing is done twice, and the order ends well when it is back", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase.TestDatabase
      const proxy = yield* PostgresProxy.make(url)
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      let calls = 0
      const slow = Layer.succeed(Proposer, {
        ask: () =>
          Effect.gen(function* () {
            calls++
            yield* Deferred.succeed(asked, undefined)
            yield* Deferred.await(answer)
            return reply
          })
      })
      yield* submit()
      const through = Environment.store.pipe(
        Layer.provideMerge(PgClient.layer({ url: proxy.url })),
        Layer.fresh
      )
      yield* Effect.gen(function* () {
        const refused = yield* Deferred.make<string>()
        yield* Deferred.await(asked)
        yield* proxy.down
        // Whoever asks meanwhile is told so, by name, and not kept waiting for ever.
        const orders = yield* WorkOrders
        yield* Effect.flip(orders.get({ id })).pipe(
          Effect.flatMap(({ _tag }) => Deferred.succeed(refused, _tag)),
          Effect.forkChild
        )
        yield* Deferred.succeed(answer, undefined)
        assert.strictEqual(yield* Deferred.await(refused), "StoreUnavailable")
        yield* proxy.up
        yield* ends("completed").pipe(Effect.provide(Layer.fresh(PgClient.layer({ url }))))
      }).pipe(Effect.provide(worker(slow).pipe(Layer.provideMerge(through))))
      assert.strictEqual(calls, 1)
      const done = yield* view
      assert.strictEqual(done.pullRequest?.number, 1)
      assert.deepStrictEqual(yield* open, [])
      const sql = yield* PgClient.PgClient
      assert.deepStrictEqual(yield* sql`select state from public.cost_tracking`, [{ state: "settled" }])
    }).pipe(Effect.scoped, Effect.provide(database))
  )

  it.effect("pull request number not stored yet: looked up again, and found once it is stored", () =>
    Effect.gen(function* () {
      yield* submit()
      const real = yield* StoreCall
      const missed = yield* Queue.unbounded<void>()
      /** Tells of every look-up that has found nothing. */
      const telling = Layer.succeed(StoreCall, {
        call: (name, input) => Effect.tapError(real.call(name, input), () => Queue.offer(missed, undefined))
      })
      const asking = { repository: { owner: "O", name: "R" }, number: 7 }
      yield* Effect.gen(function* () {
        const orders = yield* WorkOrders
        const found = yield* Effect.forkChild(orders.byPullRequest(asking))
        yield* Queue.take(missed)
        yield* commit({ _tag: "PullRequestOpened", number: 7, url: "https://forge.invalid/o/r/pull/7" })
        yield* TestClock.adjust("8 seconds")
        assert.strictEqual((yield* Fiber.join(found)).order.id, id)
        // One that nobody stores is somebody else's: a named end, and not a wait for ever.
        const foreign = yield* Effect.forkChild(Effect.flip(orders.byPullRequest({ ...asking, number: 8 })))
        for (const delay of Limits.pullRequestLookups) {
          yield* Queue.take(missed)
          yield* TestClock.adjust(delay)
        }
        const unrecorded = yield* Fiber.join(foreign)
        assert.strictEqual(unrecorded._tag, "PullRequestUnrecorded")
        assert.include(unrecorded.message, "pull request #8 of O/R")
      }).pipe(Effect.provide(Layer.fresh(WorkOrdersStore.layer).pipe(Layer.provide(telling))))
    }).pipe(Effect.provide(database))
  )

  it.live("illegal state move: refused by the database, for us and for everybody else", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* submit()
      yield* commit(...moved("routing", "generating"))
      const refused = yield* Effect.flip(commit({ _tag: "StatusMoved", to: "completed", disposition: null }))
      assert.strictEqual(refused._tag, "StoreConflict")
      assert.include(refused.message, "may not move from generating to completed")
      // By hand, past all of our code.
      const byHand = yield* Effect.flip(
        sql`update public.work_orders set status = 'pending' where id = ${id}`
      )
      assert.deepInclude(byHand.reason.cause, { code: "MO409" })
      // Neither is there a way to completed without evidence.
      yield* commit(...moved("applying", "creating_pr", "tracking"))
      const unproven = yield* Effect.flip(commit({ _tag: "StatusMoved", to: "completed", disposition: null }))
      assert.include(unproven.message, "completed_has_evidence")
      assert.strictEqual((yield* view).status, "tracking")
    }).pipe(Effect.provide(database))
  )

  it.live("editor command fails: what it left behind is gone, and somebody is told", () =>
    Effect.gen(function* () {
      const sandbox = yield* GitSandbox.make
      const home = sandbox.at("moose home")
      const repository = { ...project.repository, remoteUrl: sandbox.origin }
      yield* submit({}, { repository })
      let seen: ReadonlyArray<string> = []
      /** An editor that is a program: it writes half of a file and ends with 3. */
      const editor = Layer.effect(
        CodeEditor,
        Effect.gen(function* () {
          const context = yield* Effect.context<NodeServices.NodeServices>()
          return CodeEditor.of({
            ready: () => Effect.void,
            apply: ({ directory }) =>
              Subprocess.run({
                command: "sh",
                args: [
                  "-c",
                  "echo half > src/add.ts; echo half > src/new.ts; echo 'lost its model' >&2; exit 3"
                ],
                cwd: directory,
                timeout: Duration.seconds(10),
                outputBytesMax: 1_000
              }).pipe(
                Effect.orDie,
                Effect.flatMap(({ exitCode, stderr }) => {
                  seen = [...seen, directory]
                  const evidence = Evidence.make({
                    operation: "apply",
                    excerpt: stderr,
                    exitCode: exitCode ?? -1
                  })
                  return Effect.fail(new EditorCrashed({ editor: "sh", evidence }))
                }),
                Effect.provide(context)
              )
          })
        })
      )
      const real = Layer.merge(
        editor,
        WorktreeWorkspace.layer({ directory: home }).pipe(Layer.provide(GitCli.layer()))
      )
      yield* Effect.gen(function* () {
        const failed = yield* ends("aider_failed")
        assert.strictEqual(failed.disposition, "rolled_back")
        assert.strictEqual(failed.failure?.tag, "EditorCrashed")
        assert.isNotEmpty(seen)
        const asked = yield* theOne
        assert.deepInclude(asked.context, {
          step: "applying",
          tag: "EditorCrashed",
          excerpt: "lost its model"
        })
        const mirror = `${home}/mirrors/${project.id}.git`
        assert.match(GitSandbox.git(mirror, "worktree", "list"), /^[^\n]*sample\.git +\(bare\)$/)
        assert.strictEqual(GitSandbox.git(mirror, "for-each-ref", "refs/heads/moose"), "")
        assert.strictEqual(GitSandbox.git(sandbox.origin, "for-each-ref", "refs/heads/moose"), "")
        assert.strictEqual(GitSandbox.git(sandbox.origin, "rev-parse", "main"), sandbox.base)
        const sql = yield* PgClient.PgClient
        const held = yield* sql`select kind from public.resources where state in ('intended', 'held')`
        assert.deepStrictEqual(held, [])
      }).pipe(Effect.provide(worker(real)))
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(database, NodeServices.layer)))
  )

  describe("bad signature on a webhook: 401", () => {
    const secret = Redacted.make("it is a secret to everybody")
    const body = new TextEncoder().encode('{"action":"opened"}')
    const sign = (key: string, bytes: Uint8Array) =>
      `sha256=${createHmac("sha256", key).update(bytes).digest("hex")}`

    it.effect("only what was signed with our secret, byte for byte, is believed", () =>
      Effect.gen(function* () {
        yield* verify({ secret, body, header: sign(Redacted.value(secret), body) })
        const problemOf = (header: string | undefined, with_ = secret) =>
          Effect.map(Effect.flip(verify({ secret: with_, body, header })), ({ problem }) => problem)
        assert.strictEqual(yield* problemOf(undefined), "missing")
        assert.strictEqual(yield* problemOf("sha1=abc"), "malformed")
        assert.strictEqual(yield* problemOf(sign("another secret", body)), "mismatch")
        const other = new TextEncoder().encode('{"action":"closed"}')
        assert.strictEqual(yield* problemOf(sign(Redacted.value(secret), other)), "mismatch")
        // Without a secret of our own nobody comes in, not even who signs with none.
        assert.strictEqual(yield* problemOf(sign("x", body), Redacted.make("")), "unconfigured")
      })
    )

    it.live("over HTTP it is answered with 401, before anything is read of it", () =>
      Effect.gen(function* () {
        let believed = 0
        const api = HttpApi.make("sentinel").add(
          HttpApiGroup.make("webhooks").add(
            HttpApiEndpoint.post("deliver", "/api/sentinel", {
              success: Schema.String,
              error: SignatureRefused
            })
          )
        )
        const handlers = HttpApiBuilder.group(api, "webhooks", (handle) =>
          handle.handle(
            "deliver",
            Effect.fnUntraced(function* ({ request }) {
              const bytes = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
              yield* verify({ secret, body: bytes, header: request.headers["x-hub-signature-256"] })
              believed++
              return "taken in"
            })
          )
        )
        const { handler } = yield* Effect.acquireRelease(
          Effect.sync(() =>
            HttpRouter.toWebHandler(
              HttpApiBuilder.layer(api).pipe(Layer.provide(handlers), Layer.provide(HttpServer.layerServices))
            )
          ),
          ({ dispose }) => Effect.promise(dispose)
        )
        const post = (signature: string) =>
          Effect.promise(() =>
            handler(
              new Request("http://127.0.0.1/api/sentinel", {
                method: "POST",
                body,
                headers: { "x-hub-signature-256": signature }
              })
            )
          )
        const refused = yield* post(sign("another secret", body))
        assert.strictEqual(refused.status, 401)
        assert.deepInclude(yield* Effect.promise(() => refused.json()), { problem: "mismatch" })
        assert.strictEqual(believed, 0)
        assert.strictEqual((yield* post(sign(Redacted.value(secret), body))).status, 200)
        assert.strictEqual(believed, 1)
      })
    )
  })

  it.live("order stuck over 24 h: found and escalated, once", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const fresh = WorkOrderId.make("order-2")
      yield* submit()
      yield* submit({ id: fresh })
      yield* sql`update public.work_orders set created_at = moose.now() - interval '24 hours 1 minute' where id = ${id}`
      assert.strictEqual(yield* StuckWatch.watch(), 1)
      const told = yield* theOne
      assert.deepInclude(told, { type: "stuck", fingerprint: `stuck/order/${id}`, occurrences: 1 })
      assert.deepInclude(told.context, { why: "age", status: "pending" })
      assert.strictEqual(yield* StuckWatch.watch(), 0)
      assert.strictEqual((yield* theOne).occurrences, 1)
      const escalations = yield* Escalations
      yield* escalations.resolve({ id: told.id, option: "abandon", by: "ada" })
      assert.strictEqual((yield* view).status, "cancelled")
      const orders = yield* WorkOrders
      assert.strictEqual((yield* orders.get({ id: fresh })).status, "pending")
    }).pipe(
      Effect.provide(FileSpool.layer({ directory: "/nowhere" }).pipe(Layer.provide(NodeServices.layer))),
      Effect.provide(database)
    )
  )
})
