import { Console, DateTime, Duration, Effect, Layer, Option, Record, Struct } from "effect"
import { Command, Flag } from "effect/cli"
import { ProjectId, type WorkOrderId } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { Policies, type PolicyTables } from "../../domain/policies/Policies.ts"
import { recoveryOf } from "../../domain/policies/Recovery.ts"
import { retry } from "../../domain/policies/Retry.ts"
import { Project } from "../../domain/Project.ts"
import { Usd } from "../../domain/Usd.ts"
import { type WorkOrder, WorkOrderRequest, fromRequest } from "../../domain/WorkOrder.ts"
import * as DemoRepository from "../../layers/DemoRepository.ts"
import * as Environment from "../../layers/Environment.ts"
import { packageRoot } from "../../layers/PackageRoot.ts"
import * as Settings from "../../layers/Settings.ts"
import { Projects } from "../../services/Projects.ts"
import { WorkOrders } from "../../services/WorkOrders.ts"
import { Workspace } from "../../services/Workspace.ts"
import * as Faults from "../../testing/Faults.ts"
import { samplesOf } from "../../testing/Samples.ts"
import { execute } from "../Execute.ts"
import * as Input from "../Input.ts"
import { showFor } from "../Progress.ts"
import { conclude } from "../Report.ts"
import * as Style from "../Style.ts"
import { UserError } from "../UserError.ts"

const projectId = ProjectId.make("sample")

const demoProject = Effect.map(
  DemoRepository.seed,
  (repository) =>
    new Project({
      id: projectId,
      repository,
      baseBranch: DemoRepository.demoBranch,
      checks: [],
      limits: { dailyUsd: Usd.make(5_000_000), workOrderUsd: Usd.make(1_000_000) },
      concurrency: 4,
      timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
      mode: "on"
    })
)

/** The faults that `--fail` can show, by the name of the reason, as this order meets them. */
const faultsOf = (id: WorkOrderId): ReadonlyMap<string, Faults.Meeting> =>
  new Map(
    Object.values(samplesOf(id)).flatMap((sample) =>
      Option.toArray(Option.map(Faults.meeting(sample), (fault) => [sample._tag, fault] as const))
    )
  )

const faultOf = Effect.fnUntraced(function* (name: string, id: WorkOrderId) {
  const faults = faultsOf(id)
  const fault = faults.get(name)
  if (fault !== undefined) return fault
  return yield* new UserError({
    problem: `--fail: ${name} is not a failure that the demo can show`,
    fix: `One of: all, ${[...faults.keys()].sort().join(", ")}`
  })
})

/** The tables in a hurry, since nobody watches a demo for hours: repetitions come at once, and nothing is waited out. */
const hurried: PolicyTables = {
  recoveryOf: (step, reason) => {
    const { actions, decides } = recoveryOf(step, reason)
    return { actions: actions.filter((action) => action !== "wait"), decides }
  },
  retry: Record.map(retry, ({ delays, deadline }) => ({
    delays: delays.map(() => Duration.millis(200)),
    deadline
  })),
  park: { first: Limits.parkFirst, longest: Limits.parkLongest }
}

/** What was done about a failure before it ended the order, in a few words. */
const doneAbout = (decisions: ReadonlyArray<{ readonly choice: string }>): string => {
  const repeated = decisions.filter(({ choice }) => choice.startsWith("retry in")).length
  const others = decisions.flatMap(({ choice }) =>
    /^(next model|smaller request|repair|ask)/.test(choice) ? [choice.split(":")[0] ?? choice] : []
  )
  const words = [...(repeated === 0 ? [] : [`tried ${repeated + 1} times`]), ...new Set(others)]
  return words.length === 0 ? "gave up at once" : words.join(", ")
}

/** Runs one order into one failure; answers whether it ended as a failure should. */
const showOne = Effect.fnUntraced(function* (reason: string, order: WorkOrder) {
  const orders = yield* WorkOrders
  const view = yield* execute(order, "nothing")
  const { decisions, failures } = yield* orders.explain({ id: order.id })
  const met = failures.find(({ tag }) => tag === reason)
  const end = `${view.status}${view.disposition === null ? "" : ` (${view.disposition})`}`
  const todo =
    view.failure?.hint ?? (view.status === "needs_review" ? "Decide: moose escalations" : "nothing")
  yield* Console.log(
    `${Style.style.bold(reason.padEnd(22))} ${(met?.step ?? "-").padEnd(12)} ${doneAbout(decisions)}; ${end}\n    ${todo}`
  )
  const failed = view.status.endsWith("_failed") && view.disposition !== "rollback_pending"
  return met !== undefined && (failed || view.status === "needs_review")
})

/** Every failure that one call can end in, one after another, for a person to read. */
const showAll = Effect.fnUntraced(function* (orderFor: (id: WorkOrderId) => WorkOrder) {
  const wrong: Array<string> = []
  const reasons = [...faultsOf(yield* Input.newId).keys()]
  for (const reason of reasons) {
    const id = yield* Input.newId
    const fault = yield* faultOf(reason, id)
    if (!(yield* Effect.provide(showOne(reason, orderFor(id)), fault))) wrong.push(reason)
  }
  yield* Console.log(`\n${reasons.length} failures shown`)
  if (wrong.length === 0) return
  const problem = `these did not end as a failure should: ${wrong.join(", ")}`
  return yield* new UserError({ problem, fix: "This is a bug. Report it with the lines above." })
})

const hello = `Moose demo: everything on this machine. PostgreSQL, a forge that speaks GitHub's REST API,
a sample repository, the built-in editor, and an offline model that knows this work order.
`

/** How whoever reads this called us: through npm's scripts, or by name. */
const moose = process.env["npm_lifecycle_event"] === undefined ? "moose" : "npm run moose --"

const next = `
Next:
  ${moose} run --repo <folder or URL> --title "…"
      a work order on a repository of yours
  ${moose} demo --fail PushRejected
      what a failure looks like; --fail all shows one of each
  ${moose} forge
      keeps the forge up, to open the pull request
  ${moose} doctor
      what is in use, and what is missing`

/** `moose demo`: a work order becomes a pull request, with nothing configured. */
export const demo = Command.make(
  "demo",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print one JSON object at the end"),
      Flag.withDefault(false)
    ),
    fail: Flag.String("fail").pipe(
      Flag.withDescription("Show what one failure looks like: the name of its reason, or all of them"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ json, fail }) {
    const all = Option.contains(fail, "all")
    const id = yield* Input.newId
    const fault = Option.isNone(fail) || all ? Layer.empty : yield* faultOf(fail.value, id)
    const request = yield* Input.readJsonFile(
      `${packageRoot}/fixtures/demo/work-order.json`,
      WorkOrderRequest.mapFields(Struct.omit(["project"]))
    )
    if (!json) yield* Console.log(hello)
    yield* Effect.gen(function* () {
      const projects = yield* Projects
      const workspace = yield* Workspace
      const project = yield* projects.put(yield* demoProject)
      const orderFor = (its: WorkOrderId) =>
        fromRequest({ ...request, project: projectId }, its, project.baseBranch)
      if (all) return yield* showAll(orderFor)
      const order = orderFor(id)
      const view = yield* execute(order, yield* showFor(json))
      if (!json && view.baseSha !== null && view.headSha !== null && view.status === "completed") {
        const patch = yield* workspace.diff({ project, from: view.baseSha, to: view.headSha })
        yield* Console.log(`\n${Style.patch(patch.trimEnd())}`)
      }
      yield* conclude(view, json)
      if (!json) yield* Console.log(next)
    }).pipe(
      Effect.provideService(Policies, Option.isSome(fail) ? hurried : yield* Policies),
      Effect.provide(
        fault.pipe(Layer.provideMerge(Environment.everything), Layer.provideMerge(Environment.localForge))
      ),
      Effect.provide(Settings.layerEmbedded)
    )
  })
).pipe(Command.withDescription("Turn a sample work order into a pull request, with nothing configured"))
