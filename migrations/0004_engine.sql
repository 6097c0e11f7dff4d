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
  update moose.executions set state = 'running', owner = runner_id, fence = fence + 1, woken = false
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

-- A runner's lease. Whatever a runner claims is free for others once this has ended, or was never taken.
create or replace function moose.hold_lease(p jsonb) returns void
language sql as $$
  insert into moose.runners (id, host, process_id, lease_until)
  values (p->>'runner', p->>'host', (p->>'processId')::integer,
          moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 1000))
  on conflict (id) do update set lease_until = excluded.lease_until
$$;

-- Completes a deferred of an execution whose row the caller has locked: one that is being suspended at this
-- moment would not see the result, nor this the suspension.
create or replace function moose.deliver(execution_id text, deferred_name text, deferred_exit jsonb) returns void
language plpgsql as $$
begin
  insert into moose.deferred_results (execution, name, exit) values (execution_id, deferred_name, deferred_exit)
  on conflict do nothing;
  update moose.executions set state = 'ready' where id = execution_id and state = 'suspended';
  if found then
    perform pg_notify('moose_work', execution_id);
  end if;
end
$$;

-- Delivers clocks that are due. What somebody else has locked is left to the next tick, here or elsewhere.
create or replace function moose.deliver_clocks() returns void
language plpgsql as $$
declare
  due record;
begin
  for due in
    select c.execution, c.name, c.exit
    from moose.clocks c join moose.executions e on e.id = c.execution
    where c.wake_at <= moose.now()
    order by c.wake_at
    limit 200
    for update skip locked
  loop
    delete from moose.clocks where execution = due.execution and name = due.name;
    perform moose.deliver(due.execution, due.name, due.exit);
  end loop;
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
  running jsonb := p->'running';
  claims jsonb := '[]';
  full_projects text[] := '{}';
  candidate record;
  busy integer;
begin
  perform moose.hold_lease(p);
  perform moose.deliver_clocks();

  if room > 0 then
    -- Claims are short and rare beside steps; one at a time keeps each project's concurrency exact.
    perform pg_advisory_xact_lock(hashtext('moose.claim'));
  end if;
  while room > 0 loop
    select e.id, e.state, w.project, p2.concurrency into candidate
    from moose.executions e
    left join moose.runners r on r.id = e.owner
    left join public.work_orders w on w.id = e.work_order
    left join public.projects p2 on p2.id = w.project
    where e.state in ('ready', 'running')
      and e.available_at <= moose.now()
      and p->'workflows' ? e.workflow
      and (p->'only' = 'null' or p->'only' ? e.id)
      and case e.state
          when 'ready' then (w.project is null or w.project <> all (full_projects))
            -- What a switched-off project has begun may still be cancelled and cleaned up.
            and (coalesce(p2.mode, 'on') <> 'off' or e.cancel_requested)
          else r.id is null or r.lease_until < moose.now() or (e.owner = me and not running ? e.id)
          end
    order by e.priority desc, e.created_at, e.id
    limit 1
    for update of e skip locked;
    exit when not found;
    -- One that runs already, by the books, has its place.
    if candidate.state = 'ready' and candidate.project is not null then
      select count(*) into busy
      from moose.executions e
      join public.work_orders w on w.id = e.work_order
      where e.state = 'running' and w.project = candidate.project;
      if busy >= candidate.concurrency then
        full_projects := full_projects || candidate.project;
        continue;
      end if;
    end if;
    claims := claims || jsonb_build_array(moose.claim_execution(candidate.id, me));
    running := running || jsonb_build_array(candidate.id);
    room := room - 1;
  end loop;

  return jsonb_build_object(
    'claims', claims,
    'cancelled', (select coalesce(jsonb_agg(id), '[]') from moose.executions
                  where owner = me and state = 'running' and cancel_requested));
end
$$;

-- Starts an execution that did not come from a work order, or tells how the one with this id stands. Those of
-- work orders are left to the ticks, which know the project's rules.
create or replace function moose.start_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions;
begin
  perform moose.hold_lease(p);
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
  if (e.owner = p->>'runner' and not (p->'running') ? e.id)
    or (e.state = 'ready' and e.work_order is null and e.available_at <= moose.now()) then
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
      state = case when known > (p->>'deferredsSeen')::integer or woken or cancel_requested then 'ready' else 'suspended' end
  where id = e.id
  returning * into e;
  if e.state = 'ready' then
    perform pg_notify('moose_work', e.id);
  end if;
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
  set cancel_requested = true,
      state = case state when 'suspended' then 'ready' else state end,
      available_at = least(available_at, moose.now())
  where id = p->>'execution' and state <> 'done';
  perform pg_notify('moose_work', p->>'execution');
  return 'null';
end
$$;

-- Lets an execution go on that waits: for a child, for somebody's word, or out a pause after it was abandoned.
create or replace function moose.resume_execution(p jsonb) returns jsonb
language plpgsql as $$
begin
  update moose.executions
  set woken = (state = 'running'),
      state = case state when 'suspended' then 'ready' else state end,
      available_at = least(available_at, moose.now())
  where id = p->>'execution' and state <> 'done';
  perform pg_notify('moose_work', p->>'execution');
  return 'null';
end
$$;

-- Answers how the deferred was completed, which is by whoever came first.
create or replace function moose.complete_deferred(p jsonb) returns jsonb
language plpgsql as $$
begin
  perform 1 from moose.executions where id = p->>'execution' for update;
  if not found then
    raise exception 'there is no execution %', p->>'execution' using errcode = 'MO404';
  end if;
  perform moose.deliver(p->>'execution', p->>'name', p->'exit');
  return (select exit from moose.deferred_results where execution = p->>'execution' and name = p->>'name');
end
$$;

-- A replay sleeps again through clocks that have rung already: those stay silent.
create or replace function moose.schedule_clock(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.clocks (execution, name, exit, wake_at)
  select p->>'execution', p->>'name', p->'exit',
         moose.now() + make_interval(secs => (p->>'ms')::numeric / 1000)
  where not exists (select 1 from moose.deferred_results
                    where execution = p->>'execution' and name = p->>'name')
  on conflict do nothing;
  return 'null';
end
$$;

-- An execution that was cancelled before anybody held it is done, and has no result.
create or replace function moose.poll_execution(p jsonb) returns jsonb
language sql stable as $$
  select coalesce((select jsonb_build_object('state', state, 'result', result) from moose.executions
                   where id = p->>'execution'), jsonb_build_object('state', null, 'result', null))
$$;
