import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { isSettled, stepNames } from "../../src/domain/Status.ts"
import { money } from "./audit/Money.ts"
import * as Rows from "./audit/Rows.ts"
import { explained } from "./audit/Things.ts"
import type { Trace } from "./Messages.ts"
import * as Reconcile from "./Reconcile.ts"

/* What must be true after a schedule, whatever happened in it. Each sentence says what is not. */

/** How the order ended. */
const ended = (order: Rows.Order, canBeDone: boolean): ReadonlyArray<string> => {
  const { disposition, escalated, failure, outcomes, state, status, waitingFor } = order
  if (status === "waiting") return waitingFor === null ? ["it waits, and no reason is given"] : []
  if (status === "needs_review") return escalated === 0 ? ["it waits for a person who was not told"] : []
  if (!isSettled(status)) return [`it did not end: ${status}`]
  return [
    ...(status === "completed" || !canBeDone
      ? []
      : [`it could have been done, and is ${status}: ${failure?.message ?? ""}`]),
    ...(state === "done" ? [] : [`it is ${status}, and its execution ${state}`]),
    ...(status === "completed" || (disposition !== null && disposition !== "rollback_pending")
      ? []
      : [`it is ${status}, left ${disposition ?? "without a word"}`]),
    ...(outcomes === (status === "completed" ? 1 : 0) ? [] : [`it is ${status} with ${outcomes} outcomes`])
  ]
}

/** A step's end is dated by the statement that commits it, and so much earlier at most than that is seen. */
const commitMs = 250

/** The steps that have come to their end, which a wait is not. */
const finished = (journal: ReadonlyArray<Rows.Journaled>) =>
  journal.filter(({ ended, name }) => ended !== null && stepNames.some((step) => step === name))

/** Whoever set money aside may say at any time what became of it. */
const isBookkeeping = (effect: string) => effect === "closing"

/** A step that has ended does nothing any more. */
const repeated = (
  journal: ReadonlyArray<Rows.Journaled>,
  trace: ReadonlyArray<Trace>
): ReadonlyArray<string> =>
  finished(journal).flatMap(({ at, name }) =>
    trace.flatMap((line) =>
      line._tag === "Did" &&
      line.step === name &&
      line.phase === "before" &&
      !isBookkeeping(line.effect) &&
      line.at > at + commitMs
        ? [`${name} had ended, and ${line.effect} was begun for it ${Math.round(line.at - at)} ms later`]
        : []
    )
  )

/** Exactly one pull request of a completed order, with the evidence that its row has; of others none. */
const published = (
  order: Rows.Order,
  open: ReadonlyArray<Rows.Pull>,
  all: number,
  remote: ReadonlyArray<{ readonly name: string; readonly sha: string }>
): ReadonlyArray<string> => {
  if (order.status !== "completed") return all > 1 ? [`${all} pull requests of one order`] : []
  const [pull, ...others] = open
  if (pull === undefined) return ["it is completed, and has no pull request"]
  const [branch] = remote
  return [
    ...(others.length === 0 && all === 1 ? [] : [`it is completed with ${all} pull requests`]),
    ...(pull.number === order.pullRequest
      ? []
      : [`its pull request is ${pull.number}, not ${order.pullRequest ?? 0}`]),
    ...(pull.head.sha === order.headSha ? [] : ["its pull request shows another commit than its row"]),
    ...(branch?.sha === order.headSha ? [] : ["its remote branch holds another commit than its row"])
  ]
}

/** Ends the leases of reservations whose owners are gone, as a minute would. */
const expire = Effect.flatMap(
  PgClient.PgClient,
  (sql) =>
    sql`update public.cost_tracking set lease_until = moose.now() - interval '1 second' where state = 'reserved'`
)

export interface Verdict {
  readonly status: string
  /** What it failed with, or met last. */
  readonly failure: string
  readonly violations: ReadonlyArray<string>
  /** What the reconciler repaired. */
  readonly repaired: ReadonlyArray<string>
  /** How many steps had ended. */
  readonly steps: number
}

/** Looks at everything, and says what is not as it must be. */
export const audit = Effect.fnUntraced(function* (scene: Rows.Scene) {
  yield* expire
  const nothing: Effect.Success<ReturnType<typeof Reconcile.twice>> = { repaired: [], problems: [] }
  const { problems, repaired } =
    scene.lane.sabotage === "reconciler" ? nothing : yield* Reconcile.twice(scene)
  const order = yield* Rows.readOrder(scene.order)
  if (order === undefined)
    return {
      status: "gone",
      failure: "",
      violations: ["the order is gone"],
      repaired,
      steps: 0
    } satisfies Verdict
  const journal = yield* Rows.readJournal(scene.order)
  const all = (yield* Rows.pulls(scene)).length
  const { found, open, remote } = yield* explained(scene, order)
  const verdict: Verdict = {
    status: order.disposition === null ? order.status : `${order.status} (${order.disposition})`,
    failure: order.failure === null ? "" : `${order.failure.tag}: ${order.failure.message}`,
    violations: [
      ...ended(order, scene.canBeDone),
      ...published(order, open, all, remote),
      ...money(yield* Rows.readCosts(scene.order), scene.calls, journal),
      ...repeated(journal, scene.trace),
      ...found,
      ...problems
    ],
    repaired,
    steps: finished(journal).length
  }
  return verdict
})
