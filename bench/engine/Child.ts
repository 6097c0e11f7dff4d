import { Effect, Logger, References, Schedule, Schema } from "effect"
import type { Contender } from "./Contender.ts"
import { Reply, Request } from "./Messages.ts"

/*
 * One contender in a process of its own: told what to do over the process's channel, and ends when that closes.
 */

const [name = "", url = ""] = process.argv.slice(2)

const slots = 256

const make = Effect.gen(function* () {
  switch (name) {
    case "moose":
      return yield* (yield* Effect.promise(() => import("./Moose.ts"))).make(url, slots)
    case "dbos":
      return yield* (yield* Effect.promise(() => import("./Dbos.ts"))).make(url)
    case "cluster":
      return yield* (yield* Effect.promise(() => import("./Cluster.ts"))).make(url)
    default:
      return yield* (yield* Effect.promise(() => import("./Limit.ts"))).make(url)
  }
})

const read = Schema.decodeUnknownSync(Request)
const write = Schema.encodeSync(Reply)
const say = (reply: Reply) => process.send?.(write(reply))

const times = (callers: number, isOver: () => boolean, latencies: Array<number>, contender: Contender) =>
  Effect.all(
    Array.from({ length: callers }, () =>
      Effect.gen(function* () {
        while (!isOver()) {
          const from = performance.now()
          yield* contender.order
          latencies.push(performance.now() - from)
        }
      })
    ),
    { concurrency: "unbounded", discard: true }
  )

const memory = () => {
  globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { heapBytes: heapUsed + external, rssBytes: rss }
}

const run = (contender: Contender, request: Request): Effect.Effect<Reply, unknown> =>
  Effect.gen(function* () {
    const latencies: Array<number> = []
    const from = performance.now()
    const cpu = process.cpuUsage()
    const loaded = (): Reply => {
      const { system, user } = process.cpuUsage(cpu)
      return { _tag: "Loaded", ms: performance.now() - from, cpuMs: (system + user) / 1000, latencies }
    }
    switch (request._tag) {
      case "Load": {
        yield* times(request.callers, () => performance.now() - from >= request.ms, latencies, contender)
        return loaded()
      }
      case "Batch": {
        let left = request.orders
        yield* times(request.callers, () => left-- <= 0, latencies, contender)
        return loaded()
      }
      case "Park": {
        const before = memory()
        const already = yield* contender.parked
        yield* Effect.all(
          Array.from({ length: request.orders }, () => contender.park),
          { concurrency: 64, discard: true }
        )
        yield* Effect.repeat(contender.parked, {
          schedule: Schedule.spaced("200 millis"),
          until: (parked) => parked >= already + request.orders
        })
        const after = memory()
        return {
          _tag: "Parked",
          heapBytes: after.heapBytes - before.heapBytes,
          rssBytes: after.rssBytes - before.rssBytes
        }
      }
    }
  })

const main = Effect.gen(function* () {
  const contender = yield* make
  const context = yield* Effect.context<never>()
  process.on("message", (message) => {
    Effect.runPromiseWith(context)(run(contender, read(message))).then(say, (error: unknown) =>
      say({ _tag: "Failed", why: String(error) })
    )
  })
  say({ _tag: "Ready" })
  yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(Logger.layer([])),
  Effect.provideService(References.MinimumLogLevel, "None")
)

process.on("disconnect", () => process.exit(0))
await Effect.runPromise(main).catch((error: unknown) => say({ _tag: "Failed", why: String(error) }))
