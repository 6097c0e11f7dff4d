import { DateTime, Option, Schema } from "effect"
import { ProjectId } from "./Ids.ts"
import { SpendRule } from "./Spending.ts"
import { Usd } from "./Usd.ts"

const time = Schema.DateTimeUtcFromString

/** How a project's money stands on the day that it is now in its own time zone. */
export const BudgetStatus = Schema.Struct({
  project: ProjectId,
  /** 2026-03-29 */
  day: Schema.String,
  timeZone: Schema.String,
  limit: Usd,
  /** Nothing at all is reserved beyond this, architect spend included. */
  ceiling: Usd,
  settled: Usd,
  reserved: Usd,
  presumed: Usd,
  /** Recorded, and outside the daily limit. */
  architect: Usd,
  /** Of what is settled and presumed: spent on orders that ended without a verified pull request. */
  wasted: Usd,
  /** Settled and presumed in the last hour. */
  burnPerHour: Usd,
  /** Bills above what was reserved for them: how many, and by how much in all. */
  overruns: Schema.Int,
  overrun: Usd,
  openReservations: Schema.Int,
  /** Of these, the ones whose lease has ended: their owner is gone. */
  leakedReservations: Schema.Int,
  oldestOpenSince: Schema.NullOr(time),
  now: time,
  resetsAt: time,
  /** Dearest first. `limit` is the model's own for the day, where it has one. */
  models: Schema.Array(
    Schema.Struct({ model: Schema.String, calls: Schema.Int, spent: Usd, limit: Schema.NullOr(Usd) })
  ),
  /** What was wasted on, dearest first: why the orders failed, whom was paid, and which rule allowed the calls. */
  waste: Schema.Array(
    Schema.Struct({
      reason: Schema.NullOr(Schema.String),
      model: Schema.String,
      rule: SpendRule,
      calls: Schema.Int,
      amount: Usd
    })
  )
})
export type BudgetStatus = typeof BudgetStatus.Type

/** What can still be reserved today; an overrun can have taken more than there was. */
export const leftOf = ({ limit, settled, reserved, presumed }: BudgetStatus): Usd =>
  Usd.make(Math.max(0, limit - settled - reserved - presumed))

const hourMs = 3_600_000

/** When nothing would be left if spending went on as in the last hour; none if that is not before the reset. */
export const runsOutAt = (status: BudgetStatus): Option.Option<DateTime.Utc> => {
  if (leftOf(status) === 0) return Option.some(status.now)
  if (status.burnPerHour === 0) return Option.none()
  const ms = Math.floor((leftOf(status) * hourMs) / status.burnPerHour)
  const resetMs = DateTime.toEpochMillis(status.resetsAt) - DateTime.toEpochMillis(status.now)
  return ms < resetMs ? Option.some(DateTime.add(status.now, { milliseconds: ms })) : Option.none()
}
