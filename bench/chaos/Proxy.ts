import { type IncomingMessage, type ServerResponse, createServer, request as forward } from "node:http"
import { setTimeout as after } from "node:timers/promises"
import { Effect } from "effect"
import { mulberry } from "./Weather.ts"

/** What a proxy does to a request, in requests of a thousand. */
export const rates = {
  "429 with Retry-After": 10,
  "429 without": 10,
  "502": 20,
  "dropped before it arrived": 10,
  "lost reply": 10,
  late: 20
} as const
type Mischief = keyof typeof rates

/** The wait after a rate limit that names none is a minute, which no table shortens: the forge always names one. */
export const forgeRates = { ...rates, "429 with Retry-After": 20, "429 without": 0 }

const names = [
  "429 with Retry-After",
  "429 without",
  "502",
  "dropped before it arrived",
  "lost reply",
  "late"
] as const satisfies ReadonlyArray<Mischief>

/** How long a late answer is late. */
const lateMs = 1_500

const answerTo = (reply: ServerResponse) => (answer: IncomingMessage) => {
  reply.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.pipe(reply)
}

/** A reverse proxy on 127.0.0.1 that harms some of what passes through it, as `seed` says; until the scope closes. */
export const make = Effect.fnUntraced(function* (
  target: string,
  seed: number,
  perMille: Readonly<Record<Mischief, number>>
) {
  const { host, hostname, port } = new URL(target)
  const random = mulberry(seed)
  const met = new Map<Mischief, number>()
  let requests = 0

  const draw = (): Mischief | undefined => {
    let left = random() * 1000
    return names.find((name) => (left -= perMille[name]) < 0)
  }

  const pass = (incoming: IncomingMessage, body: Buffer, onAnswer: (answer: IncomingMessage) => void) => {
    const { method, url } = incoming
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

  const refuse = (reply: ServerResponse, status: number, headers: Record<string, string> = {}) => {
    reply.writeHead(status, { "content-type": "application/json", ...headers })
    reply.end(JSON.stringify({ message: "Not now", error: { message: "Not now" } }))
  }

  const server = createServer((incoming, reply) => {
    const chunks: Array<Buffer> = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const body = Buffer.concat(chunks)
      const mischief = draw()
      requests++
      if (mischief !== undefined) met.set(mischief, (met.get(mischief) ?? 0) + 1)
      switch (mischief) {
        case "429 with Retry-After":
          return refuse(reply, 429, { "retry-after": "1" })
        case "429 without":
          return refuse(reply, 429)
        case "502":
          return refuse(reply, 502)
        case "dropped before it arrived":
          return incoming.socket.destroy()
        case "lost reply":
          return pass(incoming, body, (answer) => answer.resume().on("end", () => incoming.socket.destroy()))
        case "late":
          return void after(lateMs).then(() => pass(incoming, body, answerTo(reply)))
        case undefined:
          return pass(incoming, body, answerTo(reply))
      }
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const own = typeof address === "object" && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${own}`, met, requests: () => requests }
})
