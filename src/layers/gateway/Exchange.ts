import { type Cause, Data, Deferred, Effect, Fiber, Queue, type Semaphore, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import type { LedgerConflict, LedgerUnavailable } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { meaningOf } from "../../domain/policies/Meaning.ts"
import * as Prices from "../../domain/policies/Prices.ts"
import type { Usage } from "../../domain/Spending.ts"
import type { Usd } from "../../domain/Usd.ts"
import type { GatewayOutcome } from "../../services/ModelGateway.ts"
import { ModelReplies, type PaidReply } from "../../services/ModelReplies.ts"
import { keepingReply, whileUnavailable } from "../../steps/WithReservation.ts"
import * as PaidUsage from "../models/PaidUsage.ts"
import { type Access, bug, digest } from "./Access.ts"
import { type Answer, Failed, type Head, type Sink, forward } from "./Forward.ts"
import type { Accepted, Code, Protocol, Target } from "./Protocol.ts"

/** The answer broke off. */
class Cut extends Data.TaggedError("Cut") {}

type Response = HttpServerResponse.HttpServerResponse

/** What a program is told: at first the head, then the pieces of a stream. */
interface Told {
  readonly head: Deferred.Deferred<Response>
  readonly pieces: Queue.Queue<Uint8Array, Cut | Cause.Done>
}

const bytes = new TextEncoder()

export const respond = ({ status, headers }: Head, body: string): Response =>
  HttpServerResponse.text(body, {
    status,
    headers,
    contentType: headers["content-type"] ?? "application/json"
  })

/**
 * An answer of the gateway's own. Nothing that a wait would change comes with a status that programs repeat after:
 * litellm repeats 402, 409, 429 and all of 500, for a minute, and takes 400 for final.
 */
export const refuse = (protocol: Protocol, status: number, code: Code, message: string): Response =>
  HttpServerResponse.jsonUnsafe(protocol.error(code, message), {
    status,
    headers: status < 500 ? { "x-should-retry": "false" } : {}
  })

type Of<Tag extends GatewayOutcome["_tag"]> = Extract<GatewayOutcome, { readonly _tag: Tag }>

/** Why a call was not made. Figures are in the account only: litellm takes numbers in a text for a status. */
const refusals: Record<Of<"Refused">["reason"]["_tag"], readonly [Code, string]> = {
  BudgetExceeded: ["moose_budget_exceeded", "Moose's budget does not allow this request"],
  LedgerUnavailable: [
    "moose_ledger_unavailable",
    "Moose's ledger cannot be reached, so nothing may be paid for"
  ],
  LedgerConflict: ["moose_ledger_unavailable", "Moose's ledger refuses this request"]
}

/** A reply with what it cost. */
interface Billed extends Answer {
  readonly usage: Usage
  readonly amount: Usd
}

/** How a paid call ended, and what its program is told. */
interface Ending {
  readonly outcome: GatewayOutcome
  readonly tell: Effect.Effect<unknown>
}

/** It was bought before: nothing is sent, and nothing was set aside. */
class Bought extends Data.TaggedError("Bought")<{ readonly paid: PaidReply }> {}

/** The reply could not be journaled: told apart from a call that the ledger refused before it was made. */
class Unkept extends Data.TaggedError("Unkept")<{
  readonly reason: Of<"Unkept">["reason"]
}> {}

/**
 * Answers one accepted request: from the journal, or by a paid call. The call belongs to the access, not to the
 * connection, so that it is accounted for however either ends; a program that goes away gives its call up.
 */
export const answer = Effect.fn("ModelGateway.answer")(function* (options: {
  readonly access: Access
  readonly protocol: Protocol
  readonly target: Target
  readonly accepted: Accepted
  readonly atOnce: Semaphore.Semaphore
}) {
  const { access, protocol, target, accepted } = options
  const { workOrderId, run, category, rule } = access.granted
  const { model } = accepted
  const replies = yield* ModelReplies
  const told: Told = {
    head: yield* Deferred.make<Response>(),
    pieces: yield* Queue.bounded<Uint8Array, Cut | Cause.Done>(Limits.gatewayPiecesMax)
  }
  const request = digest(`${protocol.provider}\n${accepted.body}`)
  let sent = false
  let streaming = false
  let underWay: Fiber.Fiber<void> | undefined
  /** The program reads no further. A call that has ended already is not changed by it. */
  const giveUp = Effect.suspend(() =>
    Effect.andThen(
      underWay === undefined ? Effect.void : Fiber.interrupt(underWay),
      Queue.shutdown(told.pieces)
    )
  )

  const tellWhole = (response: Response) => Deferred.succeed(told.head, response)
  const sink: Sink = {
    begin: ({ status, headers }) => {
      streaming = true
      return tellWhole(
        HttpServerResponse.stream(Stream.ensuring(Stream.fromQueue(told.pieces), giveUp), {
          status,
          headers,
          contentType: headers["content-type"] ?? "text/event-stream"
        })
      )
    },
    piece: (text) => Queue.offer(told.pieces, bytes.encode(text))
  }
  /** The end of a stream that has begun, or the whole answer of one that has not. */
  const tell = (response: () => Response, held: string, cut: boolean) =>
    Effect.suspend(() => {
      if (!streaming) return tellWhole(response())
      if (cut) return Queue.fail(told.pieces, new Cut())
      return Effect.andThen(held === "" ? Effect.void : sink.piece(held), Queue.end(told.pieces))
    })

  const billed = (answer: Answer): Billed => {
    const usage = PaidUsage.usageOf(model, accepted.body, answer.read)
    return { ...answer, usage, amount: Prices.costOf(model, usage) }
  }
  const paid = (call: string, ordinal: number) =>
    forward({ protocol, target, accepted, sink, sent: Effect.sync(() => (sent = true)) }).pipe(
      Effect.map(billed),
      keepingReply({
        reserve: replies
          .begin({
            reply: { workOrderId, run, call: access.granted.call, request, ordinal },
            reserve: {
              workOrderId,
              run,
              call,
              category,
              model: model.model,
              rule,
              amount: Prices.worstCase(model, accepted.body)
            }
          })
          .pipe(
            Effect.flatMap((begun) =>
              begun._tag === "Kept"
                ? Effect.fail(new Bought({ paid: begun.paid }))
                : Effect.succeed(begun.reservation)
            )
          ),
        keep: ({ read, reply, usage, amount }: Billed, { id }) =>
          replies
            .keep({
              workOrderId,
              run,
              call: access.granted.call,
              request,
              ordinal,
              reservation: id,
              model: model.model,
              finish: PaidUsage.finishOf(read.finish),
              usage,
              amount,
              reply
            })
            .pipe(
              whileUnavailable,
              Effect.mapError((reason) => new Unkept({ reason }))
            ),
        surelyUnspent: ({ reason }: Failed) => meaningOf(reason).sideEffect === "none",
        unclosed: (reason: LedgerUnavailable | LedgerConflict) =>
          Effect.logWarning(`The reservation of ${call} is left open until its lease ends`, reason)
      })
    )

  const answered = ({ head, reply, read, held, usage, amount }: Billed): Ending => ({
    outcome: { _tag: "Answered", finish: PaidUsage.finishOf(read.finish), usage, amount, replayed: false },
    tell: tell(() => respond(head, reply.body), held, false)
  })
  const failed = ({ reason, answer: its, cut }: Failed): Ending => ({
    outcome: { _tag: "Failed", reason, presumed: meaningOf(reason).sideEffect !== "none" },
    tell: tell(
      () =>
        its === undefined
          ? refuse(
              protocol,
              reason._tag === "TimedOut" ? 504 : 502,
              "moose_provider_unreachable",
              "The provider did not answer"
            )
          : respond(its, its.body),
      "",
      cut
    )
  })
  const refused = (reason: Of<"Refused">["reason"]): Ending => ({
    outcome: { _tag: "Refused", reason },
    tell: tellWhole(refuse(protocol, 400, ...refusals[reason._tag]))
  })
  const unkept = ({ reason }: Unkept): Ending => ({
    outcome: { _tag: "Unkept", reason },
    tell: tell(
      () => refuse(protocol, 400, "moose_reply_not_kept", "Moose could not keep the provider's answer"),
      "",
      true
    )
  })

  const dead = (call: string, defect: unknown): Ending => ({
    outcome: { _tag: "Failed", reason: bug(call, defect), presumed: sent },
    tell: tell(() => refuse(protocol, 400, "moose_reply_not_kept", "A bug in Moose's gateway"), "", true)
  })

  const replayed = ({ paid: { finish, usage, amount, reply } }: Bought): Ending => ({
    outcome: { _tag: "Answered", finish, usage, amount, replayed: true },
    tell: tellWhole(respond({ status: 200, headers: { "content-type": reply.contentType } }, reply.body))
  })

  const ask = (call: string) =>
    Effect.suspend(() => paid(call, access.answered(request) + 1)).pipe(
      Effect.map(answered),
      Effect.catchTags({
        Bought: (before) => Effect.succeed(replayed(before)),
        Failed: (failure) => Effect.succeed(failed(failure)),
        Unkept: (failure) => Effect.succeed(unkept(failure)),
        BudgetExceeded: (reason) => Effect.succeed(refused(reason)),
        LedgerUnavailable: (reason) => Effect.succeed(refused(reason)),
        LedgerConflict: (reason) => Effect.succeed(refused(reason))
      }),
      Effect.catchDefect((defect) => Effect.succeed(dead(call, defect))),
      Effect.onInterrupt(() => Effect.sync(() => access.ended(call, { _tag: "Abandoned", sent })))
    )

  const exchange = Effect.gen(function* () {
    const { call, number } = access.next()
    if (number > Limits.gatewayCallsMax) {
      const problem = `this attempt has made ${Limits.gatewayCallsMax} requests, and may make no more`
      access.ended(call, { _tag: "Rejected", status: 400, problem })
      yield* tellWhole(refuse(protocol, 400, "moose_request_rejected", problem))
      return
    }
    const ending: Ending = yield* ask(call)
    access.ended(call, ending.outcome, request)
    yield* ending.tell
  }).pipe(
    options.atOnce.withPermit,
    access.turn.withPermit,
    // The access has ended, with whatever was under way.
    Effect.onInterrupt(() =>
      tell(() => refuse(protocol, 401, "moose_token_unknown", "This attempt has ended"), "", true)
    )
  )

  underWay = yield* Effect.forkIn(exchange, access.scope, { startImmediately: true })
  return yield* Deferred.await(told.head).pipe(Effect.onInterrupt(() => giveUp))
})
