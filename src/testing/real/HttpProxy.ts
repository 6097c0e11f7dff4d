import { type IncomingMessage, type ServerResponse, createServer, request as forward } from "node:http"
import { Deferred, Effect } from "effect"

export interface Request {
  readonly method: string
  /** With its query, if there is one. */
  readonly path: string
}

/** What becomes of a request instead of being passed on and answered. */
export type Fault =
  /** It is answered with this, and never reaches the other side: nothing was done. */
  | { readonly _tag: "Answer"; readonly answer: Answer }
  /** The other side does what is asked, and the answer is this instead of its own. */
  | { readonly _tag: "AnswerAfterWork"; readonly answer: Answer }
  /** The connection is closed without a word, and nothing was done. */
  | { readonly _tag: "Drop" }
  /** The other side does what is asked, and the connection is closed instead of answering. */
  | { readonly _tag: "DropReply" }
  /** The other side answers, and the connection breaks after so many bytes of the body. */
  | { readonly _tag: "Truncate"; readonly bytes: number }
  /** Nothing is done and nothing is answered, until whoever asks gives up. */
  | { readonly _tag: "Stall" }

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export type Matches = (request: Request) => boolean

export interface HttpProxy {
  /** What to use instead of the target's address. */
  readonly url: string
  /** The next request that matches meets `fault`. `met` answers with it when that has happened. */
  readonly next: (matches: Matches, fault: Fault) => Effect.Effect<{ readonly met: Effect.Effect<Request> }>
  /** Every request that matches meets `fault`, unless it meets one of `next`, until `clear`. */
  readonly always: (matches: Matches, fault: Fault) => Effect.Effect<void>
  /** From now on everything is passed on. */
  readonly clear: Effect.Effect<void>
  /** How many matching requests came here, and how many of them the other side got. */
  readonly count: (matches: Matches) => { readonly came: number; readonly passed: number }
}

interface Rule {
  readonly matches: Matches
  readonly fault: Fault
  readonly met: Deferred.Deferred<Request>
}

/** curl, and git with it, makes a request again by itself when a connection breaks that it has used before. */
const usedOnce = { connection: "close" }

const send = (reply: ServerResponse, { status, headers = {}, body = "" }: Answer) => {
  reply.writeHead(status, { ...headers, ...usedOnce }).end(body)
}

/** A reverse proxy on 127.0.0.1 in front of the server at `target`, until the scope closes. */
export const make = Effect.fn("HttpProxy.make")(function* (target: string) {
  const { host, hostname, port } = new URL(target)
  const came: Array<Request> = []
  const passed: Array<Request> = []
  let once: Array<Rule> = []
  let lasting: Array<Rule> = []

  const pass = (
    incoming: IncomingMessage,
    asked: Request,
    body: Buffer,
    then: (answer: IncomingMessage) => void
  ) => {
    passed.push(asked)
    // The whole body is here: what came in pieces goes out as one.
    const { "transfer-encoding": _, ...headers } = incoming.headers
    const sent = forward({
      hostname,
      port,
      method: asked.method,
      path: asked.path,
      headers: { ...headers, host, ...(body.length > 0 ? { "content-length": body.length } : {}) }
    })
    sent.on("response", then)
    sent.on("error", () => incoming.socket.destroy())
    sent.end(body)
  }

  const meet = (
    incoming: IncomingMessage,
    reply: ServerResponse,
    asked: Request,
    body: Buffer,
    rule: Rule
  ) => {
    const { fault } = rule
    const isMet = () => Deferred.doneUnsafe(rule.met, Effect.succeed(asked))
    const afterWork = (end: () => void) =>
      pass(incoming, asked, body, (answer) => {
        answer.resume().on("end", () => {
          end()
          isMet()
        })
      })
    switch (fault._tag) {
      case "Answer":
        send(reply, fault.answer)
        return isMet()
      case "AnswerAfterWork":
        return afterWork(() => send(reply, fault.answer))
      case "Drop":
        incoming.socket.destroy()
        return isMet()
      case "DropReply":
        return afterWork(() => incoming.socket.destroy())
      case "Stall":
        return isMet()
      case "Truncate":
        return pass(incoming, asked, body, (answer) => {
          const chunks: Array<Buffer> = []
          answer.on("data", (chunk: Buffer) => chunks.push(chunk))
          answer.on("end", () => {
            const whole = Buffer.concat(chunks)
            // Promises all of it.
            const { "transfer-encoding": _, ...headers } = answer.headers
            reply.writeHead(answer.statusCode ?? 502, {
              ...headers,
              ...usedOnce,
              "content-length": whole.length
            })
            reply.write(whole.subarray(0, fault.bytes), () => {
              incoming.socket.destroy()
              isMet()
            })
          })
        })
    }
  }

  const server = createServer((incoming, reply) => {
    const chunks: Array<Buffer> = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const body = Buffer.concat(chunks)
      const asked = { method: incoming.method ?? "", path: incoming.url ?? "" }
      came.push(asked)
      const first = once.find(({ matches }) => matches(asked))
      once = once.filter((rule) => rule !== first)
      const rule = first ?? lasting.find(({ matches }) => matches(asked))
      if (rule !== undefined) return meet(incoming, reply, asked, body, rule)
      pass(incoming, asked, body, (answer) => {
        reply.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...usedOnce })
        answer.on("error", () => reply.destroy())
        answer.pipe(reply)
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

  const ruleFor = (matches: Matches, fault: Fault): Rule => ({ matches, fault, met: Deferred.makeUnsafe() })
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${listening}`,
    next: (matches, fault) =>
      Effect.sync(() => {
        const rule = ruleFor(matches, fault)
        once = [...once, rule]
        return { met: Deferred.await(rule.met) }
      }),
    always: (matches, fault) =>
      Effect.sync(() => {
        lasting = [...lasting, ruleFor(matches, fault)]
      }),
    clear: Effect.sync(() => {
      once = []
      lasting = []
    }),
    count: (matches) => ({ came: came.filter(matches).length, passed: passed.filter(matches).length })
  }
  return proxy
})
