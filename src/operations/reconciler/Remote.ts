import { HashMap, Option } from "effect"
import { branchName } from "../../domain/Ids.ts"
import { isSettled } from "../../domain/Status.ts"
import type { HoldingOrder } from "../../services/Reconciliation.ts"
import { type Finding, about, evidenceOf, leave, newest, ofNobody, released } from "./Finding.ts"
import { type RemoteBranch, type Seen, isOver } from "./Seen.ts"

/** Where the remotes, the forge and the books do not agree. Whatever others may have seen is never taken away. */

const branch = (
  order: HoldingOrder,
  remote: ReadonlyArray<RemoteBranch>,
  { books: { now } }: Seen
): ReadonlyArray<Finding> => {
  const name = branchName(order.workOrderId)
  const rows = order.rows.filter((row) => row.kind === "remote_branch" && row.name === name)
  const row = newest(rows)
  const there = remote.find((it) => it.branch === name)
  const finding = { order, pullRequest: null }

  if (there === undefined) {
    if (row === undefined) return []
    const changes = leave(rows, released({ gone: true }))
    const drift = about(order, name, row, now, "release", { recorded: evidenceOf(row).sha ?? order.headSha })
    return [
      row.state === "intended"
        ? { ...finding, changes, drift: { _tag: "StaleIntent", kind: "remote_branch", ...drift } }
        : { ...finding, changes, drift: { _tag: "MissingRemoteBranch", ...drift } }
    ]
  }

  const { sha } = there
  const known = [order.headSha, ...rows.flatMap((it) => [evidenceOf(it).sha, evidenceOf(it).found])]
  const evidence = { recorded: evidenceOf(row).sha ?? order.headSha, found: sha }
  if (known.includes(sha)) {
    if (row?.state === "preserved") return []
    // It was written off, or was still to be made: a push that was cut short here went on over there.
    const run = row?.run ?? rows.at(-1)?.run ?? order.run
    const reason = `it was pushed (${sha.slice(0, 10)}), and others may have seen it`
    const changes = [
      ...leave(rows, { state: "preserved", evidence: { sha }, reason }).filter((it) => it.run !== run),
      { run, kind: "remote_branch", name, state: "preserved", evidence: { sha }, reason } as const
    ]
    const drift = about(order, name, row, now, "adopt", evidence)
    return [{ ...finding, changes, drift: { _tag: "UnsettledResource", kind: "remote_branch", ...drift } }]
  }
  if (row === undefined) {
    const drift = about(order, name, rows.at(-1), now, "ask", evidence)
    return [{ ...finding, changes: [], drift: { _tag: "UnknownRemoteBranch", ...drift } }]
  }
  // Whoever reviews may push to it as well; an order that is not done would have to overwrite it.
  const reviewed = order.status === "completed"
  const what = { sha: evidence.recorded, found: sha }
  const changes = reviewed
    ? leave(rows, { state: "preserved", evidence: what, reason: row.reason ?? "moved" })
    : []
  const drift = about(order, name, row, now, reviewed ? "note" : "ask", { ...evidence, where: "remote" })
  return [{ ...finding, changes, drift: { _tag: "BranchMovedByPerson", ...drift } }]
}

const pullRequest = (order: HoldingOrder, { books: { now }, pulls }: Seen): ReadonlyArray<Finding> => {
  const looked = HashMap.get(pulls, order.workOrderId)
  if (Option.isNone(looked)) return []
  const name = branchName(order.workOrderId)
  const rows = order.rows.filter(({ kind }) => kind === "pull_request")
  const row = newest(rows)
  const finding = { order, pullRequest: null }

  if (row === undefined) {
    const known = [order.pullRequest?.number, ...rows.map((it) => evidenceOf(it).number)]
    const made = looked.value.find(({ number, state }) => state === "open" && !known.includes(number))
    return made === undefined ? [] : [adopt(order, "UnrecordedPullRequest", made, now)]
  }

  const recorded = evidenceOf(row).number ?? order.pullRequest?.number
  const found = looked.value.find(({ number }) => recorded === undefined || number === recorded)
  if (found === undefined) {
    const intended = row.state === "intended"
    const drift = about(order, name, row, now, intended ? "release" : "ask", { number: recorded ?? null })
    return [
      intended
        ? {
            ...finding,
            changes: leave(rows, released({ gone: true })),
            drift: { _tag: "StaleIntent", kind: "pull_request", ...drift }
          }
        : { ...finding, changes: [], drift: { _tag: "MissingPullRequest", ...drift } }
    ]
  }
  const { number, url, merged, state } = found
  if (state === "closed") {
    const evidence = { number, url, merged, state }
    const changes = leave(rows, released(evidence))
    const drift = about(order, name, row, now, "note", evidence)
    const _tag = merged ? "PullRequestMergedByHand" : "PullRequestClosedByHand"
    return [
      {
        order,
        changes,
        pullRequest: order.pullRequest === null ? { number, url } : null,
        drift: { _tag, ...drift }
      }
    ]
  }
  if (recorded === undefined || order.pullRequest === null)
    return [adopt(order, "UnrecordedPullRequest", found, now)]
  return row.state === "preserved" ? [] : [adopt(order, "UnsettledResource", found, now)]
}

const adopt = (
  order: HoldingOrder,
  tag: "UnrecordedPullRequest" | "UnsettledResource",
  { number, url }: { readonly number: number; readonly url: string },
  now: Seen["books"]["now"]
): Finding => {
  const name = branchName(order.workOrderId)
  const rows = order.rows.filter(({ kind }) => kind === "pull_request")
  const row = newest(rows)
  const evidence = { number, url }
  const how = {
    state: "preserved",
    evidence,
    reason: `pull request #${number} is open, and others may have seen it`
  } as const
  const run = row?.run ?? order.run
  const drift = about(order, name, row, now, "adopt", evidence)
  return {
    order,
    changes: [
      ...leave(rows, how).filter((it) => it.run !== run),
      { run, kind: "pull_request", name, ...how }
    ],
    pullRequest: evidence,
    drift:
      tag === "UnsettledResource" ? { _tag: tag, kind: "pull_request", ...drift } : { _tag: tag, ...drift }
  }
}

/** What is on a remote under a name of ours, and belongs to no order. */
const unknown = ({ books, remote }: Seen): ReadonlyArray<Finding> =>
  [...HashMap.entries(remote)].flatMap(([project, branches]) =>
    branches.flatMap(({ branch: name, sha }): ReadonlyArray<Finding> => {
      const known = books.orders.some(
        (order) =>
          order.project === project &&
          order.rows.some((row) => row.name === name && row.kind !== "pull_request")
      )
      const drift = ofNobody(project, name, { sha })
      return known
        ? []
        : [
            {
              order: undefined,
              changes: [],
              pullRequest: null,
              drift: { _tag: "UnknownRemoteBranch", ...drift }
            }
          ]
    })
  )

export const remote = (seen: Seen): ReadonlyArray<Finding> => [
  ...seen.books.orders.flatMap((order) => {
    const there = HashMap.get(seen.remote, order.project)
    if (Option.isNone(there) || !isOver(order, seen.since) || !isSettled(order.status)) return []
    return [...branch(order, there.value, seen), ...pullRequest(order, seen)]
  }),
  ...unknown(seen)
]
