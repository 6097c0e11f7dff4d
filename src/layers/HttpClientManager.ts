import { Clock, Duration, Effect, Layer, Option, Random, Schedule, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { ClientManagerRejected, ClientManagerUnavailable } from "../domain/errors/Reasons.ts"
import { Escalation, type Receipt } from "../domain/Escalation.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { jitter } from "../domain/policies/Retry.ts"
import { ClientManager } from "../services/ClientManager.ts"
import { headersWaitMs } from "./classifiers/http/Wait.ts"
import * as PostJson from "./PostJson.ts"

export interface Options {
  /** Where the client manager is; notices go to `api/client-manager/escalate` below it. */
  readonly url: URL
}

/** What is posted: the card, and which notice of it this is, counted from 0; all but the first are reminders. */
export const Notice = Schema.Struct({ notice: Schema.Int, escalation: Escalation })

const readReference = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ id: Schema.Union([Schema.String, Schema.Finite]) }))
)

const addressOf = (base: URL): URL => {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/api/client-manager/escalate`
  return url
}

const { clientManagerDelays } = Limits

/** The waits of `Limits`, spread by the jitter of all retries, or what the other side asks for if that is longer. */
const waits = Schedule.recurs(clientManagerDelays.length).pipe(
  Schedule.setInputType<ClientManagerUnavailable | ClientManagerRejected>(),
  Schedule.modifyDelay(({ attempt, input }) =>
    Effect.map(Random.nextBetween(1 - jitter, 1 + jitter), (spread) => {
      const ours = Duration.times(clientManagerDelays[attempt - 1] ?? Duration.zero, spread)
      const asked = Duration.millis(input.evidence.retryAfterMs ?? 0)
      return Duration.min(Duration.max(ours, asked), Limits.clientManagerCall)
    })
  )
)

/**
 * A client manager at an address: it is posted `Notice`, and any 2xx is its receipt, whose `id` is kept. Each notice
 * has an `Idempotency-Key`, because one whose answer was lost is sent again.
 */
export const layer = (options: Options): Layer.Layer<ClientManager> =>
  Layer.effect(
    ClientManager,
    Effect.gen(function* () {
      const { operation, ask } = yield* PostJson.make({
        url: addressOf(options.url),
        question: Schema.toCodecJson(Notice),
        timeout: Limits.clientManagerCall,
        bytesMax: Limits.clientManagerReplyBytesMax
      })

      const send = Effect.fnUntraced(function* (escalation: Escalation) {
        const { id, notices } = escalation
        const key = `moose-escalation-${id}-${notices}`
        const { status, headers, body } = yield* ask(
          { notice: notices, escalation },
          { "idempotency-key": key }
        ).pipe(
          Effect.mapError(({ excerpt, cause }) => {
            const evidence = Evidence.make({ operation, excerpt, ...(cause === undefined ? {} : { cause }) })
            return new ClientManagerUnavailable({ evidence })
          })
        )
        if (PostJson.isGood(status)) {
          const reference = Option.match(readReference(body), {
            onNone: () => null,
            onSome: (answer) => String(answer.id)
          })
          return { channel: "client_manager", reference } satisfies Receipt
        }
        const asked = headersWaitMs({ headers, now: yield* Clock.currentTimeMillis })
        const evidence = Evidence.make({
          operation,
          excerpt: `${status} ${body}`,
          httpStatus: status,
          ...(asked === undefined ? {} : { retryAfterMs: asked })
        })
        return yield* PostJson.isPassing(status)
          ? new ClientManagerUnavailable({ evidence })
          : new ClientManagerRejected({ evidence })
      })

      const notify = Effect.fn("ClientManager.notify")(
        ({ escalation }: { readonly escalation: Escalation }) =>
          Effect.retry(send(escalation), {
            schedule: waits,
            while: ({ _tag }) => _tag === "ClientManagerUnavailable"
          })
      )
      return ClientManager.of({ notify })
    })
  ).pipe(Layer.provide(PostJson.httpClient))

/** Nobody is told: the escalation stands with its orders, where `moose status` and `moose escalations` show it. */
export const layerNobody = Layer.succeed(ClientManager, {
  notify: () => Effect.succeed({ channel: "order", reference: null })
})
