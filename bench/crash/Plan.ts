import { Schema } from "effect"
import { chance } from "../ledger/Messages.ts"

/*
 * What happens to one order, decided by a number: how its model and its remote behave, what else is broken around
 * it, and where the process that works on it is killed. The same number is the same schedule.
 */

/** What a worker does that outlives it. */
export const Effect = Schema.Literals([
  "intent",
  "reservation",
  "model call",
  "settlement",
  "closing",
  "journal",
  "worktree",
  "commit",
  "push",
  "pull request",
  "clean-up",
  "end"
])
export type Effect = typeof Effect.Type

/** during: it has been asked for, and nobody has heard the answer. */
export const Phase = Schema.Literals(["before", "during", "after"])
export type Phase = typeof Phase.Type

/** A place in what one process does, counted from when it got the work. */
export const Point = Schema.Struct({ effect: Effect, phase: Phase, occurrence: Schema.Int })
export type Point = typeof Point.Type

/** Does the other side do what it was asked for before the process dies, and do the process's children die with it? */
export const Kill = Schema.Struct({ ...Point.fields, done: Schema.Boolean, children: Schema.Boolean })
export type Kill = typeof Kill.Type

/** How model and remote behave towards the order, and what its submitter does. */
export const Story = Schema.Literals([
  /** Everybody does what is asked. */
  "plain",
  /** The provider has too much to do at first: a reservation is cancelled. */
  "busy model",
  /** The provider breaks down at first: nobody knows what was paid, and a reservation is presumed. */
  "broken model",
  /** The first answer is no proposal. */
  "repaired",
  /** No proposal ever fits the files. */
  "rejected",
  /** Somebody cancels it once its change is made. */
  "cancelled",
  /** The remote refuses the push. */
  "push refused"
])
export type Story = typeof Story.Type

/** What can be taken out, to see that it is missed. */
export const Sabotage = Schema.Literals(["fencing", "intents", "adoption", "reconciler"])
export type Sabotage = typeof Sabotage.Type

export const Disturbance = Schema.Literals([
  "none",
  /** Another worker is there from the beginning. */
  "two workers",
  /** The process stands still until another has taken its work over, and then goes on as if nothing had been. */
  "frozen",
  "PostgreSQL restarted",
  "forge cut",
  "disk full"
])
export type Disturbance = typeof Disturbance.Type

export interface Plan {
  readonly seed: number
  readonly story: Story
  readonly disturbance: Disturbance
  /** It happens before this, once; a clean-up is one after the order's end. */
  readonly disturbedAt: Effect
  /** One for each process in turn; whoever comes after them lives. */
  readonly kills: ReadonlyArray<Kill>
}

export const cells: ReadonlyArray<Omit<Point, "occurrence">> = Effect.literals.flatMap((effect) =>
  Phase.literals.map((phase) => ({ effect, phase }))
)

const whole: ReadonlyArray<Story> = ["plain", "busy model", "broken model", "repaired"]
const stories: Record<Effect, ReadonlyArray<Story>> = {
  intent: whole,
  reservation: Story.literals,
  "model call": Story.literals,
  settlement: Story.literals,
  closing: ["busy model", "broken model"],
  journal: whole,
  worktree: Story.literals,
  commit: [...whole, "cancelled", "push refused"],
  push: [...whole, "push refused"],
  "pull request": whole,
  "clean-up": Story.literals,
  end: Story.literals
}

/** How often a process that is not disturbed does it for one order. */
const occurrences: Partial<Record<Effect, number>> = { intent: 5, journal: 4, "clean-up": 2 }

const disturbances: ReadonlyArray<Disturbance> = [
  "none",
  "two workers",
  "frozen",
  "PostgreSQL restarted",
  "none",
  "forge cut",
  "disk full"
]
const places: Record<Disturbance, ReadonlyArray<Effect>> = {
  none: ["end"],
  "two workers": ["end"],
  frozen: ["intent", "model call", "journal", "worktree", "commit", "push", "pull request", "clean-up"],
  "PostgreSQL restarted": ["intent", "reservation", "model call", "journal", "push"],
  "forge cut": ["worktree", "push", "pull request"],
  "disk full": ["worktree", "commit"]
}

/** About the order in which an undisturbed process comes to them; what takes over goes on from there. */
const inOrder: ReadonlyArray<Effect> = [
  "reservation",
  "model call",
  "closing",
  "settlement",
  "worktree",
  "intent",
  "commit",
  "clean-up",
  "journal",
  "push",
  "pull request",
  "end"
]

const killsMax = 3

/** The schedule of a number from 1 on. Each number's first kill is in another place than its neighbour's. */
export const of = (seed: number): Plan => {
  const draw = (...names: ReadonlyArray<string | number>) => chance(seed, ...names)
  const pick = <A>(from: ReadonlyArray<A>, otherwise: A, ...names: ReadonlyArray<string | number>): A =>
    from[Math.floor(draw(...names) * from.length)] ?? otherwise
  const first = cells[seed % cells.length]
  const further = cells.filter(
    ({ effect }) =>
      effect !== "closing" && inOrder.indexOf(effect) >= inOrder.indexOf(first?.effect ?? "reservation")
  )
  const kill = (index: number): Kill => {
    const drawn = index === 0 ? first : pick(further, undefined, "cell", index)
    const { effect, phase } = drawn ?? { effect: "end", phase: "before" }
    const often = index === 0 ? (occurrences[effect] ?? 1) : 1
    return {
      effect,
      phase,
      occurrence: 1 + Math.floor(draw("occurrence", index) * often),
      done: draw("done", index) < 0.5,
      children: draw("children", index) < 0.5
    }
  }
  const kills = Array.from({ length: 1 + Math.floor(draw("kills") * killsMax) }, (_, index) => kill(index))
  const disturbance = disturbances[seed % disturbances.length] ?? "none"
  const possible = stories[kills[0]?.effect ?? "end"]
  // Whoever cleans up finds that the forge does not answer.
  const alone = disturbance === "forge cut" && possible.includes("cancelled")
  return {
    seed,
    story: alone ? "cancelled" : pick(possible, "plain", "story"),
    disturbance,
    disturbedAt: alone ? "clean-up" : pick(places[disturbance], "end", "place"),
    kills
  }
}

/** Does nothing stand in the order's way but processes that die? */
export const canBeDone = ({ disturbance, story }: Plan): boolean =>
  whole.includes(story) && disturbance !== "disk full"

/** Schedules in which it shows soon that a mechanism is gone. */
export const shows: Readonly<Record<Sabotage, (plan: Plan) => boolean>> = {
  fencing: ({ disturbance, story }) => disturbance === "frozen" && whole.includes(story),
  intents: () => true,
  adoption: ({ kills: [first] }) => first?.effect === "pull request" && first.phase !== "before",
  reconciler: ({ disturbedAt, disturbance }) => disturbance === "forge cut" && disturbedAt === "clean-up"
}
