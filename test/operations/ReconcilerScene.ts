import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer, Path, Redacted, Schedule } from "effect"
import type { DriftReport } from "../../src/domain/Drift.ts"
import { Run, WorkOrderId, branchName } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { isSettled } from "../../src/domain/Status.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as FileSpool from "../../src/layers/FileSpool.ts"
import * as HomeFolder from "../../src/layers/HomeFolder.ts"
import * as HomeLayout from "../../src/layers/HomeLayout.ts"
import * as Reconciler from "../../src/operations/Reconciler.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Resources } from "../../src/services/Resources.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as GitRemote from "../../src/testing/real/GitRemote.ts"
import { git, sha } from "../support/GitSandbox.ts"
import { order, project } from "../support/World.ts"
import * as Real from "../testing/real/RealWorld.ts"

/** A database, a remote with its forge, and homes on this machine: everything a worker and a reconciler look at. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const resources = yield* Resources
  const remote = yield* GitRemote.make(Real.files)
  const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "moose-reconciler-" })
  const home = yield* fs.realPath(temporary)
  const layout = HomeLayout.make(path, home)
  yield* projects.put(
    new Project({
      ...project,
      checks: [],
      repository: { remoteUrl: remote.remoteUrl, forge: remote.repository }
    })
  )

  /** What works in a home, and looks after it. */
  const toolsIn = (directory: string) => {
    const tools = Real.tools(remote, { home: directory })
    return Layer.mergeAll(
      HomeFolder.layer({ directory }),
      FileSpool.layer({ directory: `${directory}/spool` })
    ).pipe(Layer.provideMerge(tools))
  }
  const inHome = Layer.fresh(toolsIn(home))

  const submit = Effect.fnUntraced(function* (id: string, change: Partial<WorkOrder> = {}) {
    const workOrderId = WorkOrderId.make(id)
    yield* orders.submit(new WorkOrder({ ...order, id: workOrderId, proposal: Real.proposal, ...change }))
    return workOrderId
  })
  const view = (id: WorkOrderId) => orders.get({ id })
  const ended = (id: WorkOrderId) =>
    view(id).pipe(
      Effect.filterOrFail(
        (it) => isSettled(it.status) && it.disposition !== "rollback_pending",
        (it) => new Error(`${id} is ${it.status}`)
      ),
      Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
    )
  /** Runs orders to their ends, in a home. */
  const run = (ids: ReadonlyArray<WorkOrderId>, directory = home) =>
    Effect.forEach(ids, ended).pipe(
      Effect.provide(Real.worker(Layer.fresh(toolsIn(directory)))),
      Effect.tap(() =>
        // The run's own end is written a moment after the order's.
        sql<{
          open: number
        }>`select count(*)::int as open from moose.executions where state = 'running'`.pipe(
          Effect.filterOrFail(
            ([row]) => row?.open === 0,
            () => new Error("a run has not ended")
          ),
          Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
        )
      )
    )

  const pass = (options: Partial<Reconciler.Options> = {}, tools = inHome) =>
    Reconciler.pass({ apply: true, ...options }).pipe(Effect.provide(tools))

  /** The rest of the forge's API, as a person would use it. */
  const api = (method: string, what: string, body?: unknown) =>
    Effect.promise(async () => {
      const { owner, name } = remote.repository
      const answer = await fetch(`${remote.apiUrl}/repos/${owner}/${name}/${what}`, {
        method,
        headers: {
          authorization: `Bearer ${Redacted.value(remote.token)}`,
          "content-type": "application/json"
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      if (!answer.ok) throw new Error(`${method} ${what}: ${answer.status} ${await answer.text()}`)
    })

  /** A person pushes a commit of their own to a branch of the remote. */
  const pushByHand = Effect.fnUntraced(function* (branch: string) {
    const checkout = yield* fs.makeTempDirectoryScoped({ prefix: "moose-person-" })
    git(checkout, "clone", "--quiet", "--branch", branch, remote.directory, "it")
    git(`${checkout}/it`, "commit", "--quiet", "--allow-empty", "--message", "By hand")
    git(`${checkout}/it`, "push", "--quiet", "origin", `HEAD:refs/heads/${branch}`)
    return sha(git(`${checkout}/it`, "rev-parse", "HEAD"))
  })

  return {
    remote,
    home,
    layout,
    mirror: layout.mirrorOf(project.id),
    toolsIn,
    inHome,
    submit,
    view,
    run,
    pass,
    api,
    pushByHand,
    sql,
    rows: (id: WorkOrderId) => resources.list({ workOrderId: id }),
    branchOf: branchName
  }
})
export type Scene = Effect.Success<typeof make>

export const run1 = Run.make(1)

/** What was found, and what became of it. */
export const said = ({ drifts }: DriftReport) =>
  drifts.map(({ drift, outcome }) => `${drift._tag} ${outcome._tag === "Left" ? outcome.why : outcome._tag}`)
