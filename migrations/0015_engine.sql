-- The engine, whole: ends of steps that wait for each other share a commit; an execution that kills its runners is
-- put before a person; one that other code began is only replayed by code that can.

alter table moose.executions
  -- Of the code that began it.
  add column version integer,
  -- How often it was taken over, or given back for want of a result, since it last journaled one.
  add column stalls integer not null default 0,
  -- The status to go back to when a person lets it go on.
  add column stalled_in text;

update moose.executions set version = 1 where fence > 0;

-- Somebody has stopped the order for a while: it is not claimed, and one that runs waits before its next step.
alter table public.work_orders add column paused boolean not null default false;

-- Why somebody cancelled it, and whether its pull request, if it has one by then, is to be closed or kept.
alter table public.work_orders
  add column cancel_reason text,
  add column cancel_closes boolean not null default false;

-- Repeating the call changes nothing.
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
  if e.stalls > 0 then
    update moose.executions set stalls = 0 where id = e.id;
  end if;
  return 'true';
end
$$;

-- Ends of several steps in one commit, answered in the order asked. Two groups lock projects, and executions within
-- them, in the same order, so that they do not wait for each other.
create or replace function moose.commit_activities(p jsonb) returns jsonb
language plpgsql as $$
declare
  one record;
  answers jsonb[] := array_fill('false'::jsonb, array[jsonb_array_length(p)]);
begin
  for one in
    select e.value as entry, e.ordinality as place
    from jsonb_array_elements(p) with ordinality e
    left join moose.executions x on x.id = e.value->>'execution'
    left join public.work_orders w on w.id = x.work_order
    order by w.project nulls first, x.id, e.ordinality
  loop
    answers[one.place] := moose.commit_activity(one.entry);
  end loop;
  return to_jsonb(answers);
end
$$;

-- Hands one execution to a runner. The order's step begins (again) in the same commit.
create or replace function moose.claim_execution(execution_id text, runner_id text, code_version integer) returns jsonb
language plpgsql as $$
declare
  was moose.executions;
  e moose.executions;
  current_status text;
begin
  select * into was from moose.executions where id = execution_id for update;
  update moose.executions
  set state = 'running', owner = runner_id, fence = fence + 1, woken = false, version = coalesce(version, code_version),
      stalls = stalls + (was.state = 'running' and was.owner is distinct from runner_id)::integer
  where id = execution_id returning * into e;
  if e.work_order is not null then
    select status into current_status from public.work_orders where id = e.work_order;
    if current_status = 'pending' then
      perform moose.apply_facts(e.work_order, e.run, '[{"_tag":"StatusMoved","to":"routing","disposition":null}]');
      current_status := 'routing';
    elsif current_status = 'needs_review' and e.stalled_in is not null then
      perform moose.apply_facts(e.work_order, e.run,
        jsonb_build_array(jsonb_build_object('_tag', 'StatusMoved', 'to', e.stalled_in, 'disposition', null)));
      current_status := e.stalled_in;
    end if;
    if e.stalled_in is not null then
      update moose.executions set stalled_in = null where id = e.id;
    end if;
    if current_status in ('routing', 'generating', 'applying', 'creating_pr', 'tracking') then
      perform moose.apply_facts(e.work_order, e.run,
        jsonb_build_array(jsonb_build_object('_tag', 'StepStarted', 'step', current_status)));
    end if;
  end if;
  return moose.execution_json(e);
end
$$;

drop function moose.claim_execution(text, text);

-- Nobody runs it until a person has decided. `why` is shown with the order.
create or replace function moose.set_aside(e moose.executions, kind text, why text, hint text) returns void
language plpgsql as $$
declare
  current_status text := (select status from public.work_orders where id = e.work_order);
  active boolean := current_status in ('routing', 'generating', 'applying', 'creating_pr', 'tracking');
begin
  update moose.executions
  set state = 'suspended', owner = null, stalls = 0, stalled_in = case when active then current_status end
  where id = e.id;
  if active then
    perform moose.apply_facts(e.work_order, e.run, '[{"_tag":"StatusMoved","to":"needs_review","disposition":null}]');
  end if;
  perform moose.escalate(e.work_order, coalesce(e.run, 1), jsonb_build_object(
    'type', kind, 'severity', 'critical', 'fingerprint', kind || '/' || e.id,
    'context', jsonb_build_object('step', current_status, 'execution', e.id, 'message', why, 'hint', hint),
    'options', jsonb_build_array(
      jsonb_build_object('option', 'retry', 'label', 'Let it go on where it was.', 'usd', 0, 'recommended', true),
      jsonb_build_object('option', 'abandon', 'label', 'Give the order up, and clean up.', 'usd', 0, 'recommended', false)),
    'defaultOption', null, 'question', kind));
end
$$;

-- Renews a runner's lease, delivers clocks that are due, and claims what the runner has room for: executions
-- nobody holds, those of runners whose lease has ended, and its own that it no longer runs. By priority, then
-- age, within each project's concurrency. Answers the claims and which running executions should be cancelled.
-- `version` is this runner's code, `replays` the older ones that it can go on with.
create or replace function moose.runner_tick(p jsonb) returns jsonb
language plpgsql as $$
declare
  me text := p->>'runner';
  room integer := (p->>'room')::integer;
  running jsonb := p->'running';
  code integer := (p->>'version')::integer;
  claims jsonb := '[]';
  full_projects text[] := '{}';
  candidate record;
  e moose.executions;
  busy integer;
begin
  perform moose.hold_lease(p);
  perform moose.deliver_clocks();

  if room > 0 then
    -- Claims are short and rare beside steps; one at a time keeps each project's concurrency exact.
    perform pg_advisory_xact_lock(hashtext('moose.claim'));
  end if;
  while room > 0 loop
    select x.id, x.state, w.project, p2.concurrency into candidate
    from moose.executions x
    left join moose.runners r on r.id = x.owner
    left join public.work_orders w on w.id = x.work_order
    left join public.projects p2 on p2.id = w.project
    where x.state in ('ready', 'running')
      and x.available_at <= moose.now()
      and p->'workflows' ? x.workflow
      and (p->'only' = 'null' or p->'only' ? x.id)
      -- Newer code than this one knows what to do with it.
      and coalesce(x.version <= code, true)
      and case x.state
          when 'ready' then (w.project is null or w.project <> all (full_projects))
            -- What a switched-off project has begun may still be cancelled and cleaned up.
            and (coalesce(p2.mode, 'on') <> 'off' and not coalesce(w.paused, false) or x.cancel_requested)
          else r.id is null or r.lease_until < moose.now() or (x.owner = me and not running ? x.id)
          end
    order by x.priority desc, x.created_at, x.id
    limit 1
    for update of x skip locked;
    exit when not found;
    select * into e from moose.executions where id = candidate.id;
    if e.version is not null and e.version <> code and not p->'replays' @> to_jsonb(e.version) then
      perform moose.set_aside(e, 'older_code', format('it was begun by version %s of the pipeline, and this is version %s', e.version, code),
        'Run a worker of the version that began it, or let this one go on with it if nothing in its steps has changed.');
      -- Whoever lets it go on has decided that this code can.
      update moose.executions x set version = code where x.id = e.id;
      continue;
    end if;
    -- Three runners are gone or have given up in the same step: a fourth would be no better.
    if e.stalls + (e.state = 'running' and e.owner is distinct from me)::integer >= (p->>'stallsMax')::integer and not e.cancel_requested then
      perform moose.set_aside(e, 'stalled', format('%s runners in a row could not bring this step to an end', (p->>'stallsMax')::integer),
        'See the workers'' logs for what ends them (memory, a crash) or what their journal refuses, and mend it first.');
      continue;
    end if;
    -- One that runs already, by the books, has its place.
    if candidate.state = 'ready' and candidate.project is not null then
      select count(*) into busy
      from moose.executions x
      join public.work_orders w on w.id = x.work_order
      where x.state = 'running' and w.project = candidate.project;
      if busy >= candidate.concurrency then
        full_projects := full_projects || candidate.project;
        continue;
      end if;
    end if;
    claims := claims || jsonb_build_array(moose.claim_execution(candidate.id, me, code));
    running := running || jsonb_build_array(candidate.id);
    room := room - 1;
  end loop;

  return jsonb_build_object(
    'claims', claims,
    'cancelled', (select coalesce(jsonb_agg(x.id), '[]') from moose.executions x
                  where x.owner = me and x.state = 'running' and x.cancel_requested));
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
  insert into moose.executions (id, workflow, payload, parent, state, owner, fence, version)
  values (p->>'id', p->>'workflow', p->'payload', p->>'parent', 'running', p->>'runner', 1, (p->>'version')::integer)
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
    return jsonb_build_object('_tag', 'Claimed',
      'execution', moose.claim_execution(e.id, p->>'runner', (p->>'version')::integer));
  end if;
  return jsonb_build_object('_tag', 'Elsewhere');
end
$$;

-- Lets go of an execution without a result, to be claimed again by anybody after a pause. `stalled`: the runner could
-- not go on with it, rather than having to leave.
create or replace function moose.abandon_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
begin
  if e.id is null then
    return 'false';
  end if;
  update moose.executions
  set state = 'ready', owner = null, stalls = stalls + (p->>'stalled')::boolean::integer,
      available_at = moose.now() + make_interval(secs => (p->>'pauseMs')::numeric / 1000)
  where id = e.id;
  perform pg_notify('moose_work', e.id);
  return 'true';
end
$$;

-- What is over and old: events, journals of runs that have ended, runners that are gone, keys of batches. Answers how
-- many rows went, at most `limit` of each kind. Orders, decisions, failures, money and outcomes stay.
create or replace function moose.purge(p jsonb) returns jsonb
language plpgsql as $$
declare
  before timestamptz := moose.now() - make_interval(secs => (p->>'olderThanMs')::numeric / 1000);
  most integer := (p->>'limit')::integer;
  over constant text[] := array['completed', 'cancelled', 'routing_failed', 'generation_failed', 'aider_failed', 'pr_failed', 'tracking_failed'];
  counts jsonb := '{}';
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

-- Begins another run of an order that has ended without a pull request: where it failed, or at an earlier step.
create or replace function moose.retry_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  steps constant text[] := array['routing', 'generating', 'applying', 'creating_pr', 'tracking'];
  w public.work_orders := moose.find_work_order(p->>'id');
  reached integer;
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
  -- The first step whose result is not journaled.
  select count(*) + 1 into reached from unnest(steps) with ordinality s (name, place)
  where exists (
    select 1 from moose.activity_results a
    where a.execution = w.id || '/' || w.run and a.name = s.name
      and a.result->>'_tag' = 'Complete' and a.result->'exit'->>'_tag' = 'Success'
      and coalesce(a.result->'exit'->'value'->>'_tag', '') not in ('Parked', 'Asked'));
  wanted := coalesce(p->>'from', steps[least(reached, 5)]);
  if array_position(steps, wanted) > reached then
    raise exception 'work order % cannot begin at %: % has not been done yet', w.id, wanted, steps[reached] using errcode = 'MO409';
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

create or replace function moose.pause_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  w public.work_orders := moose.find_work_order(p->>'id');
begin
  if w.status in ('completed', 'cancelled') or w.status like '%\_failed' then
    raise exception 'work order % is %: there is nothing to pause', w.id, w.status using errcode = 'MO409';
  end if;
  update public.work_orders set paused = true, updated_at = moose.now() where id = w.id and not paused;
  if found then
    perform moose.note(w.id, w.run, 'Paused', null, format('paused by %s: it stops before its next step', p->>'by'), null);
  end if;
  return moose.work_order_json((select x from public.work_orders x where x.id = w.id));
end
$$;

create or replace function moose.resume_work_order(p jsonb) returns jsonb
language plpgsql as $$
declare
  w public.work_orders := moose.find_work_order(p->>'id');
begin
  update public.work_orders set paused = false, updated_at = moose.now() where id = w.id and paused;
  if found then
    perform moose.note(w.id, w.run, 'Resumed', null, format('%s lets it go on', p->>'by'), null);
    perform moose.wake_waiting('pause:' || w.id, moose.now(), 2147483647);
  end if;
  return moose.work_order_json((select x from public.work_orders x where x.id = w.id));
end
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
    'status', w.status, 'disposition', w.disposition, 'paused', w.paused,
    'cancelling', case when w.cancel_reason is not null
                  then jsonb_build_object('reason', w.cancel_reason, 'close', w.cancel_closes) end,
    'run', w.run, 'branch', w.branch,
    'baseSha', w.base_sha, 'headSha', w.head_sha,
    'pullRequest', case when w.pull_request_number is null then null
                   else jsonb_build_object('number', w.pull_request_number, 'url', w.pull_request_url) end,
    'failure', w.last_failure,
    'cost', moose.order_spent(w.id),
    'attemptsSpent', moose.attempts_spent(w.id, w.run),
    'countsFrom', moose.iso(moose.counts_from(w)),
    'steps', moose.step_summaries(w.id, w.run),
    'submittedAt', moose.iso(w.created_at), 'updatedAt', moose.iso(w.updated_at))
$$;

-- Asks whoever holds the order to stop and clean up; one that nobody has begun is cancelled at once.
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
  update public.work_orders
  set cancel_reason = coalesce(p->>'reason', 'cancelled'), cancel_closes = coalesce((p->>'close')::boolean, false)
  where id = stored.id;
  perform moose.note(stored.id, stored.run, 'Cancelling', null, coalesce(p->>'reason', 'cancelled'), null);
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
