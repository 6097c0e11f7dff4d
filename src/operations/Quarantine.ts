import { type DateTime, Duration, Effect } from "effect"
import { OrderHeld, QuarantineEmpty } from "../domain/errors/PremisesError.ts"
import { branchName } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { Premises, type Kept } from "../services/Premises.ts"
import { Projects } from "../services/Projects.ts"
import { Reconciliation } from "../services/Reconciliation.ts"
import { giveBack } from "./reconciler/Hold.ts"

/** Commits whose branch was removed, and what the books say of them. */
export interface Quarantined extends Kept {
  /** The order's title; null where this database does not know the order. */
  readonly title: string | null
  /** Since when; null where nobody wrote it down. */
  readonly since: DateTime.Utc | null
  readonly ageMs: number | null
}

/** All that is in quarantine on this machine, the oldest first. */
export const list = Effect.fn("Quarantine.list")(function* () {
  const premises = yield* Premises
  const reconciliation = yield* Reconciliation
  const projects = yield* Effect.flatMap(Projects, (service) => service.list({}))
  const { quarantine } = yield* premises.look({ projects: projects.map(({ id }) => id) })
  const asked = quarantine.map(({ workOrderId, run, sha }) => ({ workOrderId, run, sha }))
  const { now, quarantined } = yield* reconciliation.view({
    limit: 0,
    names: [],
    quarantined: asked,
    mark: false
  })
  return quarantine
    .map((kept): Quarantined => {
      const said = quarantined.find(
        ({ workOrderId, run, sha }) =>
          workOrderId === kept.workOrderId && run === kept.run && sha === kept.sha
      )
      const since = said?.since ?? null
      const ageMs = since === null ? null : Math.max(0, now.epochMilliseconds - since.epochMilliseconds)
      return { ...kept, title: said?.title ?? null, since, ageMs }
    })
    .toSorted((one, other) => (other.ageMs ?? 0) - (one.ageMs ?? 0))
})

/**
 * Makes the branch of an order again out of what is in quarantine, and writes down who wanted it, so that it stays.
 * Fails with OrderHeld while a worker is at the order.
 */
export const restore = Effect.fn("Quarantine.restore")(function* (ref: string, by: string) {
  const premises = yield* Premises
  const reconciliation = yield* Reconciliation
  const kept = (yield* list()).find((it) => it.ref === ref)
  if (kept === undefined) return yield* new QuarantineEmpty({ ref })
  const { project, run, sha, workOrderId } = kept
  const name = branchName(workOrderId)
  const books = yield* reconciliation.view({ limit: 0, names: [name], quarantined: [], mark: false })
  const order = books.orders.find((it) => it.workOrderId === workOrderId)
  const again = premises.restore({ project, ref })
  // Another database's: there is nobody to tell.
  if (order === undefined) return yield* again
  return yield* Effect.acquireUseRelease(
    reconciliation.hold({ workOrderId, run: order.run, seen: order.updatedAt }),
    Effect.fnUntraced(function* (holder) {
      if (holder === null) return yield* new OrderHeld({ workOrderId })
      const restored = yield* again
      const reason = `restored from quarantine by ${by}`
      const change = { run, kind: "branch", name, state: "preserved", evidence: { sha }, reason } as const
      yield* reconciliation.record({
        workOrderId,
        holder,
        run: order.run,
        changes: [change],
        pullRequest: null,
        note: `branch ${name} at ${sha} is ${reason}`
      })
      return restored
    }),
    (holder) => giveBack(workOrderId, holder)
  )
})

/** What is in quarantine for at least so long; what nobody wrote down the time of is not. */
export const olderThan = (kept: ReadonlyArray<Quarantined>, age: Duration.Duration) =>
  kept.filter(({ ageMs }) => ageMs !== null && ageMs >= Duration.toMillis(age)).slice(0, Limits.premisesMax)

/** Lets go of these; answers those that were really there. */
export const purge = Effect.fn("Quarantine.purge")(function* (kept: ReadonlyArray<Quarantined>) {
  const premises = yield* Premises
  return yield* Effect.filter(kept, ({ project, ref, sha }) => premises.purge({ project, ref, sha }))
})
