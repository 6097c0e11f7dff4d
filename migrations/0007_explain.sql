-- What somebody who is called at night asks: what is the matter with this order, and what fails just now.

create index error_events_newest on public.error_events (at desc);
create index error_events_by_reason on public.error_events (tag, step, at);

-- The order's last failure in its current run with all it carries, and since when it is met.
create or replace function moose.last_failure_json(order_id text, order_run integer) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'step', e.step, 'tag', e.tag, 'category', e.category, 'severity', e.severity,
    'message', coalesce(e.failure->>'message', ''), 'hint', coalesce(e.failure->>'hint', ''),
    'operation', coalesce(e.failure->>'operation', ''), 'excerpt', coalesce(e.failure->>'excerpt', ''),
    'causes', coalesce(e.failure->'causes', '[]'),
    'at', moose.iso(e.at), 'firstAt', moose.iso(s.first_at), 'times', s.times)
  from (
    select * from public.error_events
    where work_order = order_id and run = order_run
    order by id desc
    limit 1
  ) e
  cross join lateral (
    select min(x.at) as first_at, count(*) as times
    from public.error_events x
    where x.work_order = order_id and x.run = order_run and x.step is not distinct from e.step and x.tag = e.tag
  ) s
$$;

-- What a waiting order waits for. Why, is in the decision that parked it.
create or replace function moose.waiting_json(w public.work_orders) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'for', w.waiting_for,
    'resumeAt', moose.iso(w.resume_at),
    'step', d.step, 'tag', d.data->>'tag', 'cause', d.reason,
    'incident', (
      select jsonb_build_object('tag', i.tag, 'message', i.message, 'openedAt', moose.iso(i.opened_at),
        'nextProbeAt', moose.iso(i.next_probe_at), 'failedProbes', i.failed_probes,
        'orders', (select count(*) from public.work_orders o where o.waiting_for = i.dependency))
      from public.incidents i
      where i.dependency = w.waiting_for and i.closed_at is null))
  from (values (1)) one
  left join lateral (
    select * from public.decision_logs
    where work_order = w.id and run = w.run and choice = 'wait'
    order by id desc
    limit 1
  ) d on true
  where w.status = 'waiting'
$$;

-- Everything there is to say about an order, as it was at one moment. `limit` bounds each list: the newest are told.
create or replace function moose.explain_order(p jsonb) returns jsonb
language plpgsql stable as $$
declare
  w public.work_orders := moose.find_work_order(p->>'id');
  most integer := (p->>'limit')::integer;
begin
  return jsonb_build_object(
    'now', moose.iso(moose.now()),
    'view', moose.work_order_json(w),
    -- The first move to this status after the last move to another; a changed disposition is no move.
    'statusSince', moose.iso(coalesce((
      select min(e.at) from public.work_order_events e
      where e.work_order = w.id and e.kind = 'StatusMoved' and e.seq > coalesce((
        select max(x.seq) from public.work_order_events x
        where x.work_order = w.id and x.kind = 'StatusMoved' and split_part(x.message, ' ', 1) <> w.status), 0)),
      w.created_at)),
    'shadow', w.shadow,
    'failure', moose.last_failure_json(w.id, w.run),
    'waiting', moose.waiting_json(w),
    'execution', (
      select jsonb_build_object('state', e.state, 'availableAt', moose.iso(e.available_at),
        'cancelRequested', e.cancel_requested, 'host', r.host, 'processId', r.process_id,
        'leaseUntil', moose.iso(r.lease_until))
      from moose.executions e
      left join moose.runners r on r.id = e.owner
      where e.work_order = w.id and e.run = w.run),
    'project', (
      select jsonb_build_object('id', t.id, 'mode', t.mode, 'concurrency', t.concurrency,
        'running', (select count(*) from moose.executions e join public.work_orders o on o.id = e.work_order
                    where o.project = t.id and e.state = 'running'))
      from public.projects t where t.id = w.project),
    'workers', (select count(*) from moose.runners where lease_until > moose.now()),
    'resources', (
      select coalesce(jsonb_agg(jsonb_build_object('run', r.run, 'kind', r.kind, 'name', r.name, 'state', r.state,
        'host', r.host, 'evidence', r.evidence, 'reason', r.reason, 'updatedAt', moose.iso(r.updated_at))
        order by r.id), '[]')
      from (select * from public.resources where work_order = w.id order by id desc limit most) r),
    'ledger', (
      select coalesce(jsonb_agg(jsonb_build_object('state', c.state, 'calls', c.calls, 'amount', c.amount)
        order by c.state), '[]')
      from (
        select state, count(*) as calls,
               sum(case state when 'settled' then settled_micros else reserved_micros end)::bigint as amount
        from public.cost_tracking where work_order = w.id group by state
      ) c),
    'decisions', (
      select coalesce(jsonb_agg(jsonb_build_object('step', d.step, 'choice', d.choice, 'reason', d.reason,
        'at', moose.iso(d.at)) order by d.id), '[]')
      from (select * from public.decision_logs where work_order = w.id and run = w.run order by id desc limit most) d),
    'failures', (
      select coalesce(jsonb_agg(jsonb_build_object('step', e.step, 'tag', e.tag, 'at', moose.iso(e.at),
        'message', coalesce(e.failure->>'message', '')) order by e.id), '[]')
      from (select * from public.error_events where work_order = w.id and run = w.run order by id desc limit most) e),
    'events', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', e.kind, 'step', e.step, 'message', e.message,
        'at', moose.iso(e.at)) order by e.seq), '[]')
      from (
        select * from public.work_order_events
        where work_order = w.id and run = w.run and kind in ('Parked', 'IncidentClosed', 'ResourcePreserved', 'StatusMoved')
        order by seq desc limit most
      ) e));
end
$$;

-- Failures since a moment, grouped by step and reason, last seen first. First seen may be long before that moment.
create or replace function moose.list_errors(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'step', g.step, 'tag', g.tag, 'times', g.times, 'orders', g.orders,
    'firstAt', moose.iso((select min(f.at) from public.error_events f
                          where f.tag = g.tag and f.step is not distinct from g.step)),
    'lastAt', moose.iso(g.last_at),
    'category', n.category, 'severity', n.severity,
    'message', coalesce(n.failure->>'message', ''), 'hint', coalesce(n.failure->>'hint', ''),
    'newestOrders', (
      select coalesce(jsonb_agg(o.work_order order by o.last_id desc), '[]')
      from (
        select e.work_order, max(e.id) as last_id from public.error_events e
        where e.at >= (p->>'since')::timestamptz and e.tag = g.tag and e.step is not distinct from g.step
          and e.work_order is not null
        group by e.work_order order by last_id desc limit (p->>'ordersLimit')::integer
      ) o)) order by g.newest desc), '[]')
  from (
    select step, tag, count(*) as times, count(distinct work_order) as orders, max(at) as last_at, max(id) as newest
    from public.error_events
    where at >= (p->>'since')::timestamptz
      and (p->>'step' is null or step = p->>'step')
      and (p->>'tag' is null or tag = p->>'tag')
    group by step, tag
    order by newest desc
    limit (p->>'limit')::integer
  ) g
  join public.error_events n on n.id = g.newest
$$;
