-- The system that Moose replaces: `moose migrate` moves its tables, as they are, into the schema moose_old before the
-- first file of this folder. Here its rows are taken over, and put back; docs/rollout.md says why as it is.
--
-- The old tables are read as JSON, so that a column that is missing or unknown stops nothing.

-- What became of every row there: `target` is the row here that stands for it, `reason` says why there is none, or
-- what about it was not taken. A row that has changed there since has another fingerprint.
create table moose.old_rows (
  source      text not null,
  old_id      text not null,
  fingerprint text not null,
  target      text,
  reason      text,
  -- Of work orders and escalations: how they stood in both systems when they were last compared.
  mapped      jsonb not null default '{}',
  -- Where the row began.
  origin      text not null default 'old' check (origin in ('old', 'moose')),
  taken_at    timestamptz not null default moose.now(),
  primary key (source, old_id),
  constraint accounted_for check (target is not null or reason is not null)
);

create index old_rows_by_target on moose.old_rows (source, target);
alter table moose.old_rows enable row level security;

-- What could not be written into the old tables on the way back. It is still here.
create table moose.rows_kept_aside (
  source text not null,
  id     text not null,
  reason text not null,
  at     timestamptz not null default moose.now(),
  primary key (source, id)
);

alter table moose.rows_kept_aside enable row level security;

-- The first of these columns that says something.
create or replace function moose.old_value(r jsonb, variadic names text[]) returns text
language sql immutable as $$
  select v from (select n, r->>name as v from unnest(names) with ordinality as k (name, n)) x
  where btrim(v) <> '' order by n limit 1
$$;

-- Dollars, as the old system wrote them, in micro-dollars: exactly, up for what was spent and down for what may be.
-- Null for what is no amount (nothing, NaN, infinite, negative).
create or replace function moose.old_micros(dollars text, up boolean) returns bigint
language sql immutable as $$
  select case when micros <= 9007199254740991 then micros::bigint end
  from (
    select case when dollars ~ '^[0-9]{1,30}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?$'
           then case when up then ceil(dollars::numeric * 1000000) else floor(dollars::numeric * 1000000) end end
  ) x (micros)
$$;

create or replace function moose.old_time(r jsonb, variadic names text[]) returns timestamptz
language sql stable as $$
  select case when v ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d' then v::timestamptz end
  from (select moose.old_value(r, variadic names)) x (v)
$$;

-- A list of texts, whatever it was kept as. What has no text stays as it is written, so that a list of files that may
-- be touched never becomes an empty one, which would allow all of them.
create or replace function moose.old_list(value jsonb) returns jsonb
language sql immutable as $$
  select coalesce(jsonb_agg(entry order by n) filter (where btrim(entry) <> ''), '[]')
  from (
    select n, case jsonb_typeof(e)
              when 'object' then coalesce(e->>'path', e->>'text', e->>'description', e::text)
              else e #>> '{}' end as entry
    from jsonb_array_elements(case jsonb_typeof(value) when 'array' then value when 'null' then '[]'
                              else jsonb_build_array(value) end) with ordinality as a (e, n)
  ) x
$$;

-- One line of at most 200 UTF-16 units.
create or replace function moose.old_title(value text) returns text
language sql immutable as $$
  select case when line = '' then '(no title)' when line ~ '[\U00010000-\U0010FFFF]' then left(line, 100) else left(line, 200) end
  from (select btrim(regexp_replace(coalesce(value, ''), '[\s\u00a0\u2028\u2029\ufeff]+', ' ', 'g'))) x (line)
$$;

create or replace function moose.old_step(value text) returns text
language sql immutable as $$
  select case
    when value ~* 'rout|^manager' then 'routing'
    when value ~* 'propos|generat|llm' then 'generating'
    when value ~* 'aider|appl|edit' then 'applying'
    when value ~* 'pull|github|push|(^|_)pr($|_)' then 'creating_pr'
    when value ~* 'track|sentinel|outcome' then 'tracking'
  end
$$;

create or replace function moose.failed_status(step text) returns text
language sql immutable as $$
  select case step when 'routing' then 'routing_failed' when 'applying' then 'aider_failed' when 'creating_pr' then 'pr_failed'
         when 'tracking' then 'tracking_failed' else 'generation_failed' end
$$;

create or replace function moose.old_kind(value text) returns text
language sql immutable as $$
  select case
    when value ~* '^(bug|fix|bugfix|hotfix)' then 'bug'
    when value ~* '^refactor' then 'refactor'
    when value ~* '^(auth|security)' then 'auth'
    when value ~* '^test' then 'test'
    when value ~* '^doc' then 'docs'
    when value ~* '^(chore|infra|ci|deps)' then 'chore'
    else 'feature' end
$$;

create or replace function moose.old_priority(value text) returns integer
language sql immutable as $$
  select case
    when value ~ '^-?[0-9]{1,9}$' then greatest(-100, least(100, value::integer))
    when value ~* '^(critical|urgent)$' then 20
    when value ~* '^high$' then 10
    when value ~* '^low$' then -10
    else 0 end
$$;

create or replace function moose.remember_old(source_name text, r jsonb, new_target text, why text, as_mapped jsonb)
returns void language sql as $$
  insert into moose.old_rows (source, old_id, fingerprint, target, reason, mapped)
  values (source_name, r->>'id', md5(r::text), new_target, why, as_mapped)
  on conflict (source, old_id) do update
  set fingerprint = excluded.fingerprint, target = excluded.target, reason = excluded.reason, mapped = excluded.mapped,
      taken_at = moose.now()
$$;

create or replace function moose.old_target(source_name text, id text) returns text
language sql stable as $$
  select target from moose.old_rows where source = source_name and old_id = id
$$;

-- Every project begins switched off. Its rules are Moose's from then on: later changes there are not taken.
create or replace function moose.take_project(r jsonb) returns text
language plpgsql as $$
declare
  seen text := moose.old_target('projects', r->>'id');
  slug text := btrim(left(regexp_replace(lower(moose.old_value(r, 'slug', 'name', 'id')), '[^a-z0-9]+', '-', 'g'), 64), '-');
  -- A key in an address does not belong here.
  remote text := regexp_replace(
    moose.old_value(r, 'repository_url', 'repo_url', 'github_url', 'github_repo', 'repository', 'repo'),
    '^(https?://)[^/@]*@', '\1');
  forge text[] := regexp_match(regexp_replace(regexp_replace(remote, '/+$', ''), '\.git$', ''),
    '(?:^|[/:])([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)$');
  zone text := moose.old_value(r, 'time_zone', 'timezone');
  daily bigint := coalesce(moose.old_micros(
    moose.old_value(r, 'daily_budget_usd', 'daily_budget', 'daily_limit_usd'), false), 0);
  at_once text := moose.old_value(r, 'concurrency', 'max_concurrent');
begin
  if seen is not null then
    perform moose.remember_old('projects', r, seen, (
      select reason from moose.old_rows where source = 'projects' and old_id = r->>'id'), '{}');
    return seen;
  end if;
  seen := case
    when slug <> '' and not exists (select 1 from public.projects where id = slug) then slug
    when r->>'id' ~ '^[a-z0-9][a-z0-9_-]{0,63}$' and not exists (select 1 from public.projects where id = r->>'id') then r->>'id'
    else 'old-' || md5(r->>'id') end;
  insert into public.projects (id, repository, base_branch, checks, limits, concurrency, time_zone, mode)
  values (seen,
    case when forge is null then jsonb_build_object('remoteUrl', 'unknown', 'forge', jsonb_build_object('owner', 'unknown', 'name', seen))
    else jsonb_build_object(
      'remoteUrl', case when remote ~ '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$' then 'https://github.com/' || remote || '.git' else remote end,
      'forge', jsonb_build_object('owner', forge[1], 'name', forge[2])) end,
    coalesce(moose.old_value(r, 'base_branch', 'default_branch', 'main_branch'), 'main'), '[]',
    jsonb_build_object('dailyUsd', daily, 'workOrderUsd', least(daily, coalesce(moose.old_micros(
      moose.old_value(r, 'work_order_budget_usd', 'max_cost_per_order'), false), daily))),
    case when at_once ~ '^[0-9]{1,4}$' then greatest(1, least(64, at_once::integer)) else 1 end,
    case when exists (select 1 from pg_catalog.pg_timezone_names where name = zone) and zone ~ '^(UTC|[A-Z][A-Za-z_]+/[A-Za-z_/+-]+)$'
      then zone else 'UTC' end,
    'off');
  perform moose.remember_old('projects', r, seen, case when forge is null
    then 'its repository is not known: give it one with moose project add before it is switched on' end, '{}');
  return seen;
end
$$;

-- What an order that was in flight needs: nobody knows how far it came.
create or replace function moose.escalate_in_flight(w public.work_orders) returns void
language sql as $$
  select moose.escalate(w.id, w.run, jsonb_build_object(
    'type', 'old_in_flight', 'severity', 'high', 'fingerprint', 'old_in_flight/' || w.id,
    'context', jsonb_build_object('message', 'was in flight in the old system', 'step', w.last_failure->>'step',
      'hint', 'See whether it left a branch or a pull request. Retry begins from nothing, and makes its own.',
      'branch', w.branch, 'pullRequest', w.pull_request_url),
    'options', jsonb_build_array(
      jsonb_build_object('option', 'retry', 'label', 'run it again from the beginning', 'step', 'routing',
        'usd', moose.order_spent(w.id), 'recommended', w.branch is null and w.pull_request_url is null),
      jsonb_build_object('option', 'abandon', 'label', 'leave it as it is', 'usd', 0,
        'recommended', w.branch is not null or w.pull_request_url is not null))));
$$;

-- Orders that were pending there are queued when their project is switched on, and not before: in shadow they would be
-- used up. Their time begins to count then.
create or replace function moose.queue_taken_over(project_id text) returns void
language plpgsql as $$
declare
  w public.work_orders;
begin
  for w in
    select o.* from public.work_orders o
    where o.project = project_id and o.status = 'pending'
      and exists (select 1 from moose.old_rows s where s.source = 'work_orders' and s.target = o.id)
      and not exists (select 1 from moose.executions e where e.work_order = o.id and e.run = o.run)
    order by o.created_at, o.id
  loop
    insert into moose.executions (id, workflow, payload, work_order, run, priority)
    values (w.id || '/' || w.run, 'moose/Pipeline', jsonb_build_object('workOrderId', w.id, 'run', w.run), w.id, w.run, w.priority);
    perform moose.note(w.id, w.run, 'RunStarted', 'routing', 'its project was switched on', null);
  end loop;
end
$$;

create or replace function moose.queue_switched_on() returns trigger
language plpgsql as $$
begin
  perform moose.queue_taken_over(new.id);
  return null;
end
$$;

create trigger queue_switched_on after update of mode on public.projects
  for each row when (new.mode = 'on' and old.mode <> 'on') execute function moose.queue_switched_on();

create or replace function moose.take_order(r jsonb) returns void
language plpgsql as $$
declare
  source_id text := r->>'id';
  seen moose.old_rows;
  w public.work_orders;
  t public.projects;
  was text := r->>'status';
  project_key text := moose.old_value(r, 'project_id', 'project');
  project_id text;
  step text := coalesce(moose.old_step(moose.old_value(r, 'current_step', 'failed_step', 'step')), 'generating');
  kept jsonb := case when jsonb_typeof(r->'metadata') = 'object'
    then (r->'metadata') || jsonb_build_object('old_system', r - '{metadata,description}'::text[])
    else jsonb_build_object('old_system', r - 'description') end;
  moved boolean;
begin
  select * into seen from moose.old_rows where source = 'work_orders' and old_id = source_id;
  -- Also where there is no project, or no table of them.
  project_id := coalesce(moose.old_target('projects', coalesce(project_key, 'unassigned')), moose.take_project(
    jsonb_build_object('id', coalesce(project_key, 'unassigned'), 'name', coalesce(project_key, 'old-unassigned'))));
  select * into t from public.projects where id = project_id;

  w.id := coalesce(seen.target, case when source_id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'
    and not exists (select 1 from public.work_orders o where o.id = source_id) then source_id else 'old-' || md5(source_id) end);
  w.branch := moose.old_value(r, 'branch_name', 'branch');
  w.base_sha := substring(lower(moose.old_value(r, 'base_sha', 'base_commit')) from '^(?:[0-9a-f]{40}|[0-9a-f]{64})$');
  w.head_sha := substring(lower(moose.old_value(r, 'commit_sha', 'head_sha')) from '^(?:[0-9a-f]{40}|[0-9a-f]{64})$');
  w.pull_request_url := moose.old_value(r, 'pr_url', 'pull_request_url');
  w.pull_request_number := substring(coalesce(moose.old_value(r, 'pr_number', 'pull_request_number'),
    substring(w.pull_request_url from '/pull/([0-9]{1,9})$')) from '^[1-9][0-9]{0,8}$')::integer;
  if w.pull_request_url is null or w.pull_request_number is null then
    w.pull_request_url := null;
    w.pull_request_number := null;
  end if;

  case was
    when 'pending' then
      w.status := 'pending';
      w.branch := null;
      w.head_sha := null;
    when 'in_progress' then
      w.status := moose.failed_status(step);
      w.disposition := 'manual_intervention_required';
      w.last_failure := jsonb_build_object('step', step, 'tag', 'OldSystem', 'message', 'was in flight in the old system',
        'hint', 'Nobody knows how far it came: decide its escalation.');
    when 'completed' then
      if w.head_sha is not null and w.pull_request_number is not null then
        w.status := 'completed';
      else
        -- Completed is what can be shown.
        w.status := 'tracking_failed';
        w.disposition := 'preserved';
        w.last_failure := jsonb_build_object('step', 'tracking', 'tag', 'OldSystem',
          'message', 'the old system called it completed, and has not recorded '
            || case when w.head_sha is null and w.pull_request_number is null then 'its commit and pull request'
               when w.head_sha is null then 'its commit' else 'its pull request' end,
          'hint', 'Nothing is to be done, unless it turns out that it was not delivered.');
      end if;
    when 'failed' then
      w.status := moose.failed_status(step);
      w.disposition := 'exhausted';
      w.last_failure := jsonb_build_object('step', step, 'tag', 'OldSystem',
        'message', coalesce(left(moose.old_value(r, 'error_message', 'error', 'failure_reason'), 500),
                            'the old system recorded no reason'),
        'hint', 'It failed before Moose took over. Submit it again if it is still wanted.');
    else
      perform moose.remember_old('work_orders', r, seen.target, format('its status is %s', coalesce(quote_literal(was), 'missing')),
        coalesce(seen.mapped, '{}'));
      return;
  end case;

  if seen.target is null then
    insert into public.work_orders (id, project, kind, title, description, acceptance_criteria, files_in_scope, base_branch,
      priority, limits, metadata, body_hash, status, disposition, branch, base_sha, head_sha, pull_request_number,
      pull_request_url, last_failure, created_at, updated_at)
    values (w.id, t.id, moose.old_kind(moose.old_value(r, 'kind', 'task_type', 'type')), moose.old_title(r->>'title'),
      coalesce(r->>'description', ''), moose.old_list(coalesce(r->'acceptance_criteria', '[]')),
      moose.old_list(coalesce(r->'files_in_scope', r->'files', '[]')),
      coalesce(moose.old_value(r, 'base_branch', 'target_branch'), t.base_branch), moose.old_priority(r->>'priority'),
      coalesce((select jsonb_build_object('maxUsd', m) from (
        select moose.old_micros(moose.old_value(r, 'max_cost_usd', 'budget_usd'), false)) x (m) where m is not null), '{}'),
      kept, 'old/' || md5(r::text), w.status, w.disposition, w.branch, w.base_sha, w.head_sha, w.pull_request_number,
      w.pull_request_url, w.last_failure, coalesce(moose.old_time(r, 'created_at', 'updated_at'), moose.now()),
      coalesce(moose.old_time(r, 'updated_at', 'created_at'), moose.now()))
    returning * into w;
    moved := true;
    perform moose.note(w.id, w.run, 'Noted', null, 'taken over from the old system, where it was ' || was, null);
  else
    perform 1 from public.work_orders where id = w.id for update;
    if (select (o.status, o.run) is distinct from (seen.mapped->>'status', (seen.mapped->>'run')::integer)
        from public.work_orders o where o.id = w.id)
      -- After the way back it was the old system's, however far it had come here.
      or not seen.mapped ? 'back'
        and exists (select 1 from moose.executions e where e.work_order = w.id and e.state <> 'done' and e.fence > 0) then
      perform moose.remember_old('work_orders', r, w.id, 'it changed in the old system after Moose had begun it: that was not taken',
        seen.mapped);
      return;
    end if;
    moved := was is distinct from seen.mapped->>'old_status';
    update public.work_orders o set metadata = o.metadata || kept where o.id = w.id;
    if moved then
      -- The old system's moves are not those of Moose.
      alter table public.work_orders disable trigger legal_move;
      update moose.executions set state = 'done' where work_order = w.id and state <> 'done';
      update public.work_orders o
      set status = w.status, disposition = w.disposition, last_failure = w.last_failure, branch = coalesce(w.branch, o.branch),
          base_sha = coalesce(w.base_sha, o.base_sha), head_sha = coalesce(w.head_sha, o.head_sha),
          pull_request_number = coalesce(w.pull_request_number, o.pull_request_number),
          pull_request_url = coalesce(w.pull_request_url, o.pull_request_url), resume_at = null, waiting_for = null,
          run = o.run + (exists (select 1 from moose.executions e where e.work_order = o.id and e.run = o.run))::integer,
          updated_at = moose.now()
      where o.id = w.id;
      alter table public.work_orders enable trigger legal_move;
      perform moose.note(w.id, (select run from public.work_orders where id = w.id), 'Noted', null,
        'the old system made it ' || was, null);
      update public.escalations
      set status = 'resolved', resolution = '{"option":"acknowledge","label":"the old system went on with it"}',
          resolved_by = 'the old system', resolved_at = moose.now(), next_notice_at = null, ack_deadline = null,
          updated_at = moose.now()
      where fingerprint = 'old_in_flight/' || w.id and status = 'open';
    end if;
    select * into w from public.work_orders where id = w.id;
  end if;

  -- What another run is begun from.
  if moved and w.status like '%\_failed' then
    insert into moose.executions (id, workflow, payload, work_order, run, priority, state)
    values (w.id || '/' || w.run, 'moose/Pipeline', jsonb_build_object('workOrderId', w.id, 'run', w.run), w.id, w.run,
            w.priority, 'done');
  end if;
  perform moose.remember_old('work_orders', r, w.id, null,
    jsonb_build_object('old_status', was, 'status', w.status, 'run', w.run));
end
$$;

-- Rows that belong to an order. Those of the old system are of run 0: it did not count runs, and Moose does from 1.
create or replace function moose.take_cost(r jsonb) returns void
language plpgsql as $$
declare
  seen text := moose.old_target('cost_tracking', r->>'id');
  order_key text := moose.old_value(r, 'work_order_id', 'work_order');
  w public.work_orders;
  amount_text text := moose.old_value(r, 'cost_usd', 'cost', 'total_cost', 'amount_usd', 'amount');
  amount bigint := moose.old_micros(amount_text, true);
  step text := moose.old_value(r, 'category', 'step', 'operation');
  at timestamptz := coalesce(moose.old_time(r, 'created_at', 'updated_at'), moose.now());
  -- Money that was set aside there, and nobody knows whether it was spent.
  unsettled boolean := coalesce(r->>'status' = 'reserved', false);
begin
  select * into w from public.work_orders where id = moose.old_target('work_orders', order_key);
  if amount is null or w.id is null then
    -- What it was counted as before is not counted any longer.
    delete from public.cost_tracking where id = seen;
    perform moose.remember_old('cost_tracking', r, null, case
      when amount is null then format('its amount is %s', coalesce(quote_literal(amount_text), 'missing'))
      when order_key is null then 'it belongs to no work order'
      else format('there is no work order %s', order_key) end, '{}');
    return;
  end if;
  seen := coalesce(seen, 'old-' || (r->>'id'));
  insert into public.cost_tracking (id, project, day, work_order, run, call, category, model, state, reserved_micros,
                                    settled_micros, settlement, usage, created_at, updated_at)
  select seen, w.project, (at at time zone t.time_zone)::date, w.id, 0, 'old/' || (r->>'id'),
         case when step ~* 'architect' then 'architect' when step ~* 'repair' then 'repair'
              when moose.old_step(step) in ('routing', 'applying') then moose.old_step(step) else 'generating' end,
         coalesce(moose.old_value(r, 'model', 'model_name', 'model_used'), 'unknown'),
         case when unsettled then 'presumed' else 'settled' end, amount, case when unsettled then null else amount end, 'old',
         jsonb_build_object('old_system', r), at, at
  from public.projects t where t.id = w.project
  on conflict (id) do update
  set state = excluded.state, reserved_micros = excluded.reserved_micros, settled_micros = excluded.settled_micros,
      model = excluded.model, usage = excluded.usage, updated_at = moose.now();
  perform moose.remember_old('cost_tracking', r, seen, null, '{}');
end
$$;

create or replace function moose.take_outcome(r jsonb) returns void
language plpgsql as $$
declare
  seen text := moose.old_target('outcome_vectors', r->>'id');
  order_key text := moose.old_value(r, 'work_order_id', 'work_order');
  w public.work_orders;
  said text := lower(moose.old_value(r, 'success', 'succeeded', 'outcome', 'result', 'status'));
  good boolean := case when said in ('true', 'success', 'succeeded', 'completed') then true
                       when said in ('false', 'failure', 'failed', 'error') then false end;
begin
  delete from public.outcome_vectors where id = seen::bigint;
  select * into w from public.work_orders where id = moose.old_target('work_orders', order_key);
  if w.id is null or good is null then
    perform moose.remember_old('outcome_vectors', r, null, case
      when order_key is null then 'it belongs to no work order'
      when w.id is null then format('there is no work order %s', order_key)
      else format('whether it succeeded is %s', coalesce(quote_literal(said), 'missing')) end, '{}');
    return;
  end if;
  -- One for each model that tried, where Moose has one for each run.
  insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome, at)
  select w.id, coalesce(min(o.run) filter (where o.run <= 0) - 1, 0), w.project, w.kind,
         moose.old_value(r, 'model', 'model_name', 'model_used'), good,
         coalesce(moose.old_micros(moose.old_value(r, 'cost_usd', 'cost', 'total_cost'), true), 0),
         jsonb_build_object('old_system', r), coalesce(moose.old_time(r, 'created_at'), moose.now())
  from public.outcome_vectors o where o.work_order = w.id
  returning id::text into seen;
  perform moose.remember_old('outcome_vectors', r, seen, null, '{}');
end
$$;

create or replace function moose.take_decision(r jsonb) returns void
language plpgsql as $$
declare
  seen text := moose.old_target('decision_logs', r->>'id');
  order_key text := moose.old_value(r, 'work_order_id', 'work_order');
  said text := moose.old_value(r, 'step', 'stage', 'component', 'agent');
  w public.work_orders;
begin
  delete from public.decision_logs where id = seen::bigint;
  select * into w from public.work_orders where id = moose.old_target('work_orders', order_key);
  if w.id is null then
    perform moose.remember_old('decision_logs', r, null, case when order_key is null then 'it belongs to no work order'
      else format('there is no work order %s', order_key) end, '{}');
    return;
  end if;
  insert into public.decision_logs (work_order, run, step, choice, reason, data, at)
  values (w.id, 0, coalesce(moose.old_step(said), said, 'old_system'),
          coalesce(moose.old_value(r, 'decision', 'choice', 'decision_type'), 'not recorded'),
          coalesce(moose.old_value(r, 'reasoning', 'reason', 'rationale'), 'not recorded'),
          jsonb_build_object('old_system', r), coalesce(moose.old_time(r, 'created_at'), moose.now()))
  returning id::text into seen;
  perform moose.remember_old('decision_logs', r, seen, null, '{}');
end
$$;

create or replace function moose.take_escalation(r jsonb) returns void
language plpgsql as $$
declare
  seen moose.old_rows;
  order_key text := moose.old_value(r, 'work_order_id', 'work_order');
  w public.work_orders;
  unanswered boolean := coalesce(r->>'status', 'open') !~* '^(resolved|closed|dismissed|completed|done|cancelled)$';
  card jsonb;
  it bigint;
begin
  select * into seen from moose.old_rows where source = 'escalations' and old_id = r->>'id';
  if seen.target is not null then
    if not unanswered then
      update public.escalations
      set status = 'resolved', resolution = '{"option":"acknowledge","label":"resolved in the old system"}',
          resolved_by = 'the old system', resolved_at = moose.now(), next_notice_at = null, ack_deadline = null,
          updated_at = moose.now()
      where id = seen.target::bigint and status = 'open';
    end if;
    perform moose.remember_old('escalations', r, seen.target, null, jsonb_build_object('status', (
      select status from public.escalations where id = seen.target::bigint)));
    return;
  end if;
  select * into w from public.work_orders where id = moose.old_target('work_orders', order_key);
  card := jsonb_build_object(
    'message', coalesce(moose.old_value(r, 'title', 'reason', 'message', 'type'), 'an escalation of the old system'),
    'hint', 'It was raised in the old system, which offered other ways out: see old_system in its context.',
    'old_system', r);
  insert into public.escalations (type, status, severity, work_order, fingerprint, context, resolution_options, next_notice_at,
    resolution, resolved_by, resolved_at, created_at, updated_at)
  values (coalesce(moose.old_value(r, 'type'), 'not recorded'), case when unanswered then 'open' else 'resolved' end,
    case when r->>'severity' in ('low', 'medium', 'high', 'critical') then r->>'severity' else 'high' end,
    w.id, 'old/' || (r->>'id'), card,
    case when not unanswered then '[]'
    when w.status like '%\_failed' and w.disposition is distinct from 'manual_intervention_required' then jsonb_build_array(
      jsonb_build_object('option', 'retry', 'label', 'run it again from the beginning', 'step', 'routing',
        'usd', moose.order_spent(w.id), 'recommended', false),
      jsonb_build_object('option', 'abandon', 'label', 'leave it as it is', 'usd', 0, 'recommended', true))
    else '[{"option":"acknowledge","label":"somebody has put it right","usd":0,"recommended":true}]' end,
    case when unanswered then moose.now() end,
    case when not unanswered then '{"option":"acknowledge","label":"resolved in the old system"}'::jsonb end,
    case when not unanswered then coalesce(moose.old_value(r, 'resolved_by', 'assigned_to'), 'the old system') end,
    case when not unanswered then coalesce(moose.old_time(r, 'resolved_at', 'updated_at', 'created_at'), moose.now()) end,
    coalesce(moose.old_time(r, 'created_at'), moose.now()),
    coalesce(moose.old_time(r, 'updated_at', 'created_at'), moose.now()))
  returning id into it;
  if w.id is not null then
    insert into public.escalation_orders (escalation, work_order, run, context) values (it, w.id, w.run, card);
  end if;
  perform moose.remember_old('escalations', r, it::text, case
      when order_key is null then 'it belongs to no work order'
      when w.id is null then format('there is no work order %s', order_key) end,
    jsonb_build_object('status', case when unanswered then 'open' else 'resolved' end));
end
$$;

-- Takes over every row of moose_old that is new or has changed there, and answers how many those are. Rows that were
-- listed are tried again. The settings make the same row the same JSON for everybody, with all digits of its numbers.
create or replace function moose.take_over_old_rows() returns integer
language plpgsql set timezone = 'UTC' set extra_float_digits = 1 as $$
declare
  source_name text;
  r jsonb;
  taken integer := 0;
  w public.work_orders;
begin
  foreach source_name in array array['projects', 'work_orders', 'cost_tracking', 'outcome_vectors', 'decision_logs', 'escalations'] loop
    continue when to_regclass('moose_old.' || source_name) is null;
    for r in execute format(
      'select x.row from (select to_jsonb(t) as row from moose_old.%I t) x
       where not exists (select 1 from moose.old_rows o where o.source = $1 and o.old_id = x.row->>''id''
                           and o.fingerprint = md5(x.row::text) and o.target is not null)
       order by x.row->>''created_at'', x.row->>''id''', source_name) using source_name
    loop
      if not exists (select 1 from moose.old_rows o
          where o.source = source_name and o.old_id = r->>'id' and o.fingerprint = md5(r::text)) then
        taken := taken + 1;
      end if;
      -- One that Moose wrote stands for what it has already.
      if source_name <> 'work_orders' and exists (select 1 from moose.old_rows o
          where o.source = source_name and o.old_id = r->>'id' and o.origin = 'moose') then
        perform moose.remember_old(source_name, r, target, 'it changed in the old system: Moose''s own is kept', mapped)
        from moose.old_rows o where o.source = source_name and o.old_id = r->>'id';
        continue;
      end if;
      case source_name
        when 'projects' then perform moose.take_project(r);
        when 'work_orders' then perform moose.take_order(r);
        when 'cost_tracking' then perform moose.take_cost(r);
        when 'outcome_vectors' then perform moose.take_outcome(r);
        when 'decision_logs' then perform moose.take_decision(r);
        when 'escalations' then perform moose.take_escalation(r);
      end case;
    end loop;
  end loop;
  -- Once its costs are known.
  for w in
    select o.* from public.work_orders o join moose.old_rows s on s.source = 'work_orders' and s.target = o.id
    where s.mapped->>'old_status' = 'in_progress' and (o.status, o.run) = (s.mapped->>'status', (s.mapped->>'run')::integer)
      and not exists (select 1 from public.escalation_orders e join public.escalations x on x.id = e.escalation
                      where e.work_order = o.id and e.run = o.run and x.fingerprint = 'old_in_flight/' || o.id)
    order by o.created_at, o.id
  loop
    perform moose.escalate_in_flight(w);
  end loop;
  perform moose.queue_taken_over(id) from public.projects where mode = 'on';
  return taken;
end
$$;

-- The way back. What Moose did since goes into the columns that the old tables have; the rest stays here.

-- Writes a row of an old table (a new one without an id), as far as it has these columns. Answers the row as stored.
create or replace function moose.write_old(source_name text, id text, v jsonb) returns jsonb
language plpgsql as $$
declare
  columns text;
  stored jsonb;
begin
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into columns
  from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass('moose_old.' || source_name) and a.attnum > 0 and not a.attisdropped
    and a.attgenerated = '' and v ? a.attname;
  if id is null then
    execute format('insert into moose_old.%1$I as t (%2$s) select %2$s from jsonb_populate_record(null::moose_old.%1$I, $1) returning to_jsonb(t)',
      source_name, columns) into strict stored using v;
  else
    execute format('update moose_old.%1$I as t set (%2$s) = row (%3$s) from jsonb_populate_record(null::moose_old.%1$I, $1) as n
      where t.id::text = $2 returning to_jsonb(t)', source_name, columns,
      (select string_agg('n.' || c, ', ') from unnest(string_to_array(columns, ', ')) c)) into strict stored using v, id;
  end if;
  return stored;
end
$$;

-- Writes it and remembers which row of Moose's it stands for, or lists why it could not be written.
create or replace function moose.put_back(source_name text, id text, v jsonb, own_id text, as_mapped jsonb) returns boolean
language plpgsql as $$
declare
  said text;
  code text;
  stored jsonb;
begin
  stored := moose.write_old(source_name, id, v);
  perform moose.remember_old(source_name, stored, own_id, null, as_mapped);
  if id is null then
    update moose.old_rows o set origin = 'moose' where o.source = source_name and o.old_id = stored->>'id';
  end if;
  delete from moose.rows_kept_aside k where k.source = source_name and k.id = own_id;
  return true;
exception when integrity_constraint_violation or data_exception or raise_exception or syntax_error_or_access_rule_violation
  or no_data_found then
  get stacked diagnostics said = message_text, code = returned_sqlstate;
  perform moose.keep_aside(source_name, own_id, format('%s (%s)', said, code));
  return false;
end
$$;

create or replace function moose.keep_aside(source_name text, own_id text, why text) returns void
language sql as $$
  insert into moose.rows_kept_aside (source, id, reason) values (source_name, own_id, why)
  on conflict (source, id) do update set reason = excluded.reason, at = moose.now()
$$;

-- How an order stands in the old system's words. Completed in shadow was delivered to nobody.
create or replace function moose.old_status(w public.work_orders) returns text
language sql immutable as $$
  select case when w.status = 'completed' and w.pull_request_number is not null then 'completed'
              when w.status in ('pending', 'completed') then 'pending' else 'failed' end
$$;

create or replace function moose.put_back_order(w public.work_orders, seen moose.old_rows) returns boolean
language plpgsql as $$
declare
  status text := moose.old_status(w);
  kept jsonb := '{}';
  v jsonb;
begin
  if seen.target is not null then
    execute 'select to_jsonb(t)->''metadata'' from moose_old.work_orders t where t.id::text = $1' into kept using seen.old_id;
  end if;
  v := jsonb_strip_nulls(jsonb_build_object(
      'status', status, 'branch_name', w.branch, 'branch', w.branch, 'commit_sha', w.head_sha, 'head_sha', w.head_sha,
      'base_sha', w.base_sha, 'pr_number', w.pull_request_number, 'pull_request_number', w.pull_request_number,
      'pr_url', w.pull_request_url, 'pull_request_url', w.pull_request_url, 'updated_at', moose.now(),
      'completed_at', case status when 'completed' then w.updated_at end))
    || case when status = 'failed' then (
        select jsonb_build_object('error_message', m, 'error', m) from (select case
          when w.status = 'cancelled' then 'cancelled in Moose'
          when w.status like '%\_failed' then coalesce(w.last_failure->>'message', w.status)
          else 'was under way in Moose (' || w.status || ') when the old system took over again' end) x (m))
      else '{"error_message": null, "error": null}' end;
  -- Odd values are left alone.
  if coalesce(jsonb_typeof(kept), 'null') in ('object', 'null') then
    v := v || jsonb_build_object('metadata', case when seen.target is null then w.metadata when jsonb_typeof(kept) = 'object' then kept else '{}' end
      || jsonb_build_object('moose', jsonb_build_object('id', w.id, 'status', w.status, 'run', w.run, 'baseSha', w.base_sha,
        'headSha', w.head_sha, 'spentMicros', moose.order_spent(w.id))));
  end if;
  if seen.target is null then
    v := v || jsonb_build_object('title', w.title, 'description', w.description, 'kind', w.kind, 'task_type', w.kind, 'type', w.kind,
      'base_branch', w.base_branch, 'acceptance_criteria', w.acceptance_criteria, 'files_in_scope', w.files_in_scope,
      'created_at', w.created_at)
      || coalesce((select jsonb_build_object('project_id', s.old_id, 'project', s.old_id) from moose.old_rows s
                   where s.source = 'projects' and s.target = w.project and s.old_id <> 'unassigned' limit 1), '{}');
    -- With a default of its own where the table has one; a text id has none.
    if exists (select 1 from pg_catalog.pg_attribute a where a.attrelid = to_regclass('moose_old.work_orders')
               and a.attname = 'id' and not a.atthasdef and a.attidentity = '') then
      v := v || jsonb_build_object('id', w.id);
    end if;
  end if;
  return moose.put_back('work_orders', seen.old_id, v, w.id,
    jsonb_build_object('old_status', status, 'status', w.status, 'run', w.run, 'back', true));
end
$$;

-- Writes a row that belongs to an order, unless its order is not there.
create or replace function moose.put_back_child(source_name text, own_id text, order_id text, v jsonb) returns integer
language plpgsql as $$
declare
  old_order text := (select old_id from moose.old_rows where source = 'work_orders' and target = order_id);
begin
  if old_order is null and order_id is not null then
    perform moose.keep_aside(source_name, own_id, format('work order %s is not in the old tables', order_id));
    return 0;
  end if;
  return moose.put_back(source_name, null, v || jsonb_build_object('work_order_id', old_order, 'work_order', old_order), own_id, '{}')::integer;
end
$$;

-- Writes into moose_old what Moose did since, and answers how many rows of each table were written.
create or replace function moose.put_back_old_rows() returns jsonb
language plpgsql set timezone = 'UTC' set extra_float_digits = 1 as $$
declare
  w public.work_orders;
  seen moose.old_rows;
  o record;
  orders integer := 0;
  costs integer := 0;
  outcomes integer := 0;
  decisions integer := 0;
  questions integer := 0;
begin
  update moose.old_rows set mapped = mapped || '{"back": true}' where source = 'work_orders';
  for w in select * from public.work_orders order by created_at, id loop
    select * into seen from moose.old_rows where source = 'work_orders' and target = w.id;
    continue when (w.status, w.run) = (seen.mapped->>'status', (seen.mapped->>'run')::integer);
    orders := orders + moose.put_back_order(w, seen)::integer;
  end loop;

  -- The old system's own budget has to see what was spent. What is still reserved counts as spent.
  for o in
    select c.*, coalesce(c.settled_micros, c.reserved_micros) / 1000000::numeric as dollars from public.cost_tracking c
    where c.state <> 'cancelled' and not exists (select 1 from moose.old_rows s where s.source = 'cost_tracking' and s.target = c.id)
    order by c.created_at, c.id
  loop
    costs := costs + moose.put_back_child('cost_tracking', o.id, o.work_order, jsonb_build_object(
      'cost_usd', o.dollars, 'cost', o.dollars, 'total_cost', o.dollars, 'amount_usd', o.dollars, 'amount', o.dollars,
      'model', o.model, 'model_name', o.model, 'category', o.category, 'operation', o.category, 'created_at', o.created_at));
  end loop;
  for o in
    select v.* from public.outcome_vectors v
    where not exists (select 1 from moose.old_rows s where s.source = 'outcome_vectors' and s.target = v.id::text) order by v.id
  loop
    outcomes := outcomes + moose.put_back_child('outcome_vectors', o.id::text, o.work_order, jsonb_build_object(
      'model', o.model, 'model_name', o.model, 'model_used', o.model, 'success', o.succeeded, 'succeeded', o.succeeded,
      'cost_usd', o.cost_micros / 1000000::numeric, 'cost', o.cost_micros / 1000000::numeric,
      'metadata', jsonb_build_object('moose', o.outcome), 'created_at', o.at));
  end loop;
  for o in
    select d.* from public.decision_logs d
    where not exists (select 1 from moose.old_rows s where s.source = 'decision_logs' and s.target = d.id::text) order by d.id
  loop
    decisions := decisions + moose.put_back_child('decision_logs', o.id::text, o.work_order, jsonb_build_object(
      'step', o.step, 'stage', o.step, 'component', o.step, 'agent', 'moose', 'decision', o.choice, 'choice', o.choice,
      'decision_type', o.choice, 'reasoning', o.reason, 'reason', o.reason, 'rationale', o.reason,
      'metadata', jsonb_build_object('moose', o.data), 'created_at', o.at));
  end loop;
  for o in
    select e.*, s.old_id as old_id from public.escalations e
    left join moose.old_rows s on s.source = 'escalations' and s.target = e.id::text
    where case when s.old_id is null then e.type <> 'old_in_flight' else e.status <> s.mapped->>'status' end
    order by e.id
  loop
    if o.old_id is null then
      questions := questions + moose.put_back_child('escalations', o.id::text, o.work_order, jsonb_strip_nulls(jsonb_build_object(
        'type', o.type, 'severity', o.severity, 'status', case o.status when 'resolved' then 'resolved' end,
        'resolved_at', o.resolved_at, 'resolved_by', o.resolved_by, 'resolution', o.resolution,
        'created_at', o.created_at)) || jsonb_build_object('context', o.context, 'resolution_options', o.resolution_options));
      update moose.old_rows s set mapped = jsonb_build_object('status', o.status)
      where s.source = 'escalations' and s.target = o.id::text;
    else
      questions := questions + moose.put_back('escalations', o.old_id, jsonb_strip_nulls(jsonb_build_object(
        'status', o.status, 'resolved_at', o.resolved_at, 'resolution', o.resolution)), o.id::text,
        jsonb_build_object('status', o.status))::integer;
    end if;
  end loop;
  return jsonb_build_object('work_orders', orders, 'cost_tracking', costs, 'outcome_vectors', outcomes,
    'decision_logs', decisions, 'escalations', questions,
    'kept aside', (select count(*) from moose.rows_kept_aside));
end
$$;

do $$
begin
  if to_regnamespace('moose_old') is not null then
    perform moose.take_over_old_rows();
  end if;
end
$$;
