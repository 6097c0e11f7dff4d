import { Console, DateTime, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { ErrorGroup } from "../../domain/OrderStory.ts"
import { Component } from "../../domain/policies/Component.ts"
import { stepNames } from "../../domain/Status.ts"
import * as Environment from "../../layers/Environment.ts"
import * as Settings from "../../layers/Settings.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import { samples } from "../../testing/Samples.ts"
import * as Input from "../Input.ts"
import { printJson } from "../Report.ts"
import { style } from "../Style.ts"
import { parseSince, when } from "../Times.ts"
import { UserError } from "../UserError.ts"

const toJson = (group: ErrorGroup) => ({
  step: group.step,
  component: group.component,
  reason: group.tag,
  times: group.times,
  orders: group.orders,
  firstSeen: DateTime.formatIso(group.firstAt),
  lastSeen: DateTime.formatIso(group.lastAt),
  category: group.category,
  severity: group.severity,
  message: group.message,
  hint: group.hint,
  newestOrders: group.newestOrders
})

/** One kind of failure in a few lines. */
export const groupText = (group: ErrorGroup, now: string): string => {
  const { step, component, reason, times, orders, firstSeen, lastSeen, category, severity, message, hint } =
    toJson(group)
  const more = group.orders > group.newestOrders.length ? ", …" : ""
  return [
    `${style.bold(`${step ?? "-"}, ${component || "?"}: ${reason}`)}  ${times}×, ${orders} ${orders === 1 ? "order" : "orders"}  (${category}, ${severity})`,
    `  last  ${when(lastSeen, now)}`,
    `  first ${when(firstSeen, now)}`,
    `  ${message.replaceAll(/\s+/g, " ")}`,
    ...(group.newestOrders.length === 0 ? [] : [`  orders: ${group.newestOrders.join(", ")}${more}`]),
    `  What to do: ${hint}`
  ].join("\n")
}

const known = Object.keys(samples)

/** A reason by its name, however its letters are cased. */
const reasonNamed = (name: string) => {
  const found = known.find((tag) => tag.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return Effect.succeed(found)
  const beginning = name.toLowerCase().slice(0, 4)
  const near = known.filter((tag) => beginning.length > 2 && tag.toLowerCase().includes(beginning))
  return Effect.fail(
    new UserError({
      problem: `--reason: there is no reason ${name}`,
      fix: `${near.length === 0 ? "" : `Did you mean ${near.join(" or ")}? `}See all with: moose failures`
    })
  )
}

/** `moose errors`: what fails, how often, since when, and for whom. */
export const errors = Command.make(
  "errors",
  {
    step: Flag.Literals("step", stepNames).pipe(
      Flag.withDescription("Only failures of one step"),
      Flag.optional
    ),
    component: Flag.Literals("component", Component.literals).pipe(
      Flag.withDescription("Only failures of one part: git, forge, provider, store, ..."),
      Flag.optional
    ),
    reason: Flag.String("reason").pipe(Flag.withDescription("Only one reason: RateLimited"), Flag.optional),
    since: Flag.String("since").pipe(
      Flag.withDescription("30m, 24h, 7d, or an ISO date"),
      Flag.withDefault("24h")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ step, component, reason, since, json }) {
    const now = yield* DateTime.now
    const from = yield* parseSince(since, now)
    const tag = yield* Effect.transposeOption(Option.map(reason, reasonNamed))
    yield* Effect.gen(function* () {
      const orders = yield* WorkOrders
      const groups = yield* orders.errors({
        since: from,
        ...Input.given("step", step),
        ...Input.given("component", component),
        ...Input.given("tag", tag)
      })
      if (json) return yield* printJson(groups.map(toJson))
      if (groups.length === 0) return yield* Console.log(`No failures since ${DateTime.formatIso(from)}.`)
      yield* Console.log(groups.map((group) => groupText(group, DateTime.formatIso(now))).join("\n\n"))
    }).pipe(Effect.provide(Environment.stored), Effect.provide(Settings.layer))
  })
).pipe(Command.withDescription("Show what fails, how often, and since when"))
