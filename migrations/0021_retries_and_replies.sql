-- A decision that names no step begins where the order stopped; and what programs bought through the gateway is kept no
-- longer than the journal that it belongs to.

-- The first step of an order's run whose result is not journaled; the last one where all are.
create or replace function moose.first_without_result(w public.work_orders) returns text
language sql stable as $$
  select s.name
  from unnest(array['routing', 'generating', 'applying', 'creating_pr', 'tracking']) with ordinality s (name, place)
  where s.name = 'tracking' or not exists (
    select 1 from moose.activity_results a
    where a.execution = w.id || '/' || w.run and a.name = s.name
      and a.result->>'_tag' = 'Complete' and a.result->'exit'->>'_tag' = 'Success'
      and coalesce(a.result->'exit'->'value'->>'_tag', '') not in ('Parked', 'Asked'))
  order by s.place limit 1
$$;

-- A failed order begins another run at a step; where none is named, at the first one that has no result. What the steps
-- before it journaled in the last run is taken over, so that nothing they did is done or paid for again.
create or replace function moose.start_run(order_id text, from_step text, why text) returns integer
language plpgsql as $$
declare
  steps constant text[] := array['routing', 'generating', 'applying', 'creating_pr', 'tracking'];
  w public.work_orders;
  old_run integer;
  kept text[];
  step text;
begin
  select * into w from public.work_orders where id = order_id for update;
  old_run := w.run;
  from_step := coalesce(from_step, moose.first_without_result(w));
  if array_position(steps, from_step) is null then
    raise exception 'work order % cannot begin at %: there is no such step', w.id, from_step using errcode = 'MO409';
  end if;
  kept := steps[1 : array_position(steps, from_step) - 1];
  update public.work_orders set status = 'pending', disposition = null, run = run + 1, updated_at = moose.now() where id = order_id;
  insert into moose.executions (id, workflow, payload, work_order, run, priority)
  select order_id || '/' || (old_run + 1), e.workflow, jsonb_build_object('workOrderId', order_id, 'run', old_run + 1),
         order_id, old_run + 1, e.priority
  from moose.executions e where e.work_order = order_id and e.run = old_run;
  insert into moose.activity_results (execution, name, attempt, result)
  select order_id || '/' || (old_run + 1), a.name, a.attempt, a.result
  from moose.activity_results a
  where a.execution = order_id || '/' || old_run and split_part(a.name, '/', 1) = any (kept);
  insert into moose.deferred_results (execution, name, exit)
  select order_id || '/' || (old_run + 1), d.name, d.exit
  from moose.deferred_results d
  where d.execution = order_id || '/' || old_run
    and split_part(regexp_replace(d.name, '^.*?((routing|generating|applying|creating_pr|tracking)/.*)$', '\1'), '/', 1) = any (kept);
  perform moose.note(order_id, old_run + 1, 'RunStarted', from_step, why, null);
  -- Each move is a legal one.
  foreach step in array steps[1 : array_position(steps, from_step)] loop
    exit when from_step = 'routing';
    update public.work_orders set status = step, updated_at = moose.now() where id = order_id;
  end loop;
  perform pg_notify('moose_work', order_id);
  return old_run + 1;
end
$$;

-- Begins another run of an order that has ended without a pull request: where it failed, or at an earlier step.
create or replace function moose.retry_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  steps constant text[] := array['routing', 'generating', 'applying', 'creating_pr', 'tracking'];
  w public.work_orders := moose.find_work_order(p->>'id');
  first text;
  wanted text;
begin
  -- The same call again, whose reply was lost.
  insert into moose.fact_batches (key) values (p->>'key') on conflict do nothing;
  if not found then
    return moose.work_order_json(w);
  end if;
  if not (w.status like '%\_failed' or w.status = 'cancelled') then
    raise exception 'work order % is %: only one that failed or was cancelled can be tried again', w.id, w.status using errcode = 'MO409';
  elsif w.disposition = 'rollback_pending' then
    raise exception 'work order % is still being cleaned up', w.id using errcode = 'MO409';
  end if;
  first := moose.first_without_result(w);
  wanted := coalesce(p->>'from', first);
  if array_position(steps, wanted) > array_position(steps, first) then
    raise exception 'work order % cannot begin at %: % has not been done yet', w.id, wanted, first using errcode = 'MO409';
  end if;
  update public.work_orders set cancel_reason = null, cancel_closes = false where id = w.id;
  perform moose.start_run(w.id, wanted, format('%s asked for it', p->>'by'));
  -- Whoever was asked what to do with it has been answered.
  update public.escalations e
  set status = 'resolved', resolution = jsonb_build_object('option', 'retry', 'label', 'It was tried again.'), resolved_by = p->>'by',
      resolved_at = moose.now(), next_notice_at = null, ack_deadline = null, updated_at = moose.now()
  where e.status = 'open' and not exists (
      select 1 from public.escalation_orders o join public.work_orders x on x.id = o.work_order
      where o.escalation = e.id and x.run = o.run)
    and exists (select 1 from public.escalation_orders o where o.escalation = e.id and o.work_order = w.id);
  return moose.work_order_json((select x from public.work_orders x where x.id = w.id));
end
$$;

-- What is over and old: events, journals of runs that have ended and what programs bought in them, executions that
-- belong to no order, runners that are gone, keys of batches. Answers how many rows went, at most `limit` of each kind.
-- Orders, decisions, failures, money and outcomes stay.
create or replace function moose.purge(p jsonb) returns jsonb
language plpgsql as $$
declare
  before timestamptz := moose.now() - make_interval(secs => (p->>'olderThanMs')::numeric / 1000);
  most integer := (p->>'limit')::integer;
  over constant text[] := array['completed', 'cancelled', 'routing_failed', 'generation_failed', 'aider_failed', 'pr_failed', 'tracking_failed'];
  counts jsonb := '{}';
  ended text[];
  gone integer;
begin
  delete from public.work_order_events where seq in (
    select v.seq from public.work_order_events v join public.work_orders w on w.id = v.work_order
    where v.at < before and w.updated_at < before and w.status = any (over) order by v.seq limit most);
  get diagnostics gone = row_count;
  counts := counts || jsonb_build_object('events', gone);
  delete from moose.activity_results where (execution, name, attempt) in (
    select a.execution, a.name, a.attempt from moose.activity_results a join moose.executions x on x.id = a.execution
    join public.work_orders w on w.id = x.work_order
    -- A failed run's journal is what the next run takes over.
    where x.state = 'done' and a.at < before and (w.status in ('completed', 'cancelled') or w.run > x.run) limit most);
  get diagnostics gone = row_count;
  counts := counts || jsonb_build_object('results', gone);
  delete from moose.model_replies where (work_order, run, call, request, ordinal) in (
    select m.work_order, m.run, m.call, m.request, m.ordinal from moose.model_replies m
    join moose.executions x on x.work_order = m.work_order and x.run = m.run
    join public.work_orders w on w.id = m.work_order
    where x.state = 'done' and m.created_at < before and (w.status in ('completed', 'cancelled') or w.run > m.run) limit most);
  get diagnostics gone = row_count;
  counts := counts || jsonb_build_object('replies', gone);
  -- A parent that is not over still asks for how its children ended.
  ended := array(
    select x.id from moose.executions x
    where x.state = 'done' and x.work_order is null and x.created_at < before
      and not exists (select 1 from moose.activity_results a where a.execution = x.id and a.at >= before)
      and not exists (select 1 from moose.executions o where o.id = x.parent and o.state <> 'done')
    order by x.id limit most for update skip locked);
  delete from moose.activity_results a where a.execution = any (ended);
  delete from moose.deferred_results d where d.execution = any (ended);
  delete from moose.clocks c where c.execution = any (ended);
  delete from moose.executions x where x.id = any (ended);
  counts := counts || jsonb_build_object('executions', cardinality(ended));
  delete from moose.fact_batches where key in (select key from moose.fact_batches where at < before limit most);
  get diagnostics gone = row_count;
  counts := counts || jsonb_build_object('batches', gone);
  delete from moose.runners where id in (
    select r.id from moose.runners r where r.lease_until < before
      and not exists (select 1 from moose.executions x where x.owner = r.id) limit most);
  get diagnostics gone = row_count;
  return counts || jsonb_build_object('runners', gone);
end
$$;
