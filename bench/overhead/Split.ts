import type { Served } from "./Messages.ts"
import type { Span } from "./Spans.ts"

/** Who is at work at a moment. Of several the first of these counts: ours is only what nobody else is at. */
export const kinds = ["git", "editor", "model", "forge", "store", "ours"] as const
export type Kind = (typeof kinds)[number]
export const others: ReadonlyArray<Kind> = ["git", "editor", "model", "forge"]

const steps = ["routing", "generating", "applying", "creating_pr", "tracking"] as const

/** The parts that an order's time falls into, in their order. */
export const parts = ["until claimed", ...steps, "between steps", "after the last"] as const
export type Part = (typeof parts)[number]

export type Split = Readonly<Record<Part, Readonly<Record<Kind, number>>>>

interface Interval {
  readonly from: number
  readonly to: number
}

const kindOf = ({ name, within }: Span): Kind | undefined => {
  if (name === "Subprocess.run" && within?.startsWith("Git.")) return "git"
  if (name === "CodeEditor.apply") return "editor"
  if (name === "StoreCall.call") return "store"
  return undefined
}

/** Nothing yet, of every part and kind. */
const nothing = () => {
  const row = () => ({ git: 0, editor: 0, model: 0, forge: 0, store: 0, ours: 0 })
  return {
    "until claimed": row(),
    routing: row(),
    generating: row(),
    applying: row(),
    creating_pr: row(),
    tracking: row(),
    "between steps": row(),
    "after the last": row()
  } satisfies Split
}

/** Where a step's journal entry begins and ends: the activity, around the step's own span of the same name. */
const stepsIn = (spans: ReadonlyArray<Span>) =>
  steps.flatMap((name) => {
    const its = spans.filter((span) => span.name === name && span.within !== name)
    const [first] = its
    return first === undefined
      ? []
      : [{ name, from: Math.min(...its.map(({ from }) => from)), to: Math.max(...its.map(({ to }) => to)) }]
  })

/** Which part of the order a moment belongs to. */
const partAt = (at: number, found: ReturnType<typeof stepsIn>): Part => {
  const inside = found.find(({ from, to }) => at >= from && at < to)
  if (inside !== undefined) return inside.name
  const [first] = found
  if (first === undefined || at < first.from) return "until claimed"
  const last = found.at(-1)
  return last !== undefined && at >= last.to ? "after the last" : "between steps"
}

/**
 * Where the time of one order went, from `window.from` to `window.to`: cut wherever anything begins or ends, each
 * piece goes to the part and to the kind that it lies in.
 */
export const split = (
  window: Interval,
  spans: ReadonlyArray<Span>,
  served: ReadonlyArray<Served>
): Split | undefined => {
  const found = stepsIn(spans)
  if (found.length !== steps.length) return undefined
  const busy: Array<Interval & { readonly kind: Kind }> = [
    ...spans.flatMap((span) => {
      const kind = kindOf(span)
      return kind === undefined ? [] : [{ kind, from: span.from, to: span.to }]
    }),
    ...served.map(({ by, from, to }) => ({ kind: by, from, to }))
  ]
  const cuts = [window.from, window.to, ...[...found, ...busy].flatMap(({ from, to }) => [from, to])]
    .filter((at) => at >= window.from && at <= window.to)
    .toSorted((a, b) => a - b)
  const answer = nothing()
  for (const [index, from] of cuts.entries()) {
    const to = cuts[index + 1]
    if (to === undefined || to === from) continue
    const at = (from + to) / 2
    const here = busy.filter((it) => at >= it.from && at < it.to).map(({ kind }) => kind)
    const kind = kinds.find((it) => here.includes(it)) ?? "ours"
    answer[partAt(at, found)][kind] += to - from
  }
  return answer
}

export const total = (whole: Split, which: ReadonlyArray<Kind> = kinds): number =>
  parts.reduce((sum, part) => sum + which.reduce((own, kind) => own + whole[part][kind], 0), 0)
