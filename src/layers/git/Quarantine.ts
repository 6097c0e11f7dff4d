import { Effect, Schema } from "effect"
import { Run, type Sha, WorkOrderId, quarantineRef } from "../../domain/Ids.ts"
import type { Git } from "../../services/Git.ts"

/** Commits whose branch is removed are kept for a while under a ref of their own. */

export const quarantinePrefix = "refs/moose/quarantine/"

/** How much of a commit's name tells two of the same run apart. */
const shortSha = 12

/** `refs/moose/quarantine/<order>/<run>`, with the beginning of the commit's name where the run had another one before. */
const pattern = new RegExp(`^${quarantinePrefix}([^/]+)/(\\d+)(?:-[0-9a-f]{${shortSha}})?$`)

const isOrder = Schema.is(WorkOrderId)
const isRun = Schema.is(Run)

/** The attempt that a ref keeps commits of; undefined where it is none of these refs. */
export const attemptOf = (
  ref: string
): { readonly workOrderId: WorkOrderId; readonly run: Run } | undefined => {
  const [, workOrderId, digits] = pattern.exec(ref) ?? []
  const run = Number(digits)
  return isOrder(workOrderId) && isRun(run) ? { workOrderId, run } : undefined
}

/** Keeps a commit of an attempt; what is in quarantine already is never overwritten. */
export const keep = Effect.fnUntraced(function* (
  git: Git["Service"],
  directory: string,
  { workOrderId, run, sha }: { readonly workOrderId: WorkOrderId; readonly run: Run; readonly sha: Sha }
) {
  const ref = quarantineRef(workOrderId, run)
  const found = yield* git.readRef({ directory, ref })
  if (found === sha) return
  yield* git.writeRef({ directory, ref: found === null ? ref : `${ref}-${sha.slice(0, shortSha)}`, sha })
})

/** The commit of an attempt that is kept under its first ref. */
export const kept = (
  git: Git["Service"],
  directory: string,
  { workOrderId, run }: { readonly workOrderId: WorkOrderId; readonly run: Run }
) => git.readRef({ directory, ref: quarantineRef(workOrderId, run) })
