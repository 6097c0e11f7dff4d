import { Console, DateTime, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { type BudgetStatus, leftOf, runsOutAt } from "../../domain/BudgetStatus.ts"
import { ProjectId } from "../../domain/Ids.ts"
import { format } from "../../domain/Usd.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { Budget } from "../../services/Budget.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"
import { style } from "../Style.ts"
import { span, when } from "../Times.ts"
import { UserError } from "../UserError.ts"

const iso = DateTime.formatIso
const isoOrNull = Option.match({ onNone: () => null, onSome: iso })

const toJson = (status: BudgetStatus) => ({
  project: status.project,
  day: status.day,
  timeZone: status.timeZone,
  limitUsd: format(status.limit),
  ceilingUsd: format(status.ceiling),
  leftUsd: format(leftOf(status)),
  settledUsd: format(status.settled),
  reservedUsd: format(status.reserved),
  presumedUsd: format(status.presumed),
  architectUsd: format(status.architect),
  wastedUsd: format(status.wasted),
  burnPerHourUsd: format(status.burnPerHour),
  runsOutAt: isoOrNull(runsOutAt(status)),
  resetsAt: iso(status.resetsAt),
  overruns: { count: status.overruns, usd: format(status.overrun) },
  reservations: {
    open: status.openReservations,
    leaked: status.leakedReservations,
    oldestSince: status.oldestOpenSince === null ? null : iso(status.oldestOpenSince)
  },
  models: status.models.map(({ model, calls, spent, limit }) => ({
    model,
    calls,
    spentUsd: format(spent),
    limitUsd: limit === null ? null : format(limit)
  })),
  waste: status.waste.map(({ reason, model, rule, calls, amount }) => ({
    reason,
    model,
    rule,
    calls,
    usd: format(amount)
  }))
})

const barWidth = 40

/** Settled and presumed in full, reserved in half tones. */
const bar = ({ limit, settled, presumed, reserved }: BudgetStatus): string => {
  const cells = (amount: number) =>
    limit === 0 ? 0 : Math.min(barWidth, Math.round((amount / limit) * barWidth))
  const gone = cells(settled + presumed)
  const all = cells(settled + presumed + reserved)
  return `${"█".repeat(gone)}${"▒".repeat(all - gone)}${"·".repeat(barWidth - all)}`
}

const outlook = (status: BudgetStatus): string => {
  const now = iso(status.now)
  const out = runsOutAt(status)
  if (leftOf(status) === 0) return "Nothing is left until the reset."
  if (status.burnPerHour === 0) return "Nothing was spent in the last hour."
  const burn = `$${format(status.burnPerHour)} in the last hour`
  return Option.isNone(out)
    ? `${burn}: at that rate it lasts until the reset.`
    : `${burn}: at that rate it runs out at ${when(iso(out.value), now)}.`
}

/** One project's money in a few lines. */
export const statusText = (status: BudgetStatus): string => {
  const now = iso(status.now)
  const amount = (label: string, micros: BudgetStatus["limit"], note = "") =>
    `  ${label.padEnd(10)} ${`$${format(micros)}`.padStart(14)}${note === "" ? "" : `  ${note}`}`
  const oldest =
    status.oldestOpenSince === null
      ? ""
      : `, the oldest since ${span(DateTime.toEpochMillis(status.now) - DateTime.toEpochMillis(status.oldestOpenSince))}`
  return [
    `${style.bold(status.project)}  ${status.day} (${status.timeZone}), resets ${when(iso(status.resetsAt), now)}`,
    `  ${bar(status)}`,
    amount("limit", status.limit, `emergency ceiling $${format(status.ceiling)}`),
    amount("settled", status.settled),
    amount("reserved", status.reserved, `${status.openReservations} open${oldest}`),
    amount("presumed", status.presumed, "not known whether it was spent: it counts"),
    amount("left", leftOf(status)),
    amount("wasted", status.wasted, "of it, on orders that ended without a pull request"),
    ...(status.architect > 0 ? [amount("architect", status.architect, "outside the daily limit")] : []),
    `  ${outlook(status)}`,
    ...(status.leakedReservations > 0
      ? [`  ${status.leakedReservations} reservations have lost their owner; a worker closes them.`]
      : []),
    ...(status.overruns > 0
      ? [
          `  ${status.overruns} bills were higher than what was reserved, by $${format(status.overrun)} in all: check the price table.`
        ]
      : []),
    ...status.models.map(
      ({ model, calls, spent, limit }) =>
        `  ${model.padEnd(28)} ${`$${format(spent)}`.padStart(14)}  ${calls} ${calls === 1 ? "call" : "calls"}${limit === null ? "" : `, of $${format(limit)}`}`
    ),
    ...status.waste.map(
      ({ reason, model, rule, calls, amount: micros }) =>
        `  wasted: $${format(micros)} on ${model} (${calls} × ${rule.replaceAll("_", " ")}), ${reason ?? "unknown reason"}`
    )
  ].join("\n")
}

/** `moose budget`: how the money stands today. */
export const budget = Command.make(
  "budget",
  {
    project: Flag.String("project").pipe(Flag.withDescription("Only one project"), Flag.optional),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ project, json }) {
    const only = yield* Effect.transposeOption(Option.map(project, Input.decode(ProjectId, "--project")))
    yield* Effect.gen(function* () {
      const ledger = yield* Budget
      const all = yield* ledger.status(Input.given("project", only))
      if (Option.isSome(only) && all.length === 0) {
        return yield* new UserError({
          problem: `There is no project ${only.value}`,
          fix: "See all with: moose project list"
        })
      }
      if (json) return yield* printJson(all.map(toJson))
      if (all.length === 0) return yield* Console.log("There are no projects yet.")
      yield* Console.log(all.map(statusText).join("\n\n"))
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Show how each project's money stands today"))
