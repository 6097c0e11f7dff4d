import * as Plan from "./Plan.ts"
import type { Death, Result } from "./Schedule.ts"

/* The figures of a run, in words. */

/** The smallest of all that is at least as large as such a share of them. */
export const quantile = (of: ReadonlyArray<number>, share: number): number =>
  of.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(of.length * share) - 1)] ?? Number.NaN

/** Where a process was killed: the last thing it did. */
const where = ({ kill, path }: Death): string => {
  const last = path.at(-1) ?? "- before anything"
  const [step, ...what] = last.split(": ")
  const at = kill.phase === "during" ? what.join().replace("before", "during") : what.join()
  return `killed ${at}${step === "-" ? "" : ` of ${step}`}`
}

/** The same, and after how many signs of life. */
export const place = (death: Death): string =>
  `${where(death)}, after ${death.path.length - 1} other signs of life`

/** All of a schedule's, to compare two runs of it. */
export const places = ({ deaths }: Result): string => deaths.map(where).join("; ")

const isAt = (cell: (typeof Plan.cells)[number]) => (death: Death) =>
  death.kill.effect === cell.effect && death.kill.phase === cell.phase

/** How often processes were killed there. */
export const killsAt = (results: ReadonlyArray<Result>, cell: (typeof Plan.cells)[number]): number =>
  results.flatMap(({ deaths }) => deaths).filter(isAt(cell)).length

/** Kills, a row for each side effect. */
export const table = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const line = (name: string, ...columns: ReadonlyArray<string | number>) =>
    `    ${name.padEnd(16)}${columns.map((column) => String(column).padStart(8)).join("")}`
  return [
    line("killed", ...Plan.Phase.literals),
    ...Plan.Effect.literals.map((effect) =>
      line(effect, ...Plan.Phase.literals.map((phase) => killsAt(results, { effect, phase })))
    )
  ]
}

/** How many there are of each. */
export const counted = (names: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")
}
