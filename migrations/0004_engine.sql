-- The durable engine. Every write names the runner and the fence it was claimed under; a write whose claim
-- is no longer current changes nothing and says so.

create or replace function moose.execution_json(e moose.executions) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'id', e.id, 'workflow', e.workflow, 'payload', e.payload, 'fence', e.fence, 'cancelRequested', e.cancel_requested,
    'activities', (select coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'attempt', a.attempt, 'result', a.result)), '[]')
                   from moose.activity_results a where a.execution = e.id),
    'deferreds', (select coalesce(jsonb_agg(jsonb_build_object('name', d.name, 'exit', d.exit)), '[]')
                  from moose.deferred_results d where d.execution = e.id))
$$;

-- Hands one execution to a runner. The order's step begins (again) in the same commit.
create or replace function moose.claim_execution(execution_id text, runner_id text) returns jsonb
language plpgsql as $$
declare
  e moose.executions;
  current_status text;
begin
  update moose.executions set state = 'running', owner = runner_id, fence = fence + 1
  where id = execution_id returning * into e;
  if e.work_order is not null then
    select status into current_status from public.work_orders where id = e.work_order;
    if current_status = 'pending' then
      perform moose.apply_facts(e.work_order, e.run, '[{"_tag":"StatusMoved","to":"routing","disposition":null}]');
      current_status := 'routing';
    end if;
    if current_status in ('routing', 'generating', 'applying', 'creating_pr', 'tracking') then
      perform moose.apply_facts(e.work_order, e.run,
        jsonb_build_array(jsonb_build_object('_tag', 'StepStarted', 'step', current_status)));
    end if;
  end if;
  return moose.execution_json(e);
end
$$;

-- Renews a runner's lease, delivers clocks that are due, and claims what the runner has room for: executions
-- nobody holds, those of runners whose lease has ended, and its own that it no longer runs. By priority, then
-- age, within each project's concurrency. Answers the claims and which running executions should be cancelled.
create or replace function moose.runner_tick(p jsonb) returns jsonb
language plpgsql as $$
declare
  me text := p->>'runner';
  room integer := (p->>'room')::integer;
  claims jsonb := '[]';
  candidate record;
  busy integer;
begin
  insert into moose.runners (id, host, process_id, lease_until)
  values (me, p->>'host', (p->>'processId')::integer, moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 1000))
  on conflict (id) do update set lease_until = excluded.lease_until;

  with due as (
    delete from moose.clocks where wake_at <= moose.now() returning execution, name, exit
  ), delivered as (
    insert into moose.deferred_results (execution, name, exit) select execution, name, exit from due
    on conflict do nothing
  )
  update moose.executions set state = 'ready' where id in (select execution from due) and state = 'suspended';

  if room > 0 then
    -- Claims are short and rare beside steps; one at a time keeps each project's concurrency exact.
    perform pg_advisory_xact_lock(hashtext('moose.claim'));
    for candidate in
      select e.id, w.project, p2.concurrency
      from moose.executions e
      left join moose.runners r on r.id = e.owner
      left join public.work_orders w on w.id = e.work_order
      left join public.projects p2 on p2.id = w.project
      where e.available_at <= moose.now()
        and p->'workflows' ? e.workflow
        and (p->'only' = 'null' or p->'only' ? e.id)
        and ((e.state = 'ready' and coalesce(p2.mode, 'on') <> 'off')
          or (e.state = 'running'
              and (r.id is null or r.lease_until < moose.now()
                   or (e.owner = me and not (p->'running') ? e.id))))
      order by e.priority desc, e.created_at
      limit 200
      for update of e skip locked
    loop
      exit when room <= 0;
      if candidate.project is not null then
        select count(*) into busy
        from moose.executions e
        join public.work_orders w on w.id = e.work_order
        where e.state = 'running' and w.project = candidate.project and e.id <> candidate.id;
        continue when busy >= candidate.concurrency;
      end if;
      claims := claims || jsonb_build_array(moose.claim_execution(candidate.id, me));
      room := room - 1;
    end loop;
  end if;

  return jsonb_build_object(
    'claims', claims,
    'cancelled', (select coalesce(jsonb_agg(id), '[]') from moose.executions
                  where owner = me and state = 'running' and cancel_requested));
end
$$;

-- Starts an execution that did not come from a work order, or tells how the one with this id stands.
create or replace function moose.start_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions;
begin
  insert into moose.executions (id, workflow, payload, parent, state, owner, fence)
  values (p->>'id', p->>'workflow', p->'payload', p->>'parent', 'running', p->>'runner', 1)
  on conflict (id) do nothing
  returning * into e;
  if found then
    return jsonb_build_object('_tag', 'Claimed', 'execution', moose.execution_json(e));
  end if;
  select * into e from moose.executions where id = p->>'id' for update;
  if e.state = 'done' then
    return jsonb_build_object('_tag', 'Done', 'result', e.result);
  end if;
  -- Ours already (the reply to an earlier call was lost), or free.
  if e.state = 'ready' or (e.owner = p->>'runner' and not (p->'running') ? e.id) then
    return jsonb_build_object('_tag', 'Claimed', 'execution', moose.claim_execution(e.id, p->>'runner'));
  end if;
  return jsonb_build_object('_tag', 'Elsewhere');
end
$$;

create or replace function moose.lock_claim(p jsonb) returns moose.executions
language sql as $$
  select * from moose.executions
  where id = p->>'execution' and owner = p->>'runner' and fence = (p->>'fence')::bigint and state = 'running'
  for update
$$;

-- A step's end: its result and everything it has to say, in one commit. Repeating the call changes nothing.
create or replace function moose.commit_activity(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
begin
  if e.id is null then
    return 'false';
  end if;
  insert into moose.activity_results (execution, name, attempt, result)
  values (e.id, p->>'name', (p->>'attempt')::integer, p->'result')
  on conflict do nothing;
  if found and e.work_order is not null then
    perform moose.apply_facts(e.work_order, e.run, p->'facts');
  end if;
  return 'true';
end
$$;

create or replace function moose.finish_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
begin
  if e.id is null then
    -- Done already by this very claim: the reply to an earlier call was lost.
    return to_jsonb(exists (select 1 from moose.executions
      where id = p->>'execution' and fence = (p->>'fence')::bigint and state = 'done'));
  end if;
  update moose.executions set state = 'done', owner = null, result = p->'result' where id = e.id;
  if e.parent is not null then
    perform moose.resume_execution(jsonb_build_object('execution', e.parent));
  end if;
  return 'true';
end
$$;

-- Lets go of an execution that waits for something: it stays claimable if that has happened meanwhile.
create or replace function moose.suspend_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
  known integer;
begin
  if e.id is null then
    return 'false';
  end if;
  select count(*) into known from moose.deferred_results where execution = e.id;
  update moose.executions
  set owner = null,
      state = case when known > (p->>'deferredsSeen')::integer or cancel_requested then 'ready' else 'suspended' end
  where id = e.id;
  perform pg_notify('moose_work', e.id);
  return 'true';
end
$$;

-- Lets go of an execution without a result, to be claimed again by anybody after a pause.
create or replace function moose.abandon_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
begin
  if e.id is null then
    return 'false';
  end if;
  update moose.executions
  set state = 'ready', owner = null,
      available_at = moose.now() + make_interval(secs => (p->>'pauseMs')::numeric / 1000)
  where id = e.id;
  perform pg_notify('moose_work', e.id);
  return 'true';
end
$$;

-- A runner that leaves in good order gives back everything at once.
create or replace function moose.release_runner(p jsonb) returns jsonb
language plpgsql as $$
begin
  update moose.executions set state = 'ready', owner = null where owner = p->>'runner' and state = 'running';
  delete from moose.runners where id = p->>'runner';
  perform pg_notify('moose_work', '');
  return 'null';
end
$$;

create or replace function moose.request_interrupt(p jsonb) returns jsonb
language plpgsql as $$
begin
  update moose.executions
  set cancel_requested = true, state = case state when 'suspended' then 'ready' else state end
  where id = p->>'execution' and state <> 'done';
  perform pg_notify('moose_work', p->>'execution');
  return 'null';
end
$$;

create or replace function moose.resume_execution(p jsonb) returns jsonb
language plpgsql as $$
begin
  update moose.executions set state = 'ready', available_at = moose.now()
  where id = p->>'execution' and state in ('suspended', 'ready');
  perform pg_notify('moose_work', p->>'execution');
  return 'null';
end
$$;

create or replace function moose.complete_deferred(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.deferred_results (execution, name, exit)
  values (p->>'execution', p->>'name', p->'exit') on conflict do nothing;
  perform moose.resume_execution(p);
  return 'null';
end
$$;

create or replace function moose.schedule_clock(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.clocks (execution, name, exit, wake_at)
  values (p->>'execution', p->>'name', p->'exit', moose.now() + make_interval(secs => (p->>'ms')::numeric / 1000))
  on conflict do nothing;
  return 'null';
end
$$;

create or replace function moose.poll_execution(p jsonb) returns jsonb
language sql stable as $$
  select coalesce((select jsonb_build_object('result', result) from moose.executions
                   where id = p->>'execution' and state = 'done'), jsonb_build_object('result', null))
$$;
