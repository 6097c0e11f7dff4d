-- Facts (src/domain/Fact.ts) become rows here, and nowhere else. No exception blocks: a subtransaction would
-- give these rows another xmin than the result they are committed with.

create or replace function moose.note(order_id text, order_run integer, kind text, step text, message text, ms integer)
returns void language sql as $$
  insert into public.work_order_events (work_order, run, kind, step, message, ms)
  values (order_id, order_run, kind, step, message, ms)
$$;

-- A model that answered and whose answer did not do counts against it for this kind of work. A provider's outage,
-- a wrong key or a refused push say nothing about the model.
create or replace function moose.blame_model(order_id text, order_run integer, f jsonb) returns void
language sql as $$
  insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome)
  select w.id, order_run, w.project, w.kind, answered.model, false, moose.order_spent(w.id), f->'failure'
  from public.work_orders w
  cross join lateral (
    select c.model from public.cost_tracking c
    where c.work_order = w.id and c.run = order_run and c.state = 'settled'
    order by c.updated_at desc limit 1
  ) answered
  where w.id = order_id and f->>'step' in ('generating', 'applying') and f->'failure'->>'category' = 'rejected'
  on conflict (work_order, run) do nothing
$$;

create or replace function moose.apply_facts(order_id text, order_run integer, facts jsonb) returns void
language plpgsql as $$
declare
  f jsonb;
begin
  for f in select * from jsonb_array_elements(facts) loop
    case f->>'_tag'
      when 'StatusMoved' then
        update public.work_orders
        set status = f->>'to', disposition = f->>'disposition', updated_at = moose.now(),
            resume_at = case f->>'to' when 'waiting' then resume_at end,
            waiting_for = case f->>'to' when 'waiting' then waiting_for end
        where id = order_id
          and (status, disposition) is distinct from (f->>'to', f->>'disposition');
        if found then
          perform moose.note(order_id, order_run, 'StatusMoved', null,
            (f->>'to') || coalesce(' (' || (f->>'disposition') || ')', ''), null);
        end if;
      when 'Parked' then
        perform moose.park(order_id, order_run, f);
      when 'DependencyWorks' then
        perform moose.dependency_works(order_id, order_run, f->>'dependency');
      when 'StepStarted' then
        perform moose.note(order_id, order_run, 'StepStarted', f->>'step', '', null);
      when 'StepSucceeded' then
        perform moose.note(order_id, order_run, 'StepSucceeded', f->>'step', f->>'summary', (f->>'ms')::integer);
      when 'StepFailed' then
        perform moose.note(order_id, order_run, 'StepFailed', f->>'step', f->'failure'->>'message', (f->>'ms')::integer);
        insert into public.error_events (work_order, run, step, tag, category, severity, failure)
        values (order_id, order_run, f->>'step', f->'failure'->>'tag', f->'failure'->>'category',
                f->'failure'->>'severity', f->'failure');
        update public.work_orders
        set last_failure = jsonb_build_object('step', f->>'step', 'tag', f->'failure'->>'tag',
              'message', f->'failure'->>'message', 'hint', f->'failure'->>'hint'),
            updated_at = moose.now()
        where id = order_id;
        perform moose.blame_model(order_id, order_run, f);
      when 'AttemptFailed' then
        perform moose.note(order_id, order_run, 'AttemptFailed', f->>'step',
          (f->'failure'->>'message') || ' (' || (f->>'decision') || ')', null);
        insert into public.error_events (work_order, run, step, tag, category, severity, failure)
        values (order_id, order_run, f->>'step', f->'failure'->>'tag', f->'failure'->>'category',
                f->'failure'->>'severity', f->'failure');
        insert into public.decision_logs (work_order, run, step, choice, reason, data)
        values (order_id, order_run, f->>'step', f->>'decision', f->'failure'->>'message',
                jsonb_build_object('tag', f->'failure'->>'tag'));
      when 'Noted' then
        perform moose.note(order_id, order_run, 'Noted', f->>'step', f->>'message', null);
      when 'BranchPrepared' then
        update public.work_orders
        set branch = f->>'branch', base_sha = f->>'baseSha', head_sha = f->>'headSha', updated_at = moose.now()
        where id = order_id;
      when 'ResourceHeld' then
        update public.resources set state = 'held', evidence = f->'evidence', reason = null, updated_at = moose.now()
        where work_order = order_id and run = order_run and kind = f->>'kind' and name = f->>'name';
      when 'ResourceReleased' then
        update public.resources set state = 'released', evidence = f->'evidence', reason = null, updated_at = moose.now()
        where work_order = order_id and kind = f->>'kind' and name = f->>'name' and state <> 'released';
      when 'ResourcePreserved' then
        update public.resources set state = 'preserved', reason = f->>'reason', updated_at = moose.now()
        where work_order = order_id and run = order_run and kind = f->>'kind' and name = f->>'name';
        perform moose.note(order_id, order_run, 'ResourcePreserved', null,
          replace(f->>'kind', '_', ' ') || ' ' || (f->>'name') || ' is kept: ' || (f->>'reason'), null);
      when 'PullRequestOpened' then
        update public.work_orders
        set pull_request_number = (f->>'number')::integer, pull_request_url = f->>'url', updated_at = moose.now()
        where id = order_id;
      when 'CostSettled' then
        update public.cost_tracking
        set state = 'settled', settled_micros = (f->>'amount')::bigint, usage = f->'usage', updated_at = moose.now()
        where id = f->>'reservation' and state in ('reserved', 'presumed');
      when 'Decided' then
        insert into public.decision_logs (work_order, run, step, choice, reason, data)
        values (order_id, order_run, f->>'step', f->>'choice', f->>'reason', f->'data');
      when 'OutcomeRecorded' then
        insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome)
        select order_id, order_run, w.project, w.kind, f->'outcome'->>'model', true,
               (f->'outcome'->>'cost')::bigint, f->'outcome'
        from public.work_orders w where w.id = order_id
        on conflict (work_order, run) do nothing;
        update public.work_orders
        set shadow = (f->'outcome'->'pullRequest') = 'null'::jsonb, updated_at = moose.now()
        where id = order_id;
      else
        raise exception 'unknown fact %', f->>'_tag' using errcode = '22023';
    end case;
  end loop;
  perform pg_notify('moose_events', order_id);
end
$$;

-- Facts outside a step's result. `key` names the batch, so that a repeated call changes nothing.
create or replace function moose.commit_facts(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.fact_batches (key) values (p->>'key') on conflict do nothing;
  if found then
    perform moose.apply_facts(p->>'workOrderId', (p->>'run')::integer, p->'facts');
  end if;
  return 'null';
end
$$;

create or replace function moose.intend_resources(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into public.resources (work_order, run, kind, name, state, host)
  select p->>'workOrderId', (p->>'run')::integer, r->>'kind', r->>'name', 'intended', p->>'host'
  from jsonb_array_elements(p->'resources') r
  on conflict (work_order, run, kind, name) do update
    set state = 'intended', host = excluded.host, evidence = null, reason = null, updated_at = moose.now()
    where resources.state <> 'held' or resources.host <> excluded.host;
  return 'null';
end
$$;

create or replace function moose.list_resources(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('workOrderId', r.work_order, 'run', r.run, 'kind', r.kind, 'name', r.name,
    'state', r.state, 'host', r.host, 'evidence', r.evidence, 'reason', r.reason) order by r.id), '[]')
  from public.resources r
  where r.work_order = p->>'workOrderId'
$$;
