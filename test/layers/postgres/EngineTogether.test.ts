import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { At } from "../../../src/steps/StepContext.ts"
import { baseSha, headSha } from "../../support/World.ts"
import * as Harness from "./engine/Harness.ts"

/*
 * Ends of steps that share a commit are applied table by table, others fact by fact. Both must come to the same.
 */

const done = { _tag: "Complete", exit: { _tag: "Success", value: null } }
const usage = { inputTokens: 1, outputTokens: 1 }

type Facts = (at: At) => ReadonlyArray<Readonly<Record<string, unknown>>>

const settled = (at: At, amount: number, reservation: string = at.workOrderId) => ({
  _tag: "CostSettled",
  reservation,
  amount,
  usage
})

/** What ends of steps say, each under a name; what goes before has been said by then. */
const ends: Readonly<Record<string, Facts>> = {
  nothing: () => [],
  "a step's success": () => [
    { _tag: "StepSucceeded", step: "routing", ms: 12, summary: "gpt-5" },
    { _tag: "StatusMoved", to: "generating", disposition: null },
    { _tag: "StepStarted", step: "generating" }
  ],
  "a move to where it is": () => [{ _tag: "StatusMoved", to: "routing", disposition: null }],
  "a move with a disposition": () => [{ _tag: "StatusMoved", to: "routing", disposition: "exhausted" }],
  notes: () => [
    { _tag: "Noted", step: "routing", message: "one" },
    { _tag: "Noted", step: "routing", message: "two" }
  ],
  decisions: () => [
    { _tag: "Decided", step: "routing", choice: "gpt-5", reason: "cheap", data: { a: 1 } },
    { _tag: "Decided", step: "routing", choice: "none", reason: "why not", data: null }
  ],
  "a bill": (at) => [settled(at, 40)],
  "a bill above its worst case": (at) => [settled(at, 400)],
  "a bill that comes twice": (at) => [settled(at, 40), settled(at, 40)],
  "a bill of nothing known": (at) => [settled(at, 40, at.workOrderId.replace("order", "unknown"))],
  "a branch": () => [{ _tag: "BranchPrepared", branch: "moose/wo-1", baseSha, headSha }],
  "a pull request": () => [{ _tag: "PullRequestOpened", number: 7, url: "https://github.com/o/r/pull/7" }],
  "what it holds": ({ workOrderId: name }) => [
    { _tag: "ResourceHeld", kind: "branch", name, evidence: { head: headSha } },
    { _tag: "ResourceHeld", kind: "worktree", name: "nothing that was meant", evidence: null }
  ],
  "what it has given back": ({ workOrderId: name }) => [
    { _tag: "ResourceReleased", kind: "branch", name, evidence: null }
  ],
  "both of one thing": ({ workOrderId: name }) => [
    { _tag: "ResourceHeld", kind: "branch", name, evidence: { head: headSha } },
    { _tag: "ResourceReleased", kind: "branch", name, evidence: null }
  ],
  "an outcome": ({ workOrderId }) => [
    {
      _tag: "OutcomeRecorded",
      outcome: {
        workOrderId,
        branch: "moose/wo-1",
        headSha,
        files: 1,
        insertions: 1,
        deletions: 0,
        pullRequest: null,
        model: "gpt-5",
        cost: 40
      }
    }
  ],
  "what is kept": ({ workOrderId: name }) => [
    { _tag: "ResourcePreserved", kind: "branch", name, reason: "somebody pushed to it" }
  ]
}

/** An order whose first step is under way, with a reservation and an intent that its end may name. */
const prepared = Effect.fnUntraced(function* (project: Parameters<typeof Harness.anOrder>[0]) {
  const it = yield* Harness.anOrder(project)
  yield* Harness.call("check_and_reserve_budget", {
    id: it.at.workOrderId,
    ...it.at,
    call: "generating/1",
    category: "generating",
    model: "gpt-5",
    amount: 100,
    owner: "test",
    leaseMs: 60_000
  })
  yield* Harness.call("intend_resources", {
    ...it.at,
    host: "here",
    resources: [{ kind: "branch", name: it.at.workOrderId }]
  })
  return it
})

/** Everything that is stored of an order, without what tells it from another one. */
const stored = Effect.fnUntraced(function* ({
  execution,
  at: { workOrderId }
}: {
  execution: string
  at: At
}) {
  const sql = yield* PgClient.PgClient
  const drop = sql`- '{id,seq,at,created_at,updated_at,lease_until,body_hash,escalation,first_at,last_at,ack_deadline,next_notice_at}'::text[]`
  const rows = yield* sql<{ all: unknown }>`
    select jsonb_build_object(
      'order', (select to_jsonb(w) ${drop} from work_orders w where w.id = ${workOrderId}),
      'events', (select jsonb_agg(to_jsonb(v) ${drop} order by v.seq) from work_order_events v where v.work_order = ${workOrderId}),
      'decisions', (select jsonb_agg(to_jsonb(d) ${drop} order by d.id) from decision_logs d where d.work_order = ${workOrderId}),
      'money', (select jsonb_agg(to_jsonb(c) ${drop}) from cost_tracking c where c.work_order = ${workOrderId}),
      'spent', (select to_jsonb(o) from moose.order_spending o where o.work_order = ${workOrderId}),
      'resources', (select jsonb_agg(to_jsonb(r) ${drop}) from resources r where r.work_order = ${workOrderId}),
      'outcome', (select to_jsonb(o) ${drop} from outcome_vectors o where o.work_order = ${workOrderId}),
      'escalations', (select jsonb_agg(jsonb_build_array(e.type, e.severity, e.fingerprint) order by e.type)
                      from escalations e join escalation_orders o on o.escalation = e.id where o.work_order = ${workOrderId}),
      'run', (select to_jsonb(e) ${drop} - 'available_at' from moose.executions e where e.id = ${execution}),
      'result', (select jsonb_agg(to_jsonb(a) ${drop}) from moose.activity_results a where a.execution = ${execution})) as all`
  const text = JSON.stringify(rows[0]?.all).replaceAll(workOrderId, "<order>")
  return JSON.parse(
    text.replaceAll(workOrderId.slice(-4), "<n>").replaceAll(/escalation \d+/g, "escalation <n>")
  )
})

describe("ends of steps that share a commit", () => {
  it.live("say what each of them says alone", () =>
    Harness.inDatabase(
      Effect.gen(function* () {
        const project = yield* Harness.aProject({ concurrency: 64 })
        const cases = Object.entries(ends)
        const together = yield* Effect.forEach(cases, () => prepared(project))
        const alone = yield* Effect.forEach(cases, () => prepared(project))
        const { claims } = yield* Harness.tickAs("me", ["moose/Pipeline"], 64)
        // Every other one ends its run as well.
        const entry = ({ at, execution }: (typeof together)[number], facts: Facts, ends: boolean) => ({
          _tag: "StepEnded",
          execution,
          runner: "me",
          fence: claims.find(({ id }) => id === execution)?.fence ?? 0,
          name: "routing",
          attempt: 1,
          result: done,
          facts: facts(at),
          runResult: ends ? done : null
        })
        const all = together.flatMap((it, index) =>
          cases.slice(index, index + 1).map(([, facts]) => entry(it, facts, index % 2 === 0))
        )
        assert.deepStrictEqual(
          yield* Harness.call("commit_together", all),
          cases.map(() => true)
        )
        for (const [index, [what, facts]] of cases.entries()) {
          const [one, other] = [alone[index], together[index]]
          if (one === undefined || other === undefined) return assert.fail(what)
          const by = entry(one, facts, index % 2 === 0)
          assert.strictEqual(yield* Harness.call("commit_activity", by), true, what)
          assert.deepStrictEqual(yield* stored(other), yield* stored(one), what)
          // Said once more, because the reply was lost.
          assert.strictEqual(yield* Harness.call("commit_activity", by), true, what)
        }
        // The same of all of them: it changes nothing.
        const before = yield* Effect.forEach(together, stored)
        assert.deepStrictEqual(
          yield* Harness.call("commit_together", all),
          cases.map(() => true)
        )
        assert.deepStrictEqual(yield* Effect.forEach(together, stored), before)
      })
    )
  )
})
