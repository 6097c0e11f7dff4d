import { Effect, Match, Option, Result, Schema } from "effect"
import type { DriftOutcome, Repair } from "../../domain/Drift.ts"
import { NotRemoved } from "../../domain/errors/PremisesError.ts"
import { Sha } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Project } from "../../domain/Project.ts"
import { Budget } from "../../services/Budget.ts"
import { Premises } from "../../services/Premises.ts"
import { type Change, type HoldingOrder, Reconciliation } from "../../services/Reconciliation.ts"
import { Workspace } from "../../services/Workspace.ts"
import type { Finding } from "./Finding.ts"
import { giveBack } from "./Hold.ts"

/** Repairs are harmless to repeat, and to make twice at once: each ends in the state that it was to make. */

const leftTo = (why: string): DriftOutcome => ({ _tag: "Left", why })
const repaired = (what: string): DriftOutcome => ({ _tag: "Repaired", what })

/** What was really done, and how it leaves the rows. */
interface Done {
  readonly what: string
  readonly changes: ReadonlyArray<Change>
}

const done = (what: string, changes: ReadonlyArray<Change>): Done => ({ what, changes })

const released = (changes: ReadonlyArray<Change>, evidence: Change["evidence"]): ReadonlyArray<Change> =>
  changes.map((change) => ({ ...change, state: "released", evidence, reason: null }))

const words: Record<Repair, string> = {
  remove: "removed",
  quarantine: "moved into quarantine",
  restore: "made again",
  release: "written off: it is not there",
  adopt: "kept: it is there",
  note: "written down",
  purge: "let go of",
  presume: "presumed spent",
  ask: "left to a person"
}

/** Does what has to be done outside the database, and says how the rows are left. */
const act = Effect.fnUntraced(function* (
  { changes, drift }: Finding,
  { workOrderId }: HoldingOrder,
  project: Project
) {
  const premises = yield* Premises
  const workspace = yield* Workspace
  const what = words[drift.repair]
  const run = drift.run
  if (run === null) return done(what, changes)
  const attempt = { project, workOrderId, run }
  switch (drift._tag) {
    case "OrphanWorktree": {
      const { gone, quarantined } = yield* premises.clearWorktree({ project: project.id, workOrderId, run })
      if (!gone) return yield* new NotRemoved({ name: drift.name })
      return done(what, released(changes, quarantined === null ? { gone } : { gone, quarantined }))
    }
    case "OrphanInstructionFile": {
      const gone = yield* workspace.removeInstructions(attempt)
      if (!gone) return yield* new NotRemoved({ name: drift.name })
      return done(what, released(changes, { gone }))
    }
    case "OrphanBranch": {
      const quarantined = yield* workspace.dropBranch({ ...attempt, branch: drift.name, quarantine: true })
      return done(what, released(changes, { quarantined }))
    }
    case "MissingBranch": {
      const sha = Schema.decodeUnknownOption(Sha)(drift.evidence["recorded"])
      const again =
        drift.repair === "restore" && Option.isSome(sha)
          ? yield* premises.remakeBranch({ project: project.id, branch: drift.name, sha: sha.value })
          : false
      if (!again) return done(words.release, released(changes, { gone: true }))
      const reason = "it was missing, and is made again"
      const evidence = { sha: Option.getOrNull(sha) }
      return done(
        what,
        changes.map((change) => ({ ...change, state: "preserved", evidence, reason }))
      )
    }
    default:
      return done(what, changes)
  }
})

/**
 * Repairs all that one order left, alone: nobody works on it meanwhile, and it is as it was seen. What cannot be done is
 * left to the next pass.
 */
const repairOrder = Effect.fn("Reconciler.repairOrder")(function* (
  order: HoldingOrder,
  findings: ReadonlyArray<Finding>,
  project: Project
) {
  const reconciliation = yield* Reconciliation
  const { run, updatedAt: seen, workOrderId } = order
  const allLeft = (why: string) => findings.map(({ drift }) => ({ drift, outcome: leftTo(why) }))

  const alone = Effect.fnUntraced(function* (holder: string) {
    const tried = yield* Effect.forEach(findings, (finding) =>
      Effect.map(Effect.result(act(finding, order, project)), (result) => ({ finding, result }))
    )
    const made = tried.flatMap(({ finding, result }) =>
      Result.isSuccess(result) ? [{ finding, ...result.success }] : []
    )
    if (made.length > 0) {
      yield* reconciliation.record({
        workOrderId,
        holder,
        run,
        changes: made.flatMap(({ changes }) => changes),
        pullRequest: made.map(({ finding }) => finding.pullRequest).find((it) => it !== null) ?? null,
        note: made.map(({ finding: { drift }, what }) => `${drift._tag} ${drift.name}: ${what}`).join("; ")
      })
    }
    return tried.map(({ finding: { drift }, result }) => ({
      drift,
      outcome: Result.isSuccess(result) ? repaired(result.success.what) : leftTo(result.failure.message)
    }))
  })
  return yield* Effect.acquireUseRelease(
    reconciliation.hold({ workOrderId, run, seen }),
    (holder) =>
      holder === null
        ? Effect.succeed(allLeft("somebody is at the order, or was since it was looked at"))
        : // Shorter than the hold: whoever comes after it finds nobody at the order.
          Effect.timeout(alone(holder), Limits.unattended),
    (holder) => giveBack(workOrderId, holder)
  ).pipe(Effect.catch((error) => Effect.succeed(allLeft(error.message))))
})

/** Repairs of what is nobody's order's: the ledger, and what was in quarantine for long enough. */
const repairOther = Effect.fnUntraced(function* ({ drift }: Finding) {
  const budget = yield* Budget
  const premises = yield* Premises
  const outcome = yield* Match.value(drift).pipe(
    Match.tag("LeakedReservation", ({ reservation }) =>
      Effect.as(budget.presume(reservation), repaired(words.presume))
    ),
    Match.tag("ExpiredQuarantine", ({ evidence, name, project }) => {
      const sha = Schema.decodeUnknownOption(Sha)(evidence["sha"])
      return project === null || Option.isNone(sha)
        ? Effect.succeed(leftTo("it cannot be named"))
        : Effect.map(premises.purge({ project, ref: name, sha: sha.value }), (gone) =>
            gone ? repaired(words.purge) : leftTo("it is not there any more, or another one")
          )
    }),
    Match.orElse(() => Effect.succeed(leftTo("a person decides"))),
    Effect.catch((error) => Effect.succeed(leftTo(error.message)))
  )
  return { drift, outcome }
})

/** Repairs everything that can be repaired without a person. */
export const repair = Effect.fn("Reconciler.repair")(function* (
  findings: ReadonlyArray<Finding>,
  projects: ReadonlyArray<Project>
) {
  const { reconcileAtOnce: concurrency } = Limits
  const orders = new Map<string, { readonly order: HoldingOrder; readonly findings: Array<Finding> }>()
  for (const finding of findings) {
    if (finding.order === undefined) continue
    const known = orders.get(finding.order.workOrderId)
    if (known === undefined)
      orders.set(finding.order.workOrderId, { order: finding.order, findings: [finding] })
    else known.findings.push(finding)
  }
  const ofOrders = yield* Effect.forEach(
    [...orders.values()].flatMap(({ findings: its, order }) => {
      const project = projects.find(({ id }) => id === order.project)
      return project === undefined ? [] : [{ order, its, project }]
    }),
    ({ its, order, project }) => repairOrder(order, its, project),
    { concurrency }
  )
  const others = yield* Effect.forEach(
    findings.filter(({ order }) => order === undefined),
    repairOther,
    { concurrency }
  )
  return [...ofOrders.flat(), ...others]
})
