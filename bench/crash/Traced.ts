import { existsSync, readFileSync } from "node:fs"
import { Schema } from "effect"
import { type Trace as Line, Trace } from "./Messages.ts"
import type * as Plan from "./Plan.ts"

/* What the processes of a schedule have written down of themselves. */

const read = Schema.decodeUnknownSync(Schema.fromJsonString(Trace))

/** All of it so far, in the order in which it happened. */
export const linesOf = (file: string): ReadonlyArray<Line> =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => read(line))
    : []

/** Has anybody but this one got work? */
export const isClaimedByAnother = (lines: ReadonlyArray<Line>, pid: number): boolean =>
  lines.some((line) => line._tag === "Claimed" && line.pid !== pid)

/** Does this process believe that nothing runs there any more? */
export const isIdle = (lines: ReadonlyArray<Line>, pid: number): boolean => {
  const last = lines.findLast((line) => line._tag === "Running" && line.pid === pid)
  return last?._tag !== "Running" || last.executions.length === 0
}

/** From a death until another process had the execution; undefined when there was nothing to take over. */
export const takeoverMs = (
  lines: ReadonlyArray<Line>,
  pid: number,
  at: number,
  execution: string
): number | undefined => {
  const held = lines.some((line) => line._tag === "Claimed" && line.pid === pid)
  const next = lines.find(
    (line) =>
      line._tag === "Claimed" && line.pid !== pid && line.at >= at && line.executions.includes(execution)
  )
  return held && next !== undefined ? next.at - at : undefined
}

/** The kill that was the process's own, if it died there: one that died anywhere else died of something else. */
export const killOf = (
  lines: ReadonlyArray<Line>,
  pid: number,
  kills: ReadonlyArray<Plan.Kill>
): Plan.Kill | undefined => {
  const last = lines.findLastIndex((line) => line._tag === "Claimed" && line.pid === pid)
  const claimed = lines[last]
  const kill = claimed?._tag === "Claimed" ? kills[claimed.kill] : undefined
  if (kill === undefined) return undefined
  const did = (phase: Plan.Phase) =>
    lines.some(
      (line, index) =>
        index > last &&
        line._tag === "Did" &&
        line.pid === pid &&
        line.effect === kill.effect &&
        line.occurrence === kill.occurrence &&
        line.phase === phase
    )
  return did("before") && did("after") === (kill.phase === "after") ? kill : undefined
}

/** All that a process did, without the times. */
export const pathOf = (lines: ReadonlyArray<Line>, pid: number): ReadonlyArray<string> =>
  lines.flatMap((line) =>
    line._tag === "Did" && line.pid === pid
      ? [`${line.step ?? "-"}: ${line.phase} ${line.effect} ${line.occurrence}`]
      : []
  )
