import { type DateTime, Option, Schema } from "effect"
import type { Drift, Repair } from "../../domain/Drift.ts"
import type { Change, HeldRow, HoldingOrder } from "../../services/Reconciliation.ts"

/** A drift, and how the order's rows are left when it is repaired. */
export interface Finding {
  readonly drift: Drift
  /** The order it is a drift of, as it was seen; undefined where it is of none. */
  readonly order: HoldingOrder | undefined
  readonly changes: ReadonlyArray<Change>
  readonly pullRequest: { readonly number: number; readonly url: string } | null
}

type Evidence = Drift["evidence"]

const readEvidence = Schema.decodeUnknownOption(
  Schema.Struct({
    sha: Schema.optionalKey(Schema.String),
    found: Schema.optionalKey(Schema.String),
    number: Schema.optionalKey(Schema.Int)
  })
)

/** What a row's evidence says, as far as it is a commit or a pull request. */
export const evidenceOf = (row: HeldRow | undefined) =>
  row === undefined ? {} : Option.getOrElse(readEvidence(row.evidence), () => ({}) as const)

/** The fields that every drift of an order's row has. */
export const about = (
  order: HoldingOrder,
  name: string,
  row: HeldRow | undefined,
  now: DateTime.Utc,
  repair: Repair,
  evidence: Evidence
) => ({
  workOrderId: order.workOrderId,
  run: row?.run ?? order.run,
  project: order.project,
  name,
  ageMs: row === undefined ? null : Math.max(0, now.epochMilliseconds - row.changedAt.epochMilliseconds),
  evidence: { status: order.status, ...(row === undefined ? {} : { row: row.state }), ...evidence },
  repair
})

/** The fields of a drift that no order explains. */
export const ofNobody = (project: Drift["project"], name: string, evidence: Evidence) => ({
  workOrderId: null,
  run: null,
  project,
  name,
  ageMs: null,
  evidence,
  repair: "ask" as const
})

/** The newest row of a thing that is not released: the same thing may have been held by several runs. */
export const newest = (rows: ReadonlyArray<HeldRow>): HeldRow | undefined =>
  rows.filter(({ state }) => state !== "released").toSorted((one, other) => other.run - one.run)[0]

type Left = Pick<Change, "state" | "evidence" | "reason">

/** A row is left like this. */
export const left = ({ run, kind, name }: HeldRow, how: Left): Change => ({ run, kind, name, ...how })

/** Every row of a thing that is not released is left like this. */
export const leave = (rows: ReadonlyArray<HeldRow>, how: Left): ReadonlyArray<Change> =>
  rows.filter(({ state }) => state !== "released").map((row) => left(row, how))

export const released = (evidence: Change["evidence"]) =>
  ({ state: "released", evidence, reason: null }) as const
