// What a program does that embeds Moose, in plain JavaScript: one order, with a change worked out beforehand,
// on a repository whose remote is a folder. `check-package.ts` runs it in a project that holds the package only.
//
//   node embed.js <Moose's home> <the remote>

import { Cause, ConfigProvider, Effect, Layer, ManagedRuntime, Schema } from "effect"
import {
  Environment,
  Project,
  Projects,
  Resources,
  Settings,
  WorkOrderId,
  WorkOrderRequest,
  WorkOrderView,
  WorkOrders,
  fromRequest,
  run
} from "moose"
import { LocalForge } from "moose/testing"

const [home = "", remoteUrl = ""] = process.argv.slice(2)
const name = { owner: "local", name: "shop" }

const project = Schema.decodeUnknownSync(Project)({
  id: "shop",
  repository: { remoteUrl, forge: name },
  baseBranch: "main",
  checks: [],
  limits: { dailyUsd: 5_000_000, workOrderUsd: 1_000_000 },
  concurrency: 1,
  timeZone: "UTC",
  mode: "on"
})

const request = Schema.decodeUnknownSync(WorkOrderRequest)({
  project: "shop",
  title: "Greet whoever reads this",
  filesInScope: ["README.md"],
  proposal: {
    summary: "The greeting names nobody.",
    edits: [{ _tag: "SearchReplace", path: "README.md", search: "Hello\n", replace: "Hello, reader\n" }],
    commitMessage: "Greet whoever reads this",
    pullRequestTitle: "Greet whoever reads this",
    pullRequestBody: "The greeting named nobody."
  }
})

const settings = Settings.layerEmbedded.pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ MOOSE_HOME: home })))
)

const runtime = ManagedRuntime.make(
  Environment.worker().pipe(
    Layer.provideMerge(Environment.everything),
    Layer.provideMerge(Environment.localForge),
    Layer.provide(settings),
    Layer.provideMerge(Environment.platform)
  )
)

const why = (ended) => {
  if (ended._tag === "Died") return Cause.pretty(ended.cause)
  return ended._tag === "Failed" ? ended.error.message : null
}

const program = Effect.gen(function* () {
  const forge = yield* LocalForge.LocalForge
  const projects = yield* Projects
  const orders = yield* WorkOrders
  const resources = yield* Resources

  yield* forge.registerRepository({ ...name, location: remoteUrl })
  yield* projects.put(project)
  const id = WorkOrderId.make("greeting")
  const { view } = yield* orders.submit(fromRequest(request, id, project.baseBranch))
  const ended = yield* run({ workOrderId: id, run: view.run })
  return {
    ended: ended._tag,
    why: why(ended),
    view: Schema.encodeSync(WorkOrderView)(yield* orders.get({ id })),
    resources: (yield* resources.list({ workOrderId: id })).map(({ kind, state }) => ({ kind, state }))
  }
})

const result = await runtime.runPromise(program)
await runtime.dispose()
console.log(JSON.stringify(result))
