-- Everything that changes what several projects have spent does it project by project, in one order: whoever reserves,
-- whoever settles with the ends of steps, and whoever closes what was left open never wait for each other in a circle.

-- Each whole or not at all, those of a project in the order given, in one transaction: a group of callers pays for one
-- commit. Repeating it with the same ids changes nothing.
create or replace function moose.check_and_reserve_budgets(p jsonb) returns jsonb
language plpgsql as $$
declare
  one record;
  answers jsonb[] := array_fill('null'::jsonb, array[jsonb_array_length(p)]);
  -- Asked for once: midnight may pass while the locks are awaited, and the day that is locked is the one that counts.
  asked_at timestamptz := moose.now();
begin
  perform moose.lock_budget(scope) from (
    select distinct o.project || '/' || (asked_at at time zone s.time_zone)::date as scope
    from jsonb_array_elements(p) e
    join public.work_orders o on o.id = e->>'workOrderId' join public.projects s on s.id = o.project
    order by 1) days;
  perform moose.lock_budget(scope) from (
    select distinct 'order/' || (e->>'workOrderId') as scope from jsonb_array_elements(p) e order by 1) orders;
  for one in
    select e.value as asked, e.ordinality as place, w, t, (asked_at at time zone t.time_zone)::date as today
    from jsonb_array_elements(p) with ordinality e
    left join public.work_orders w on w.id = e.value->>'workOrderId'
    left join public.projects t on t.id = w.project
    order by w.project nulls first, e.ordinality
  loop
    answers[one.place] := case
      when (one.w).id is null then
        moose.ledger_problem('work_order', format('there is no work order %s', one.asked->>'workOrderId'))
      when moose.micros(one.asked->'amount') is null then
        moose.ledger_problem('amount', format('%s is no amount of micro-dollars', one.asked->'amount'))
      when coalesce(one.asked->>'category', '') not in ('routing', 'generating', 'applying', 'repair', 'architect') then
        moose.ledger_problem('category', format('there is no category %s', one.asked->'category'))
      else moose.reserve_locked(one.asked, one.w, one.t, one.today)
    end;
  end loop;
  return to_jsonb(answers);
end
$$;

-- Reservations whose owner is gone count as spent. Answers how many were closed, at most `limit`.
create or replace function moose.presume_expired(p jsonb) returns jsonb
language plpgsql as $$
declare
  expired text[];
  one text;
  closed integer := 0;
begin
  expired := array(
    select id from public.cost_tracking
    where state = 'reserved' and lease_until < moose.now()
    order by lease_until limit (p->>'limit')::integer);
  perform moose.lock_budget(scope) from (
    select distinct project || '/' || day as scope from public.cost_tracking where id = any (expired) order by 1) days;
  for one in select id from public.cost_tracking where id = any (expired) order by project, id loop
    update public.cost_tracking set state = 'presumed', updated_at = moose.now()
    where id = one and state = 'reserved' and lease_until < moose.now();
    closed := closed + found::integer;
  end loop;
  return to_jsonb(closed);
end
$$;

-- Starts an execution that did not come from a work order, or tells how the one with this id stands. Only what can be
-- had is locked: whoever holds it writes for it at the same time, in groups that lock in an order of their own.
create or replace function moose.start_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions;
begin
  perform moose.hold_lease(p);
  insert into moose.executions (id, workflow, payload, parent, state, owner, fence, version)
  values (p->>'id', p->>'workflow', p->'payload', p->>'parent', 'running', p->>'runner', 1, (p->>'version')::integer)
  on conflict (id) do nothing
  returning * into e;
  if found then
    return jsonb_build_object('_tag', 'Claimed', 'execution', moose.execution_json(e));
  end if;
  select * into e from moose.executions where id = p->>'id';
  if e.state = 'done' then
    return jsonb_build_object('_tag', 'Done', 'result', e.result);
  end if;
  -- Ours already (the reply to an earlier call was lost), or free. Those of work orders are left to `claim`, which knows
  -- the project's rules.
  perform from moose.executions x
  where x.id = e.id
    and (x.owner = p->>'runner' and not (p->'running') ? x.id
      or x.state = 'ready' and x.work_order is null and x.available_at <= moose.now())
  for update skip locked;
  if found then
    return jsonb_build_object('_tag', 'Claimed',
      'execution', moose.claim_execution(e.id, p->>'runner', (p->>'version')::integer));
  end if;
  return jsonb_build_object('_tag', 'Elsewhere');
end
$$;

-- As before; it also tells whether anything is left that could begin by now, so that runners look again when they have
-- room and not otherwise.
create or replace function moose.runner_tick(p jsonb) returns jsonb
language plpgsql as $$
declare
  me text := p->>'runner';
  claims jsonb;
begin
  perform moose.commit_soon();
  perform moose.hold_lease(p);
  perform moose.deliver_clocks();
  claims := moose.claim(p, case when jsonb_typeof(p->'only') = 'array' then array(select jsonb_array_elements_text(p->'only')) end,
    (p->>'room')::integer);
  return jsonb_build_object(
    'claims', claims,
    'cancelled', (select coalesce(jsonb_agg(x.id), '[]') from moose.executions x
                  where x.owner = me and x.state = 'running' and x.cancel_requested),
    'someLeft', exists (select 1 from moose.executions x where x.state = 'ready' and x.available_at <= moose.now()),
    'nextMs', (
      select ceil(extract(epoch from least(
        (select min(c.wake_at) from moose.clocks c),
        (select min(r.lease_until) from moose.runners r
         where r.id <> me and exists (select 1 from moose.executions x where x.state = 'running' and x.owner = r.id))
      ) - moose.now()) * 1000)::bigint));
end
$$;
