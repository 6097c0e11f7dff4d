-- Every function takes one jsonb and returns one jsonb, so that it can be called the same way over the wire
-- protocol and through PostgREST. Field names are those of the schemas in src/services.

create or replace function moose.iso(at timestamptz) returns text
language sql immutable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create or replace function moose.project_json(p public.projects) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'id', p.id, 'repository', p.repository, 'baseBranch', p.base_branch, 'checks', p.checks, 'limits', p.limits,
    'concurrency', p.concurrency, 'timeZone', p.time_zone, 'mode', p.mode)
$$;

create or replace function moose.put_project(p jsonb) returns jsonb
language plpgsql as $$
declare
  stored public.projects;
begin
  insert into public.projects as t (id, repository, base_branch, checks, limits, concurrency, time_zone, mode)
  values (p->>'id', p->'repository', p->>'baseBranch', p->'checks', p->'limits', (p->>'concurrency')::integer,
          p->>'timeZone', p->>'mode')
  on conflict (id) do update set
    repository = excluded.repository, base_branch = excluded.base_branch, checks = excluded.checks,
    limits = excluded.limits, concurrency = excluded.concurrency, time_zone = excluded.time_zone,
    mode = excluded.mode, updated_at = moose.now()
  returning * into stored;
  perform pg_notify('moose_work', '');
  return moose.project_json(stored);
end
$$;

create or replace function moose.get_project(p jsonb) returns jsonb
language plpgsql stable as $$
declare
  stored public.projects;
begin
  select * into stored from public.projects where id = p->>'id';
  if not found then
    raise exception 'there is no project %', p->>'id' using errcode = 'MO404';
  end if;
  return moose.project_json(stored);
end
$$;

create or replace function moose.list_projects(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(moose.project_json(t) order by t.id), '[]') from public.projects t
$$;

-- What a step took: how often it was begun, whether it ended, and the time of its last end.
create or replace function moose.step_summaries(order_id text, order_run integer) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'name', s.step,
    'attempts', s.attempts,
    'status', case s.last_end when 'StepSucceeded' then 'succeeded' when 'StepFailed' then 'failed' else 'running' end,
    'ms', s.ms) order by s.first_seq), '[]')
  from (
    select step,
           min(seq) as first_seq,
           count(*) filter (where kind = 'StepStarted') as attempts,
           (array_agg(kind order by seq desc) filter (where kind in ('StepSucceeded', 'StepFailed')))[1] as last_end,
           (array_agg(ms order by seq desc) filter (where kind in ('StepSucceeded', 'StepFailed')))[1] as ms
    from public.work_order_events
    where work_order = order_id and run = order_run
      and kind in ('StepStarted', 'StepSucceeded', 'StepFailed')
    group by step
  ) s
$$;

create or replace function moose.order_spent(order_id text) returns bigint
language sql stable as $$
  select coalesce(sum(case state when 'settled' then settled_micros when 'cancelled' then 0 else reserved_micros end), 0)::bigint
  from public.cost_tracking where work_order = order_id
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
    'steps', moose.step_summaries(w.id, w.run),
    'submittedAt', moose.iso(w.created_at), 'updatedAt', moose.iso(w.updated_at))
$$;

-- Stores an order and queues its first run. The same body again is the same order.
create or replace function moose.submit_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  stored public.work_orders;
  hash text := encode(sha256(convert_to((p - 'metadata')::text, 'UTF8')), 'hex');
begin
  if not exists (select 1 from public.projects where id = p->>'project') then
    raise exception 'there is no project %', p->>'project' using errcode = 'MO404';
  end if;
  insert into public.work_orders (id, project, kind, title, description, acceptance_criteria, files_in_scope,
                                  base_branch, priority, limits, metadata, proposal, body_hash)
  values (p->>'id', p->>'project', p->>'kind', p->>'title', p->>'description', p->'acceptanceCriteria',
          p->'filesInScope', p->>'baseBranch', (p->>'priority')::integer, p->'limits', p->'metadata', p->'proposal', hash)
  on conflict (id) do nothing
  returning * into stored;
  if not found then
    select * into stored from public.work_orders where id = p->>'id';
    if stored.body_hash <> hash then
      raise exception 'work order % exists with another body', p->>'id' using errcode = 'MO409';
    end if;
    return jsonb_build_object('created', false, 'view', moose.work_order_json(stored));
  end if;
  insert into moose.executions (id, workflow, payload, work_order, run, priority)
  values (stored.id || '/1', 'moose/Pipeline', jsonb_build_object('workOrderId', stored.id, 'run', 1),
          stored.id, 1, stored.priority);
  perform pg_notify('moose_work', stored.id);
  return jsonb_build_object('created', true, 'view', moose.work_order_json(stored));
end
$$;

create or replace function moose.find_work_order(order_id text) returns public.work_orders
language plpgsql as $$
declare
  stored public.work_orders;
begin
  select * into stored from public.work_orders where id = order_id;
  if not found then
    raise exception 'there is no work order %', order_id using errcode = 'MO404';
  end if;
  return stored;
end
$$;

create or replace function moose.get_work_order(p jsonb) returns jsonb
language sql stable as $$
  select moose.work_order_json(moose.find_work_order(p->>'id'))
$$;

create or replace function moose.list_work_orders(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(moose.work_order_json(w) order by w.created_at desc, w.id), '[]')
  from (
    select * from public.work_orders
    where (p->>'project' is null or project = p->>'project') and (p->>'status' is null or status = p->>'status')
    order by created_at desc, id
    limit (p->>'limit')::integer
  ) w
$$;

create or replace function moose.timeline(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('seq', e.seq, 'run', e.run, 'kind', e.kind, 'step', e.step,
    'message', e.message, 'ms', e.ms, 'at', moose.iso(e.at)) order by e.seq), '[]')
  from (
    select * from public.work_order_events
    where work_order = p->>'id' and seq > (p->>'after')::bigint
    order by seq
    limit (p->>'limit')::integer
  ) e
$$;

create or replace function moose.merge_metadata(p jsonb) returns jsonb
language plpgsql as $$
declare
  merged jsonb;
begin
  update public.work_orders set metadata = metadata || (p->'metadata'), updated_at = moose.now()
  where id = p->>'id'
  returning metadata into merged;
  if not found then
    raise exception 'there is no work order %', p->>'id' using errcode = 'MO404';
  end if;
  return merged;
end
$$;

-- Asks for an order to be cancelled. One that nobody holds is cancelled here and now.
create or replace function moose.cancel_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  stored public.work_orders := moose.find_work_order(p->>'id');
  held moose.executions;
begin
  select * into held from moose.executions
  where work_order = stored.id and run = stored.run and state <> 'done'
  for update;
  if not found then
    return 'false';
  end if;
  if held.state = 'ready' and held.fence = 0 then
    update moose.executions set state = 'done', cancel_requested = true where id = held.id;
    perform moose.apply_facts(stored.id, stored.run, jsonb_build_array(
      jsonb_build_object('_tag', 'StatusMoved', 'to', 'cancelled', 'disposition', 'rolled_back')));
  else
    update moose.executions
    set cancel_requested = true, state = case state when 'suspended' then 'ready' else state end,
        available_at = least(available_at, moose.now())
    where id = held.id;
    perform pg_notify('moose_work', held.id);
  end if;
  return 'true';
end
$$;

create or replace function moose.past_outcomes(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('model', o.model, 'succeeded', o.good, 'failed', o.bad) order by o.model), '[]')
  from (
    select model, count(*) filter (where succeeded) as good, count(*) filter (where not succeeded) as bad
    from public.outcome_vectors
    where project = p->>'project' and kind = p->>'kind' and model is not null
    group by model
  ) o
$$;
