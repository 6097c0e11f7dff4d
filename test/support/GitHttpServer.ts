import { Effect } from "effect"
import { spawn } from "node:child_process"
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"

/** What the server does instead of handing a request to git. */
export type Fault =
  | { readonly _tag: "Status"; readonly status: number; readonly body?: string }
  /** Closes the connection without a word. */
  | { readonly _tag: "Drop" }
  /** Does what is asked, then closes the connection instead of answering. */
  | { readonly _tag: "DropReply" }
  /** Takes the request and never answers. `reached` runs when it is there. */
  | { readonly _tag: "Hang"; readonly reached: () => void }

export interface Request {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly authorization: string | undefined
}

interface Options {
  /** The folder whose repositories are served. */
  readonly root: string
  /** The Authorization header that is asked for; anybody may come in without it. */
  readonly authorization?: string
  readonly fault?: (request: Request) => Fault | undefined
}

const header = (value: string | ReadonlyArray<string> | undefined): string =>
  typeof value === "string" ? value : (value?.[0] ?? "")

/** Runs `git http-backend` for one request, and passes its answer on unless that is to get lost. */
const serve = (options: Options, asked: Request, incoming: IncomingMessage, reply: ServerResponse | null) => {
  const length = incoming.headers["content-length"]
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "moose",
      REMOTE_ADDR: "127.0.0.1",
      REQUEST_METHOD: asked.method,
      PATH_INFO: asked.path,
      QUERY_STRING: asked.query,
      CONTENT_TYPE: header(incoming.headers["content-type"]),
      HTTP_CONTENT_ENCODING: header(incoming.headers["content-encoding"]),
      GIT_PROTOCOL: header(incoming.headers["git-protocol"]),
      ...(length === undefined ? {} : { CONTENT_LENGTH: length })
    },
    stdio: ["pipe", "pipe", "ignore"]
  })
  // The backend may end before it has read everything.
  backend.stdin.on("error", () => undefined)
  incoming.pipe(backend.stdin)
  const chunks: Array<Buffer> = []
  backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  backend.on("close", () => {
    if (reply === null) {
      incoming.socket.destroy()
      return
    }
    const answer = Buffer.concat(chunks)
    const end = answer.indexOf("\r\n\r\n")
    for (const line of answer.subarray(0, Math.max(end, 0)).toString().split("\r\n")) {
      const [name = "", value = ""] = line.split(/: (.*)/s)
      if (name.toLowerCase() === "status") reply.statusCode = Number.parseInt(value, 10)
      else if (name !== "") reply.setHeader(name, value)
    }
    reply.end(answer.subarray(end + 4))
  })
}

/** A smart HTTP remote on 127.0.0.1 for the repositories of a folder; closed with the scope. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const requests: Array<Request> = []
  const server = createServer((incoming, reply) => {
    const url = new URL(incoming.url ?? "/", "http://127.0.0.1")
    const asked: Request = {
      method: incoming.method ?? "GET",
      path: decodeURIComponent(url.pathname),
      query: url.search.slice(1),
      authorization: incoming.headers.authorization
    }
    requests.push(asked)
    if (options.authorization !== undefined && asked.authorization !== options.authorization) {
      reply.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end()
      return
    }
    const fault = options.fault?.(asked)
    switch (fault?._tag) {
      case undefined:
        return serve(options, asked, incoming, reply)
      case "DropReply":
        return serve(options, asked, incoming, null)
      case "Status":
        reply.writeHead(fault.status).end(fault.body ?? "")
        return
      case "Drop":
        incoming.socket.destroy()
        return
      case "Hang":
        fault.reached()
        return
    }
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
  return { url: (repository: string) => `http://127.0.0.1:${port}/${repository}`, port, requests }
})
