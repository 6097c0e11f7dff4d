import { DateTime, Duration, Effect, Layer, Schedule } from "effect"
import type { Drift, DriftOutcome, DriftReport } from "../domain/Drift.ts"
import { MassDeletionRefused } from "../domain/errors/PremisesError.ts"
import type { NewEscalation } from "../domain/Escalation.ts"
import { drifts as meanings } from "../domain/policies/Drifts.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { zero } from "../domain/Usd.ts"
import { Projects } from "../services/Projects.ts"
import * as Notices from "./Notices.ts"
import { books } from "./reconciler/Books.ts"
import type { Finding } from "./reconciler/Finding.ts"
import { local } from "./reconciler/Local.ts"
import { remote } from "./reconciler/Remote.ts"
import { repair } from "./reconciler/Repairs.ts"
import { look } from "./reconciler/Seen.ts"
import { steadily } from "./Steadily.ts"

export interface Options {
  /** Repairs what can be repaired, and tells a person of the rest; false only says what it would do. */
  readonly apply: boolean
  /** How many things it may delete; `Limits.reconcileDeletionsMax` when nothing is said. */
  readonly deletionsMax?: number | undefined
  /** How long nobody may be at an order before what it left is removed; `Limits.reconcileLeftAfter` when nothing is said. */
  readonly leftAfter?: Duration.Duration | undefined
}

const deletes = ({ drift: { repair: how } }: Finding) => how === "remove" || how === "quarantine"

const acknowledged: NewEscalation["options"] = [
  { option: "acknowledge", label: "it is put right, or may stay as it is", usd: zero, recommended: true }
]

/** The same drift with the same evidence is told of once. */
const tell = Effect.fnUntraced(function* (drift: Drift) {
  const { hint, means, severity } = meanings[drift._tag]
  const { evidence, name, project, run, workOrderId } = drift
  const fingerprint = `drift/${drift._tag}/${project ?? "-"}/${workOrderId ?? "-"}/${name}`
  yield* Notices.raise({
    type: "drift",
    severity,
    fingerprint,
    context: { tag: drift._tag, message: `${name}: ${means}`, hint: hint ?? "", project, evidence },
    options: acknowledged,
    defaultOption: null,
    key: `${fingerprint}/${JSON.stringify(evidence)}`,
    ...(workOrderId === null ? {} : { workOrderId }),
    ...(run === null ? {} : { run })
  })
  const told: DriftOutcome = { _tag: "Told" }
  return { drift, outcome: told }
})

/** Nothing of it is repaired: the books of this many things are hardly wrong all at once. A person is told, once a day. */
const refuse = Effect.fnUntraced(function* (found: ReadonlyArray<Finding>, limit: number, at: DateTime.Utc) {
  const refused = new MassDeletionRefused({
    deletions: found.length,
    limit,
    names: found.slice(0, Limits.escalationOrdersMax).map(({ drift }) => drift.name)
  })
  const fingerprint = "drift/MassDeletionRefused"
  yield* Notices.raise({
    type: "drift",
    severity: "high",
    fingerprint,
    context: {
      tag: refused._tag,
      message: refused.message,
      hint: "Is this the right database for this MOOSE_HOME? If it is: moose reconcile --apply --deletions-max <n>",
      names: refused.names
    },
    options: acknowledged,
    defaultOption: null,
    key: `${fingerprint}/${DateTime.formatIsoDateUtc(at)}`
  })
  return yield* refused
})

/**
 * Compares the database with git on this machine, with the remotes, the forge and the ledger, once. Without `apply` it
 * changes nothing; with it, what is left afterwards is what somebody is at, or a person was told of. Harmless to repeat,
 * and to run beside another one. Fails with MassDeletionRefused, having repaired nothing, where it would delete too much.
 */
export const pass = Effect.fn("Reconciler.pass")(function* (options: Options) {
  const {
    apply,
    deletionsMax = Limits.reconcileDeletionsMax,
    leftAfter = Limits.reconcileLeftAfter
  } = options
  const seen = yield* look({ mark: apply })
  const found = [...local(seen, Duration.toMillis(leftAfter)), ...remote(seen), ...books(seen)]
  const report = (drifts: DriftReport["drifts"]): DriftReport => ({
    at: seen.books.now,
    drifts,
    unseen: seen.unseen,
    orders: seen.books.orders.length
  })
  if (!apply) return report(found.map(({ drift }) => ({ drift, outcome: { _tag: "Proposed" } })))

  const deletions = found.filter(deletes)
  if (deletions.length > deletionsMax) return yield* refuse(deletions, deletionsMax, seen.books.now)
  const projects = yield* Effect.flatMap(Projects, (service) => service.list({}))
  const repaired = yield* repair(
    found.filter(({ drift }) => drift.repair !== "ask"),
    projects
  )
  const told = yield* Effect.forEach(
    found.filter(({ drift }) => drift.repair === "ask"),
    ({ drift }) => tell(drift)
  )
  return report([...repaired, ...told])
})

/** One pass that whatever happens to it is left to the next one, and says what it did. */
const round = steadily(
  Effect.flatMap(pass({ apply: true }), ({ drifts, unseen }) =>
    Effect.gen(function* () {
      const outcomes = drifts.filter(({ outcome }) => outcome._tag !== "Told")
      if (outcomes.length > 0) yield* Effect.logWarning("Drift was found", outcomes)
      if (unseen.length > 0) yield* Effect.logWarning("Not everything could be compared", unseen)
    })
  ),
  Limits.reconcilePass,
  (cause) => Effect.logWarning("Nothing could be reconciled", cause)
)

/** Reconciles at once, and on a period as long as the layer lives. */
export const layer = Layer.effectDiscard(
  round.pipe(Effect.repeat(Schedule.spaced(Limits.reconcile)), Effect.forkScoped)
)
