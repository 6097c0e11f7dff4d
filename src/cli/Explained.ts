import { DateTime, Option, Schema } from "effect"
import { type Run, quarantineRef } from "../domain/Ids.ts"
import type { HeldResource, OrderStory } from "../domain/OrderStory.ts"
import { Limits } from "../domain/policies/Limits.ts"
import { type Rollback, rollbackAfter } from "../domain/policies/Recovery.ts"
import type { ResourceKind } from "../domain/Resource.ts"
import { StepName, isSettled } from "../domain/Status.ts"
import { type Usd, add, format, zero } from "../domain/Usd.ts"
import { nextOf } from "./NextCommands.ts"

const isStep = Schema.is(StepName)
const iso = DateTime.formatIso
const isoOrNull = (at: DateTime.Utc | null) => (at === null ? null : iso(at))

/** The step an order is in, failed in, or waits in; null before the first and after the last. */
const stepOf = ({ view, failure, waiting }: OrderStory): StepName | null => {
  const last = view.steps.at(-1)?.name
  const named = (() => {
    if (isStep(view.status)) return view.status
    if (view.status === "waiting") return waiting?.step ?? last
    if (view.status === "completed") return null
    return view.status === "cancelled" ? last : (failure?.step ?? view.failure?.step ?? last)
  })()
  return isStep(named) ? named : null
}

/** Why an order is as it is: what ended it, what it waits for, or the last thing that went wrong on its way. */
const whyOf = ({ view, failure, waiting }: OrderStory) => {
  if (view.status === "waiting" && waiting?.tag != null) {
    const same = failure?.tag === waiting.tag ? failure : undefined
    return {
      reason: waiting.tag,
      message: waiting.cause ?? "",
      operation: same?.operation ?? "",
      excerpt: same?.excerpt ?? "",
      causes: same?.causes ?? []
    }
  }
  if (failure !== null) {
    const { tag, message, operation, excerpt, causes } = failure
    return { reason: tag, message, operation, excerpt, causes }
  }
  if (view.failure === null) return null
  return { reason: view.failure.tag, message: view.failure.message, operation: "", excerpt: "", causes: [] }
}

const readQuarantined = Schema.decodeUnknownOption(Schema.Struct({ quarantined: Schema.String }))

/** The commit that a removed branch held, and the ref it is kept under. */
const quarantineOf = (story: OrderStory, { kind, state, evidence, run }: HeldResource) =>
  kind === "branch" && state === "released"
    ? Option.map(readQuarantined(evidence), ({ quarantined }) => ({
        ref: quarantineRef(story.view.order.id, run),
        sha: quarantined
      }))
    : Option.none()

/** One thing an order made or meant to make, and where it is now. */
export interface Thing {
  readonly kind: ResourceKind
  readonly name: string
  readonly run: Run
  readonly state: HeldResource["state"]
  readonly host: string
  readonly reason: string | null
  readonly quarantine: { readonly ref: string; readonly sha: string } | null
  readonly updatedAt: string
}

const thingsOf = (story: OrderStory): ReadonlyArray<Thing> =>
  story.resources.map((resource) => {
    const { kind, name, run, state, host, reason, updatedAt } = resource
    const quarantine = Option.getOrNull(quarantineOf(story, resource))
    return { kind, name, run, state, host, reason, quarantine, updatedAt: iso(updatedAt) }
  })

const amountOf = ({ ledger }: OrderStory, ...states: ReadonlyArray<string>): Usd =>
  ledger.filter(({ state }) => states.includes(state)).reduce((sum, { amount }) => add(sum, amount), zero)

/** Spent for good without a verified pull request. While the order can still get there, nothing is wasted yet. */
const wastedOf = (story: OrderStory): Usd => {
  const { view, shadow } = story
  const wasted =
    isSettled(view.status) && view.pullRequest === null && !(view.status === "completed" && shadow)
  return wasted ? amountOf(story, "settled", "presumed") : zero
}

/** A failed attempt and the decision about it are written together, each with its own reading of the clock. */
const togetherMs = 100
const together = (a: DateTime.Utc, b: DateTime.Utc) =>
  Math.abs(DateTime.toEpochMillis(a) - DateTime.toEpochMillis(b)) < togetherMs

/** The failures that nothing was done about: of the others the decisions tell, one each. */
const undecided = ({ failures, decisions }: OrderStory) => {
  const open = [...decisions]
  return failures.filter(({ at, message }) => {
    const index = open.findIndex((it) => it.reason === message && together(it.at, at))
    if (index >= 0) open.splice(index, 1)
    return index < 0
  })
}

const historyOf = (story: OrderStory) => {
  const { view, decisions, failures, events } = story
  const lines = [
    // What a wait was decided for stands beside its event, which says until when.
    ...decisions
      .filter(({ choice }) => choice !== "wait")
      .map(({ at, step, choice, reason }) => ({ at, step, what: `${choice}: ${reason}` })),
    ...events
      .filter(({ kind }) => kind !== "StatusMoved")
      .map(({ at, step, message }) => ({ at, step, what: message })),
    ...undecided(story).map(({ at, step, tag, message }) => ({
      at,
      step,
      what: `failed, ${tag}: ${message}`
    }))
  ]
  const sorted = lines.toSorted((a, b) => DateTime.toEpochMillis(a.at) - DateTime.toEpochMillis(b.at))
  const step = stepOf(story)
  const failed = view.status !== "cancelled" && view.status !== "completed" && isSettled(view.status)
  const rollback: Rollback | null =
    view.status === "cancelled" ? "undo" : failed && step !== null ? rollbackAfter[step] : null
  return {
    attempts: view.steps.map(({ name, attempts, status }) => ({
      step: name,
      begun: attempts,
      status,
      failures: failures.filter((it) => it.step === name).length
    })),
    attemptsSpent: view.attemptsSpent,
    attemptsMax: view.order.limits.maxAttempts ?? Limits.orderAttempts,
    waits: events.filter(({ kind }) => kind === "Parked").length,
    rollback: rollback === null ? null : { rule: rollback, disposition: view.disposition },
    history: sorted.map(({ at, step: where, what }) => ({ at: iso(at), step: where, what }))
  }
}

/** An order explained, in the order in which one asks: step, why, since when, state, money, what was done, what now. */
export const explained = (story: OrderStory) => {
  const { view, waiting, execution } = story
  const incident = waiting?.incident ?? null
  return {
    workOrderId: view.order.id,
    title: view.order.title,
    status: view.status,
    run: view.run,
    step: stepOf(story),
    why: whyOf(story),
    waitsFor:
      waiting === null
        ? null
        : {
            what: waiting.for,
            until: isoOrNull(waiting.resumeAt),
            incident:
              incident === null
                ? null
                : {
                    reason: incident.tag,
                    message: incident.message,
                    since: iso(incident.openedAt),
                    nextProbeAt: iso(incident.nextProbeAt),
                    failedProbes: incident.failedProbes,
                    ordersWaiting: incident.orders
                  }
          },
    since: {
      status: iso(story.statusSince),
      firstFailure: isoOrNull(story.failure?.firstAt ?? null),
      lastFailure: isoOrNull(story.failure?.at ?? null),
      timesFailed: story.failure?.times ?? 0,
      now: iso(story.now)
    },
    state: {
      disposition: view.disposition,
      branch: view.branch,
      headSha: view.headSha,
      pullRequest: view.pullRequest,
      things: thingsOf(story),
      ledger: story.ledger.map(({ state, calls, amount }) => ({ state, calls, usd: format(amount) })),
      worker:
        execution === null
          ? null
          : {
              state: execution.state,
              host: execution.host,
              processId: execution.processId,
              leaseUntil: isoOrNull(execution.leaseUntil),
              cancelRequested: execution.cancelRequested
            }
    },
    cost: {
      spentUsd: format(amountOf(story, "settled", "presumed")),
      reservedUsd: format(amountOf(story, "reserved")),
      wastedUsd: format(wastedOf(story))
    },
    did: historyOf(story),
    next: nextOf(story)
  }
}

export type Explained = ReturnType<typeof explained>
