import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as Prices from "../../domain/policies/Prices.ts"
import { meaningOf } from "../../domain/policies/Meaning.ts"
import { Usd } from "../../domain/Usd.ts"
import * as Access from "../../layers/gateway/Access.ts"
import { type GatewayOutcome, ModelGateway } from "../../services/ModelGateway.ts"
import { ModelReplies, type ReplyKey } from "../../services/ModelReplies.ts"
import { type ModelReply, Proposer } from "../../services/Proposer.ts"
import { keepingReply, whileUnavailable } from "../../steps/WithReservation.ts"
import { applyFacts } from "./Facts.ts"
import * as Ledger from "./Ledger.ts"
import type { State } from "./State.ts"

const isOf =
  (key: ReplyKey) =>
  (it: ReplyKey): boolean =>
    it.workOrderId === key.workOrderId &&
    it.run === key.run &&
    it.call === key.call &&
    it.request === key.request &&
    it.ordinal === key.ordinal

/** The replies of programs: the first that is kept stays, and each is billed. */
export const replies = (state: State) =>
  Layer.succeed(ModelReplies, {
    begin: Effect.fnUntraced(function* ({ reply, reserve }) {
      const found = state.replies.find(isOf(reply))
      if (found !== undefined) return { _tag: "Kept", paid: found.kept } as const
      return { _tag: "Reserved", reservation: yield* Ledger.make(state).reserve(reserve) } as const
    }),
    keep: Effect.fnUntraced(function* ({ reservation, model, finish, usage, amount, reply, ...key }) {
      const now = yield* Clock.currentTimeMillis
      yield* applyFacts(state, key, [{ _tag: "CostSettled", reservation, amount, usage }], now)
      if (!state.replies.some(isOf(key))) {
        state.replies.push({ ...key, kept: { model, finish, usage, amount, reply } })
      }
    })
  })

/** What a program hears: a reply, or nothing that it could use. */
type Heard = string | null
interface Opened {
  readonly access: Access.Access
  readonly scope: Scope.Closeable
  readonly ask: (prompt: string) => Effect.Effect<Heard>
}

/** The programs of a test: they ask through an access as others do over the gateway's socket. */
export class Programs {
  readonly opened = new Map<string, Opened>()

  /** The reply to a prompt; null where it was refused, failed, or nothing is open under this id. */
  readonly ask = (id: string, prompt: string): Effect.Effect<Heard> =>
    Effect.suspend(() => this.opened.get(id)?.ask(prompt) ?? Effect.succeed(null))
}

/** One request, as the gateway answers it: from the journal, or by a paid call of the model. */
const answer = Effect.fnUntraced(
  function* (access: Access.Access, prompt: string) {
    const replies = yield* ModelReplies
    const proposer = yield* Proposer
    const { workOrderId, run, category, rule, model, call: granted } = access.granted
    const { call } = access.next()
    const request = Access.digest(prompt)
    const key = { workOrderId, run, call: granted, request, ordinal: access.answered(request) + 1 }
    let sent = false
    const ends = (outcome: GatewayOutcome, heard: Heard): Heard => {
      access.ended(call, outcome, request)
      return heard
    }

    const paid = Effect.suspend(() => {
      sent = true
      return proposer.ask({ model, system: "", prompt })
    }).pipe(
      Effect.mapError((reason) => ({ _tag: "Failed" as const, reason })),
      keepingReply({
        reserve: replies
          .begin({
            reply: key,
            reserve: {
              workOrderId,
              run,
              call,
              category,
              model: model.model,
              rule,
              amount: Prices.worstCase(model, prompt)
            }
          })
          .pipe(
            Effect.flatMap((begun) =>
              begun._tag === "Kept"
                ? Effect.fail({ _tag: "Bought" as const, paid: begun.paid })
                : Effect.succeed(begun.reservation)
            )
          ),
        keep: ({ text, finish, usage }: ModelReply, { id: reservation }) =>
          replies
            .keep({
              ...key,
              reservation,
              model: model.model,
              finish,
              usage,
              amount: Prices.costOf(model, usage),
              reply: { contentType: "text/plain", body: text }
            })
            .pipe(
              whileUnavailable,
              Effect.mapError((reason) => ({ _tag: "Unkept" as const, reason }))
            ),
        surelyUnspent: ({ reason }) => meaningOf(reason).sideEffect === "none",
        unclosed: () => Effect.void
      }),
      Effect.map(({ text, finish, usage }) =>
        ends({ _tag: "Answered", finish, usage, amount: Prices.costOf(model, usage), replayed: false }, text)
      )
    )

    return yield* paid.pipe(
      Effect.catch((failure) =>
        Effect.sync(() => {
          if (failure._tag === "Bought") {
            const { finish, usage, amount, reply } = failure.paid
            return ends({ _tag: "Answered", finish, usage, amount, replayed: true }, reply.body)
          }
          if (failure._tag === "Unkept") return ends({ _tag: "Unkept", reason: failure.reason }, null)
          if (failure._tag !== "Failed") return ends({ _tag: "Refused", reason: failure }, null)
          const { reason } = failure
          const presumed = meaningOf(reason).sideEffect !== "none"
          return ends({ _tag: "Failed", reason, presumed }, null)
        })
      ),
      Effect.catchDefect((defect) =>
        Effect.sync(() => ends({ _tag: "Failed", reason: Access.bug(call, defect), presumed: sent }, null))
      ),
      Effect.onInterrupt(() => Effect.sync(() => access.ended(call, { _tag: "Abandoned", sent })))
    )
  },
  (answered, access) => access.turn.withPermit(answered)
)

/** A gateway without a socket: it obeys the ledger, journals what the model answers, and has every provider's key. */
export const layer = (programs: Programs) =>
  Layer.effect(
    ModelGateway,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const context = yield* Effect.context<Effect.Services<ReturnType<typeof answer>>>()
      const { opened } = programs
      const nothing = { calls: [], settled: Usd.make(0) }
      return ModelGateway.of({
        open: Effect.fnUntraced(function* (granted) {
          const own = yield* Scope.fork(scope)
          const access = yield* Access.make(granted, own)
          const ask = Effect.fnUntraced(function* (prompt: string) {
            const exchange = Effect.provide(answer(access, prompt), context)
            const underWay = yield* Effect.forkIn(exchange, own)
            const exit = yield* Effect.onInterrupt(Fiber.await(underWay), () => Fiber.interrupt(underWay))
            return Exit.isSuccess(exit) ? exit.value : null
          })
          opened.set(access.id, { access, scope: own, ask })
          const anthropicUrl = `http://gateway.invalid/${access.id}`
          return { id: access.id, baseUrl: `${anthropicUrl}/v1`, anthropicUrl, token: access.token }
        }),
        account: ({ id }) => Effect.sync(() => opened.get(id)?.access.account() ?? nothing),
        close: Effect.fnUntraced(function* ({ id }) {
          const found = opened.get(id)
          if (found === undefined) return nothing
          yield* Scope.close(found.scope, Exit.void)
          opened.delete(id)
          return found.access.account()
        }, Effect.uninterruptible)
      })
    })
  )
