import { DateTime, Effect, type Exit, Fiber, Layer, Option, References } from "effect"
import { EscalationId } from "../../src/domain/Escalation.ts"
import { WorkOrderId, branchName, branchPrefix, quarantineRef } from "../../src/domain/Ids.ts"
import { ReservationId } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Escalations } from "../../src/services/Escalations.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import { Git } from "../../src/services/Git.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { ModelGateway } from "../../src/services/ModelGateway.ts"
import { Premises } from "../../src/services/Premises.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Reconciliation } from "../../src/services/Reconciliation.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import type { AnyService, MethodName } from "../../src/testing/Services.ts"
import type { Case } from "./Case.ts"
import type { Observed } from "./Observed.ts"
import * as Notices from "./Notices.ts"

const { order, project, at, baseSha, headSha } = Doubles
const { id } = order
const another = new WorkOrder({ ...order, id: WorkOrderId.make("order-2") })

const call = {
  ...at,
  call: "generating/1/1/1",
  category: "generating",
  model: "gpt-5-mini",
  amount: Usd.make(1000)
} as const

/** What the order's first run has in quarantine. */
const kept = quarantineRef(id, at.run)
/** As the order was seen when it was over. */
const over = { run: at.run, seen: DateTime.makeUnsafe(0) }

/** What there is before the call: a stored order, money set aside for it, an escalation. */
const before = Effect.gen(function* () {
  const budget = yield* Budget
  const escalations = yield* Escalations
  yield* budget.reserve({ ...call, rule: "first" })
  yield* escalations.raise(Notices.trouble)
})

const openPull = new PullRequest({
  number: 1,
  url: "https://forge.invalid/o/r/pull/1",
  state: "open",
  merged: false,
  head: { branch: "moose/wo-order-1", sha: headSha },
  base: { branch: "main" }
})

/** The calls that commands and route handlers make themselves. */
const calls: Partial<Record<MethodName, Effect.Effect<unknown, { readonly _tag: string }, AnyService>>> = {
  "Budget.settle": Effect.flatMap(Budget, (budget) =>
    budget.settle({
      reservation: { ...call, id: ReservationId.make("reservation-1") },
      settlement: "bill-1",
      amount: Usd.make(450),
      usage: { inputTokens: 1000, outputTokens: 100 }
    })
  ),
  "Budget.status": Effect.flatMap(Budget, (budget) => budget.status({ project: project.id })),
  "Escalations.get": Effect.flatMap(Escalations, (it) => it.get({ id: EscalationId.make(1) })),
  "Escalations.list": Effect.flatMap(Escalations, (it) => it.list({ limit: 10 })),
  "Escalations.acknowledge": Effect.flatMap(Escalations, (it) =>
    it.acknowledge({ id: EscalationId.make(1), by: "ada" })
  ),
  "Git.version": Effect.flatMap(Git, (git) => git.version({})),
  "Git.remoteUrl": Effect.flatMap(Git, (git) => git.remoteUrl({ directory: "/repository" })),
  "Git.defaultBranch": Effect.flatMap(Git, (git) =>
    git.defaultBranch({ remoteUrl: project.repository.remoteUrl })
  ),
  "Git.remoteBranches": Effect.flatMap(Git, (git) =>
    git.remoteBranches({ remoteUrl: project.repository.remoteUrl, prefix: branchPrefix })
  ),
  "Git.commitPatch": Effect.flatMap(Git, (git) =>
    git.commitPatch({ directory: "/repository", baseSha, patch: "diff", message: "Round", committedAt: 0 })
  ),
  "Git.listRefs": Effect.flatMap(Git, (git) =>
    git.listRefs({ directory: "/repository", prefix: "refs/heads/" })
  ),
  "GitHub.commentPullRequest": Effect.flatMap(GitHub, (github) =>
    github.commentPullRequest({ repository: project.repository.forge, number: 1, body: "It was cancelled." })
  ),
  "GitHub.closePullRequest": Effect.flatMap(GitHub, (github) =>
    github.closePullRequest({ repository: project.repository.forge, number: 1 })
  ),
  "ModelGateway.account": Effect.flatMap(ModelGateway, (gateway) => gateway.account({ id: "access-1" })),
  "Premises.look": Effect.flatMap(Premises, (premises) => premises.look({ projects: [project.id] })),
  "Premises.clearWorktree": Effect.flatMap(Premises, (premises) =>
    premises.clearWorktree({ project: project.id, ...at })
  ),
  "Premises.remakeBranch": Effect.flatMap(Premises, (premises) =>
    premises.remakeBranch({ project: project.id, branch: branchName(id), sha: headSha })
  ),
  "Premises.restore": Effect.flatMap(Premises, (premises) =>
    premises.restore({ project: project.id, ref: kept })
  ),
  "Premises.purge": Effect.flatMap(Premises, (premises) =>
    premises.purge({ project: project.id, ref: kept, sha: headSha })
  ),
  "Projects.put": Effect.flatMap(Projects, (projects) => projects.put(project)),
  "Projects.list": Effect.flatMap(Projects, (projects) => projects.list({})),
  "Reconciliation.begin": Effect.flatMap(Reconciliation, (it) => it.begin({})),
  "Reconciliation.view": Effect.flatMap(Reconciliation, (it) =>
    it.view({ limit: 10, names: [branchName(id)], quarantined: [], mark: true })
  ),
  "Reconciliation.hold": Effect.flatMap(Reconciliation, (it) => it.hold({ workOrderId: id, ...over })),
  "Reconciliation.record": Effect.flatMap(Reconciliation, (it) =>
    Effect.andThen(
      it.hold({ workOrderId: id, ...over }),
      it.record({
        workOrderId: id,
        run: at.run,
        holder: "memory",
        changes: [
          {
            run: at.run,
            kind: "branch",
            name: branchName(id),
            state: "released",
            evidence: { gone: true },
            reason: null
          }
        ],
        pullRequest: null,
        note: "StaleIntent: written off"
      })
    )
  ),
  "Reconciliation.end": Effect.flatMap(Reconciliation, (it) => it.end({ workOrderId: id, holder: "memory" })),
  "WorkOrders.submit": Effect.flatMap(WorkOrders, (orders) => orders.submit(another)),
  "WorkOrders.list": Effect.flatMap(WorkOrders, (orders) => orders.list({ limit: 10 })),
  "WorkOrders.timeline": Effect.flatMap(WorkOrders, (orders) => orders.timeline({ id, after: 0, limit: 10 })),
  "WorkOrders.mergeMetadata": Effect.flatMap(WorkOrders, (orders) =>
    orders.mergeMetadata({ id, metadata: { ticket: 7 } })
  ),
  "WorkOrders.retry": Effect.flatMap(WorkOrders, (orders) => orders.retry({ id, by: "ada" })),
  "WorkOrders.pause": Effect.flatMap(WorkOrders, (orders) => orders.pause({ id, by: "ada" })),
  "WorkOrders.resume": Effect.flatMap(WorkOrders, (orders) => orders.resume({ id, by: "ada" })),
  "WorkOrders.byPullRequest": Effect.flatMap(WorkOrders, (orders) =>
    orders.byPullRequest({ repository: project.repository.forge, number: openPull.number })
  ),
  "WorkOrders.stuck": Effect.flatMap(WorkOrders, (orders) =>
    orders.stuck({ noProgressMs: { routing: 1 }, ageMs: 1, limit: 10 })
  ),
  "WorkOrders.cancel": Effect.flatMap(WorkOrders, (orders) => orders.cancel({ id, reason: "not needed" })),
  "WorkOrders.pastOutcomes": Effect.flatMap(WorkOrders, (orders) =>
    orders.pastOutcomes({ project: project.id, kind: order.kind })
  ),
  "WorkOrders.explain": Effect.flatMap(WorkOrders, (orders) => orders.explain({ id })),
  "WorkOrders.errors": Effect.flatMap(WorkOrders, (orders) =>
    orders.errors({ since: DateTime.makeUnsafe(0) })
  ),
  "Workspace.diff": Effect.flatMap(Workspace, (workspace) =>
    workspace.diff({ project, from: baseSha, to: headSha })
  )
}

const how = (exit: Exit.Exit<unknown, { readonly _tag: string }> | undefined, met: string | undefined) => {
  if (exit === undefined) return "hangs"
  if (exit._tag === "Success") return "ok"
  const [first] = exit.cause.reasons
  if (first === undefined) return "nothing"
  if (first._tag === "Fail") return first.error._tag === met ? "~" : first.error._tag
  return first._tag === "Die" ? "dies" : "is interrupted"
}

/** What is there after two calls, beside what is there after one and two that nothing happens to. */
const heldAs = (
  held: string,
  clean: { readonly start: string; readonly first: string; readonly held: string }
) => {
  if (held === clean.first) return "as if called once"
  if (held === clean.held) return "as if called twice"
  return held === clean.start ? "as if never called" : "neither as before nor as after"
}

/** What the store holds, as text, but for when it was written. */
const heldBy = ({ state, outside }: Doubles.Doubles): string =>
  JSON.stringify(
    {
      pullRequests: outside.pullRequests,
      comments: outside.comments,
      orders: [...state.orders.values()],
      projects: [...state.projects.values()],
      ledger: state.ledger,
      replies: state.replies,
      escalations: state.escalations,
      resources: state.resources,
      worktrees: [...outside.worktrees],
      branches: [...outside.branches],
      quarantine: [...outside.quarantine]
    },
    (key, value) => (/At$|Since$|From$|Deadline$/.test(key) ? typeof value : value)
  )

/** What some calls find there: an open pull request, an order that failed, is paused, or has a pull request. */
const prepare = ({ state, outside }: Doubles.Doubles, method: MethodName) => {
  outside.pullRequests.push(openPull)
  const row = state.orders.get(id)
  if (row === undefined) return
  if (method === "WorkOrders.retry")
    Object.assign(row, { status: "routing_failed", disposition: "rolled_back" })
  if (method.startsWith("Reconciliation.")) {
    Object.assign(row, { status: "routing_failed", disposition: "rolled_back", updatedAt: 0 })
  }
  if (method.startsWith("Premises.")) {
    outside.worktrees.add(`${id}-${at.run}`)
    outside.quarantine.set(`${id}-${at.run}`, headSha)
  }
  if (method === "WorkOrders.resume") row.paused = true
  if (method === "WorkOrders.byPullRequest") row.pullRequest = { number: openPull.number, url: openPull.url }
}

/** A command or a route handler: the failure comes out as it is, and the same call again is harmless. */
export const drive = (it: Case): Observed => {
  const made = calls[it.method]
  if (made === undefined) throw new Error(`${it.method} has no call in Calls.ts`)
  const twice = (fault: Layer.Layer<never, never, AnyService>) => {
    const doubles = Doubles.make()
    const ends: Array<string> = []
    // On a fiber of its own: an interrupt ends the call, and not its caller.
    const once = Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(made)
      const waiting = Effect.timeoutOption(Fiber.await(fiber), "5 minutes")
      const [exit] = yield* Effect.all([waiting, Effect.sleep("5 minutes")], { concurrency: 2 })
      ends.push(how(Option.getOrUndefined(exit), it.reason?._tag))
    })
    let start = ""
    let first = ""
    const all = Effect.gen(function* () {
      yield* doubles.submit()
      yield* before
      prepare(doubles, it.method)
      start = heldBy(doubles)
      yield* once
      first = heldBy(doubles)
      yield* once
    }).pipe(
      Effect.provide(Layer.provideMerge(fault, doubles.services)),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
    Simulation.run(all, { until: "1 hour" })
    const after = first === start ? "nothing was done" : "it was done"
    return { ends, after, start, first, held: heldBy(doubles) }
  }
  const clean = twice(Layer.empty)
  const { ends, after, held } = twice(it.fault)
  const columns = [
    `first ${ends[0] ?? "nothing"}`,
    clean.after === "nothing was done" ? "only reads" : after,
    `again ${ends[1] ?? "nothing"}`,
    heldAs(held, clean)
  ]
  return { columns, broken: [] }
}
