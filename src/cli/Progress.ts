import { Clock, Console, Effect, Schedule, Stdio, Terminal } from "effect"
import type { TimelineEvent } from "../domain/Fact.ts"
import type { WorkOrderId } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { isSettled } from "../domain/Status.ts"
import { format } from "../domain/Usd.ts"
import type { WorkOrderView } from "../domain/WorkOrder.ts"
import { WorkOrders } from "../services/WorkOrders.ts"
import { seconds, style } from "./Style.ts"

/** Nothing more will happen to the order by itself, its clean-up included. */
const isOver = (view: WorkOrderView): boolean =>
  view.status === "needs_review" || (isSettled(view.status) && view.disposition !== "rollback_pending")

const mark = { StepStarted: "", StepSucceeded: style.good("✓"), StepFailed: style.bad("✗") }

/** A message that has its line to share with a step and its time. */
const messageCharactersMax = 100

/** The beginning of a text as one short line. */
const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  const characters = Array.from(line)
  return characters.length <= messageCharactersMax
    ? line
    : `${characters
        .slice(0, messageCharactersMax - 1)
        .join("")
        .trimEnd()}…`
}

/** A line for the events worth one. The beginning of a step is shown by the live line, or not at all. */
const lineOf = (event: TimelineEvent): string | undefined => {
  const step = (event.step ?? "").padEnd(12)
  const message = short(event.message)
  switch (event.kind) {
    case "StepSucceeded":
      return `  ${mark.StepSucceeded} ${step} ${seconds(event.ms ?? 0)}  ${style.dim(message)}`
    case "StepFailed":
      return `  ${mark.StepFailed} ${step} ${seconds(event.ms ?? 0)}  ${message}`
    case "AttemptFailed":
      // The wait has a line of its own, with its end.
      if (event.message.endsWith(" (wait)")) return undefined
      return `  ↻ ${step} ${" ".repeat(seconds(0).length)}  ${event.message}`
    case "Escalated":
    case "Paused":
    case "Resumed":
    case "Cancelling":
    case "Resolved":
    case "RunStarted":
      return `  ! ${step} ${" ".repeat(seconds(0).length)}  ${message}`
    case "Parked":
      return `  … ${step} ${" ".repeat(seconds(0).length)}  ${event.message}`
    case "Noted":
      return `  · ${step} ${" ".repeat(seconds(0).length)}  ${message}`
    default:
      return undefined
  }
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

const liveLine = (view: WorkOrderView, startedAt: number, now: number): string => {
  const frame = frames[Math.floor(now / 100) % frames.length] ?? ""
  const step = view.steps.at(-1)
  const attempt = step === undefined || step.attempts < 2 ? "" : `  attempt ${step.attempts}`
  return `  ${style.accent(frame)} ${view.status.padEnd(12)} ${seconds(now - startedAt)}${attempt}  $${format(view.cost)}`
}

/** How progress is shown: as it happens on a terminal, plain lines elsewhere, not at all for `--json`. */
export type Show = "live" | "lines" | "nothing"

/** Live on a terminal, lines in a pipe. */
export const showFor = Effect.fnUntraced(function* (json: boolean) {
  const stdio = yield* Stdio.Stdio
  const show: Show = json ? "nothing" : (yield* stdio.stdoutIsTerminal) ? "live" : "lines"
  return show
})

const eraseLine = "\r\u001b[2K"

/** Shows an order's progress until nothing more will happen to it, and answers how it ended. */
export const follow = Effect.fn("follow")(function* (id: WorkOrderId, show: Show) {
  const orders = yield* WorkOrders
  const terminal = yield* Terminal.Terminal
  const startedAt = yield* Clock.currentTimeMillis
  let after = 0

  const look = Effect.gen(function* () {
    // The order first: once it is over, the timeline read after it is complete.
    const view = yield* orders.get({ id })
    const events = yield* orders.timeline({ id, after, limit: Limits.timelinePageMax })
    after = events.at(-1)?.seq ?? after
    if (show === "nothing") return view
    const lines = events.flatMap((event) => lineOf(event) ?? [])
    if (show === "live") yield* terminal.display(eraseLine)
    yield* Effect.forEach(lines, (line) => Console.log(line), { discard: true })
    if (show === "live" && !isOver(view))
      yield* terminal.display(liveLine(view, startedAt, yield* Clock.currentTimeMillis))
    return view
  })

  return yield* look.pipe(
    Effect.repeat({
      schedule: Schedule.spaced(Limits.progressPoll).pipe(Schedule.upTo({ duration: Limits.follow })),
      until: isOver
    })
  )
})

/** Everything that has happened to an order. */
export const printTimeline = Effect.fnUntraced(function* (id: WorkOrderId) {
  const orders = yield* WorkOrders
  const events = yield* orders.timeline({ id, after: 0, limit: Limits.timelinePageMax })
  yield* Effect.forEach(
    events.flatMap((event) => lineOf(event) ?? []),
    (line) => Console.log(line),
    { discard: true }
  )
})
