import type { Served } from "./Messages.ts"
import type { Span } from "./Spans.ts"

/**
 * Who is at work at a moment. Of several the first of these counts: `ours` is only what nobody else is at. What Aider
 * asks its model through the gateway is the model's time and the gateway's, and the rest of its run is its own.
 */
export const kinds = ["git", "model", "gateway", "aider", "forge", "editor", "store", "ours"] as const
export type Kind = (typeof kinds)[number]
/** Whose time is not Moose's. Everything else is, also what the forge takes: Moose waits for it of its own accord. */
export const others: ReadonlyArray<Kind> = ["git", "model", "aider"]

const steps = ["routing", "generating", "applying", "creating_pr", "tracking"] as const

/** The parts that an order's time falls into, in their order. */
export const parts = ["submitting", "claiming", ...steps] as const
export type Part = (typeof parts)[number]

export type Split = Readonly<Record<Part, Readonly<Record<Kind, number>>>>

interface Interval {
  readonly from: number
  readonly to: number
}

const kindOf = ({ name, within }: Span): Kind | undefined => {
  if (name === "Subprocess.run" && within?.startsWith("Git.")) return "git"
  if (name === "Subprocess.run" && (within === "CodeEditor.apply" || within === "aider --version"))
    return "aider"
  if (name === "ModelGateway.answer") return "gateway"
  if (name === "CodeEditor.apply") return "editor"
  if (name === "StoreCall.call") return "store"
  return undefined
}

/** Nothing yet, of every part and kind. */
const nothing = () => {
  const row = () => ({ git: 0, model: 0, gateway: 0, aider: 0, forge: 0, editor: 0, store: 0, ours: 0 })
  return {
    submitting: row(),
    claiming: row(),
    routing: row(),
    generating: row(),
    applying: row(),
    creating_pr: row(),
    tracking: row()
  } satisfies Split
}

interface Found extends Interval {
  readonly part: Part
}

/** A step's journal entries, each from its beginning to its commit: the activity, around the step's own span of the same name. */
const stepsIn = (spans: ReadonlyArray<Span>): ReadonlyArray<Found> =>
  steps.flatMap((part) =>
    spans.filter(({ name, within }) => name === part && within !== part).map((span) => ({ ...span, part }))
  )

/** What comes before the first step: the order is stored, and a runner looks for work and claims it. */
const beforeThem = (spans: ReadonlyArray<Span>, first: number): ReadonlyArray<Found> => [
  ...spans
    .filter(({ name }) => name === "WorkOrders.submit")
    .map((span): Found => ({ ...span, part: "submitting" })),
  ...spans
    .filter(({ name, to }) => name === "Runner.tick" && to <= first)
    .map((span): Found => ({ ...span, part: "claiming" }))
]

/**
 * Where the time of one order went, from its spans alone: nothing is known here of how long it took on the clock on the
 * wall, so that the sum of this can be compared with it. What lies in no part is in no sum. Cut wherever anything begins
 * or ends, each piece goes to the part and to the kind that it lies in.
 */
export const split = (spans: ReadonlyArray<Span>, served: ReadonlyArray<Served>): Split | undefined => {
  const itsSteps = stepsIn(spans)
  if (new Set(itsSteps.map(({ part }) => part)).size !== steps.length) return undefined
  const found = [...itsSteps, ...beforeThem(spans, Math.min(...itsSteps.map(({ from }) => from)))]
  const busy: Array<Interval & { readonly kind: Kind }> = [
    ...spans.flatMap((span) => {
      const kind = kindOf(span)
      return kind === undefined ? [] : [{ kind, from: span.from, to: span.to }]
    }),
    ...served.map(({ by, from, to }) => ({ kind: by, from, to }))
  ]
  const cuts = [...found, ...busy].flatMap(({ from, to }) => [from, to]).toSorted((a, b) => a - b)
  const answer = nothing()
  for (const [index, from] of cuts.entries()) {
    const to = cuts[index + 1]
    if (to === undefined || to === from) continue
    const at = (from + to) / 2
    const part = found.find((it) => at >= it.from && at < it.to)?.part
    if (part === undefined) continue
    const here = busy.filter((it) => at >= it.from && at < it.to).map(({ kind }) => kind)
    const kind = kinds.find((it) => here.includes(it)) ?? "ours"
    answer[part][kind] += to - from
  }
  return answer
}

export const total = (whole: Split, which: ReadonlyArray<Kind> = kinds): number =>
  parts.reduce((sum, part) => sum + which.reduce((own, kind) => own + whole[part][kind], 0), 0)
