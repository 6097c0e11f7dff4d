import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, Queue } from "effect"

/** What a client did: a request with its body has arrived, or a connection closed before it was answered. */
export type Seen =
  | { readonly _tag: "Request"; readonly method: string; readonly path: string; readonly body: string }
  | { readonly _tag: "Abort" }

/** An HTTP server on 127.0.0.1 that answers as told, until the scope closes. `seen` says what clients did. */
export const serve = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.gen(function* () {
    const seen = yield* Queue.unbounded<Seen>()
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8")
        Queue.offerUnsafe(seen, {
          _tag: "Request",
          method: request.method ?? "",
          path: request.url ?? "",
          body
        })
        answer(request, response)
      })
      response.on("close", () => {
        if (!response.writableFinished) Queue.offerUnsafe(seen, { _tag: "Abort" })
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
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, port, seen }
  })

/** Answers with a status, headers and a body, as JSON unless the body is a string. */
export const reply =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(text)
  }

/** A port of 127.0.0.1 on which nobody listens any more. */
export const closedPort = Effect.scoped(Effect.map(serve(reply(200, {})), ({ port }) => port))
