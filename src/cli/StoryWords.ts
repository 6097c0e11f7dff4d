import { type StepName, isSettled } from "../domain/Status.ts"
import type { Explained, Thing } from "./Explained.ts"
import { style } from "./Style.ts"
import { when } from "./Times.ts"

const historyShownMax = 20
const excerptLinesMax = 8

const doing: Record<StepName, string> = {
  routing: "routing (choosing a model, checking the budget)",
  generating: "generating (asking a model for the change)",
  applying: "applying (making the change in a worktree)",
  creating_pr: "creating_pr (pushing the branch, opening the pull request)",
  tracking: "tracking (recording how it ended)"
}

const stepWords = ({ step, status, run }: Explained): string => {
  const again = run > 1 ? `, in run ${run}` : ""
  if (step !== null) return `${doing[step]}${again}`
  switch (status) {
    case "pending":
      return `None yet: it has not begun${again}.`
    case "completed":
      return `All five are done${again}.`
    case "cancelled":
      return `None: it was cancelled before it began${again}.`
    default:
      return `It is not recorded${again}.`
  }
}

const indent = (text: string, by = 2): ReadonlyArray<string> =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => `${" ".repeat(by)}${line.trimEnd()}`)

const cut = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length <= excerptLinesMax ? lines : [...lines.slice(0, excerptLinesMax), "  …"]

const whyWords = ({ why, status, waitsFor }: Explained): ReadonlyArray<string> => {
  const ordersWaiting = waitsFor?.incident?.ordersWaiting ?? 0
  const waits =
    waitsFor === null
      ? status === "cancelled"
        ? ["It was cancelled."]
        : []
      : [
          `Waits for ${waitsFor.what ?? "something unnamed"}.`,
          ...(waitsFor.incident === null
            ? []
            : [
                `It has an incident (${waitsFor.incident.reason}): ${waitsFor.incident.message}`,
                `${ordersWaiting} ${ordersWaiting === 1 ? "order waits" : "orders wait"} for it; ${waitsFor.incident.failedProbes} tries since were in vain.`
              ])
        ]
  if (why === null) {
    return waits.length > 0 ? waits : ["Nothing has gone wrong."]
  }
  const { reason, message, operation, excerpt, causes } = why
  const overcome =
    status.endsWith("_failed") || status === "waiting" ? "" : "The last thing that went wrong: "
  const shown = excerpt.trim() !== "" && !message.includes(excerpt.trim())
  return [
    ...waits,
    ...indent(`${overcome}${style.bold(reason)}: ${message}`, 0),
    ...(operation === "" ? [] : [`While doing: ${operation}`]),
    ...(shown ? ["It said:", ...cut(indent(excerpt))] : []),
    ...causes.map((cause) => `because of ${cause.tag}: ${cause.message}`)
  ]
}

const sinceWords = ({ since, status, waitsFor }: Explained): ReadonlyArray<string> => [
  `${status} since ${when(since.status, since.now)}`,
  ...(since.firstFailure === null
    ? []
    : since.timesFailed > 1
      ? [
          `That failure ${since.timesFailed} times: first ${when(since.firstFailure, since.now)}, last ${when(since.lastFailure ?? since.firstFailure, since.now)}`
        ]
      : [`That failure once: ${when(since.firstFailure, since.now)}`]),
  ...(waitsFor?.until == null ? [] : [`Waits until ${when(waitsFor.until, since.now)}`])
]

const thingWords = (thing: Thing, run: number): string => {
  const { kind, state, host, reason, quarantine } = thing
  const older = thing.run === run ? "" : ` (run ${thing.run})`
  const name = `${thing.name}${older}`
  switch (state) {
    case "preserved":
      return `${name} is kept: ${reason ?? "no reason is recorded"}`
    case "held":
      return `${name} is there${kind === "worktree" || kind === "instruction_file" ? `, on ${host}` : ""}`
    case "intended":
      return `${name} was about to be made, and may be there (on ${host})`
    case "released":
      if (quarantine !== null) {
        return `${name} was removed; its commit ${quarantine.sha} is kept under ${quarantine.ref}`
      }
      // What others may have seen is never removed: if it is gone, it was not made.
      return kind === "remote_branch" || kind === "pull_request"
        ? `${name} was not made`
        : `${name} is gone, as it should be`
  }
}

const asked = {
  branch: "branch",
  worktree: "worktree",
  remote_branch: "remote branch",
  pull_request: "pull request"
}

const stateWords = ({ state, run, status }: Explained): ReadonlyArray<string> => {
  const kinds = ["branch", "worktree", "instruction_file", "remote_branch", "pull_request"] as const
  const things = kinds.flatMap((kind) => {
    const label = kind === "instruction_file" ? "instructions" : asked[kind]
    const found = state.things.filter((thing) => thing.kind === kind)
    const url =
      kind === "pull_request" && state.pullRequest !== null
        ? [`#${state.pullRequest.number} ${state.pullRequest.url}`]
        : []
    const lines = [...url, ...found.map((thing) => thingWords(thing, run))]
    if (lines.length === 0 && kind === "instruction_file") return []
    return (lines.length === 0 ? ["none was made"] : lines).map((line) => `${`${label}:`.padEnd(15)}${line}`)
  })
  const ledger = state.ledger.map(({ state: how, calls, usd }) => `${calls} ${how} ($${usd})`)
  const worker = state.worker
  return [
    ...(state.disposition === null ? [] : [`left as:       ${state.disposition.replaceAll("_", " ")}`]),
    ...(state.headSha === null ? [] : [`commit:        ${state.headSha}`]),
    ...things,
    `${"ledger:".padEnd(15)}${ledger.length === 0 ? "no paid call was made" : ledger.join(", ")}`,
    ...(isSettled(status) || worker === null
      ? []
      : [
          `${"worker:".padEnd(15)}${worker.host === null ? `none (${worker.state})` : `process ${worker.processId} on ${worker.host}`}`
        ])
  ]
}

const costWords = ({ cost, status }: Explained): ReadonlyArray<string> => {
  const open = isSettled(status) ? "is still set aside for a call that was lost" : "more is reserved"
  const reserved = Number(cost.reservedUsd) > 0 ? `, $${cost.reservedUsd} ${open}` : ""
  if (Number(cost.spentUsd) === 0) return [`Nothing was spent${reserved}.`]
  const wasted =
    Number(cost.wastedUsd) > 0
      ? `$${cost.wastedUsd} of it is wasted: no pull request came of it.`
      : "Nothing of it is wasted."
  return [`$${cost.spentUsd} is spent${reserved}. ${wasted}`]
}

const rollbackWords = ({ did }: Explained): ReadonlyArray<string> => {
  if (did.rollback === null) return []
  const { rule, disposition } = did.rollback
  const wanted = rule === "undo" ? "Everything it made is undone" : "What was paid for is kept"
  if (disposition === "rollback_pending") return [`${wanted}: the clean-up is still under way.`]
  if (disposition === "manual_intervention_required")
    return [`${wanted}, but not all of it could be cleaned up.`]
  return disposition === null ? [] : [`${wanted} (${disposition.replaceAll("_", " ")}).`]
}

const didWords = (told: Explained): ReadonlyArray<string> => {
  const { attempts, attemptsSpent, attemptsMax, waits, history } = told.did
  const begun = attempts.map(
    ({ step, begun: times, failures, status }) =>
      `${step} ${status}${times > 1 ? `, begun ${times} times` : ""}${failures > 0 ? `, ${failures} failed ${failures === 1 ? "attempt" : "attempts"}` : ""}`
  )
  const shown = history.slice(-historyShownMax)
  const left = history.length - shown.length
  return [
    ...(begun.length === 0 ? ["Nothing yet."] : [`${begun.join("; ")}.`]),
    ...(attemptsSpent === 0 ? [] : [`Its own work failed ${attemptsSpent} of at most ${attemptsMax} times.`]),
    ...(waits === 0 ? [] : [`It waited ${waits === 1 ? "once" : `${waits} times`}.`]),
    ...(left > 0 ? [`(${left} earlier lines: --json)`] : []),
    ...shown.map(
      ({ at, step, what }) => `${at.slice(11, 19)} ${(step ?? "").padEnd(12)} ${what.replaceAll(/\s+/g, " ")}`
    ),
    ...rollbackWords(told)
  ]
}

/** The answers as text, in the order in which one asks. */
export const storyText = (told: Explained): string => {
  const section = (title: string, lines: ReadonlyArray<string>) => [
    style.bold(title),
    ...lines.map((line) => `  ${line}`)
  ]
  return [
    `${told.workOrderId}  ${told.title}`,
    ...section("Step", [stepWords(told)]),
    ...section("Why", whyWords(told)),
    ...section("Since", sinceWords(told)),
    ...section("State", stateWords(told)),
    ...section("Cost", costWords(told)),
    ...section("What Moose did", didWords(told)),
    ...section("What to do now", [told.next.hint, ...told.next.commands.map((command) => `  ${command}`)])
  ].join("\n")
}
