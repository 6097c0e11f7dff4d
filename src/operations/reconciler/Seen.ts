import { type DateTime, Effect, HashMap } from "effect"
import { type ProjectId, type Sha, type WorkOrderId, branchName, branchPrefix } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Project } from "../../domain/Project.ts"
import type { PullRequest } from "../../domain/PullRequest.ts"
import { Git } from "../../services/Git.ts"
import { GitHub } from "../../services/GitHub.ts"
import { Premises, type Inventory } from "../../services/Premises.ts"
import { Projects } from "../../services/Projects.ts"
import { type Books, type HoldingOrder, Reconciliation } from "../../services/Reconciliation.ts"

/** What could not be looked at, and why. */
export interface Unseen {
  readonly what: string
  readonly why: string
}

export interface RemoteBranch {
  readonly branch: string
  readonly sha: Sha
}

/** What is really there, and what the books say of it. */
export interface Seen {
  /** What was written since may be of something that was not there yet when it was looked for. */
  readonly since: DateTime.Utc
  readonly inventory: Inventory
  /** Of every project whose remote answered. */
  readonly remote: HashMap.HashMap<ProjectId, ReadonlyArray<RemoteBranch>>
  /** Of every order that was asked for and whose forge answered, newest first. */
  readonly pulls: HashMap.HashMap<WorkOrderId, ReadonlyArray<PullRequest>>
  readonly books: Books
  readonly unseen: ReadonlyArray<Unseen>
}

/** May it be compared? Nobody is at it, and nobody has been since `since`. */
export const isOver = ({ held, updatedAt }: HoldingOrder, since: DateTime.Utc): boolean =>
  held === "over" && updatedAt.epochMilliseconds < since.epochMilliseconds

/** Does it hold, or might it have made, a pull request that nobody has written the end of? */
const mayHavePullRequest = (order: HoldingOrder, remote: ReadonlyArray<RemoteBranch>): boolean =>
  order.rows.some(({ kind, state }) => kind === "pull_request" && state !== "released") ||
  remote.some(({ branch }) => branch === branchName(order.workOrderId))

const none: ReadonlyArray<Unseen> = []

/** One that does not answer, or not in time, is said to be unseen; the others are looked at all the same. */
const orUnseen = <A, E extends { readonly message: string }, R>(what: string, look: Effect.Effect<A, E, R>) =>
  look.pipe(
    Effect.timeout(Limits.forgeCall),
    Effect.map((found) => ({ found, unseen: none })),
    Effect.catch((error) => Effect.succeed({ found: undefined, unseen: [{ what, why: error.message }] }))
  )

const remoteOf = Effect.fnUntraced(function* ({ id, repository: { remoteUrl } }: Project) {
  const git = yield* Git
  const { found, unseen } = yield* orUnseen(
    `the remote of ${id}`,
    git.remoteBranches({ remoteUrl, prefix: branchPrefix })
  )
  return { entries: found === undefined ? [] : [[id, found] as const], unseen }
})

const pullsOf = Effect.fnUntraced(function* (order: HoldingOrder, { repository }: Project) {
  const branch = branchName(order.workOrderId)
  const github = yield* GitHub
  const { found, unseen } = yield* orUnseen(
    `the pull requests of ${order.workOrderId}`,
    github.findPullRequests({ repository: repository.forge, branch, state: "all" })
  )
  return { entries: found === undefined ? [] : [[order.workOrderId, found] as const], unseen }
})

/**
 * Looks at everything, things before books: the intent of whatever is there was committed before it was made, so that
 * what is there and has no row then was never announced.
 */
export const look = Effect.fn("Reconciler.look")(function* (options: { readonly mark: boolean }) {
  const reconciliation = yield* Reconciliation
  const premises = yield* Premises
  const all = yield* Effect.flatMap(Projects, (projects) => projects.list({}))
  const { now: since, projects } = yield* reconciliation.begin({})
  const inventory = yield* premises.look({ projects: all.map(({ id }) => id) })
  const concurrency = Limits.reconcileAtOnce
  const used = all.filter(({ id }) => projects.includes(id))
  const remotes = yield* Effect.forEach(used, remoteOf, { concurrency })
  const remote = HashMap.fromIterable(remotes.flatMap(({ entries }) => entries))

  const names = [
    ...inventory.worktrees.map(({ path }) => path),
    ...inventory.instructions.map(({ path }) => path),
    ...inventory.branches.map(({ branch }) => branch),
    ...[...HashMap.values(remote)].flat().map(({ branch }) => branch)
  ]
  const books = yield* reconciliation.view({
    limit: Limits.reconcileOrdersMax,
    names: [...new Set(names)],
    quarantined: inventory.quarantine.map(({ workOrderId, run, sha }) => ({ workOrderId, run, sha })),
    mark: options.mark
  })

  const asked = books.orders.flatMap((order) => {
    const project = all.find(({ id }) => id === order.project)
    const there = HashMap.get(remote, order.project)
    if (project === undefined || there._tag === "None") return []
    return isOver(order, since) && mayHavePullRequest(order, there.value) ? [{ order, project }] : []
  })
  const pulls = yield* Effect.forEach(asked, ({ order, project }) => pullsOf(order, project), {
    concurrency
  })
  const seen: Seen = {
    since,
    inventory,
    remote,
    pulls: HashMap.fromIterable(pulls.flatMap(({ entries }) => entries)),
    books,
    unseen: [...remotes, ...pulls].flatMap(({ unseen }) => unseen)
  }
  return seen
})
