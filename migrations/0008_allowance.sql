-- What an order has left to go on with, and what it held when something failed.

-- Failures that the order's own work caused, in one run. A provider's outage or a full disk spend none.
create or replace function moose.attempts_spent(order_id text, order_run integer) returns integer
language sql stable as $$
  select count(*)::integer from public.error_events
  where work_order = order_id and run = order_run and failure->>'blame' = 'task'
$$;

-- When the order's time began to count: a new run, and somebody's decision, give it all of it again.
create or replace function moose.counts_from(w public.work_orders) returns timestamptz
language sql stable as $$
  select coalesce((select max(at) from public.work_order_events
                   where work_order = w.id and kind in ('RunStarted', 'Resolved')), w.created_at)
$$;

create or replace function moose.work_order_json(w public.work_orders) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'order', jsonb_strip_nulls(jsonb_build_object(
      'id', w.id, 'project', w.project, 'kind', w.kind, 'title', w.title, 'description', w.description,
      'acceptanceCriteria', w.acceptance_criteria, 'filesInScope', w.files_in_scope, 'baseBranch', w.base_branch,
      'priority', w.priority, 'limits', w.limits))
      || jsonb_build_object('metadata', w.metadata)
      || case when w.proposal is null then '{}' else jsonb_build_object('proposal', w.proposal) end,
    'status', w.status, 'disposition', w.disposition, 'run', w.run, 'branch', w.branch, 'baseSha', w.base_sha,
    'headSha', w.head_sha,
    'pullRequest', case when w.pull_request_number is null then null
                   else jsonb_build_object('number', w.pull_request_number, 'url', w.pull_request_url) end,
    'failure', w.last_failure,
    'cost', moose.order_spent(w.id),
    'attemptsSpent', moose.attempts_spent(w.id, w.run),
    'countsFrom', moose.iso(moose.counts_from(w)),
    'steps', moose.step_summaries(w.id, w.run),
    'submittedAt', moose.iso(w.created_at), 'updatedAt', moose.iso(w.updated_at))
$$;

-- What an order holds right now: the state that a failure is recorded with.
create or replace function moose.order_state(p jsonb) returns jsonb
language plpgsql stable as $$
declare
  w public.work_orders := moose.find_work_order(p->>'id');
begin
  return jsonb_build_object(
    'status', w.status, 'branch', w.branch, 'baseSha', w.base_sha, 'headSha', w.head_sha,
    'pullRequest', case when w.pull_request_number is null then null
                   else jsonb_build_object('number', w.pull_request_number, 'url', w.pull_request_url) end,
    'resources', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', r.kind, 'name', r.name, 'state', r.state, 'host', r.host)
        order by r.id), '[]')
      from public.resources r where r.work_order = w.id and r.state <> 'released'),
    'reservations', (
      select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'call', c.call, 'model', c.model, 'amount', c.reserved_micros)
        order by c.created_at, c.id), '[]')
      from public.cost_tracking c where c.work_order = w.id and c.state = 'reserved'),
    'spent', moose.order_spent(w.id));
end
$$;

-- Failures since a moment, grouped by step, component and reason, last seen first. First seen may be long before it.
create or replace function moose.list_errors(p jsonb) returns jsonb
language sql stable as $$
  with met as (
    select e.*, coalesce(e.failure->>'component', '') as component
    from public.error_events e
    where at >= (p->>'since')::timestamptz
      and (p->>'step' is null or step = p->>'step')
      and (p->>'tag' is null or tag = p->>'tag')
      and (p->>'component' is null or e.failure->>'component' = p->>'component')
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'step', g.step, 'component', g.component, 'tag', g.tag, 'times', g.times, 'orders', g.orders,
    'firstAt', moose.iso((select min(f.at) from public.error_events f
                          where f.tag = g.tag and f.step is not distinct from g.step
                            and coalesce(f.failure->>'component', '') = g.component)),
    'lastAt', moose.iso(g.last_at),
    'category', n.category, 'severity', n.severity,
    'message', coalesce(n.failure->>'message', ''), 'hint', coalesce(n.failure->>'hint', ''),
    'newestOrders', (
      select coalesce(jsonb_agg(o.work_order order by o.last_id desc), '[]')
      from (
        select e.work_order, max(e.id) as last_id from met e
        where e.tag = g.tag and e.step is not distinct from g.step and e.component = g.component
          and e.work_order is not null
        group by e.work_order order by last_id desc limit (p->>'ordersLimit')::integer
      ) o)) order by g.newest desc), '[]')
  from (
    select step, component, tag, count(*) as times, count(distinct work_order) as orders, max(at) as last_at,
           max(id) as newest
    from met
    group by step, component, tag
    order by newest desc
    limit (p->>'limit')::integer
  ) g
  join public.error_events n on n.id = g.newest
$$;
