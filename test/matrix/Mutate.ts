import { Duration, Schema } from "effect"
import { Category, type Meaning, SideEffect } from "../../src/domain/errors/Failure.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { meaningOf } from "../../src/domain/policies/Meaning.ts"
import type { PolicyTables } from "../../src/domain/policies/Policies.ts"
import {
  type Action,
  type Row,
  type UnreadRow,
  recovery,
  recoveryOf
} from "../../src/domain/policies/Recovery.ts"
import { retry } from "../../src/domain/policies/Retry.ts"
import { type StepName, stepNames } from "../../src/domain/Status.ts"
import { samples } from "../../src/testing/Samples.ts"
import { type Case, cases } from "./Case.ts"
import { drive } from "./Drive.ts"
import * as Expectations from "./Expectations.ts"

/* Turns one row of the policies at a time, and looks whether a case notices. */

interface Mutant {
  readonly name: string
  readonly tables: PolicyTables
  /** Does a case whose expectation says this meet the row? */
  readonly touches: (expected: string) => boolean
  /** Of those, the ones that show what was turned: they are tried first. */
  readonly shows: (expected: string) => boolean
}

const standard: PolicyTables = {
  recoveryOf,
  meaningOf,
  retry,
  park: { first: Limits.parkFirst, longest: Limits.parkLongest }
}

const everyCase = () => true
/** What the rows of a line that was decided like this end in. */
const isDone = (step: StepName, tag: string, action: Action) => (expected: string) =>
  expected.includes(`${step} ${tag} ${actionWords[action]}`)
const isAsked = (expected: string) => /(?:human|client_manager): /.test(expected)

/** What a row of `error_events` says of each action. */
const actionWords: Record<Action, string> = {
  retry: "retry",
  next_model: "next model",
  smaller_request: "smaller request",
  repair: "repair",
  wait: "wait",
  ask: "ask "
}

const isRow = (step: StepName, tag: string) => (expected: string) => expected.includes(`${step} ${tag} `)

const withRow = (step: StepName, tag: string, row: Row): PolicyTables => ({
  ...standard,
  recoveryOf: (at, reason) => (at === step && reason._tag === tag ? row : recoveryOf(at, reason))
})

const ofRow = (step: StepName, tag: string, { decides, ...rest }: UnreadRow | Row): ReadonlyArray<Mutant> => {
  const mutant = (what: string, changed: Row, shows: Mutant["shows"]): Mutant => ({
    name: `${step} ${tag}: ${what}`,
    tables: withRow(step, tag, changed),
    touches: isRow(step, tag),
    shows
  })
  const fails = (expected: string) => expected.includes(`${step} ${tag} fails`) && isAsked(expected)
  // A row for an order that cannot be read has no actions.
  const actions = "actions" in rest ? rest.actions : undefined
  const other = decides === "human" ? "client_manager" : "human"
  const added: Action = "ask"
  return [
    ...(actions ?? []).map((action) =>
      mutant(
        `without ${action}`,
        { actions: (actions ?? []).filter((it) => it !== action), decides },
        isDone(step, tag, action)
      )
    ),
    ...(actions === undefined || actions.includes(added)
      ? []
      : [mutant(`with ${added}`, { actions: [...actions, added], decides }, fails)]),
    mutant("somebody else decides", { actions: actions ?? [], decides: other }, fails)
  ]
}

const nextOf = <A extends string>(all: ReadonlyArray<A>, one: A): A =>
  all[(all.indexOf(one) + 1) % all.length] ?? one

const ofMeaning = (tag: string, meaning: Meaning): ReadonlyArray<Mutant> => {
  const changes: Readonly<Record<string, Partial<Meaning>>> = {
    "retryable turned": { retryable: !meaning.retryable },
    "another category": { category: nextOf(Category.literals, meaning.category) },
    "another side effect": { sideEffect: nextOf(SideEffect.literals, meaning.sideEffect) },
    "another blame": { blame: meaning.blame === "task" ? "platform" : "task" },
    "another hint": { hint: "Turn it off and on again." }
  }
  return Object.entries(changes).map(([what, change]) => ({
    name: `${tag}: ${what}`,
    tables: {
      ...standard,
      meaningOf: (reason) => (reason._tag === tag ? { ...meaningOf(reason), ...change } : meaningOf(reason))
    },
    touches: (expected) => expected.includes(` ${tag} `),
    // Every row of `error_events` says what its reason means.
    shows: everyCase
  }))
}

const ofRetry = (step: StepName): ReadonlyArray<Mutant> => {
  const { delays, deadline } = retry[step]
  const touches = (expected: string) => expected.includes(`${step} `) && expected.includes(" retry")
  const mutant = (what: string, row: PolicyTables["retry"][StepName]) => ({
    name: `${step}: ${what}`,
    tables: { ...standard, retry: { ...retry, [step]: row } },
    touches,
    shows: (expected: string) => /retry(?: ×\d+)?, .* fails/.test(expected)
  })
  return [
    mutant("no delays", { delays: [], deadline }),
    mutant("one delay less", { delays: delays.slice(0, -1), deadline }),
    mutant("no time", { delays, deadline: Duration.zero })
  ]
}

const waits = (expected: string) => expected.includes("waits ×")

const mutants: ReadonlyArray<Mutant> = [
  ...stepNames.flatMap((step) =>
    Object.entries(recovery[step]).flatMap(([tag, row]) => ofRow(step, tag, row))
  ),
  ...Object.values(samples).flatMap((sample) => ofMeaning(sample._tag, meaningOf(sample))),
  ...stepNames.flatMap(ofRetry),
  {
    name: "park: begins later",
    tables: { ...standard, park: { ...standard.park, first: Duration.minutes(5) } },
    touches: waits,
    shows: everyCase
  },
  {
    name: "park: waits longer",
    tables: { ...standard, park: { ...standard.park, longest: Duration.hours(1) } },
    touches: waits,
    shows: everyCase
  }
]

/** Short cases first, as their lines count calls and waits: most mutants are noticed by the first of them. */
const costOf = (expected: string): number =>
  Math.max(
    0,
    ...[...expected.matchAll(/(\d+) calls|×(\d+)/g)].map(([, calls, times]) => Number(calls ?? times))
  )

const isOrder = ({ driver }: Case) => driver.startsWith("order")
const isUsed = Schema.is(Schema.NonEmptyString)

/** Of the mutants whose names contain `filter`, every `of`-th: what each is called, and by how many cases it is missed. */
export const mutate = (
  filter: string,
  { index, of }: { readonly index: number; readonly of: number }
): ReadonlyArray<{ readonly name: string; readonly noticed: boolean; readonly touched: number }> => {
  const expected = Expectations.read()
  // "~" is the injected reason, so that a row is found by its own name.
  const orders = cases.filter(isOrder).map((it) => {
    const wanted = expected.get(it.name) ?? ""
    return { it, wanted, spelled: isUsed(it.reason?._tag) ? wanted.replaceAll("~", it.reason._tag) : wanted }
  })
  const sorted = orders.toSorted((a, b) => costOf(a.wanted) - costOf(b.wanted))
  const isRight = ({ it, wanted }: (typeof sorted)[number], tables: PolicyTables | undefined) => {
    const observed = drive(it, tables)
    return observed.broken.length === 0 && Expectations.textOf(observed) === wanted
  }
  // A case that is wrong anyhow notices nothing.
  const counts = new Map<string, boolean>()
  const isRightAnyhow = (one: (typeof sorted)[number]) => {
    const known = counts.get(one.it.name) ?? isRight(one, undefined)
    counts.set(one.it.name, known)
    return known
  }
  return mutants
    .filter(({ name }) => name.includes(filter))
    .filter((_, place) => place % of === index)
    .map(({ name, tables, touches, shows }) => {
      const notices = (one: (typeof sorted)[number]) => !isRight(one, tables) && isRightAnyhow(one)
      const touched = sorted.filter(({ spelled }) => touches(spelled))
      const likely = touched.filter(({ spelled }) => shows(spelled))
      const unlikely = touched.filter(({ spelled }) => !shows(spelled))
      // What the row's own cases do not notice may be noticed where its name is not in the line.
      const others = sorted.filter(({ spelled }) => !touches(spelled))
      const noticed = likely.some(notices) || unlikely.some(notices) || others.some(notices)
      return { name, noticed, touched: touched.length }
    })
}
