import { Effect, Exit, Fiber, FileSystem, Layer, Path, References } from "effect"
import { branchName } from "../../src/domain/Ids.ts"
import * as WorktreeWorkspace from "../../src/layers/WorktreeWorkspace.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as Doubles from "../../src/testing/Doubles.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import type { Case } from "./Case.ts"
import type { Observed } from "./Observed.ts"

const { at, order, project, baseSha } = Doubles
const branch = branchName(order.id)

/** Files come and go at once, and nothing is there but a worktree while it is committed. */
const files = (disk: { readonly worktree: boolean }) =>
  FileSystem.layerNoop({
    makeDirectory: () => Effect.void,
    exists: (path) => Effect.sync(() => path.endsWith(".git") || disk.worktree),
    remove: () => Effect.void,
    writeFileString: () => Effect.void
  })

/** What an order asks of the workspace, in its order, and the commit twice: a second try finds its own branch. */
const everything = Effect.fnUntraced(function* (disk: { worktree: boolean }) {
  const workspace = yield* Workspace
  const attempt = { project, ...at }
  const ends: Array<string> = []
  const met = (
    name: string,
    exit: Exit.Exit<unknown, { readonly _tag: string }>,
    tag: string | undefined
  ) => {
    if (Exit.isSuccess(exit)) return
    const [first] = exit.cause.reasons
    const what =
      first?._tag === "Fail"
        ? first.error._tag === tag
          ? "~"
          : first.error._tag
        : (first?._tag ?? "nothing")
    ends.push(`${name} ${what}`)
  }
  const once = Effect.fnUntraced(function* (tag: string | undefined) {
    const look = <A, E extends { readonly _tag: string }>(name: string, call: Effect.Effect<A, E>) =>
      // On a fiber of its own, so that an interrupt ends the call; a minute, because layers are bounded one by one.
      Effect.gen(function* () {
        const fiber = yield* Effect.forkDetach(call)
        const exit = yield* Effect.timeoutOption(Fiber.await(fiber), "1 minute")
        if (exit._tag === "None") ends.push(`${name} hangs`)
        else met(name, exit.value, tag)
        return exit._tag === "Some" && Exit.isSuccess(exit.value) ? exit.value.value : undefined
      })
    yield* look("snapshot", workspace.snapshot({ project, baseBranch: "main", filesInScope: [] }))
    yield* look("openWorktree", workspace.openWorktree({ ...attempt, baseBranch: "main", baseSha }))
    const commit = { ...attempt, branch, baseSha, paths: [], committedAt: 0 }
    const message = `Round half up\n\nMoose-Work-Order: ${order.id}\n`
    disk.worktree = true
    yield* look("commit", workspace.commit({ ...commit, message }))
    const change = yield* look("commit again", workspace.commit({ ...commit, message }))
    disk.worktree = false
    const head = yield* look("remoteHead", workspace.remoteHead({ project, branch }))
    if (change !== undefined && change !== null && head === null) {
      yield* look("push", workspace.push({ project, baseBranch: "main", change, expected: null }))
    }
    yield* look("dropBranch", workspace.dropBranch({ ...attempt, branch, quarantine: true }))
    yield* look("closeWorktree", workspace.closeWorktree(attempt))
    return ends.splice(0)
  })
  return once
})

/** What the workspace makes of git's failures, and whether it is well afterwards. */
export const drive = (it: Case): Observed => {
  const doubles = Doubles.make()
  const disk = { worktree: false }
  let columns: ReadonlyArray<string> = ["never ended"]
  const said = (ends: ReadonlyArray<string>) => (ends.length === 0 ? "well" : ends.join(", "))
  const all = Effect.gen(function* () {
    const once = yield* everything(disk)
    const first = yield* once(it.reason?._tag)
    if (it.mode === "forever") yield* Effect.sleep("7 hours")
    const again = yield* once(it.reason?._tag)
    columns = [said(first), `then ${said(again)}`]
  }).pipe(
    Effect.provide(
      WorktreeWorkspace.layer({ directory: "/home" }).pipe(
        Layer.provide(it.fault),
        Layer.provide(doubles.services),
        Layer.provide(Layer.merge(files(disk), Path.layer))
      )
    ),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
  Simulation.run(all, { until: "9 hours" })
  return { columns, broken: [] }
}
