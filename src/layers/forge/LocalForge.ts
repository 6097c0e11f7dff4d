import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, Context, Duration, Effect, FileSystem, Layer, Path, Redacted, Schema } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerError } from "effect/http"
import type { HttpServer } from "effect/http"
import type { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import type { RepositoryName } from "../../domain/Project.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import * as BareRepository from "./BareRepository.ts"
import { failed, failedTo } from "./Failed.ts"
import * as GitSmartHttp from "./GitSmartHttp.ts"
import { answered, guard, makeQuota } from "./Guard.ts"
import { readIfThere, writeAtomically, writeOnce } from "./Journal.ts"
import * as Pages from "./Pages.ts"
import * as PullRequests from "./PullRequests.ts"
import * as RestRoutes from "./RestRoutes.ts"
import * as Store from "./Store.ts"

export interface Options {
  /** Where everything is kept. Two forges may use one directory at the same time. */
  readonly directory: string
  /** The port to listen on. Unset: one that this directory's forge had before, if free, else any. */
  readonly port?: number
}

/** A forge on this machine: the part of GitHub's REST API that Moose uses, and git over HTTP. */
export class LocalForge extends Context.Service<
  LocalForge,
  {
    /** `http://127.0.0.1:<port>`, the base of the REST API and of the pages. */
    readonly url: string
    /** The one token, for REST and as git's password. The same every time for a directory. */
    readonly token: Redacted.Redacted<string>
    /** Makes an empty repository of the forge's own, or leaves the one that is there. */
    readonly createRepository: (
      input: RepositoryName & { readonly defaultBranch: string }
    ) => Effect.Effect<void, ForgeFailed>
    /**
     * Gives a repository that is elsewhere (a folder, or any URL git knows) a name here. It is not looked
     * at before it is used.
     */
    readonly registerRepository: (
      input: RepositoryName & { readonly location: string }
    ) => Effect.Effect<void, ForgeFailed>
    /** Where git fetches from and pushes to, without the token. Of use for what is on this machine. */
    readonly repositoryUrl: (name: RepositoryName) => string
  }
>()("moose/layers/forge/LocalForge") {}

/** Shaped like GitHub's tokens, so that whatever keeps those out of logs keeps this one out. */
const Token = Schema.String.pipe(Schema.check(Schema.isPattern(/^ghp_[0-9a-f]{40}$/)))
const Ports = Schema.fromJsonString(
  Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))))
)
const portsRemembered = 8

/** The token of a directory, made on first use; of two processes that make one, both use the first. */
const tokenOf = Effect.fnUntraced(function* (file: string) {
  const fresh = yield* Effect.sync(() => `ghp_${randomBytes(20).toString("hex")}`)
  if ((yield* readIfThere(file)) === null) yield* writeOnce(file, fresh, 0o600)
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(fs.chmod(file, 0o600), failedTo("protect the token"))
  const token = yield* Effect.mapError(Schema.decodeUnknownEffect(Token)(yield* readIfThere(file)), () =>
    failed("read the token", `${file} does not hold a token; remove it to get a new one`)
  )
  return Redacted.make(token, { label: "local forge token" })
})

/** Listens on a port of the loopback interface until the scope closes. */
const listen = (port: number) =>
  Effect.gen(function* () {
    const node = createServer({
      headersTimeout: Duration.toMillis(Limits.forgeHeaders),
      requestTimeout: Duration.toMillis(Limits.gitRemote)
    })
    const server = yield* NodeHttpServer.make(() => node, {
      host: "127.0.0.1",
      port,
      gracefulShutdownTimeout: Limits.forgeGrace
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    return server
  })

const portOf = ({ address }: HttpServer.HttpServer["Service"]): number =>
  address._tag === "UnixPathAddress" ? 0 : address.port

/** Listens on a port that links already point to, if one is free, and remembers the one it got. */
const listenAsBefore = Effect.fnUntraced(function* (file: string) {
  const text = yield* readIfThere(file)
  const none: ReadonlyArray<number> = []
  const remembered = yield* Effect.orElseSucceed(Schema.decodeUnknownEffect(Ports)(text), () => none)
  const server = yield* Effect.firstSuccessOf([...remembered, 0].map(listen)).pipe(
    Effect.mapError(failedTo("listen"))
  )
  const port = portOf(server)
  if (!remembered.includes(port)) {
    const ports = JSON.stringify([...remembered, port].slice(-portsRemembered))
    yield* writeAtomically(file, ports, 0o600)
  }
  return server
})

/** Tells folders (a path, or a file URL) from addresses that only git understands, as git tells them. */
const locate = Effect.fnUntraced(function* (address: string) {
  const path = yield* Path.Path
  const url = URL.parse(address)
  if (url?.protocol === "file:") {
    const file = yield* Effect.mapError(path.fromFileUrl(url), failedTo("read a location"))
    return { kind: "path", address: file } as const
  }
  const elsewhere = !path.isAbsolute(address) && /^[^/]{2,}:/.test(address)
  return elsewhere
    ? ({ kind: "url", address } as const)
    : ({ kind: "path", address: path.resolve(address) } as const)
})

/** Starts a forge that runs until the scope closes. */
export const make = Effect.fn("LocalForge.make")(function* (options: Options) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const context = yield* Effect.context<Path.Path>()
  const directory = path.resolve(options.directory)
  yield* Effect.mapError(
    fs.makeDirectory(directory, { recursive: true, mode: 0o700 }),
    failedTo("make its directory")
  )
  const token = yield* tokenOf(path.join(directory, "token"))
  const git = yield* BareRepository.make
  const store = yield* Store.make(directory)
  const server = yield* options.port === undefined
    ? listenAsBefore(path.join(directory, "ports.json"))
    : Effect.mapError(listen(options.port), failedTo("listen"))
  const url = `http://127.0.0.1:${portOf(server)}`

  const quota = makeQuota()
  const forge = { url, token, store, git, quota, pullRequests: PullRequests.make(store, git) }
  const router = yield* Effect.provideService(HttpRouter.make, HttpRouter.RouterConfig, {
    maxParamLength: 512
  })
  yield* router.addAll(RestRoutes.routes(forge))
  yield* router.addAll(yield* GitSmartHttp.routes(forge))
  yield* router.addAll(Pages.routes(forge))
  const app = router.asHttpEffect().pipe(
    Effect.catchIf(HttpServerError.isHttpServerError, (error) => answered(Effect.fail(error))),
    Effect.catch((error) => answered(Effect.fail(failed("serve", String(error))))),
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(Limits.forgeBodyBytesMax))
  )
  yield* server.serve(guard(app, quota))

  const createRepository = Effect.fn("LocalForge.createRepository")(function* (
    input: RepositoryName & { readonly defaultBranch: string }
  ) {
    yield* git.init(yield* store.ownDirectory(input), input.defaultBranch)
    yield* store.register({ ...input, location: null })
  })

  const registerRepository = Effect.fn("LocalForge.registerRepository")(function* (
    input: RepositoryName & { readonly location: string }
  ) {
    const location = yield* Effect.provideContext(locate(input.location), context)
    yield* store.register({ ...input, location, defaultBranch: "main" })
  })

  return LocalForge.of({
    url,
    token,
    createRepository,
    registerRepository,
    repositoryUrl: ({ owner, name }) => `${url}/${owner}/${name}.git`
  })
})

/** A forge as long as the layer lives. */
export const layer = (options: Options) => Layer.effect(LocalForge, make(options))
