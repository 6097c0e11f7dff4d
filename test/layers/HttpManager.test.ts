import type { IncomingMessage, ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Array, Clock, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Queue, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ManagerRejected, NoEligibleModel } from "../../src/domain/errors/RoutingError.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import * as PriceTable from "../../src/domain/policies/PriceTable.ts"
import { jitter, retry } from "../../src/domain/policies/Retry.ts"
import { Project } from "../../src/domain/Project.ts"
import { Route } from "../../src/domain/Route.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as HttpManager from "../../src/layers/HttpManager.ts"
import { Manager } from "../../src/services/Manager.ts"
import * as Loopback from "../support/Loopback.ts"
import { order, project, proposal, route as usual } from "../support/World.ts"

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const byRules = new Route({ models: usual.models, reason: "cheap first" })
const rules = Layer.succeed(Manager, { route: () => Effect.succeed(byRules) })

const chooses = (...models: ReadonlyArray<string>) =>
  Loopback.reply(200, {
    models: models.map((model) => ({ provider: "openai", model })),
    reason: "they know this code"
  })

/** A manager's server that gives one answer after the other, the last one for ever; and what it was asked when. */
const serve = (first: Handler, ...rest: ReadonlyArray<Handler>) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const at: Array<number> = []
    const headers: Array<IncomingMessage["headers"]> = []
    const answers = [first, ...rest]
    const { url, seen } = yield* Loopback.serve((request, response) => {
      const answer = answers[Math.min(at.length, answers.length - 1)] ?? first
      at.push(clock.currentTimeMillisUnsafe())
      headers.push(request.headers)
      answer(request, response)
    })
    return { url: new URL("/route?key=sesame", url), seen, at, headers }
  })

interface Asking {
  readonly order?: WorkOrder
  readonly project?: Project
  readonly standIn?: Layer.Layer<Manager>
}

/** Asks the manager at `url`; answers also what was logged. */
const ask = (url: URL, asking: Asking = {}) =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      logged.push(`${logLevel} ${JSON.stringify(message)}`)
    })
    const exit = yield* Effect.flatMap(Manager, (manager) =>
      manager.route({ order: asking.order ?? order, project: asking.project ?? project })
    ).pipe(
      Effect.provide(
        HttpManager.layer({ url, providers: ["openai"], prices: PriceTable.builtIn }).pipe(
          Layer.provide(asking.standIn ?? rules)
        )
      ),
      Effect.provide(Logger.layer([logger])),
      Effect.exit
    )
    return { exit, logged }
  })

const routeOf = <E>(exit: Exit.Exit<Route, E>) => {
  assert.isTrue(Exit.isSuccess(exit))
  return Exit.isSuccess(exit) ? exit.value : byRules
}
const reasonOf = <E>(exit: Exit.Exit<Route, E>) => Option.getOrUndefined(Exit.findErrorOption(exit))

/**
 * Runs it on a clock that tells its sleeps, apart from the time limits of calls, and passes each of them as soon
 * as it begins. Requests are real, so nobody else could know when that is.
 */
const hurrying = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  limits = [Limits.managerCall, retry.routing.deadline]
) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const sleeps = yield* Queue.unbounded<number>()
    const telling: Clock.Clock = {
      ...clock,
      sleep: (duration) => {
        const isLimit = limits.some((limit) => Duration.equals(limit, duration))
        if (!isLimit) Queue.offerUnsafe(sleeps, Duration.toMillis(duration))
        return clock.sleep(duration)
      }
    }
    const waits: Array<number> = []
    const fiber = yield* Effect.forkChild(Effect.provideService(effect, Clock.Clock, telling))
    yield* Queue.take(sleeps).pipe(
      Effect.tap((ms) => Effect.sync(() => waits.push(ms))),
      Effect.flatMap((ms) => TestClock.adjust(ms)),
      Effect.forever,
      Effect.raceFirst(Fiber.await(fiber))
    )
    return { ended: yield* Fiber.join(fiber), waits }
  })

const assertNominal = (waits: ReadonlyArray<number>, nominal: ReadonlyArray<Duration.Duration>) => {
  assert.lengthOf(waits, nominal.length)
  for (const [wait, one] of Array.zip(waits, nominal)) {
    const ms = Duration.toMillis(one)
    assert.isAtLeast(wait, ms * (1 - jitter) - 1)
    assert.isAtMost(wait, ms * (1 + jitter) + 1)
  }
}

const requests = (seen: Queue.Queue<Loopback.Seen>) =>
  Effect.map(Queue.clear(seen), (all) => all.filter((one) => one._tag === "Request"))

describe("a manager that answers", () => {
  it.effect("decides which models are asked, at our prices", () =>
    Effect.gen(function* () {
      const { url, seen } = yield* serve(chooses("gpt-5", "gpt-4.1-mini"))
      const { exit, logged } = yield* ask(url)
      const { models, reason } = routeOf(exit)
      assert.deepStrictEqual(
        models,
        ["gpt-5", "gpt-4.1-mini"].flatMap((model) =>
          Option.toArray(PriceTable.find(PriceTable.builtIn, "openai", model))
        )
      )
      assert.strictEqual(reason, "they know this code")
      assert.deepStrictEqual(logged, [])
      const [request, ...more] = yield* requests(seen)
      assert.deepStrictEqual(more, [])
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.path, "/route?key=sesame")
    })
  )

  it.effect("is told the order, the project and the candidates, and no password", () =>
    Effect.gen(function* () {
      const { url, seen } = yield* serve(chooses("gpt-5"))
      const remoteUrl = "https://moose:hunter2secret@forge.invalid/o/r.git"
      const repository = { ...project.repository, remoteUrl }
      yield* ask(url, { project: new Project({ ...project, repository }) })
      const [request] = yield* requests(seen)
      const body = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))(
        request?.body ?? ""
      )
      assert.deepStrictEqual(body["order"], Schema.encodeSync(Schema.toCodecJson(WorkOrder))(order))
      assert.deepStrictEqual(body["project"], {
        id: "sample",
        repository: { owner: "o", name: "r" },
        baseBranch: "main",
        limits: { dailyUsd: 20_000_000, workOrderUsd: 2_000_000 },
        mode: "on"
      })
      assert.deepStrictEqual(body["candidates"], PriceTable.models(PriceTable.builtIn, "openai"))
      assert.notInclude(request?.body ?? "", "hunter2secret")
    })
  )

  it.effect("is believed as far as the route goes: no model twice, no more than are asked", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(chooses("gpt-5", "gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4.1-mini"))
      const { models } = routeOf((yield* ask(url)).exit)
      assert.deepStrictEqual(
        models.map(({ model }) => model),
        ["gpt-5", "gpt-5-mini"]
      )
    })
  )

  it.effect("makes nobody ask a model for an order that brings its change", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(chooses("gpt-5"))
      const own = new WorkOrder({ ...order, proposal })
      assert.deepStrictEqual(routeOf((yield* ask(url, { order: own })).exit).models, [])
    })
  )

  it.effect("gives a reason that is fit to be stored", () =>
    Effect.gen(function* () {
      const words = `\u0000a key: sk-abcdefghijklmnopqrst ${"x".repeat(10_000)}`
      const { url } = yield* serve(
        Loopback.reply(200, { models: [{ provider: "openai", model: "gpt-5" }], reason: words })
      )
      const { reason } = routeOf((yield* ask(url)).exit)
      assert.isTrue(reason.startsWith("a key: [redacted] xxx"))
      assert.strictEqual(reason.length, 500)
    })
  )

  const refusals = [
    ["a model without a price", [{ provider: "openai", model: "gpt-6" }], "UnknownPrice", "openai/gpt-6"],
    ["a provider nobody knows", [{ provider: "acme", model: "gpt-5" }], "UnknownPrice", "acme/gpt-5"],
    [
      "a model without a key",
      [{ provider: "offline", model: "offline" }],
      "NoEligibleModel",
      "no key is set"
    ],
    ["nobody", [], "NoEligibleModel", "names none: hm"]
  ] as const
  for (const [what, models, tag, words] of refusals) {
    it.effect(`ends the order when it names ${what}`, () =>
      Effect.gen(function* () {
        const { url, at } = yield* serve(Loopback.reply(200, { models, reason: "hm" }))
        const reason = reasonOf((yield* ask(url)).exit)
        assert.propertyVal(reason, "_tag", tag)
        assert.include(reason?.message ?? "", words)
        assert.lengthOf(at, 1)
      })
    )
  }

  it.effect("sends an order back with its reason, and is not asked again", () =>
    Effect.gen(function* () {
      for (const status of [400, 401, 403, 404, 409, 422]) {
        const { url, at } = yield* serve(Loopback.reply(status, { reason: "auth waits for a review" }))
        const { exit, logged } = yield* ask(url)
        const reason = reasonOf(exit)
        assert.instanceOf(reason, ManagerRejected)
        assert.propertyVal(reason, "why", "auth waits for a review")
        assert.lengthOf(at, 1)
        assert.deepStrictEqual(logged, [])
      }
    })
  )
})

describe("a manager that is down", () => {
  it.effect("is asked four times, after 1, 2 and 4 s, and then the rules decide and say so", () =>
    Effect.gen(function* () {
      const { url, at } = yield* serve(Loopback.reply(500, "out of order"))
      const { ended, waits } = yield* hurrying(ask(url))
      assert.lengthOf(at, 4)
      assertNominal(waits, retry.routing.delays)
      assertNominal(
        at.slice(1).map((ms, index) => ms - (at[index] ?? 0)),
        retry.routing.delays
      )
      const { models, reason } = routeOf(ended.exit)
      assert.deepStrictEqual(models, byRules.models)
      assert.include(reason, "cheap first; the built-in rules decided")
      assert.include(reason, "The manager cannot be reached: 500 out of order")
      assert.lengthOf(ended.logged, 1)
      assert.match(ended.logged[0] ?? "", /^Warn .*ManagerUnreachable/)
    })
  )

  it.effect("and comes back is believed", () =>
    Effect.gen(function* () {
      for (const status of [408, 425, 429, 500, 502, 503, 504]) {
        const { url, at } = yield* serve(Loopback.reply(status, { reason: "busy" }), chooses("gpt-5"))
        const { ended } = yield* hurrying(ask(url))
        assert.strictEqual(routeOf(ended.exit).reason, "they know this code")
        assert.lengthOf(at, 2)
      }
    })
  )

  it.effect("says how long to wait, and is not asked before", () =>
    Effect.gen(function* () {
      const { url, at } = yield* serve(
        Loopback.reply(429, "", { "retry-after": "7" }),
        Loopback.reply(503, "", { "retry-after": "Thu, 01 Jan 1970 00:00:15 GMT" }),
        chooses("gpt-5")
      )
      const { ended } = yield* hurrying(ask(url))
      assert.strictEqual(routeOf(ended.exit).reason, "they know this code")
      assert.deepStrictEqual(at, [0, 7_000, 15_000])
    })
  )

  it.effect("says to wait longer than a step has time, and is replaced at once", () =>
    Effect.gen(function* () {
      const { url, at } = yield* serve(Loopback.reply(503, "", { "retry-after": "21" }))
      const { ended, waits } = yield* hurrying(ask(url))
      assert.include(routeOf(ended.exit).reason, "the built-in rules decided")
      assert.lengthOf(at, 1)
      assert.deepStrictEqual(waits, [])
    })
  )

  it.effect("does not answer, and is replaced within the time of the table", () =>
    Effect.gen(function* () {
      const { url, at, seen } = yield* serve(() => undefined)
      const fiber = yield* Effect.forkChild(ask(url))
      assert.strictEqual((yield* Queue.take(seen))._tag, "Request")
      yield* TestClock.adjust(Limits.managerCall)
      assert.strictEqual((yield* Queue.take(seen))._tag, "Abort")
      yield* TestClock.adjust(Duration.times(Duration.seconds(1), 1 + jitter))
      assert.strictEqual((yield* Queue.take(seen))._tag, "Request")
      yield* TestClock.adjust(retry.routing.deadline)
      const { exit } = yield* Fiber.join(fiber)
      assert.include(routeOf(exit).reason, "did not end within 20 s")
      assert.lengthOf(at, 2)
    })
  )

  it.effect("begins an answer and never ends it", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.write('{"models": [')
      }, chooses("gpt-5"))
      const { ended } = yield* hurrying(ask(url), [retry.routing.deadline])
      assert.strictEqual(routeOf(ended.exit).reason, "they know this code")
    })
  )

  it.effect("breaks off in the middle of an answer, or is not there at all", () =>
    Effect.gen(function* () {
      const { url, at } = yield* serve((_request, response) => {
        response.writeHead(200, { "content-length": "100" })
        response.write("{")
        response.socket?.destroySoon()
      })
      const broken = yield* hurrying(ask(url))
      assert.include(routeOf(broken.ended.exit).reason, "the built-in rules decided")
      assert.lengthOf(at, 4)

      const absent = yield* hurrying(ask(new URL(`http://127.0.0.1:${yield* Loopback.closedPort}/`)))
      assertNominal(absent.waits, retry.routing.delays)
      assert.include(routeOf(absent.ended.exit).reason, "ECONNREFUSED")
    })
  )

  it.effect("leaves what the rules say against the order standing", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(Loopback.reply(404, "not here"))
      const refusal = new NoEligibleModel({ kind: "bug", why: "no key is set" })
      const standIn = Layer.succeed(Manager, { route: () => Effect.fail(refusal) })
      const { exit, logged } = yield* ask(url, { standIn })
      assert.strictEqual(reasonOf(exit), refusal)
      assert.lengthOf(logged, 1)
    })
  )
})

describe("something that is no manager", () => {
  const others: ReadonlyArray<readonly [what: string, answer: Handler, words: string]> = [
    ["a web page", Loopback.reply(200, "<html>Welcome</html>"), "not a route"],
    ["another API", Loopback.reply(200, { data: [] }), "not a route"],
    ["models of the wrong form", Loopback.reply(200, { models: ["gpt-5"], reason: "" }), "not a route"],
    ["an empty answer", Loopback.reply(204, ""), "not a route"],
    ["an unknown path", Loopback.reply(404, "no such page"), "404 no such page"],
    ["a rejection without a reason", Loopback.reply(422, { reason: "" }), "422"],
    ["a redirection", Loopback.reply(302, "", { location: "/elsewhere" }), "302"],
    ["an endless answer", Loopback.reply(200, "x".repeat(Limits.managerReplyBytesMax + 1)), "is longer than"]
  ]
  for (const [what, answer, words] of others) {
    it.effect(`${what} is not asked twice, and the rules decide`, () =>
      Effect.gen(function* () {
        const { url, at } = yield* serve(answer)
        const { exit, logged } = yield* ask(url)
        const { models, reason } = routeOf(exit)
        assert.deepStrictEqual(models, byRules.models)
        assert.include(reason, words)
        assert.lengthOf(logged, 1)
        assert.lengthOf(at, 1)
      })
    )
  }
})

describe("an address with a name and a password", () => {
  it.effect("gives them to the manager and to nobody else", () =>
    Effect.gen(function* () {
      const { url, headers } = yield* serve(Loopback.reply(404, "no"))
      url.username = "moose"
      url.password = "hunter2:secret@"
      const { exit, logged } = yield* ask(url)
      const basic = Buffer.from("moose:hunter2:secret@").toString("base64")
      assert.strictEqual(headers[0]?.authorization, `Basic ${basic}`)
      for (const secret of ["hunter2", basic, "sesame"]) {
        assert.notInclude(routeOf(exit).reason, secret)
        assert.notInclude(logged.join(), secret)
      }

      const away = new URL(`http://moose:hunter2@127.0.0.1:${yield* Loopback.closedPort}/?key=sesame`)
      const { ended } = yield* hurrying(ask(away))
      for (const secret of ["hunter2", "sesame"]) {
        assert.notInclude(routeOf(ended.exit).reason, secret)
        assert.notInclude(ended.logged.join(), secret)
      }
    })
  )
})
