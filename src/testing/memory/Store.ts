import { Clock, DateTime, Duration, Effect, Layer } from "effect"
import { ProjectMissing, PullRequestUnrecorded, WorkOrderMissing } from "../../domain/errors/Reasons.ts"
import type { WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { Resource } from "../../domain/Resource.ts"
import { isSettled, stepNames } from "../../domain/Status.ts"
import type { StuckOrder } from "../../domain/StuckOrder.ts"
import { WorkOrder } from "../../domain/WorkOrder.ts"
import { DependencyDown, Incidents } from "../../services/Incidents.ts"
import { Projects } from "../../services/Projects.ts"
import { Resources } from "../../services/Resources.ts"
import { CurrentPendingFacts, StepJournal } from "../../services/StepJournal.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import { firstWithoutResult, reached, startRun } from "./Escalating.ts"
import { applyFacts, conflict } from "./Facts.ts"
import { reconciliation } from "./Reconciling.ts"
import type { OrderRow, State } from "./State.ts"
import { groupsOf, stateOf, storyOf, viewOf } from "./Views.ts"

const host = "memory"

/** As the store compares bodies: everything but the metadata. */
const bodyOf = (order: WorkOrder): string => JSON.stringify({ ...order, metadata: null })

/** Whether an order has made no progress for longer than it may, or is older than it may be. */
const stuckOf = (
  state: State,
  row: OrderRow,
  now: number,
  allowedMs: number | undefined,
  ageMs: number
): ReadonlyArray<StuckOrder> => {
  const { order, status, disposition, run, waiting } = row
  const lines = state.timeline.filter(({ workOrderId }) => workOrderId === order.id)
  const progressed = lines.reduce(
    (last, { at }) => Math.max(last, DateTime.toEpochMillis(at)),
    row.submittedAt
  )
  const due = [
    { why: "age" as const, since: row.countsFrom, late: row.countsFrom + ageMs <= now },
    {
      why: "progress" as const,
      since: progressed,
      late: allowedMs !== undefined && progressed + allowedMs <= now
    }
  ]
  return due.flatMap(({ why, since, late }) =>
    late
      ? [
          {
            key: `stuck/${order.id}/${run}/${why}/${since}`,
            why,
            workOrderId: order.id,
            run,
            project: order.project,
            mode: state.projects.get(order.project)?.mode ?? "on",
            title: order.title,
            status,
            disposition,
            since: DateTime.makeUnsafe(since),
            now: DateTime.makeUnsafe(now),
            waitingFor: waiting?.for ?? null,
            resumeAt: waiting?.resumeAt ?? null,
            execution: null,
            runner: null
          }
        ]
      : []
  )
}

const workOrders = (state: State) => {
  const found = <A>(id: WorkOrderId, answer: (row: OrderRow, now: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const row = state.orders.get(id)
      return row === undefined
        ? Effect.fail(new WorkOrderMissing({ id }))
        : Effect.sync(() => answer(row, now))
    })
  return Layer.succeed(WorkOrders, {
    submit: Effect.fnUntraced(function* (order) {
      const now = yield* Clock.currentTimeMillis
      if (!state.projects.has(order.project)) return yield* new ProjectMissing({ id: order.project })
      const known = state.orders.get(order.id)
      if (known !== undefined && bodyOf(known.order) !== bodyOf(order)) {
        const excerpt = `work order ${order.id} exists with another body`
        return yield* conflict("moose.submit_work_order", excerpt)
      }
      return { created: known === undefined, view: viewOf(state, known ?? state.add(order, now)) }
    }),
    get: ({ id }) => found(id, (row) => viewOf(state, row)),
    list: ({ project, status, limit }) =>
      Effect.sync(() =>
        [...state.orders.values()]
          .filter(
            (row) =>
              (project === undefined || row.order.project === project) &&
              (status === undefined || row.status === status)
          )
          .toReversed()
          .slice(0, limit)
          .map((row) => viewOf(state, row))
      ),
    timeline: ({ id, after, limit }) =>
      Effect.sync(() =>
        state.timeline.filter(({ workOrderId, seq }) => workOrderId === id && seq > after).slice(0, limit)
      ),
    mergeMetadata: ({ id, metadata }) =>
      found(id, (row) => {
        const merged = { ...row.order.metadata, ...metadata }
        row.order = new WorkOrder({ ...row.order, metadata: merged })
        return merged
      }),
    cancel: ({ id, reason, close = false }) =>
      found(id, (row, now) => {
        if (isSettled(row.status)) return Effect.succeed(false)
        row.cancelling = { reason, close }
        const at = { workOrderId: id, run: row.run }
        if (row.status !== "pending") {
          state.engine?.interrupt(id, row.run)
          return Effect.succeed(true)
        }
        const cancelled = { _tag: "StatusMoved", to: "cancelled", disposition: "rolled_back" } as const
        return Effect.as(applyFacts(state, at, [cancelled], now), true)
      }).pipe(Effect.flatten),
    retry: ({ id, from, by }) =>
      found(id, (row, now) => {
        const wanted = from ?? firstWithoutResult(state, id)
        const over = row.status === "cancelled" || row.status.endsWith("_failed")
        if (!over || stepNames.indexOf(wanted) > reached(state, id)) {
          return conflict(
            "moose.retry_work_order",
            `work order ${id} cannot begin at ${wanted}: it is ${row.status}`
          )
        }
        startRun(state, row, wanted, now)
        state.note({ workOrderId: id, run: row.run }, "Noted", wanted, `${by} asked for it`, null, now)
        return Effect.succeed(viewOf(state, row))
      }).pipe(Effect.flatten),
    pause: ({ id }) =>
      found(id, (row) => {
        if (isSettled(row.status)) {
          const excerpt = `work order ${id} is ${row.status}: there is nothing to pause`
          return conflict("moose.pause_work_order", excerpt)
        }
        row.paused = true
        return Effect.succeed(viewOf(state, row))
      }).pipe(Effect.flatten),
    resume: ({ id }) =>
      found(id, (row) => {
        row.paused = false
        return viewOf(state, row)
      }),
    byPullRequest: (asked) =>
      Effect.suspend(() => {
        const row = [...state.orders.values()].findLast(({ pullRequest, order }) => {
          const repository = state.projects.get(order.project)?.repository.forge
          return (
            pullRequest?.number === asked.number &&
            repository?.owner === asked.repository.owner &&
            repository.name === asked.repository.name
          )
        })
        return row === undefined
          ? Effect.fail(new PullRequestUnrecorded(asked))
          : Effect.succeed(viewOf(state, row))
      }),
    stuck: ({ noProgressMs, ageMs, limit }) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        [...state.orders.values()]
          .filter((row) => !isSettled(row.status))
          .flatMap((row) => stuckOf(state, row, now, noProgressMs[row.status], ageMs))
          .slice(0, limit)
      ),
    pastOutcomes: ({ project, kind }) =>
      Effect.sync(() => {
        const alike = (id: WorkOrderId) => {
          const order = state.orders.get(id)?.order
          return order?.project === project && order.kind === kind
        }
        const good = state.outcomes.flatMap(({ outcome: { model, workOrderId } }) =>
          model !== null && alike(workOrderId) ? [model] : []
        )
        const bad = state.blamedModels.flatMap(({ model, workOrderId }) =>
          alike(workOrderId) ? [model] : []
        )
        const count = (all: ReadonlyArray<string>, model: string) => all.filter((it) => it === model).length
        return [...new Set([...good, ...bad])].toSorted().map((model) => ({
          model,
          succeeded: count(good, model),
          failed: count(bad, model)
        }))
      }),
    explain: ({ id }) => found(id, (row, now) => storyOf(state, row, now)),
    state: ({ id }) => found(id, (row) => stateOf(state, row)),
    errors: ({ since, step, component, tag }) =>
      Effect.sync(() => {
        const alike = state.errorEvents.filter(
          (event) =>
            (step === undefined || event.step === step) &&
            (component === undefined || event.failure.component === component) &&
            (tag === undefined || event.failure.tag === tag)
        )
        const groups = groupsOf(alike, DateTime.toEpochMillis(since), Limits.errorOrdersMax)
        return groups.slice(0, Limits.errorGroupsMax)
      })
  })
}

const projects = (state: State) =>
  Layer.succeed(Projects, {
    put: (project) =>
      Effect.sync(() => {
        state.projects.set(project.id, project)
        return project
      }),
    get: ({ id }) =>
      Effect.suspend(() => {
        const project = state.projects.get(id)
        return project === undefined ? Effect.fail(new ProjectMissing({ id })) : Effect.succeed(project)
      }),
    list: () => Effect.sync(() => [...state.projects.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)))
  })

const journal = (state: State) => {
  const commit: StepJournal["Service"]["commit"] = ({ facts, ...at }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => applyFacts(state, at, facts, now))
  return Layer.succeed(StepJournal, {
    commit,
    append: (entry) =>
      Effect.flatMap(CurrentPendingFacts, (pending) =>
        pending === undefined ? commit(entry) : Effect.sync(() => pending.add(entry.facts))
      )
  })
}

const resources = (state: State) =>
  Layer.succeed(Resources, {
    intend: ({ resources: names, ...at }) =>
      Effect.sync(() => {
        for (const { kind, name } of names) {
          const index = state.resources.findIndex(
            (it) =>
              it.workOrderId === at.workOrderId && it.run === at.run && it.kind === kind && it.name === name
          )
          // What is held here is there, whatever is intended.
          if (state.resources[index]?.state === "held") continue
          const row = new Resource({
            ...at,
            kind,
            name,
            state: "intended",
            host,
            evidence: null,
            reason: null
          })
          if (index < 0) state.resources.push(row)
          else state.resources[index] = row
        }
      }),
    list: ({ workOrderId }) =>
      Effect.sync(() => state.resources.filter((row) => row.workOrderId === workOrderId))
  })

const incidents = (state: State) =>
  Layer.succeed(Incidents, {
    admit: ({ workOrderId, dependencies }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const open = state.incidents.filter(
          ({ closedAt, dependency }) => closedAt === null && dependencies.includes(dependency)
        )
        const down = open.find(({ probe, nextProbeAt }) => {
          const probed = probe !== null && probe.until > now
          return !(probed && probe.workOrderId === workOrderId) && (nextProbeAt > now || probed)
        })
        if (down !== undefined) {
          const { dependency, tag, message: cause, nextProbeAt, probe } = down
          const resumeAt = DateTime.makeUnsafe(Math.max(nextProbeAt, probe?.until ?? 0, now))
          return Effect.fail(new DependencyDown({ dependency, tag, cause, resumeAt }))
        }
        for (const it of open) it.probe = { workOrderId, until: now + Duration.toMillis(Limits.probe) }
        return Effect.succeed({ probing: open.map(({ dependency }) => dependency).toSorted() })
      })
  })

/** The store's services over tables in memory. Nothing fails here but what is asked wrongly; `Faults` does the rest. */
export const layer = (state: State) =>
  Layer.mergeAll(
    workOrders(state),
    projects(state),
    journal(state),
    resources(state),
    incidents(state),
    reconciliation(state)
  )
