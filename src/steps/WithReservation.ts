import { Duration, Effect, Exit, Fiber, Option, Schedule } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import {
  LedgerConflict,
  LedgerUnavailable,
  type StoreConflict,
  type StoreUnavailable
} from "../domain/errors/Reasons.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Reservation, SpendCategory, SpendRule, Usage } from "../domain/Spending.ts"
import type { Usd } from "../domain/Usd.ts"
import { Budget } from "../services/Budget.ts"
import { whileHeld } from "../services/Claim.ts"
import { StepJournal } from "../services/StepJournal.ts"
import { bounded } from "./Bounded.ts"
import type { At } from "./StepContext.ts"

/** One paid call before it is made. */
export interface Estimate<Reply, Failure, R> extends Pick<
  Keeping<Reply, Failure, R, StoreReason, never>,
  "surelyUnspent" | "unclosed"
> {
  readonly at: At
  /** Names the call within the run. */
  readonly call: string
  readonly category: typeof SpendCategory.Type
  readonly model: string
  readonly rule: SpendRule
  /** The most that the call can cost. */
  readonly amount: Usd
  /** What a reply cost, from the usage in it. */
  readonly bill: (reply: Reply) => { readonly amount: Usd; readonly usage: Usage }
}

/** One paid call whose reply is kept, with its bill, by whoever makes it. */
export interface Keeping<Reply, Failure, R, Unkept, Refused> {
  /** Sets aside the most that the call can cost, or says why it is not made. */
  readonly reserve: Effect.Effect<Reservation, Refused>
  /** Commits that the reply came, and what it cost. */
  readonly keep: (reply: Reply, reservation: Reservation) => Effect.Effect<void, Unkept, R>
  /** Did a call that failed like this surely cost nothing? */
  readonly surelyUnspent: (failure: Failure) => boolean
  /** Hears of a reservation that could not be closed, and is left to the sweep. */
  readonly unclosed: (reason: LedgerUnavailable | LedgerConflict) => Effect.Effect<void, Unkept, R>
}

type StoreReason = StoreUnavailable | StoreConflict

/** A bug in the ledger must not hide how the call itself ended. */
const broken = (operation: string) => (defect: unknown) => {
  const excerpt = defect instanceof Error ? `${defect.name}: ${defect.message}` : String(defect)
  const evidence = Evidence.make({ operation, excerpt, cause: defect })
  return Effect.fail(new LedgerConflict({ problem: "answer", evidence }))
}

const silent = (operation: string) => (limit: Duration.Duration) => {
  const excerpt = `the ledger did not answer within ${Duration.toSeconds(limit)} s`
  return new LedgerUnavailable({ evidence: Evidence.make({ operation, excerpt }) })
}

/** Made once: it is the same for every call. */
const whilePaidFor = Schedule.exponential(Limits.storeRetryFirst).pipe(
  Schedule.upTo({ times: Limits.journalAttempts - 1 })
)

/** Tries a call of the store again while it is unavailable, for longer than a blip takes: what it keeps is paid for. */
export const whileUnavailable = <A, E extends { readonly _tag: string }, R>(call: Effect.Effect<A, E, R>) =>
  Effect.retry(call, {
    schedule: whilePaidFor,
    while: ({ _tag }) => _tag === "LedgerUnavailable" || _tag === "StoreUnavailable"
  })

/** A reservation that stays open holds money that nobody spends, so closing it is tried for longer than opening it. */
const patiently = <A, R>(close: Effect.Effect<A, LedgerUnavailable | LedgerConflict, R>) =>
  whileUnavailable(close).pipe(
    (closed) => bounded(closed, silent("close a reservation")),
    Effect.catchDefect(broken("close a reservation"))
  )

/** Keeps the reservation while the call is under way. If that fails, somebody may presume it; the bill still counts. */
const renewing = (reservation: Reservation) =>
  Effect.gen(function* () {
    const budget = yield* Budget
    yield* Effect.sleep(Limits.reservationRenew)
    yield* budget.renew(reservation)
  }).pipe(
    Effect.retry({
      times: Limits.reservationRenewals,
      while: ({ _tag }) => _tag === "LedgerUnavailable"
    }),
    Effect.repeat({ times: Limits.reservationRenewals }),
    Effect.catch((error) => Effect.logWarning("A reservation could not be renewed", error))
  )

/**
 * Makes a paid call within the budget: reserved at its worst case, then kept with its bill in one commit. A call
 * that failed and surely cost nothing is cancelled; one whose outcome is unknown, or that was interrupted after it
 * had begun, counts as spent. Fails with BudgetExceeded before anything is asked when the worst case does not fit.
 */
export const keepingReply =
  <Reply, Failure, R2, Unkept, Refused>(estimate: Keeping<Reply, Failure, R2, Unkept, Refused>) =>
  <R>(call: Effect.Effect<Reply, Failure, R>) =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const { reserve, keep, surelyUnspent, unclosed } = estimate
      let begun = false

      const close = (
        reservation: Reservation,
        exit: Exit.Exit<Reply, Failure>
      ): Effect.Effect<void, Unkept, R2> => {
        if (Exit.isSuccess(exit)) return keep(exit.value, reservation)
        const failure = Exit.findErrorOption(exit)
        const unspent = !begun || (Option.isSome(failure) && surelyUnspent(failure.value))
        const closed = unspent ? budget.cancel(reservation) : budget.presume(reservation)
        return Effect.catch(patiently(closed), unclosed)
      }

      return yield* Effect.acquireUseRelease(
        whileHeld(bounded(reserve, silent("reserve"))),
        (reservation) =>
          whileHeld(
            Effect.gen(function* () {
              const lease = yield* Effect.forkChild(renewing(reservation))
              begun = true
              return yield* Effect.ensuring(call, Fiber.interrupt(lease))
            })
          ),
        close
      )
    })

/** The same, settled from the reply's usage in the commit that keeps the running step's result. */
export const withReservation =
  <Reply, Failure, R2>(estimate: Estimate<Reply, Failure, R2>) =>
  <R>(call: Effect.Effect<Reply, Failure, R>) =>
    Effect.gen(function* () {
      const budget = yield* Budget
      const journal = yield* StepJournal
      const { at, bill, call: name, category, model, rule, amount, surelyUnspent, unclosed } = estimate
      const keep = (reply: Reply, { id }: Reservation) =>
        journal.append({ ...at, facts: [{ _tag: "CostSettled", reservation: id, ...bill(reply) }] })
      const reserve = budget.reserve({ ...at, call: name, category, model, rule, amount })
      return yield* keepingReply({ reserve, keep, surelyUnspent, unclosed })(call)
    })
