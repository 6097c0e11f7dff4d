import { DateTime } from "effect"
import type { Escalation } from "../domain/Escalation.ts"
import { format } from "../domain/Usd.ts"
import { style } from "./Style.ts"
import { when } from "./Times.ts"

const iso = DateTime.formatIso
const isoOrNull = (at: DateTime.Utc | null) => (at === null ? null : iso(at))

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** What it is about, in a line. */
const what = ({ type, context }: Escalation): string =>
  [text(context["step"]), text(context["tag"]) || type].filter((part) => part !== "").join(": ")

/** An escalation for programs. Money is a decimal string of dollars. */
export const escalationJson = (escalation: Escalation) => ({
  id: escalation.id,
  type: escalation.type,
  status: escalation.status,
  severity: escalation.severity,
  fingerprint: escalation.fingerprint,
  occurrences: escalation.occurrences,
  context: escalation.context,
  options: escalation.options.map(({ option, label, usd, recommended }) => ({
    option,
    label,
    usd: format(usd),
    recommended
  })),
  defaultOption: escalation.defaultOption,
  assignee: escalation.assignee,
  createdAt: iso(escalation.createdAt),
  lastAt: iso(escalation.updatedAt),
  acknowledgedAt: isoOrNull(escalation.acknowledgedAt),
  ackDeadline: isoOrNull(escalation.ackDeadline),
  notices: escalation.notices,
  receipt: escalation.receipt === null ? null : { ...escalation.receipt, at: iso(escalation.receipt.at) },
  resolution: escalation.resolution,
  resolvedBy: escalation.resolvedBy,
  resolvedAt: isoOrNull(escalation.resolvedAt),
  burnPerMinuteUsd: format(escalation.burnPerMinute),
  ordersCount: escalation.ordersCount,
  orders: escalation.orders.map((order) => ({ ...order, spent: format(order.spent) }))
})

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

/** One escalation in a line. */
export const escalationLine = (escalation: Escalation): string =>
  [
    String(escalation.id).padEnd(5),
    escalation.severity.padEnd(8),
    escalation.status.padEnd(8),
    `${escalation.occurrences}×`.padEnd(5),
    counted(escalation.ordersCount, "order").padEnd(10),
    (escalation.assignee ?? "-").padEnd(12),
    `${what(escalation)}: ${text(escalation.context["message"]).replaceAll(/\s+/g, " ").slice(0, 100)}`
  ].join("  ")

const heard = (escalation: Escalation): string => {
  const { receipt, acknowledgedAt, assignee, ackDeadline, notices } = escalation
  const now = iso(escalation.now)
  if (acknowledgedAt !== null) return `${assignee ?? "Somebody"} took it, ${when(iso(acknowledgedAt), now)}.`
  if (receipt === null) return "Nobody has been told yet; a worker does that."
  const where =
    receipt.channel === "client_manager"
      ? `The client manager has it${receipt.reference === null ? "" : ` as ${receipt.reference}`}`
      : "It stands with its orders, and nobody else was told"
  const deadline =
    ackDeadline === null
      ? ""
      : ` The next reminder is ${when(iso(ackDeadline), now)}, unless somebody takes it.`
  return `${where} (${counted(notices, "notice")}, the last ${when(iso(receipt.at), now)}).${deadline}`
}

/** The incident card, in the order in which one asks. */
export const escalationText = (escalation: Escalation): string => {
  const { context, orders, ordersCount, options, resolution } = escalation
  const now = iso(escalation.now)
  const section = (title: string, lines: ReadonlyArray<string>) => [
    style.bold(title),
    ...lines.map((line) => `  ${line}`)
  ]
  const excerpt = text(context["excerpt"])
  const said =
    excerpt === "" || text(context["message"]).includes(excerpt) ? [] : ["It said:", `  ${excerpt}`]
  const how = (option: string) => `moose escalations resolve ${escalation.id} --option ${option}`
  return [
    `${style.bold(`Escalation ${escalation.id}`)}  ${what(escalation)}  (${escalation.severity}, ${escalation.status})`,
    ...section("What happened", [text(context["message"]) || escalation.type, ...said]),
    ...section("Since", [
      `${when(iso(escalation.createdAt), now)}; ${counted(escalation.occurrences, "time")}, the last ${when(iso(escalation.updatedAt), now)}`
    ]),
    ...section("Whom it concerns", [
      ...(ordersCount === 0 ? ["No order."] : []),
      ...orders.map(
        ({ workOrderId, run, status, disposition, spent, branch, pullRequest }) =>
          `${workOrderId} (run ${run}): ${status}${disposition === null ? "" : `, ${disposition.replaceAll("_", " ")}`}, $${format(spent)} spent` +
          `${branch === null ? "" : `, branch ${branch}`}${pullRequest === null ? "" : `, pull request #${pullRequest.number}`}`
      ),
      ...(ordersCount > orders.length ? [`and ${ordersCount - orders.length} more`] : [])
    ]),
    ...section("Money", [`$${format(escalation.burnPerMinute)} a minute is spent in its projects just now.`]),
    ...(resolution === null ? section("Who knows", [heard(escalation)]) : []),
    ...(resolution === null
      ? section("What can be done", [
          ...(text(context["hint"]) === "" ? [] : [text(context["hint"])]),
          ...options.flatMap(({ option, label, usd, recommended }) => [
            `${recommended ? style.good("→") : " "} ${option.padEnd(14)} ${`$${format(usd)}`.padStart(12)}  ${label}`,
            `  ${" ".repeat(14)} ${" ".repeat(12)}  ${style.dim(how(option))}`
          ]),
          ...(escalation.defaultOption === null
            ? []
            : [`If nobody answers: ${escalation.defaultOption.replaceAll("_", " ")}.`])
        ])
      : section("Resolved", [
          `${resolution.option}: ${resolution.label} (${escalation.resolvedBy ?? "?"}, ${escalation.resolvedAt === null ? "" : when(iso(escalation.resolvedAt), now)})`
        ]))
  ].join("\n")
}
