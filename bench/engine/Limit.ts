import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import * as Together from "../../src/layers/postgres/Together.ts"
import type { Contender } from "./Contender.ts"
import { projects, seed } from "./Moose.ts"
import * as Environment from "../../src/layers/Environment.ts"

/** The rows of an order's seven commits, many orders at once: what is left when nothing is decided, checked or locked. */
const writing = `
create or replace function public.bench_write(p jsonb) returns jsonb language plpgsql as $$
begin
  insert into public.work_orders (id, project, kind, title, description, acceptance_criteria, files_in_scope, base_branch,
                                  priority, limits, metadata, body_hash)
  select v->>'id', v->>'project', 'bug', 'Totals lose cents', 'They are rounded down.', '[]', '[]', 'main', 0, '{}', '{}', v->>'id'
  from jsonb_array_elements(p) v where v->>'step' = '0';
  insert into moose.executions (id, workflow, payload, work_order, run, state, owner, fence)
  select v->>'id' || '/1', 'moose/Pipeline', v, v->>'id', 1, 'running', 'bench', 1
  from jsonb_array_elements(p) v where v->>'step' = '0';
  insert into moose.activity_results (execution, name, attempt, result)
  select v->>'id' || '/1', v->>'step', 1, '{"_tag":"Complete","exit":{"_tag":"Success","value":1}}'
  from jsonb_array_elements(p) v where v->>'step' <> '0';
  insert into public.work_order_events (work_order, run, kind, step, message, ms)
  select v->>'id', 1, k, 'routing', 'as it should', 12
  from jsonb_array_elements(p) v, unnest(array['StepSucceeded', 'StatusMoved', 'StepStarted']) k where v->>'step' <> '0';
  insert into public.decision_logs (work_order, run, step, choice, reason, data)
  select v->>'id', 1, 'routing', 'gpt-5', 'cheap first', '{}' from jsonb_array_elements(p) v where v->>'step' = '1';
  insert into public.cost_tracking (id, project, day, work_order, run, call, category, model, state, reserved_micros, lease_until)
  select v->>'id', v->>'project', current_date, v->>'id', 1, 'generating/1', 'generating', 'gpt-5', 'reserved', 10000, now()
  from jsonb_array_elements(p) v where v->>'step' = '1';
  update public.cost_tracking c set state = 'settled', settled_micros = 10000
  from jsonb_array_elements(p) v where v->>'step' = '2' and c.id = v->>'id';
  insert into public.resources (work_order, run, kind, name, state, host)
  select v->>'id', 1, k, v->>'id', 'held', 'here'
  from jsonb_array_elements(p) v, unnest(array['worktree', 'branch']) k where v->>'step' = '2';
  update public.resources r set state = 'released'
  from jsonb_array_elements(p) v where v->>'step' = '5' and r.work_order = v->>'id' and r.kind = 'worktree';
  insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome)
  select v->>'id', 1, v->>'project', 'bug', 'gpt-5', true, 10000, '{}' from jsonb_array_elements(p) v where v->>'step' = '5';
  update public.work_orders w
  set status = (array['routing', 'generating', 'applying', 'creating_pr', 'tracking', 'completed'])[(v->>'step')::integer + 1],
      head_sha = 'b', pull_request_number = 7, updated_at = now()
  from jsonb_array_elements(p) v where w.id = v->>'id';
  update moose.executions e set state = 'done', owner = null, result = '{}'
  from jsonb_array_elements(p) v where v->>'step' = '5' and e.id = v->>'id' || '/1';
  return '[]';
end
$$`

interface Write {
  readonly id: string
  readonly project: string
  readonly step: number
}

/** The same rows in grouped commits, without an engine: how fast this machine could be. */
export const make = Effect.fnUntraced(function* (url: string) {
  const store = Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: Redacted.make(url) })))
  const context = yield* Layer.build(store)
  yield* Effect.provide(seed, context)
  const sql = yield* Effect.provide(PgClient.PgClient, context)
  yield* sql.unsafe(writing).unprepared
  const write = yield* Together.make({
    most: 64,
    callsMax: 2,
    together: (writes: ReadonlyArray<Write>) =>
      Effect.as(
        sql`select public.bench_write(${sql.json(writes)})`,
        writes.map(() => true)
      ),
    isOneCallers: () => false
  })
  let orders = 0
  let parked = 0
  const contender: Contender = {
    order: Effect.gen(function* () {
      const id = `limit-${process.pid}-${++orders}`
      const project = projects[orders % projects.length] ?? ""
      for (let step = 0; step <= 5; step++) yield* write({ id, project, step })
    }),
    // Rows that wait have no memory in a process.
    park: Effect.sync(() => void parked++),
    parked: Effect.sync(() => parked)
  }
  return contender
})
