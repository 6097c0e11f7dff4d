import { createServer } from "node:http"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect, Fiber, FileSystem, Layer, type Redacted, Schedule } from "effect"
import { zero } from "../../src/domain/Usd.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as FileSpool from "../../src/layers/FileSpool.ts"
import * as HttpClientManager from "../../src/layers/HttpClientManager.ts"
import * as Notices from "../../src/operations/Notices.ts"
import { Spool, type Spooled } from "../../src/services/Spool.ts"
import * as PostgresProxy from "../../src/testing/real/PostgresProxy.ts"

/** A client manager on 127.0.0.1 that can be away: then it resets whoever comes. */
const clientManager = Effect.gen(function* () {
  const told: Array<string> = []
  let isDown = false
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (isDown) return request.socket.resetAndDestroy()
      const key = request.headers["idempotency-key"]
      told.push(typeof key === "string" ? key : "no key")
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify({ id: `cm-${told.length}` }))
    })
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const down = (is: boolean) =>
    Effect.sync(() => {
      isDown = is
    })
  return { url: new URL(`http://127.0.0.1:${port}`), told, down }
})

/** Failures alike join one escalation, so that each of these is another one. */
const trouble = (number: number): Spooled => ({
  key: `outage/${number}`,
  type: "failure",
  severity: "high",
  fingerprint: `outage/${number}`,
  context: { message: `failure ${number}` },
  options: [{ option: "acknowledge", label: "It is known.", usd: zero, recommended: true }],
  defaultOption: null
})

export interface Seen {
  /** How long after both had returned all escalations were stored, and the client manager had been told of all. */
  readonly storedAfterMs: number
  readonly toldAfterMs: number
  readonly rows: number
  readonly fingerprints: number
  /** How often a failure was counted, beside the first time. */
  readonly twice: number
  /** How many waited on this machine's disk when both returned, and in the end. */
  readonly spooled: number
  readonly left: number
  /** Notices that the client manager took in, and how many different ones. */
  readonly notices: number
  readonly different: number
}

/**
 * Raises so many different escalations, evenly over an outage of the database at `url` and of the client manager, each
 * of them two times, as whoever does not know whether it arrived does. Then both return.
 */
export const run = Effect.fnUntraced(
  function* (options: {
    readonly url: Redacted.Redacted<string>
    readonly failures: number
    readonly outage: Duration.Duration
  }) {
    const { failures, outage, url } = options
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-outage-" })
    const proxy = yield* PostgresProxy.make(url)
    const manager = yield* clientManager
    const worker = Notices.layer.pipe(
      Layer.provideMerge(
        Layer.mergeAll(
          Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: proxy.url }))),
          HttpClientManager.layer({ url: manager.url }),
          FileSpool.layer({ directory: `${directory}/spool` })
        )
      ),
      Layer.fresh
    )
    return yield* Effect.gen(function* () {
      const spool = yield* Spool
      yield* proxy.down
      yield* manager.down(true)
      const pause = Duration.times(outage, 1 / failures)
      const numbers = Array.from({ length: failures }, (_, index) => index + 1)
      const raised = yield* Effect.forkChild(
        Effect.forEach(
          numbers,
          (number) =>
            Effect.andThen(
              Effect.sleep(Duration.times(pause, number - 1)),
              Effect.all([Notices.raise(trouble(number)), Notices.raise(trouble(number))], {
                concurrency: "unbounded",
                discard: true
              })
            ),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* Effect.sleep(outage)
      // A store call is tried for a while before it is given up: on a slow machine for longer than a short outage.
      const spooled = yield* Effect.repeat(
        Effect.map(spool.peek(), ({ length }) => length),
        {
          schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "60 seconds" })),
          until: (waiting) => waiting > 0
        }
      )
      yield* proxy.up
      yield* manager.down(false)
      const returned = yield* Clock.currentTimeMillis

      /** Looked at past the proxy. */
      const direct = yield* Layer.build(Layer.fresh(PgClient.layer({ url, maxConnections: 1 })))
      const look = Effect.flatMap(
        PgClient.PgClient,
        (sql) => sql<{ rows: number; fingerprints: number; twice: number }>`
          select count(*)::int as rows, count(distinct fingerprint)::int as fingerprints,
                 coalesce(sum(occurrences - 1), 0)::int as twice
          from public.escalations where fingerprint like 'outage/%'`
      ).pipe(
        Effect.map(([row]) => row ?? { rows: 0, fingerprints: 0, twice: 0 }),
        Effect.provide(direct)
      )
      const untilAll = <A, E, R>(seen: Effect.Effect<A, E, R>, count: (seen: A) => number) =>
        Effect.andThen(
          Effect.repeat(seen, {
            schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "60 seconds" })),
            until: (it) => count(it) >= failures
          }),
          Effect.map(Clock.currentTimeMillis, (now) => now - returned)
        )
      const storedAfterMs = yield* untilAll(look, ({ fingerprints }) => fingerprints)
      const toldAfterMs = yield* untilAll(
        Effect.sync(() => new Set(manager.told).size),
        (different) => different
      )
      // Once more, so that whatever would be told or stored a second time has been.
      yield* raised.pipe(Fiber.join)
      yield* Notices.drain()
      yield* Notices.deliver()
      const seen: Seen = {
        ...(yield* look),
        storedAfterMs,
        toldAfterMs,
        spooled,
        left: (yield* spool.peek()).length,
        notices: manager.told.length,
        different: new Set(manager.told).size
      }
      return seen
    }).pipe(Effect.provide(worker))
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer)
)
