-- Ends of steps in groups, cheaper: what several runs have to say is read out of its JSON once. A run's last step and its
-- own end are one commit.

-- The fence, in the one place where it is: `p` names a claim by its runner and its number.
create or replace function moose.is_claim(e moose.executions, claimed_by text, claim_number bigint) returns boolean
language sql immutable as $$
  select e.owner = claimed_by and e.fence = claim_number and e.state = 'running'
$$;

create or replace function moose.is_claim(e moose.executions, p jsonb) returns boolean
language sql immutable as $$
  select moose.is_claim(e, p->>'runner', (p->>'fence')::bigint)
$$;

-- Something that a run has to say, and what is known of the run. One of:
-- StepEnded (`result` and `facts` of a step, and `run_result` where the run ends with it), Finished (`result` of the run), Suspended.
create type moose.said as (
  place bigint, tag text, execution text, fence bigint, name text, attempt integer, result jsonb, facts jsonb, run_result jsonb,
  work_order text, run integer, project text, parent text, stalls integer
);

-- Does this claim's run stand as it said before, in a call whose reply was lost?
create or replace function moose.has_ended(execution_id text, claimed bigint) returns boolean
language sql stable as $$
  select exists (select 1 from moose.executions x where x.id = execution_id and x.fence = claimed and x.state = 'done')
$$;

-- As before: what several runs have to say, in one commit, answered in the order asked. False: the claim is no longer
-- current, and nothing was written for it.
create or replace function moose.commit_together(p jsonb) returns jsonb
language plpgsql as $$
declare
  held moose.said[];
  fresh text[];
  parents text[];
  one record;
  answers jsonb;
begin
  if not p @? '$[*] ? (@._tag == "StepEnded")' then
    perform moose.commit_soon();
  end if;
  -- By project, as whoever reserves money does; and one after the other, so that two groups do not wait for each other.
  held := array(
    select row(i.place, i.tag, i.execution, i.fence, i.name, i.attempt, i.result, i.facts, i.run_result,
               e.work_order, e.run, e.project, e.parent, e.stalls)::moose.said
    from rows from (jsonb_to_recordset(p) as (
           _tag text, execution text, runner text, fence bigint, name text, attempt integer, result jsonb, facts jsonb, "runResult" jsonb))
         with ordinality as i (tag, execution, runner, fence, name, attempt, result, facts, run_result, place)
    join moose.executions e on e.id = i.execution and moose.is_claim(e, i.runner, i.fence)
    order by e.project nulls first, e.id, i.place
    for update of e);

  with stored as (
    insert into moose.activity_results (execution, name, attempt, result, at)
    select h.execution, h.name, h.attempt, h.result, moose.now()
    from unnest(held) h
    where h.tag = 'StepEnded'
    on conflict do nothing
    returning execution, name, attempt
  )
  select array_agg(s.execution || ' ' || s.attempt || ' ' || s.name) into fresh from stored s;

  for one in
    with told as (
      select h.project, h.execution, h.place, h.work_order, h.run, h.facts,
             -- Facts of one order twice are not applied side by side.
             count(*) over (partition by h.work_order) = 1 and moose.is_plain(h.facts) as plain
      from unnest(held) h
      where h.tag = 'StepEnded' and h.work_order is not null
        and h.execution || ' ' || h.attempt || ' ' || h.name = any (fresh)
    )
    select t.plain, array_agg(t.work_order order by t.project, t.execution, t.place) as orders,
           array_agg(t.run order by t.project, t.execution, t.place) as runs,
           array_agg(t.facts order by t.project, t.execution, t.place) as facts
    from told t
    group by t.plain, case when not t.plain then t.place end
    order by min(t.place)
  loop
    if one.plain then
      perform moose.apply_plain(one.orders, one.runs, one.facts);
    else
      perform moose.apply_facts(one.orders[1], one.runs[1], one.facts[1]);
    end if;
  end loop;

  if exists (select 1 from unnest(held) h where h.stalls > 0 and h.tag = 'StepEnded') then
    update moose.executions e set stalls = 0
    from unnest(held) h where h.tag = 'StepEnded' and h.stalls > 0 and e.id = h.execution;
  end if;

  if p @? '$[*] ? (@._tag == "Finished" || @.runResult != null)' then
    update moose.executions e
    set state = 'done', owner = null, result = case h.tag when 'Finished' then h.result else h.run_result end
    from unnest(held) h
    where e.id = h.execution and (h.tag = 'Finished' or h.run_result is not null);
    select array_agg(h.parent order by h.parent) into parents
    from unnest(held) h where h.parent is not null and (h.tag = 'Finished' or h.run_result is not null);
    perform moose.resume_execution(jsonb_build_object('execution', o)) from unnest(parents) o;
  end if;

  select jsonb_agg(
    case
      when h.place is null then to_jsonb((i.tag = 'Finished' or i.run_result is not null) and moose.has_ended(i.execution, i.fence))
      when h.tag = 'Suspended' then moose.suspend_execution(p->(i.place::integer - 1))
      else 'true'
    end order by i.place) into answers
  from rows from (jsonb_to_recordset(p) as (_tag text, execution text, fence bigint, "runResult" jsonb))
       with ordinality as i (tag, execution, fence, run_result, place)
  left join unnest(held) h on h.place = i.place;
  return answers;
end
$$;

-- `runResult`: the run ends with this step, and so.
create or replace function moose.commit_activity(p jsonb) returns jsonb
language plpgsql as $$
declare
  e moose.executions := moose.lock_claim(p);
  run_result jsonb := nullif(p->'runResult', 'null');
begin
  if e.id is null then
    return to_jsonb(run_result is not null and moose.has_ended(p->>'execution', (p->>'fence')::bigint));
  end if;
  insert into moose.activity_results (execution, name, attempt, result)
  values (e.id, p->>'name', (p->>'attempt')::integer, p->'result')
  on conflict do nothing;
  if found and e.work_order is not null then
    perform moose.apply_facts(e.work_order, e.run, p->'facts');
  end if;
  if run_result is not null then
    update moose.executions set state = 'done', owner = null, result = run_result where id = e.id;
    if e.parent is not null then
      perform moose.resume_execution(jsonb_build_object('execution', e.parent));
    end if;
  elsif e.stalls > 0 then
    update moose.executions set stalls = 0 where id = e.id;
  end if;
  return 'true';
end
$$;

-- Whoever is at work looks rows up by their keys (see 0020_groups.sql), and by a plan that is made once: how many are asked for
-- does not change it, and planning a group's statements anew took as long as running them. A function that is replaced
-- forgets what was set for it.
do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'moose.submit_work_orders(jsonb)', 'moose.start_executions(jsonb)', 'moose.runner_tick(jsonb)',
    'moose.check_and_reserve_budget(jsonb)', 'moose.check_and_reserve_budgets(jsonb)',
    'moose.intend_resources(jsonb)', 'moose.intend_resources_together(jsonb)',
    'moose.commit_activity(jsonb)', 'moose.commit_together(jsonb)', 'moose.finish_execution(jsonb)'
  ]::regprocedure[] loop
    execute format('alter function %s set enable_seqscan = off', f);
    execute format('alter function %s set enable_hashjoin = off', f);
    execute format('alter function %s set enable_mergejoin = off', f);
    execute format('alter function %s set enable_bitmapscan = off', f);
    execute format('alter function %s set plan_cache_mode = force_generic_plan', f);
  end loop;
end
$$;
