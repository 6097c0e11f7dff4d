import { Duration } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"
import { format } from "../../domain/Usd.ts"
import type { Finding } from "./Finding.ts"
import type { Seen } from "./Seen.ts"

/** Where the books do not agree with themselves, with the ledger, and with what is in quarantine. */

const nothing = { order: undefined, changes: [], pullRequest: null }

const expired = ({ books, inventory }: Seen, keptMs: number): ReadonlyArray<Finding> =>
  inventory.quarantine
    .flatMap(({ project, ref, run, sha, workOrderId }): ReadonlyArray<Finding> => {
      const since = books.quarantined.find(
        (it) => it.workOrderId === workOrderId && it.run === run && it.sha === sha
      )?.since
      // What nobody wrote down may have come yesterday.
      if (since === undefined || since === null) return []
      const ageMs = books.now.epochMilliseconds - since.epochMilliseconds
      if (ageMs < keptMs) return []
      const about = {
        workOrderId,
        run,
        project,
        name: ref,
        ageMs,
        evidence: { sha },
        repair: "purge" as const
      }
      return [{ ...nothing, drift: { _tag: "ExpiredQuarantine", ...about } }]
    })
    .toSorted((one, other) => (other.drift.ageMs ?? 0) - (one.drift.ageMs ?? 0))
    .slice(0, Limits.quarantinePurgeMax)

const leaked = ({ books }: Seen): ReadonlyArray<Finding> =>
  books.reservations.map(({ expired: ended, project, reservation, since }) => {
    const { amount, call, id, model, run, workOrderId } = reservation
    const ageMs = books.now.epochMilliseconds - since.epochMilliseconds
    const evidence = { call, model, usd: format(amount), lease: ended ? "ended" : "longer than any lease" }
    const about = { workOrderId, run, project, name: id, ageMs, evidence, repair: "presume" as const }
    return { ...nothing, drift: { _tag: "LeakedReservation", ...about, reservation } }
  })

const edited = ({ books }: Seen): ReadonlyArray<Finding> =>
  books.edited.map(({ workOrderId, run, project, table, column, says, but }) => {
    const about = { workOrderId, run, project, name: `${table}.${column}`, ageMs: null }
    return {
      ...nothing,
      drift: { _tag: "RowEditedByHand", ...about, evidence: { says, but }, repair: "ask" as const }
    }
  })

export const books = (
  seen: Seen,
  keptMs: number = Duration.toMillis(Limits.quarantineKept)
): ReadonlyArray<Finding> => [...leaked(seen), ...edited(seen), ...expired(seen, keptMs)]
