import { createHash } from "node:crypto"
import { Schema } from "effect"
import { WorkOrderId } from "../../src/domain/Ids.ts"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"

/** What the parent of a chaos run and its processes say to each other, as JSON. */

/** Where a process kills itself with SIGKILL. */
export const deaths = [
  "before reserving",
  "while reserving",
  "after reserving",
  "after the call",
  "while settling"
] as const

/** late: the call is presumed spent before its bill comes. */
export const Fate = Schema.Literals(["settle", "late", "cancel", ...deaths])

/** One reservation that a process is to attempt. */
export const Ticket = Schema.Struct({
  number: Schema.Int,
  order: WorkOrderId,
  amount: Usd,
  fate: Fate
})
export type Ticket = typeof Ticket.Type

/** What became of the last ticket; none for the first. */
export const Outcome = Schema.NullOr(Schema.Literals(["done", "refused", "unavailable"]))

export const Call = Schema.Struct({ reservation: ReservationId, worstCase: Usd })
export const Bill = Schema.Struct({ bill: Usd })

/** What a racer was answered: it won, or what it was told instead. */
export const RaceAnswer = Schema.NullOr(
  Schema.Struct({
    won: Schema.Boolean,
    refusal: Schema.NullOr(
      Schema.Struct({ limit: Usd, settled: Usd, reserved: Usd, left: Usd, message: Schema.String })
    )
  })
)
export const RaceTurn = Schema.Struct({ racer: Schema.Int, answer: RaceAnswer })
export const RaceStart = Schema.Struct({ order: WorkOrderId })

/** A number from 0 up to 1 that depends on what is named and nothing else. */
export const chance = (...names: ReadonlyArray<string | number>): number =>
  createHash("sha256").update(names.join("/")).digest().readUInt32BE(0) / 2 ** 32
