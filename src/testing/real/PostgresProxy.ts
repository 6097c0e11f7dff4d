import { type Socket, connect, createServer } from "node:net"
import { Deferred, Duration, Effect, Redacted } from "effect"

/**
 * The connection between Moose and a real PostgreSQL, made of TCP on 127.0.0.1, so that it can be cut, delayed,
 * stalled, refused, or made to lose an answer. Everything else is the server's own.
 */
export interface PostgresProxy {
  /** The same database, reached through here. */
  readonly url: Redacted.Redacted<string>
  /** How many connections are open now, and how many there have been. */
  readonly connections: () => { readonly open: number; readonly ever: number }
  /** Resets every connection. What was under way on the server may be done or not. New ones are let in. */
  readonly cut: Effect.Effect<void>
  /** Resets every connection, and every new one at once, until `up`. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
  /** Lets nothing through in either direction, and nobody notices, until `flow`. */
  readonly stall: Effect.Effect<void>
  readonly flow: Effect.Effect<void>
  /** Whatever is sent from now on arrives so much later, each way. Real time, whatever clock the test has. */
  readonly delay: (by: Duration.Duration) => Effect.Effect<void>
  /**
   * The next connection that sends `text` (of a statement, or of a parameter) is reset when the server has done it
   * and says so: the work is done, and whoever asked for it cannot know. Answers once that has happened.
   */
  readonly loseReply: (text: string) => Effect.Effect<{ readonly lost: Effect.Effect<void> }>
}

/** A message of the server's that says that a statement is done: CommandComplete. */
const commandComplete = "C".charCodeAt(0)

/** Looks for the end of a statement in what the server sends, message by message. */
const makeReader = () => {
  let rest = Buffer.alloc(0)
  return (chunk: Buffer): boolean => {
    rest = Buffer.concat([rest, chunk])
    let done = false
    // A message is a letter and a length, which counts itself.
    while (rest.length >= 5) {
      const length = rest.readUInt32BE(1) + 1
      if (rest.length < length) break
      done ||= rest[0] === commandComplete
      rest = rest.subarray(length)
    }
    return done
  }
}

interface Losing {
  readonly text: string
  readonly lost: Deferred.Deferred<void>
}

/** A proxy in front of the database at `url`, until the scope closes. The connection is not encrypted. */
export const make = Effect.fn("PostgresProxy.make")(function* (url: Redacted.Redacted<string>) {
  const target = new URL(Redacted.value(url))
  const open = new Set<Socket>()
  const losing: Array<Losing> = []
  let ever = 0
  let isDown = false
  let isStalled = false
  let delayMs = 0

  const pass = (from: Socket, to: Socket, look: (chunk: Buffer) => boolean) => {
    from.on("data", (chunk: Buffer) => {
      if (!look(chunk)) return
      if (delayMs === 0) to.write(chunk)
      // Timers of one length ring in the order in which they were set, so nothing is overtaken.
      else setTimeout(() => to.writable && to.write(chunk), delayMs)
    })
    from.on("end", () => to.end())
    from.on("error", () => to.destroy())
    from.on("close", () => {
      open.delete(from)
      to.destroy()
    })
  }

  const server = createServer((client) => {
    ever += 1
    if (isDown) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(Number(target.port || 5432), target.hostname)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      open.add(socket)
      if (isStalled) socket.pause()
    }
    let waiting: Losing | undefined
    const reader = makeReader()
    pass(client, upstream, (chunk) => {
      const index = waiting === undefined ? losing.findIndex(({ text }) => chunk.includes(text)) : -1
      if (index !== -1) waiting = losing.splice(index, 1)[0]
      return true
    })
    pass(upstream, client, (chunk) => {
      const done = reader(chunk)
      if (waiting === undefined) return true
      // Whatever comes before the end, a plan for one, is passed on: the client sends the rest only then.
      if (!done) return true
      client.resetAndDestroy()
      upstream.destroy()
      Deferred.doneUnsafe(waiting.lost, Effect.void)
      waiting = undefined
      return false
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
        for (const socket of open) socket.destroy()
      })
  )
  const through = new URL(target)
  through.hostname = "127.0.0.1"
  through.port = String(port)
  through.searchParams.set("sslmode", "disable")

  const reset = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    url: Redacted.make(through.href),
    connections: () => ({ open: open.size / 2, ever }),
    cut: Effect.sync(reset),
    down: Effect.sync(() => {
      isDown = true
      reset()
    }),
    up: Effect.sync(() => {
      isDown = false
    }),
    stall: Effect.sync(() => {
      isStalled = true
      for (const socket of open) socket.pause()
    }),
    flow: Effect.sync(() => {
      isStalled = false
      for (const socket of open) socket.resume()
    }),
    delay: (by) =>
      Effect.sync(() => {
        delayMs = Duration.toMillis(by)
      }),
    loseReply: (text) =>
      Effect.sync(() => {
        const one: Losing = { text, lost: Deferred.makeUnsafe() }
        losing.push(one)
        return { lost: Deferred.await(one.lost) }
      })
  } satisfies PostgresProxy
})
