import { branchName } from "../../domain/Ids.ts"
import type { ResourceKind } from "../../domain/Resource.ts"
import { afterStep, isSettled, stepNames } from "../../domain/Status.ts"
import { rollbackAfter } from "../../domain/policies/Recovery.ts"
import type { HeldRow, HoldingOrder } from "../../services/Reconciliation.ts"
import { type Finding, about, evidenceOf, leave, left, newest, ofNobody, released } from "./Finding.ts"
import { type Seen, isOver } from "./Seen.ts"

/** Where this machine and the books do not agree: worktrees, instruction files, and the mirrors' branches. */

const gone = released({ gone: true })

/** After such an end the order's branch is what a later run goes on from; after others it goes into quarantine. */
const keepsBranch = (order: HoldingOrder): boolean => {
  const failedIn = stepNames.find((step) => afterStep[step].failed === order.status)
  return order.status === "completed" || (failedIn !== undefined && rollbackAfter[failedIn] === "keep")
}

/** Rows of this home; those of others are somebody else's to look after. */
const isHere = (row: HeldRow, order: HoldingOrder, { inventory: { host, root } }: Seen): boolean => {
  if (row.host !== host) return false
  if (row.kind === "worktree" || row.kind === "instruction_file") return row.name.startsWith(root)
  // A branch's row does not say in which home it is; the worktree that it was made in does.
  const made = order.rows.filter(
    ({ kind, run, host: on }) => kind === "worktree" && run === row.run && on === host
  )
  return made.length === 0 || made.some(({ name }) => name.startsWith(root))
}

const folders = (order: HoldingOrder, seen: Seen, leftAfterMs: number): ReadonlyArray<Finding> => {
  const { books, inventory, since } = seen
  const over = isOver(order, since) && isSettled(order.status)
  const abandoned = order.held === "left" && order.idleMs >= leftAfterMs
  const paths = new Set([...inventory.worktrees, ...inventory.instructions].map(({ path }) => path))
  return order.rows.flatMap((row): ReadonlyArray<Finding> => {
    const { kind, name, state } = row
    if (kind !== "worktree" && kind !== "instruction_file") return []
    // A finished run never runs again, whatever its order does.
    if (!(row.run < order.run || over || abandoned) || !isHere(row, order, seen)) return []
    if (row.changedAt.epochMilliseconds >= since.epochMilliseconds) return []
    const finding = { order, pullRequest: null, changes: [left(row, gone)] }
    if (paths.has(name)) {
      const drift = about(order, name, row, books.now, "remove", { held: order.held })
      const _tag = kind === "worktree" ? "OrphanWorktree" : "OrphanInstructionFile"
      return [{ ...finding, drift: { _tag, ...drift } }]
    }
    if (state === "released" || abandoned || !inventory.complete) return []
    const drift = about(order, name, row, books.now, "release", { there: false })
    return [{ ...finding, drift: { _tag: "StaleIntent", kind, ...drift } }]
  })
}

const branch = (order: HoldingOrder, seen: Seen): ReadonlyArray<Finding> => {
  const { books, inventory, since } = seen
  if (!isOver(order, since) || !isSettled(order.status)) return []
  const name = branchName(order.workOrderId)
  const rows = order.rows.filter(
    (row) => row.kind === "branch" && row.name === name && isHere(row, order, seen)
  )
  if (rows.length === 0) return []
  const row = newest(rows)
  const tip = inventory.branches.find((it) => it.project === order.project && it.branch === name)
  const recorded = evidenceOf(row).sha ?? order.headSha
  const finding = { order, pullRequest: null }

  if (tip === undefined) {
    if (row === undefined || !inventory.complete) return []
    const changes = leave(rows, gone)
    if (row.state === "intended") {
      const drift = about(order, name, row, books.now, "release", { there: false })
      return [{ ...finding, changes, drift: { _tag: "StaleIntent", kind: "branch", ...drift } }]
    }
    const repair = row.state === "preserved" && recorded !== null ? "restore" : "release"
    const drift = about(order, name, row, books.now, repair, { recorded })
    return [{ ...finding, changes, drift: { _tag: "MissingBranch", ...drift } }]
  }

  const evidence = { recorded, found: tip.sha, by: tip.workOrderId }
  if (tip.workOrderId !== order.workOrderId && tip.sha !== recorded) {
    const drift = about(order, name, row, books.now, "ask", { ...evidence, where: "mirror" })
    return [{ ...finding, changes: [], drift: { _tag: "BranchMovedByPerson", ...drift } }]
  }
  if (row === undefined || ((row.state === "intended" || row.state === "held") && !keepsBranch(order))) {
    const changes = row === undefined ? rows.slice(-1).map((last) => left(last, gone)) : leave(rows, gone)
    const drift = about(order, name, row ?? rows.at(-1), books.now, "quarantine", evidence)
    return [{ ...finding, changes, drift: { _tag: "OrphanBranch", ...drift } }]
  }
  if (row.state === "preserved") return []
  const reason = "a later run publishes it instead of paying for it again"
  const changes = leave(rows, { state: "preserved", evidence: { sha: tip.sha }, reason })
  const drift = about(order, name, row, books.now, "adopt", evidence)
  return [{ ...finding, changes, drift: { _tag: "UnsettledResource", kind: "branch", ...drift } }]
}

/** What is there and was never announced. */
const unknown = ({ books, inventory }: Seen): ReadonlyArray<Finding> => {
  const named = (kinds: ReadonlyArray<ResourceKind>) =>
    books.orders.flatMap((order) =>
      order.rows.flatMap(({ kind, name }) => (kinds.includes(kind) ? [{ project: order.project, name }] : []))
    )
  const paths = new Set(named(["worktree", "instruction_file"]).map(({ name }) => name))
  const branches = named(["branch"])
  const none = { order: undefined, changes: [], pullRequest: null }
  return [
    ...inventory.worktrees.flatMap(({ path, project, workOrderId }): ReadonlyArray<Finding> =>
      paths.has(path)
        ? []
        : [
            {
              ...none,
              drift: { _tag: "UnknownWorktree", ...ofNobody(project, path, { called: workOrderId }) }
            }
          ]
    ),
    ...inventory.instructions.flatMap(({ path, workOrderId }): ReadonlyArray<Finding> =>
      paths.has(path)
        ? []
        : [
            {
              ...none,
              drift: { _tag: "UnknownInstructionFile", ...ofNobody(null, path, { called: workOrderId }) }
            }
          ]
    ),
    ...inventory.branches.flatMap(({ branch: name, project, sha, workOrderId }): ReadonlyArray<Finding> =>
      branches.some((it) => it.project === project && it.name === name)
        ? []
        : [
            {
              ...none,
              drift: { _tag: "UnknownBranch", ...ofNobody(project, name, { sha, by: workOrderId }) }
            }
          ]
    )
  ]
}

export const local = (seen: Seen, leftAfterMs: number): ReadonlyArray<Finding> => [
  ...seen.books.orders.flatMap((order) => [...folders(order, seen, leftAfterMs), ...branch(order, seen)]),
  ...unknown(seen)
]
