import type { Drift, DriftOutcome, DriftReport, Repair } from "../domain/Drift.ts"
import { drifts } from "../domain/policies/Drifts.ts"
import { style } from "./Style.ts"
import { span } from "./Times.ts"

const proposed: Record<Repair, string> = {
  remove: "would be removed",
  quarantine: "would be removed, its commits kept in quarantine",
  restore: "would be made again, if its commit is still there",
  release: "would be written off",
  adopt: "would be written down as kept",
  note: "would be written down",
  purge: "would be let go of",
  presume: "would count as spent",
  ask: "is for a person to decide"
}

const became = (drift: Drift, outcome: DriftOutcome): string => {
  switch (outcome._tag) {
    case "Proposed":
      return proposed[drift.repair]
    case "Repaired":
      return style.good(outcome.what)
    case "Told":
      return style.bad("a person was told: moose escalations list")
    case "Left":
      return `left for the next pass: ${outcome.why}`
  }
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

/** One drift in a few lines: what, since when, what was seen, and what becomes of it. */
export const driftLines = (drift: Drift, outcome: DriftOutcome): ReadonlyArray<string> => {
  const { ageMs, evidence, name, project, workOrderId } = drift
  const { hint, means } = drifts[drift._tag]
  const whose = [project, workOrderId].filter((it) => it !== null).join(", order ")
  const age = ageMs === null ? "" : `, for ${span(ageMs)}`
  const seen = Object.entries(evidence)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key} ${shown(value)}`)
  return [
    `${style.bold(drift._tag)} ${name}${whose === "" ? "" : ` (${whose})`}${age}`,
    `  ${means}`,
    ...(seen.length === 0 ? [] : [style.dim(`  ${seen.join(", ")}`)]),
    `  ${became(drift, outcome)}`,
    ...(hint === null ? [] : [`  ${hint}`])
  ]
}

const count = (amount: number, what: string) => `${amount} ${what}${amount === 1 ? "" : "s"}`

/** What a pass comes to, and what it could not look at. */
export const reportLine = ({ drifts: found, orders, unseen }: DriftReport, applied: boolean): string => {
  const blind = unseen.map(({ what, why }) => `Not compared: ${what} (${why.split("\n", 1)[0] ?? ""})`)
  const agreed = `${count(orders, "order")} compared: everything agrees.`
  const end =
    found.length === 0
      ? agreed
      : `${count(orders, "order")} compared, ${count(found.length, "drift")}.${applied ? "" : " Nothing was changed; repair with: moose reconcile --apply"}`
  return [...blind, end].join("\n")
}
