import { Effect, Redacted, Result, type Semaphore } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Providers } from "../models/Providers.ts"
import { type Access, digest } from "./Access.ts"
import { anthropic } from "./AnthropicProtocol.ts"
import * as Exchange from "./Exchange.ts"
import { openAi } from "./OpenAiProtocol.ts"
import type { Protocol } from "./Protocol.ts"

/** Who may ask, by the digest of the token: what an attacker can measure of a look-up tells nothing of a token. */
export type Accesses = Map<string, Access>

export const keyOf = (token: Redacted.Redacted<string>): string => digest(Redacted.value(token))

/** The token, where either protocol has its key. */
const tokenOf = ({ headers }: HttpServerRequest.HttpServerRequest): string => {
  const [, bearer] = /^bearer +(\S+)$/i.exec(headers["authorization"] ?? "") ?? []
  return headers["x-api-key"] ?? bearer ?? ""
}

const protocolOf = (path: string): Protocol => (path.startsWith("/v1/messages") ? anthropic : openAi)

const paths: Readonly<Record<string, Protocol>> = {
  "POST /v1/chat/completions": openAi,
  "POST /v1/messages": anthropic
}

const protocols = { openai: openAi, anthropic } as const

/** Everything the gateway answers. */
export const app = (options: {
  readonly accesses: Accesses
  readonly providers: Providers
  readonly atOnce: Semaphore.Semaphore
}) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const [path = ""] = request.url.split("?", 1)
    const spoken = protocolOf(path)
    const access = options.accesses.get(digest(tokenOf(request)))
    if (access === undefined) {
      return Exchange.refuse(spoken, 401, "moose_token_unknown", "This token opens nothing here")
    }
    const { provider, model } = access.granted.model
    const own = provider === "offline" ? undefined : protocols[provider]
    if (own !== undefined && request.method === "GET" && path === "/v1/models") {
      return HttpServerResponse.jsonUnsafe(own.models(model))
    }
    const protocol = paths[`${request.method} ${path}`]
    const target = own?.target(options.providers, request.headers)
    if (protocol === undefined || protocol !== own || target === undefined) {
      return Exchange.refuse(spoken, 404, "not_found", `There is no ${request.method} ${path} here`)
    }
    const accepted = protocol.accept(yield* request.text, access.granted.model, options.providers)
    if (Result.isFailure(accepted)) {
      const { status, code, message } = accepted.failure
      access.ended(access.granted.call, { _tag: "Rejected", status, problem: message })
      return Exchange.refuse(protocol, status, code, message)
    }
    return yield* Exchange.answer({
      access,
      protocol,
      target,
      accepted: accepted.success,
      atOnce: options.atOnce
    })
  }).pipe(
    Effect.catchTag("HttpServerError", ({ reason }) =>
      Effect.succeed(
        reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
          ? Exchange.refuse(openAi, 413, "moose_request_rejected", "The request is too long")
          : Exchange.refuse(openAi, 400, "moose_request_rejected", "The request could not be read")
      )
    )
  )
