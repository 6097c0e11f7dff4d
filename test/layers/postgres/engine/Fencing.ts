import { PgClient } from "@effect/sql-pg"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Harness from "./Harness.ts"

const success = { _tag: "Complete", exit: { _tag: "Success", value: null } }
const facts = [{ _tag: "Noted", step: "routing", message: "too late" }]
const ended = { name: "x", attempt: 1, result: success, facts }

interface Claim {
  readonly execution: string
  readonly runner: string
  readonly fence: number
}

const intent = (claim: Claim) => ({
  workOrderId: claim.execution.replace(/\/1$/, ""),
  run: 1,
  resources: [{ kind: "worktree", name: "too late" }],
  host: "elsewhere",
  claim
})

/** Every call by which a runner writes under its claim. */
const writes: Readonly<Record<string, (claim: Claim) => readonly [name: string, input: unknown]>> = {
  "a step's end": (claim) => ["commit_activity", { ...claim, ...ended }],
  "an execution's end": (claim) => ["finish_execution", { ...claim, result: success }],
  "a wait": (claim) => ["suspend_execution", { ...claim, deferredsSeen: 0 }],
  "giving it back": (claim) => ["abandon_execution", { ...claim, pauseMs: 1000, stalled: false }],
  "a step's end, with others": (claim) => ["commit_together", [{ _tag: "StepEnded", ...claim, ...ended }]],
  "the last step's end, and the execution's with it": (claim) => [
    "commit_activity",
    { ...claim, ...ended, runResult: success }
  ],
  "an intent": (claim) => ["intend_resources", intent(claim)],
  "an intent, with others": (claim) => ["intend_resources_together", [intent(claim)]],
  "an execution's end, with others": (claim) => [
    "commit_together",
    [{ _tag: "Finished", ...claim, result: success }]
  ],
  "the last step's end, and the execution's with it, with others": (claim) => [
    "commit_together",
    [{ _tag: "StepEnded", ...claim, ...ended, runResult: success }]
  ],
  "a wait, with others": (claim) => ["commit_together", [{ _tag: "Suspended", ...claim, deferredsSeen: 0 }]]
}

export const names = Object.keys(writes)

/** Enough for what earlier claims left, too. */
const room = 64

/** An order's execution that one runner claimed, and another after it; answers the first one's claim. */
const stale = Effect.fnUntraced(function* (fence: "older" | "current") {
  const { execution } = yield* Harness.anOrder(yield* Harness.aProject())
  const first = yield* Harness.tickAs("old", ["moose/Pipeline"], room)
  yield* Harness.endLeases
  const second = yield* Harness.tickAs("new", ["moose/Pipeline"], room)
  const of = ({ claims }: typeof first) => claims.find(({ id }) => id === execution)?.fence ?? 0
  return { execution, runner: "old", fence: of(fence === "older" ? first : second) }
})

const stored = Effect.fnUntraced(function* (execution: string) {
  const sql = yield* PgClient.PgClient
  return yield* sql`
    select e.state, e.owner, e.fence::text as fence, w.status,
           (select count(*)::integer from moose.activity_results a where a.execution = e.id) as results,
           (select count(*)::integer from work_order_events v where v.work_order = w.id) as events,
           (select count(*)::integer from resources r where r.work_order = w.id) as resources
    from moose.executions e join work_orders w on w.id = e.work_order where e.id = ${execution}`
})

/** Which writes of a runner that was taken over from went through: said to be done, or seen to have changed something. */
export const breaches = Effect.fnUntraced(function* (fence: "older" | "current") {
  const found: Array<string> = []
  for (const [name, write] of Object.entries(writes)) {
    const claim = yield* stale(fence)
    const before = yield* stored(claim.execution)
    const [called, input] = write(claim)
    const answer = yield* Harness.call(called, input)
    const refused = JSON.stringify(answer) === (called.endsWith("_together") ? "[false]" : "false")
    const after = yield* stored(claim.execution)
    if (!refused || JSON.stringify(after) !== JSON.stringify(before)) found.push(name)
  }
  return found
})

/** The fence as it is stored, without one of its conditions. */
export const without = Effect.fnUntraced(function* (condition: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ source: string }>`
    select pg_get_functiondef('moose.is_claim(moose.executions, text, bigint)'::regprocedure) as source`
  const source = row?.source ?? ""
  assert.include(source, condition)
  yield* sql.unsafe(source.replace(condition, "true")).unprepared
})

/** By which the fence tells a claim from an older one: who made it, and its number. */
export const owner = "e.owner = claimed_by"
export const number = "e.fence = claim_number"
