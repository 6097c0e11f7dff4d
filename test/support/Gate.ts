import { type IncomingMessage, type ServerResponse, createServer, request as forward } from "node:http"
import { Deferred, Effect } from "effect"

/** One request that came to a gate. */
export interface Request {
  readonly method: string
  /** With its query, if there is one. */
  readonly path: string
}

/** What becomes of the next request that matches. */
interface Rule {
  readonly matches: (request: Request) => boolean
  /** Held: not passed on until it is released. Reply lost: passed on, and the answer thrown away. */
  readonly what: "hold" | "lose reply"
  readonly reached: Deferred.Deferred<Request>
  readonly release: Deferred.Deferred<void>
}

const answerTo = (reply: ServerResponse) => (answer: IncomingMessage) => {
  reply.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.pipe(reply)
}

/** A reverse proxy on 127.0.0.1 in front of `target` that can hold a request, or lose its reply; until the scope closes. */
export const make = Effect.fnUntraced(function* (target: string) {
  const { host, hostname, port } = new URL(target)
  const came: Array<Request> = []
  const passed: Array<Request> = []
  const rules: Array<Rule> = []

  const pass = (incoming: IncomingMessage, body: Buffer, onAnswer: (answer: IncomingMessage) => void) => {
    const { method = "", url = "" } = incoming
    passed.push({ method, path: url })
    // The whole body is here: what came in pieces goes out as one.
    const { "transfer-encoding": _, ...headers } = incoming.headers
    const sent = forward({
      hostname,
      port,
      method,
      path: url,
      headers: { ...headers, host, ...(body.length > 0 ? { "content-length": body.length } : {}) }
    })
    sent.on("response", onAnswer)
    sent.on("error", () => incoming.socket.destroy())
    sent.end(body)
  }

  const server = createServer((incoming, reply) => {
    const chunks: Array<Buffer> = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const body = Buffer.concat(chunks)
      const asked = { method: incoming.method ?? "", path: incoming.url ?? "" }
      came.push(asked)
      const index = rules.findIndex(({ matches }) => matches(asked))
      const [rule] = index === -1 ? [] : rules.splice(index, 1)
      if (rule === undefined) return pass(incoming, body, answerTo(reply))
      if (rule.what === "lose reply") {
        return pass(incoming, body, (answer) => {
          answer.resume().on("end", () => {
            incoming.socket.destroy()
            Deferred.doneUnsafe(rule.reached, Effect.succeed(asked))
          })
        })
      }
      Deferred.doneUnsafe(rule.reached, Effect.succeed(asked))
      void Effect.runPromise(Deferred.await(rule.release)).then(() => {
        // Nobody waits for it any more: it was never made.
        if (!incoming.socket.destroyed) pass(incoming, body, answerTo(reply))
      })
    })
  })
  const listening = yield* Effect.acquireRelease(
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

  const add = (what: Rule["what"], matches: Rule["matches"]) =>
    Effect.sync(() => {
      const rule: Rule = {
        matches,
        what,
        reached: Deferred.makeUnsafe(),
        release: Deferred.makeUnsafe()
      }
      rules.push(rule)
      return {
        /** Answers once the request is held, or once its reply is lost. */
        reached: Deferred.await(rule.reached),
        /** Passes a held request on, unless whoever made it has gone. */
        release: Effect.asVoid(Deferred.succeed(rule.release, undefined))
      }
    })

  return {
    url: `http://127.0.0.1:${listening}`,
    /** How many matching requests came here. */
    came: (matches: Rule["matches"]) => came.filter(matches).length,
    /** How many of those were passed on. */
    passed: (matches: Rule["matches"]) => passed.filter(matches).length,
    /** Holds the next request that matches. */
    hold: (matches: Rule["matches"]) => add("hold", matches),
    /** Passes the next request that matches on, and drops the connection instead of answering. */
    loseReply: (matches: Rule["matches"]) => add("lose reply", matches)
  }
})

export type Gate = Effect.Success<ReturnType<typeof make>>
