import { PgClient } from "@effect/sql-pg"
import { Effect, FileSystem, Layer, Path, Redacted, Schedule } from "effect"
import type { DriftReport } from "../../src/domain/Drift.ts"
import { Run, WorkOrderId, branchName } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { type Status, isSettled } from "../../src/domain/Status.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as FileSpool from "../../src/layers/FileSpool.ts"
import * as GitCli from "../../src/layers/GitCli.ts"
import * as GitHubRest from "../../src/layers/GitHubRest.ts"
import * as HomeFolder from "../../src/layers/HomeFolder.ts"
import * as HomeLayout from "../../src/layers/HomeLayout.ts"
import * as PatchEditor from "../../src/layers/PatchEditor.ts"
import * as WorktreeWorkspace from "../../src/layers/WorktreeWorkspace.ts"
import * as Reconciler from "../../src/operations/Reconciler.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Resources } from "../../src/services/Resources.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as GitRemote from "../../src/testing/real/GitRemote.ts"
import { git, sha } from "../support/GitSandbox.ts"
import { order, project } from "../support/World.ts"
import * as Real from "../testing/real/RealWorld.ts"

export const run1 = Run.make(1)

/** A database, a remote with its forge, and homes on this machine: everything a worker and a reconciler look at. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const sql = yield* PgClient.PgClient
  const orders = yield* WorkOrders
  const projects = yield* Projects
  const resources = yield* Resources
  const journal = yield* StepJournal
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
    const { apiUrl, authorization, token } = remote
    return Layer.mergeAll(
      GitHubRest.layer({ apiUrl, token }),
      WorktreeWorkspace.layer({ directory, freeBytesMin: 0 }),
      HomeFolder.layer({ directory }),
      PatchEditor.layer,
      FileSpool.layer({ directory: `${directory}/spool` })
    ).pipe(Layer.provideMerge(GitCli.layer({ authorization: () => authorization })))
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
      Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "2 minutes" })))
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
          Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "2 minutes" })))
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

  const moved = (id: WorkOrderId, ...statuses: ReadonlyArray<Status>) =>
    journal.commit({
      workOrderId: id,
      run: run1,
      facts: statuses.map((to) => ({
        _tag: "StatusMoved",
        to,
        disposition: to.endsWith("_failed") ? "manual_intervention_required" : null
      }))
    })

  /**
   * What a worker leaves that was killed after it had committed its change: worktree, instruction file, branch. No
   * clean-up was there; `how` the order ended all the same is another matter.
   */
  const abandon = Effect.fnUntraced(function* (id: WorkOrderId, how: Abandoned, directory = home) {
    const workspace = yield* Workspace
    const { project: at } = yield* Effect.map(projects.list({}), ([first]) => ({ project: first ?? project }))
    const attempt = { project: at, workOrderId: id, run: run1 }
    const baseBranch = "main"
    const { baseSha } = yield* workspace.snapshot({ project: at, baseBranch, filesInScope: [] })
    const { instructions, worktree } = yield* workspace.locate(attempt)
    const branch = branchName(id)
    yield* how.status === "routing" ? moved(id, "routing") : moved(id, "routing", "generating", "applying")
    yield* resources.intend({
      workOrderId: id,
      run: run1,
      resources: [
        { kind: "worktree", name: worktree },
        { kind: "instruction_file", name: instructions },
        { kind: "branch", name: branch },
        ...(how.more ?? []).map((kind) => ({ kind, name: branch }))
      ]
    })
    yield* workspace.openWorktree({ ...attempt, baseBranch, baseSha })
    yield* workspace.writeInstructions({ ...attempt, content: "# Do it" })
    // What an outside editor keeps beside them while it works.
    const editorFolder = HomeLayout.editorFolderOf(instructions)
    yield* fs.makeDirectory(`${editorFolder}/home`, { recursive: true })
    yield* fs.writeFileString(`${worktree}/src/a.js`, `export const total = "${id}"\n`)
    const message = `Round half up\n\nMoose-Work-Order: ${id}\n`
    const change = yield* workspace.commit({
      ...attempt,
      branch,
      baseSha,
      paths: [],
      message,
      committedAt: 1_700_000_000
    })
    if (change === null) return yield* Effect.fail(new Error("nothing was committed"))
    const { headSha } = change
    yield* journal.commit({
      workOrderId: id,
      run: run1,
      facts: [{ _tag: "BranchPrepared", branch, baseSha, headSha }]
    })
    if (how.status === "pr_failed") yield* moved(id, "creating_pr", "pr_failed")
    else if (how.status !== "routing") yield* moved(id, how.status)
    if (how.status !== "routing") {
      yield* sql`update moose.executions set state = 'done', owner = null where work_order = ${id}`
    }
    return { at, branch, change, directory, instructions, editorFolder, worktree }
  })

  const escalations = Effect.map(
    sql<{ fingerprint: string; occurrences: number }>`
      select fingerprint, occurrences from public.escalations where type = 'drift' order by fingerprint`,
    (found) => found.map(({ fingerprint, occurrences }) => `${fingerprint} x${occurrences}`)
  )

  return {
    abandon,
    moved,
    escalations,
    exists: fs.exists,
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
/** What an order was in the middle of. */
export interface Abandoned {
  readonly status: "routing" | "aider_failed" | "cancelled" | "pr_failed"
  /** What it had announced besides. */
  readonly more?: ReadonlyArray<"remote_branch" | "pull_request">
}

export type Scene = Effect.Success<typeof make>

/** What was found, and what became of it. */
export const said = ({ drifts }: DriftReport) =>
  drifts.map(({ drift, outcome }) => `${drift._tag} ${outcome._tag === "Left" ? outcome.why : outcome._tag}`)
