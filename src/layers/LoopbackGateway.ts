import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, Duration, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import { HttpIncomingMessage } from "effect/http"
import type { HttpServer } from "effect/http"
import * as Evidence from "../domain/errors/Evidence.ts"
import { ModelNotFound } from "../domain/errors/GenerationError.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { type GatewayAccount, ModelGateway } from "../services/ModelGateway.ts"
import * as Access from "./gateway/Access.ts"
import * as Routes from "./gateway/Routes.ts"
import * as Providers from "./models/Providers.ts"

/** Listens on a port of the loopback interface that nobody else uses, until the scope closes. */
const listen = Effect.gen(function* () {
  const node = createServer({
    headersTimeout: Duration.toMillis(Limits.gatewayHeaders),
    requestTimeout: Duration.toMillis(Limits.modelCall)
  })
  node.maxConnections = Limits.gatewayConnectionsMax
  const server = yield* NodeHttpServer.make(() => node, {
    host: "127.0.0.1",
    port: 0,
    gracefulShutdownTimeout: Limits.gatewayGrace
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  return server
})

const portOf = ({ address }: HttpServer.HttpServer["Service"]): number =>
  address._tag === "UnixPathAddress" ? 0 : address.port

const nothing: GatewayAccount = { calls: [], settled: Access.none }

/** The gateway of one worker: a server on 127.0.0.1 that both providers' own clients can talk to. */
export const layer = (providers: Providers.Providers) =>
  Layer.effect(
    ModelGateway,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const accesses: Routes.Accesses = new Map()
      const opened = new Map<string, { readonly access: Access.Access; readonly scope: Scope.Closeable }>()
      const server = yield* listen
      const url = `http://127.0.0.1:${portOf(server)}`
      const atOnce = yield* Semaphore.make(Limits.gatewayCallsAtOnce)
      yield* server.serve(
        Routes.app({ accesses, providers, atOnce }).pipe(
          // The server's handlers are not by themselves, and a program that goes away gives its call up.
          Effect.interruptible,
          Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(Limits.gatewayBodyBytesMax))
        )
      )

      const open = Effect.fn("ModelGateway.open")(function* (granted: Access.Access["granted"]) {
        const { provider, model } = granted.model
        if (provider === "offline") {
          const excerpt = "the offline model has no protocol that programs speak"
          return yield* new ModelNotFound({
            model,
            evidence: Evidence.make({ operation: "open the gateway", excerpt })
          })
        }
        if (Providers.connected(providers, provider) === undefined) {
          return yield* Providers.withoutKey(provider)
        }
        const own = yield* Scope.fork(scope)
        const access = yield* Access.make(granted, own)
        accesses.set(Routes.keyOf(access.token), access)
        opened.set(access.id, { access, scope: own })
        return { id: access.id, baseUrl: `${url}/v1`, anthropicUrl: url, token: access.token }
      })

      const account = Effect.fn("ModelGateway.account")(({ id }: { readonly id: string }) =>
        Effect.sync(() => opened.get(id)?.access.account() ?? nothing)
      )

      const close = Effect.fn("ModelGateway.close")(function* ({ id }: { readonly id: string }) {
        const found = opened.get(id)
        if (found === undefined) return nothing
        accesses.delete(Routes.keyOf(found.access.token))
        yield* Scope.close(found.scope, Exit.void)
        opened.delete(id)
        return found.access.account()
      }, Effect.uninterruptible)

      return ModelGateway.of({ open, account, close })
    })
  )
