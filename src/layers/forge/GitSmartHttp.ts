import { Effect, PlatformError, Pull, Semaphore, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { Limits } from "../../domain/policies/Limits.ts"
import { gitEnvironment } from "./GitRunner.ts"
import { failed, failedTo } from "./Failed.ts"
import { answered, carries } from "./Guard.ts"
import { notFound, refusal } from "./Refusal.ts"
import { repositoryIn } from "./Requests.ts"
import type { Forge } from "./RestRoutes.ts"

type Request = HttpServerRequest.HttpServerRequest

const headBytesMax = 64 * 1024
/** What git's client looks at; length and encoding are the server's own business. */
const headersPassed = ["content-type", "cache-control", "expires", "pragma"]

/** CGI's name for what it has to know about a request, and the setting that lets it take pushes. */
const cgiEnvironment = (request: Request, directory: string, service: string): Record<string, string> => {
  const query = request.url.indexOf("?")
  const { headers } = request
  const given = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value })
  return {
    GIT_PROJECT_ROOT: directory,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "http.receivepack",
    GIT_CONFIG_VALUE_0: "true",
    PATH_INFO: service,
    QUERY_STRING: query === -1 ? "" : request.url.slice(query + 1),
    REQUEST_METHOD: request.method,
    REMOTE_USER: "moose",
    REMOTE_ADDR: "127.0.0.1",
    ...given("CONTENT_TYPE", headers["content-type"]),
    ...given("CONTENT_LENGTH", headers["content-length"]),
    ...given("HTTP_CONTENT_ENCODING", headers["content-encoding"]),
    ...given("GIT_PROTOCOL", headers["git-protocol"])
  }
}

interface Head {
  readonly status: number
  readonly headers: Record<string, string>
  /** Bytes of the body that came with the head. */
  readonly rest: Uint8Array
}

/** Splits a CGI answer's head from its body, or null while the head is not complete. */
export const parseHead = (bytes: Buffer): Head | null => {
  const end = /\r?\n\r?\n/.exec(bytes.toString("latin1"))
  if (end === null) return null
  const headers: Record<string, string> = {}
  for (const line of bytes.subarray(0, end.index).toString("latin1").split(/\r?\n/)) {
    const colon = line.indexOf(":")
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  const status = Number.parseInt(headers["status"] ?? "200", 10)
  return {
    status: status >= 200 && status <= 599 ? status : 500,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => headersPassed.includes(name))),
    rest: bytes.subarray(end.index + end[0].length)
  }
}

/** Runs `git http-backend` for one request. It is stopped when the request's scope closes. */
const backend = Effect.fn("LocalForge.gitHttpBackend")(function* (
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  request: Request,
  directory: string,
  service: string
) {
  const lost = () =>
    PlatformError.systemError({ _tag: "UnexpectedEof", module: "LocalForge", method: "request body" })
  const body = Stream.mapError(request.stream, lost).pipe(
    Stream.limitBytes(Limits.forgePushBytesMax, () => Stream.fail(lost()))
  )
  const handle = yield* Effect.mapError(
    spawner.spawn(
      ChildProcess.make("git", ["http-backend"], {
        env: gitEnvironment(cgiEnvironment(request, directory, service)),
        stdin: request.method === "POST" ? body : "ignore",
        stderr: "ignore",
        forceKillAfter: Limits.forgeGrace
      })
    ),
    failedTo("start git http-backend")
  )
  // A body that is cut or too long leaves git waiting for the rest of it.
  const stuck = Effect.andThen(Effect.flip(handle.exitCode), Effect.ignore(handle.kill()))
  const slow = Effect.andThen(Effect.sleep(Limits.gitRemote), Effect.ignore(handle.kill()))
  yield* Effect.forkScoped(Effect.race(Effect.ignore(stuck), slow))

  const pull = yield* Stream.toPull(handle.stdout)
  let bytes = Buffer.alloc(0)
  let head: Head | null = null
  while (head === null) {
    if (bytes.length > headBytesMax)
      return yield* failed("git http-backend", "its answer has no end of headers")
    const more = yield* pull.pipe(
      Pull.catchDone(() =>
        Effect.fail(
          failed("git http-backend", "it ended without an answer; the push may be cut or too large")
        )
      ),
      Effect.catchTag("PlatformError", (cause) => Effect.fail(failedTo("git http-backend")(cause)))
    )
    bytes = Buffer.concat([bytes, ...more])
    head = parseHead(bytes)
  }
  const answer = Stream.concat(Stream.make(head.rest), Stream.fromPull(Effect.succeed(pull)))
  return HttpServerResponse.stream(answer, { status: head.status, headers: head.headers })
})

/**
 * git over HTTP for the forge's own repositories and for those in folders of this machine. Every request
 * needs the token, as the password of Basic authentication or as a bearer token.
 */
export const routes = Effect.fnUntraced(function* (forge: Forge) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const slots = yield* Semaphore.make(Limits.forgeGitProcesses)
  const challenge = HttpServerResponse.text("The token is needed, as the password.\n", {
    status: 401,
    headers: { "www-authenticate": 'Basic realm="local forge"' }
  })

  const serve = Effect.fnUntraced(function* (request: Request, service: string) {
    const { owner, name } = repositoryIn(yield* HttpRouter.params)
    if (!name.endsWith(".git")) return yield* notFound
    const state = yield* forge.store.find({ owner, name: name.slice(0, -".git".length) })
    if (state === null || state.location.kind === "url") return yield* notFound
    if (Number(request.headers["content-length"] ?? 0) > Limits.forgePushBytesMax) {
      return yield* refusal(413, "The push is too large")
    }
    yield* slots.takeScoped(1).pipe(
      Effect.timeoutOrElse({
        duration: Limits.gitLocal,
        orElse: () => Effect.fail(refusal(503, "Too many git clients at once"))
      })
    )
    return yield* backend(spawner, request, state.location.address, service)
  })

  const route = (method: "GET" | "POST", service: `/${string}`) =>
    HttpRouter.route(method, `/:owner/:repo${service}`, (request) =>
      carries(request, forge.token) ? answered(serve(request, service)) : Effect.succeed(challenge)
    )

  return [route("GET", "/info/refs"), route("POST", "/git-upload-pack"), route("POST", "/git-receive-pack")]
})
