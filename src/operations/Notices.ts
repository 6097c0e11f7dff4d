import { Cause, Duration, Effect, Layer, Option, Schedule } from "effect"
import type { ClientManagerRejected, ClientManagerUnavailable } from "../domain/errors/Reasons.ts"
import type { Escalation, Receipt } from "../domain/Escalation.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { ClientManager } from "../services/ClientManager.ts"
import { Escalations } from "../services/Escalations.ts"
import { Spool, type Spooled } from "../services/Spool.ts"
import { steadily } from "./Steadily.ts"

/**
 * Opens an escalation that no step's result carries. One that cannot be stored goes to the log and into the spool of
 * this machine, from where it is stored later: never nowhere.
 */
export const raise = Effect.fn("Notices.raise")(function* (one: Spooled) {
  const escalations = yield* Escalations
  const spool = yield* Spool
  const { noticeHold } = Limits
  const lost = (cause: Cause.Cause<unknown>) =>
    // The log has all of it by now.
    Effect.logFatal("An escalation could not even be spooled", cause, one)
  const spooled = steadily(spool.put(one), noticeHold, lost)
  yield* steadily(escalations.raise(one), noticeHold, (cause) =>
    Effect.andThen(
      Effect.logError("An escalation is spooled, because it cannot be stored", cause, one),
      spooled
    )
  ).pipe(
    // The process leaves, and it is not known whether it was stored: by its key, it is one all the same.
    Effect.onInterrupt(() => Effect.interruptible(spooled))
  )
})

/**
 * Stores what waits in the spool. What cannot be stored stays; what is stored twice, by its key, is one. One that the
 * store refuses keeps none of the others waiting.
 */
export const drain = Effect.fn("Notices.drain")(function* () {
  const escalations = yield* Escalations
  const spool = yield* Spool
  const waiting = yield* spool.peek()
  yield* Effect.forEach(
    waiting,
    (one) =>
      Effect.andThen(escalations.raise(one), spool.remove({ keys: [one.key] })).pipe(
        Effect.catchTag("StoreConflict", (error) =>
          Effect.logError(`A spooled escalation stays where it is: ${error.message}`, one)
        )
      ),
    { discard: true }
  )
  return waiting.length
})

/** How long somebody has to answer the notice that was just sent: twice as long as the one before. */
const answerWithin = ({ severity, notices }: Escalation): Duration.Duration =>
  Duration.times(Limits.acknowledge[severity], 2 ** Math.min(notices, Limits.remindersMax))

/** After the last reminder silence is the answer: the default is chosen, or nothing more is said. */
const takeSilence = Effect.fnUntraced(function* (escalation: Escalation) {
  const escalations = yield* Escalations
  const { id, defaultOption: option, notices } = escalation
  if (option !== null) {
    yield* escalations.resolve({ id, option, by: "silence", note: `nobody answered ${notices} notices` })
  } else {
    yield* escalations.noticeSent({ id, notices, receipt: lastReceipt(escalation), ackMs: null })
  }
})

/** It stands with its orders, and nobody was told. */
const withOrder: Receipt = { channel: "order", reference: null }

const lastReceipt = ({ receipt }: Escalation): Receipt =>
  receipt === null ? withOrder : { channel: receipt.channel, reference: receipt.reference }

/** The client manager is there and does not want it: its address, its credentials or its version are wrong. */
const isRefused = (
  cause: Cause.Cause<ClientManagerUnavailable | ClientManagerRejected | Cause.TimeoutError>
) => Option.exists(Cause.findErrorOption(cause), ({ _tag }) => _tag === "ClientManagerRejected")

/**
 * Hands over one notice. Who cannot be told is not told: the escalation stands with its orders all the same. Where it
 * was only that nobody answered, the same notice is tried again soon, and nobody's silence is counted.
 */
const hand = Effect.fnUntraced(function* (escalation: Escalation) {
  const escalations = yield* Escalations
  const clientManager = yield* ClientManager
  const { id, notices } = escalation
  if (notices > Limits.remindersMax) return yield* takeSilence(escalation)
  const told = yield* Effect.map(clientManager.notify({ escalation }), (receipt) => ({
    receipt,
    undelivered: false
  })).pipe((telling) =>
    steadily(telling, Limits.noticeHold, (cause) =>
      Effect.as(Effect.logError(`Nobody could be told of escalation ${id}`, cause), {
        receipt: withOrder,
        undelivered: !isRefused(cause)
      })
    )
  )
  const wait = told.undelivered ? Limits.noticeAgain : answerWithin(escalation)
  const ackMs = Duration.toMillis(wait)
  return yield* escalations.noticeSent({ id, notices, ackMs, ...told })
})

/** Hands over all that is due. Each is on its own: one that fails is due again when its hold has ended. */
export const deliver = Effect.fn("Notices.deliver")(function* () {
  const escalations = yield* Escalations
  const due = yield* escalations.dueNotices({ limit: Limits.noticesTogether })
  yield* Effect.forEach(
    due,
    (escalation) =>
      steadily(hand(escalation), Limits.unattended, (cause) =>
        Effect.logWarning(`Escalation ${escalation.id} is told again later`, cause)
      ),
    { concurrency: Limits.noticesTogether, discard: true }
  )
  return due.length
})

/** A spool that cannot be read keeps nobody from being told, nor the other way round. */
const round = Effect.gen(function* () {
  yield* steadily(drain(), Limits.unattended, (cause) =>
    Effect.logWarning("The spool could not be emptied", cause)
  )
  yield* steadily(deliver(), Limits.unattended, (cause) =>
    Effect.logWarning("Escalations could not be looked through", cause)
  )
})

/** Drains and delivers as long as the layer lives. */
export const layer = Layer.effectDiscard(
  round.pipe(Effect.repeat(Schedule.spaced(Limits.noticePoll)), Effect.forkScoped)
)
