-- The engine, fast: claims are made for all of a runner's room at once, and what several runs have to say shares a
-- commit and its statements. Orders may ask to begin later.

-- The same, several times cheaper: as a function in SQL it was planned anew for every row it is the default of.
create or replace function moose.now() returns timestamptz
language plpgsql stable as $$
begin
  return coalesce(nullif(current_setting('moose.now', true), '')::timestamptz, clock_timestamp());
end
$$;

-- When an order may begin; at once where it is missing.
alter table public.work_orders add column start_at timestamptz;

-- The order's project, so that claims find the next one of each project without looking at all the others.
alter table moose.executions add column project text;
update moose.executions e set project = w.project from public.work_orders w where w.id = e.work_order;

create or replace function moose.name_project() returns trigger
language plpgsql as $$
begin
  select project into new.project from public.work_orders where id = new.work_order;
  return new;
end
$$;

create trigger name_project before insert on moose.executions
  for each row when (new.work_order is not null) execute function moose.name_project();

create index executions_ready on moose.executions (project, priority desc, created_at, id) where state = 'ready';
create index executions_running on moose.executions (project, owner) where state = 'running';
drop index moose.executions_open;

-- The fence: is this what the caller was given, and does it hold it still? Every write of a runner asks.
create or replace function moose.is_claim(e moose.executions, p jsonb) returns boolean
language sql immutable as $$
  select e.owner = p->>'runner' and e.fence = (p->>'fence')::bigint and e.state = 'running'
$$;

create or replace function moose.lock_claim(p jsonb) returns moose.executions
language sql as $$
  select e from moose.executions e where e.id = p->>'execution' and moose.is_claim(e, p) for update
$$;

-- What this transaction says need not survive a crash of the database, because nothing is lost with it: a claim is made
-- again, and an end is found again by replaying the journal. It is never seen without what was committed before it.
create or replace function moose.commit_soon() returns void
language sql as $$
  select set_config('synchronous_commit', 'off', true)
$$;

-- A runner's lease. Whatever a runner claims is free for others once this has ended, or was never taken. A call with
-- `renew` false leaves it as it is, as long as most of it is left.
create or replace function moose.hold_lease(p jsonb) returns void
language sql as $$
  insert into moose.runners (id, host, process_id, lease_until)
  select p->>'runner', p->>'host', (p->>'processId')::integer,
         moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 1000)
  where coalesce((p->>'renew')::boolean, true)
    or not exists (select 1 from moose.runners r where r.id = p->>'runner'
                     and r.lease_until > moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 2000))
  on conflict (id) do update set lease_until = excluded.lease_until
$$;

create type moose.claimable_execution as (id text, project text, fence bigint);

-- What a runner may claim now, at most `room`, or of `only_these`: executions whose runners lost them, which have their
-- place, and those that nobody holds, by priority, then age, within each project's concurrency.
create or replace function moose.claimable(p jsonb, only_these text[], room integer) returns setof moose.claimable_execution
language plpgsql stable as $$
declare
  me text := p->>'runner';
  code integer := (p->>'version')::integer;
  running text[] := array(select jsonb_array_elements_text(p->'running'));
  workflows text[] := array(select jsonb_array_elements_text(p->'workflows'));
  at timestamptz := moose.now();
begin
  return query
  select c.id, c.project, c.fence from (
    (select x.id, null::text as project, x.fence, x.priority, x.created_at
     from moose.executions x
     where x.state = 'running' and x.available_at <= at and x.workflow = any (workflows)
       and (only_these is null or x.id = any (only_these)) and coalesce(x.version <= code, true)
       and (x.owner = me and x.id <> all (running)
            or not exists (select 1 from moose.runners r where r.id = x.owner and r.lease_until >= at)))
    union all
    (select x.id, null, x.fence, x.priority, x.created_at
     from moose.executions x
     where x.state = 'ready' and x.project is null and x.available_at <= at and x.workflow = any (workflows)
       and (only_these is null or x.id = any (only_these)) and coalesce(x.version <= code, true)
     order by x.priority desc, x.created_at, x.id
     limit room)
    union all
    select x.id, t.id, x.fence, x.priority, x.created_at
    from public.projects t
    cross join lateral (
      select t.concurrency - count(*) as places from moose.executions b where b.state = 'running' and b.project = t.id) free
    cross join lateral (
      select e.* from moose.executions e join public.work_orders w on w.id = e.work_order
      where e.state = 'ready' and e.project = t.id and e.available_at <= at and e.workflow = any (workflows)
        and (only_these is null or e.id = any (only_these))
        -- Newer code than this one knows what to do with it.
        and coalesce(e.version <= code, true)
        -- What a switched-off project has begun may still be cancelled and cleaned up.
        and (t.mode <> 'off' and not w.paused or e.cancel_requested)
      order by e.priority desc, e.created_at, e.id
      limit greatest(0, least(free.places, room))) x
    where exists (select 1 from moose.executions r where r.state = 'ready' and r.project = t.id)
  ) c
  order by c.priority desc, c.created_at, c.id
  limit room;
end
$$;

-- The orders' steps begin (again), in the same commit as their claims.
create or replace function moose.begin_steps(claimed text[]) returns void
language plpgsql as $$
declare
  fresh text[];
begin
  -- Ids of those that begin their run; they are locked by their executions.
  select coalesce(array_agg(w.id), '{}') into fresh
  from moose.executions e join public.work_orders w on w.id = e.work_order
  where e.id = any (claimed) and w.status = 'pending';
  update public.work_orders
  set status = 'routing', disposition = null, resume_at = null, waiting_for = null, updated_at = moose.now()
  where id = any (fresh);
  insert into public.work_order_events (work_order, run, kind, step, message)
  select e.work_order, e.run, n.kind, n.step, n.message
  from moose.executions e join public.work_orders w on w.id = e.work_order
  cross join lateral (values
    (1, 'StatusMoved', null, 'routing', w.id = any (fresh)),
    (2, 'StepStarted', w.status, '', w.status in ('routing', 'generating', 'applying', 'creating_pr', 'tracking'))
  ) n (place, kind, step, message, so)
  where e.id = any (claimed) and n.so
  order by e.id, n.place;
  perform pg_notify('moose_events', e.work_order) from moose.executions e where e.id = any (claimed) and e.work_order is not null;
end
$$;

-- Claims what `claimable` answers, and answers it with its journal. One that kills its runners, or that only older code
-- can replay, is put before a person instead.
create or replace function moose.claim(p jsonb, only_these text[], room integer) returns jsonb
language plpgsql as $$
declare
  me text := p->>'runner';
  code integer := (p->>'version')::integer;
  stalls_max integer := (p->>'stallsMax')::integer;
  picked moose.claimable_execution[];
  projects text[];
  e moose.executions;
  plain text[] := '{}';
  answers jsonb := '[]';
begin
  if room <= 0 then
    return '[]';
  end if;
  picked := array(select c from moose.claimable(p, only_these, room) c);
  if cardinality(picked) = 0 then
    return '[]';
  end if;
  projects := array(select distinct c.project from unnest(picked) c where c.project is not null order by 1);
  if cardinality(projects) > 0 then
    -- Who claims in a project is alone there, so that its concurrency is exact; looked at again after the wait for it.
    perform pg_advisory_xact_lock(hashtextextended('moose.claim/' || t, 0)) from unnest(projects) with ordinality u (t, place);
    picked := array(select c from moose.claimable(p, only_these, room) c where c.project is null or c.project = any (projects));
  end if;
  for e in
    select x.* from moose.executions x join unnest(picked) c on c.id = x.id and c.fence = x.fence
    where x.state in ('ready', 'running')
    order by x.priority desc, x.created_at, x.id
    for update of x skip locked
  loop
    if e.version is not null and e.version <> code and not p->'replays' @> to_jsonb(e.version) then
      perform moose.set_aside(e, 'older_code', format('it was begun by version %s of the pipeline, and this is version %s', e.version, code),
        'Run a worker of the version that began it, or let this one go on with it if nothing in its steps has changed.');
      -- Whoever lets it go on has decided that this code can.
      update moose.executions x set version = code where x.id = e.id;
    -- Three runners are gone or have given up in the same step: a fourth would be no better.
    elsif e.stalls + (e.state = 'running' and e.owner is distinct from me)::integer >= stalls_max and not e.cancel_requested then
      perform moose.set_aside(e, 'stalled', format('%s runners in a row could not bring this step to an end', stalls_max),
        'See the workers'' logs for what ends them (memory, a crash) or what their journal refuses, and mend it first.');
    elsif e.stalled_in is not null then
      answers := answers || jsonb_build_array(moose.claim_execution(e.id, me, code));
    else
      plain := plain || e.id;
    end if;
  end loop;
  update moose.executions x
  set state = 'running', owner = me, fence = x.fence + 1, woken = false, version = coalesce(x.version, code),
      stalls = x.stalls + (x.state = 'running' and x.owner is distinct from me)::integer
  where x.id = any (plain);
  perform moose.begin_steps(plain);
  return answers || coalesce((
    select jsonb_agg(moose.execution_json(x) order by x.priority desc, x.created_at, x.id)
    from moose.executions x where x.id = any (plain)), '[]');
end
$$;

-- Renews a runner's lease, delivers clocks that are due, and claims what the runner has room for. Answers the claims,
-- which running executions should be cancelled, and in how many milliseconds the next lease or clock of somebody ends.
-- `version` is this runner's code, `replays` the older ones that it can go on with.
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
    'nextMs', (
      select ceil(extract(epoch from least(
        (select min(c.wake_at) from moose.clocks c),
        (select min(r.lease_until) from moose.runners r
         where r.id <> me and exists (select 1 from moose.executions x where x.state = 'running' and x.owner = r.id))
      ) - moose.now()) * 1000)::bigint));
end
$$;

-- Starts an execution that did not come from a work order, or tells how the one with this id stands.
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
  -- Ours already (the reply to an earlier call was lost), or free. Those of work orders are left to `claim`, which knows
  -- the project's rules.
  if (e.owner = p->>'runner' and not (p->'running') ? e.id)
    or (e.state = 'ready' and e.work_order is null and e.available_at <= moose.now()) then
    return jsonb_build_object('_tag', 'Claimed',
      'execution', moose.claim_execution(e.id, p->>'runner', (p->>'version')::integer));
  end if;
  return jsonb_build_object('_tag', 'Elsewhere');
end
$$;

-- Several of them in one commit, answered in the order asked. Of those that belong to work orders, what the runner has
-- room for is claimed.
create or replace function moose.start_executions(p jsonb) returns jsonb
language plpgsql as $$
declare
  one record;
  claimed jsonb;
  answers jsonb[] := array_fill('null'::jsonb, array[jsonb_array_length(p->'starts')]);
begin
  perform moose.hold_lease(p);
  select coalesce(jsonb_object_agg(c.value->>'id', c.value), '{}') into claimed
  from jsonb_array_elements(moose.claim(p, array(select s->>'id' from jsonb_array_elements(p->'starts') s), (p->>'room')::integer)) c;
  for one in
    select s.value as start, s.value->>'id' as id, s.ordinality as place
    from jsonb_array_elements(p->'starts') with ordinality s order by 2, 3
  loop
    answers[one.place] := case when claimed ? one.id
      then jsonb_build_object('_tag', 'Claimed', 'execution', claimed->one.id)
      else moose.start_execution((p - 'starts') || one.start) end;
  end loop;
  return to_jsonb(answers);
end
$$;

-- Facts of several ends of steps, in as few statements as there are tables. `batches`: order, run and facts of each, at
-- most one of each order, of kinds that `moose.is_plain` names.
create or replace function moose.apply_plain(batches jsonb) returns void
language plpgsql as $$
declare
  fact record;
  tags text[] := array(select distinct f.value->>'_tag' from jsonb_array_elements(batches) b, jsonb_array_elements(b.value->'facts') f);
begin
  insert into public.work_order_events (work_order, run, kind, step, message, ms)
  select w.id, (b.value->>'run')::integer, f.value->>'_tag', f.value->>'step',
         case f.value->>'_tag'
           when 'StatusMoved' then (f.value->>'to') || coalesce(' (' || (f.value->>'disposition') || ')', '')
           when 'StepSucceeded' then f.value->>'summary'
           when 'Noted' then f.value->>'message'
           else '' end,
         (f.value->>'ms')::integer
  from jsonb_array_elements(batches) with ordinality b
  join public.work_orders w on w.id = b.value->>'order'
  cross join lateral jsonb_array_elements(b.value->'facts') with ordinality f
  where f.value->>'_tag' in ('StepStarted', 'StepSucceeded', 'Noted')
    or f.value->>'_tag' = 'StatusMoved' and (w.status, w.disposition) is distinct from (f.value->>'to', f.value->>'disposition')
  order by b.ordinality, f.ordinality;

  if tags && array['ResourceHeld', 'ResourceReleased'] then
    update public.resources r
    set state = case f.value->>'_tag' when 'ResourceHeld' then 'held' else 'released' end,
        evidence = f.value->'evidence', reason = null, updated_at = moose.now()
    from jsonb_array_elements(batches) b cross join lateral jsonb_array_elements(b.value->'facts') f
    where f.value->>'_tag' in ('ResourceHeld', 'ResourceReleased')
      and r.work_order = b.value->>'order' and r.kind = f.value->>'kind' and r.name = f.value->>'name'
      and case f.value->>'_tag' when 'ResourceReleased' then r.state <> 'released' else r.run = (b.value->>'run')::integer end;
  end if;

  if tags && array['CostSettled'] then
    for fact in
      select b.value->>'order' as id, (b.value->>'run')::integer as run, f.value as value
      from jsonb_array_elements(batches) with ordinality b cross join lateral jsonb_array_elements(b.value->'facts') with ordinality f
      where f.value->>'_tag' = 'CostSettled' order by b.ordinality, f.ordinality
    loop
      perform moose.settle_fact(fact.id, fact.run, fact.value);
    end loop;
  end if;

  if tags && array['Decided'] then
    insert into public.decision_logs (work_order, run, step, choice, reason, data)
    select b.value->>'order', (b.value->>'run')::integer, f.value->>'step', f.value->>'choice', f.value->>'reason', f.value->'data'
    from jsonb_array_elements(batches) with ordinality b cross join lateral jsonb_array_elements(b.value->'facts') with ordinality f
    where f.value->>'_tag' = 'Decided' order by b.ordinality, f.ordinality;
  end if;

  if tags && array['OutcomeRecorded'] then
    insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome)
    select w.id, (b.value->>'run')::integer, w.project, w.kind, f.value->'outcome'->>'model', true,
           (f.value->'outcome'->>'cost')::bigint, f.value->'outcome'
    from jsonb_array_elements(batches) b cross join lateral jsonb_array_elements(b.value->'facts') f
    join public.work_orders w on w.id = b.value->>'order'
    where f.value->>'_tag' = 'OutcomeRecorded'
    on conflict (work_order, run) do nothing;
  end if;

  if tags && array['StatusMoved', 'BranchPrepared', 'PullRequestOpened', 'OutcomeRecorded'] then
    update public.work_orders w
    set status = coalesce(c.moved->>'to', w.status),
        disposition = case when c.moves then c.moved->>'disposition' else w.disposition end,
        resume_at = case when c.moves and c.moved->>'to' <> 'waiting' then null else w.resume_at end,
        waiting_for = case when c.moves and c.moved->>'to' <> 'waiting' then null else w.waiting_for end,
        branch = coalesce(c.branch->>'branch', w.branch),
        base_sha = coalesce(c.branch->>'baseSha', w.base_sha),
        head_sha = coalesce(c.branch->>'headSha', w.head_sha),
        pull_request_number = coalesce((c.pull->>'number')::integer, w.pull_request_number),
        pull_request_url = coalesce(c.pull->>'url', w.pull_request_url),
        shadow = coalesce((c.outcome->'outcome'->'pullRequest') = 'null'::jsonb, w.shadow),
        updated_at = moose.now()
    from (
      select o.id, g.moved, g.branch, g.pull, g.outcome,
             g.moved is not null and (o.status, o.disposition) is distinct from (g.moved->>'to', g.moved->>'disposition') as moves
      from jsonb_array_elements(batches) b
      join public.work_orders o on o.id = b.value->>'order'
      cross join lateral (
        select (jsonb_agg(f) filter (where f->>'_tag' = 'StatusMoved'))->0 as moved,
               (jsonb_agg(f) filter (where f->>'_tag' = 'BranchPrepared'))->0 as branch,
               (jsonb_agg(f) filter (where f->>'_tag' = 'PullRequestOpened'))->0 as pull,
               (jsonb_agg(f) filter (where f->>'_tag' = 'OutcomeRecorded'))->0 as outcome
        from jsonb_array_elements(b.value->'facts') f) g
    ) c
    where w.id = c.id and (c.moves or c.branch is not null or c.pull is not null or c.outcome is not null);
  end if;

  perform pg_notify('moose_events', b.value->>'order') from jsonb_array_elements(batches) b;
end
$$;

-- Can these facts be applied together with those of other orders? Nearly all ends of steps can: others have facts whose
-- order among themselves, or whose effect on other orders, matters.
create or replace function moose.is_plain(facts jsonb) returns boolean
language sql immutable as $$
  select not facts @? '$[*] ? (@._tag == "Parked" || @._tag == "DependencyWorks" || @._tag == "StepFailed" || @._tag == "AttemptFailed" || @._tag == "Escalated" || @._tag == "ResourcePreserved")'
    and not (facts @? '$[*] ? (@._tag == "ResourceHeld")' and facts @? '$[*] ? (@._tag == "ResourceReleased")')
    and jsonb_array_length(jsonb_path_query_array(facts, '$[*] ? (@._tag == "StatusMoved")')) <= 1
$$;

-- What several runs have to say, in one commit, answered in the order asked: ends of steps (with their facts), ends of
-- executions, and those that wait from now on. False: the claim is no longer current, and nothing was written for it.
create or replace function moose.commit_together(p jsonb) returns jsonb
language plpgsql as $$
declare
  held bigint[];
  batches jsonb;
  parents text[];
  one record;
  answers jsonb;
begin
  if not p @? '$[*] ? (@._tag == "StepEnded")' then
    perform moose.commit_soon();
  end if;
  -- By project, as whoever reserves money does; and one after the other, so that two groups do not wait for each other.
  held := array(
    select i.ordinality from jsonb_array_elements(p) with ordinality i
    join moose.executions e on e.id = i.value->>'execution' and moose.is_claim(e, i.value)
    order by e.project nulls first, e.id, i.ordinality
    for update of e);

  with fresh as (
    insert into moose.activity_results (execution, name, attempt, result)
    select i.value->>'execution', i.value->>'name', (i.value->>'attempt')::integer, i.value->'result'
    from jsonb_array_elements(p) with ordinality i
    where i.ordinality = any (held) and i.value->>'_tag' = 'StepEnded'
    on conflict do nothing
    returning execution, name, attempt
  )
  select jsonb_agg(jsonb_build_object('order', e.work_order, 'run', e.run, 'facts', i.value->'facts') order by e.project, e.id, i.ordinality)
  into batches
  from fresh f
  join jsonb_array_elements(p) with ordinality i
    on i.value->>'execution' = f.execution and i.value->>'name' = f.name and (i.value->>'attempt')::integer = f.attempt
  join moose.executions e on e.id = f.execution
  where e.work_order is not null and i.value->>'_tag' = 'StepEnded';

  if batches is not null then
    for one in
      select jsonb_agg(b.value order by b.ordinality) as members, k.plain
      from jsonb_array_elements(batches) with ordinality b
      join (select o.value->>'order' as id, count(*) as times from jsonb_array_elements(batches) o group by 1) n on n.id = b.value->>'order'
      cross join lateral (select n.times = 1 and moose.is_plain(b.value->'facts') as plain) k
      group by k.plain, case when not k.plain then b.ordinality end
    loop
      if one.plain then
        perform moose.apply_plain(one.members);
      else
        perform moose.apply_facts(one.members->0->>'order', (one.members->0->>'run')::integer, one.members->0->'facts');
      end if;
    end loop;
  end if;
  update moose.executions e set stalls = 0
  from jsonb_array_elements(p) with ordinality i
  where i.ordinality = any (held) and i.value->>'_tag' = 'StepEnded' and e.id = i.value->>'execution' and e.stalls > 0;

  with over as (
    update moose.executions e set state = 'done', owner = null, result = i.value->'result'
    from jsonb_array_elements(p) with ordinality i
    where i.ordinality = any (held) and i.value->>'_tag' = 'Finished' and e.id = i.value->>'execution'
    returning e.parent
  )
  select array_agg(o.parent order by o.parent) into parents from over o where o.parent is not null;
  perform moose.resume_execution(jsonb_build_object('execution', o)) from unnest(parents) o;

  select jsonb_agg(
    case
      when i.ordinality = any (held) then
        case i.value->>'_tag' when 'Suspended' then moose.suspend_execution(i.value) else 'true' end
      -- Done already by this very claim: the reply to an earlier call was lost.
      when i.value->>'_tag' = 'Finished' then to_jsonb(exists (
        select 1 from moose.executions e
        where e.id = i.value->>'execution' and e.fence = (i.value->>'fence')::bigint and e.state = 'done'))
      else 'false'
    end order by i.ordinality) into answers
  from jsonb_array_elements(p) with ordinality i;
  return answers;
end
$$;

drop function moose.commit_activities(jsonb);

create or replace function moose.finish_execution(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
begin
  perform moose.commit_soon();
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

-- How several executions stand, for those who wait for their ends: ids of those that are done.
create or replace function moose.done_executions(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(e.id), '[]') from moose.executions e
  where e.id = any (array(select jsonb_array_elements_text(p->'executions'))) and e.state = 'done'
$$;

-- Stores an order and queues its first run, which begins no earlier than it asks. The same body again is the same order.
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
                                  base_branch, priority, limits, metadata, proposal, body_hash, start_at)
  values (p->>'id', p->>'project', p->>'kind', p->>'title', p->>'description', p->'acceptanceCriteria',
          p->'filesInScope', p->>'baseBranch', (p->>'priority')::integer, p->'limits', p->'metadata', p->'proposal', hash,
          (p->>'startAt')::timestamptz)
  on conflict (id) do nothing
  returning * into stored;
  if not found then
    select * into stored from public.work_orders where id = p->>'id';
    if stored.body_hash <> hash then
      raise exception 'work order % exists with another body', p->>'id' using errcode = 'MO409';
    end if;
    return jsonb_build_object('created', false, 'view', moose.work_order_json(stored));
  end if;
  insert into moose.executions (id, workflow, payload, work_order, run, priority, available_at)
  values (stored.id || '/1', 'moose/Pipeline', jsonb_build_object('workOrderId', stored.id, 'run', 1),
          stored.id, 1, stored.priority, coalesce(stored.start_at, moose.now()));
  perform pg_notify('moose_work', stored.id);
  return jsonb_build_object('created', true, 'view', moose.work_order_json(stored));
end
$$;

-- Several of them in one commit, answered in the order asked. What one of them is refused for, all are.
create or replace function moose.submit_work_orders(p jsonb) returns jsonb
language plpgsql as $$
declare
  one record;
  answers jsonb[] := array_fill('null'::jsonb, array[jsonb_array_length(p)]);
begin
  -- In the same order for everybody, so that two groups with the same orders do not wait for each other.
  for one in select o.value as body, o.ordinality as place from jsonb_array_elements(p) with ordinality o order by o.value->>'id', 2 loop
    answers[one.place] := moose.submit_work_order(one.body);
  end loop;
  return to_jsonb(answers);
end
$$;

create or replace function moose.work_order_json(w public.work_orders) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'order', jsonb_strip_nulls(jsonb_build_object(
      'id', w.id, 'project', w.project, 'kind', w.kind, 'title', w.title, 'description', w.description,
      'acceptanceCriteria', w.acceptance_criteria, 'filesInScope', w.files_in_scope, 'baseBranch', w.base_branch,
      'priority', w.priority, 'limits', w.limits, 'startAt', moose.iso(w.start_at)))
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

-- What is over and old: events, journals of runs that have ended, executions that belong to no order, runners that are
-- gone, keys of batches. Answers how many rows went, at most `limit` of each kind. Orders, decisions, failures, money
-- and outcomes stay.
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

-- Intents of several orders in one commit.
create or replace function moose.intend_resources_together(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into public.resources (work_order, run, kind, name, state, host)
  select i->>'workOrderId', (i->>'run')::integer, r->>'kind', r->>'name', 'intended', i->>'host'
  from (select distinct on (v->>'workOrderId', v->>'run', x->>'kind', x->>'name') v as i, x as r
        from jsonb_array_elements(p) v cross join lateral jsonb_array_elements(v->'resources') x
        order by v->>'workOrderId', v->>'run', x->>'kind', x->>'name') one
  on conflict (work_order, run, kind, name) do update
    set state = 'intended', host = excluded.host, evidence = null, reason = null, updated_at = moose.now()
    where resources.state <> 'held' or resources.host <> excluded.host;
  return (select jsonb_agg(null::jsonb) from jsonb_array_elements(p));
end
$$;
