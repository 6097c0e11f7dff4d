-- Escalations: what somebody has to know or decide. The same trouble for many orders is one escalation, one notice
-- and a counter. It stays open until it is resolved; silence is answered with reminders, then with its default.

create table public.escalations (
  id                 bigint generated always as identity primary key,
  type               text not null,
  status             text not null default 'open' check (status in ('open', 'resolved')),
  severity           text not null check (severity in ('low', 'medium', 'high', 'critical')),
  -- The order that met it first.
  work_order         text references public.work_orders (id),
  -- The same trouble again is the same row, counted.
  fingerprint        text not null,
  occurrences        integer not null default 1,
  context            jsonb not null,
  resolution_options jsonb not null,
  assignee           text,
  -- When the next notice (the first one, or a reminder) is due; null when none is.
  next_notice_at     timestamptz default moose.now(),
  notices            integer not null default 0,
  -- Where the last notice went, and what the other side called it.
  receipt            jsonb,
  ack_deadline       timestamptz,
  acknowledged_at    timestamptz,
  -- What silence means; null: it stays open.
  default_option     text,
  resolution         jsonb,
  resolved_by        text,
  resolved_at        timestamptz,
  created_at         timestamptz not null default moose.now(),
  updated_at         timestamptz not null default moose.now()
);

create unique index escalations_open on public.escalations (fingerprint) where status = 'open';
create index escalations_by_order on public.escalations (work_order);
create index escalations_due on public.escalations (next_notice_at) where status = 'open' and next_notice_at is not null;
alter table public.escalations enable row level security;

-- Whom it concerns. `question` is what a suspended order waits for; without one its run has ended.
create table public.escalation_orders (
  escalation bigint not null references public.escalations (id),
  work_order text not null references public.work_orders (id),
  run        integer not null,
  question   text,
  context    jsonb not null,
  at         timestamptz not null default moose.now(),
  primary key (escalation, work_order, run)
);

create index escalation_orders_by_order on public.escalation_orders (work_order, run);
alter table public.escalation_orders enable row level security;

-- Keys of escalations that did not come with a step's result, so that one that is drained twice is one.
create table moose.escalation_keys (
  key        text primary key,
  escalation bigint not null references public.escalations (id)
);
alter table moose.escalation_keys enable row level security;

create or replace function moose.escalate(order_id text, order_run integer, f jsonb) returns bigint
language plpgsql as $$
declare
  it bigint;
begin
  insert into public.escalations as e (type, severity, work_order, fingerprint, context, resolution_options, default_option)
  values (f->>'type', coalesce(f->>'severity', 'high'), order_id, f->>'fingerprint', f->'context',
          coalesce(f->'options', '[]'), f->>'defaultOption')
  on conflict (fingerprint) where status = 'open' do update
  set occurrences = e.occurrences + 1, context = excluded.context, resolution_options = excluded.resolution_options,
      updated_at = moose.now()
  returning id into it;
  if order_id is not null then
    insert into public.escalation_orders (escalation, work_order, run, question, context)
    values (it, order_id, order_run, f->>'question', f->'context')
    on conflict (escalation, work_order, run) do update set question = excluded.question, context = excluded.context;
    perform moose.note(order_id, order_run, 'Escalated', f->'context'->>'step',
      format('escalation %s: %s', it, coalesce(f->'context'->>'message', f->>'type')), null);
  end if;
  perform pg_notify('moose_escalations', it::text);
  return it;
end
$$;

-- One that no step's result carries. The same key again is the same escalation.
create or replace function moose.raise_escalation(p jsonb) returns jsonb
language plpgsql as $$
declare
  it bigint;
  order_id text := (select id from public.work_orders where id = p->>'workOrderId');
begin
  perform pg_advisory_xact_lock(hashtextextended('moose.escalation/' || (p->>'key'), 0));
  select escalation into it from moose.escalation_keys where key = p->>'key';
  if not found then
    it := moose.escalate(order_id, coalesce((p->>'run')::integer, 1), p);
    insert into moose.escalation_keys (key, escalation) values (p->>'key', it);
  end if;
  return to_jsonb(it);
end
$$;

create or replace function moose.escalation_json(e public.escalations, orders_limit integer) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'id', e.id, 'type', e.type, 'status', e.status, 'severity', e.severity, 'fingerprint', e.fingerprint,
    'occurrences', e.occurrences, 'context', e.context, 'options', e.resolution_options,
    'defaultOption', e.default_option, 'assignee', e.assignee,
    'createdAt', moose.iso(e.created_at), 'updatedAt', moose.iso(e.updated_at), 'now', moose.iso(moose.now()),
    'notices', e.notices, 'receipt', e.receipt, 'ackDeadline', moose.iso(e.ack_deadline),
    'acknowledgedAt', moose.iso(e.acknowledged_at),
    'resolution', e.resolution, 'resolvedBy', e.resolved_by, 'resolvedAt', moose.iso(e.resolved_at),
    'ordersCount', (select count(*) from public.escalation_orders x where x.escalation = e.id),
    'orders', (
      select coalesce(jsonb_agg(jsonb_build_object('workOrderId', o.work_order, 'run', o.run, 'title', w.title,
        'project', w.project, 'status', w.status, 'disposition', w.disposition,
        'branch', w.branch, 'headSha', w.head_sha,
        'pullRequest', case when w.pull_request_number is null then null
                       else jsonb_build_object('number', w.pull_request_number, 'url', w.pull_request_url) end,
        'spent', moose.order_spent(w.id)) order by o.at, o.work_order), '[]')
      from (select * from public.escalation_orders x where x.escalation = e.id order by x.at desc limit orders_limit) o
      join public.work_orders w on w.id = o.work_order),
    -- What its projects spend just now: the last ten minutes.
    'burnPerMinute', (
      select coalesce(sum(coalesce(c.settled_micros, c.reserved_micros)), 0)::bigint / 10
      from public.cost_tracking c
      where c.updated_at > moose.now() - interval '10 minutes' and c.state in ('settled', 'presumed')
        and c.project in (select w.project from public.escalation_orders x join public.work_orders w on w.id = x.work_order
                          where x.escalation = e.id)))
$$;

create or replace function moose.find_escalation(it bigint) returns public.escalations
language plpgsql as $$
declare
  e public.escalations;
begin
  select * into e from public.escalations where id = it for update;
  if not found then
    raise exception 'there is no escalation %', it using errcode = 'MO404';
  end if;
  return e;
end
$$;

create or replace function moose.get_escalation(p jsonb) returns jsonb
language sql as $$
  select moose.escalation_json(moose.find_escalation((p->>'id')::bigint), (p->>'ordersLimit')::integer)
$$;

-- Newest first: of one status, or of one order.
create or replace function moose.list_escalations(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(moose.escalation_json(e, (p->>'ordersLimit')::integer) order by e.id desc), '[]')
  from (
    select * from public.escalations x
    where (p->>'status' is null or x.status = p->>'status')
      and (p->>'workOrderId' is null
           or exists (select 1 from public.escalation_orders o where o.escalation = x.id and o.work_order = p->>'workOrderId'))
    order by x.id desc limit (p->>'limit')::integer
  ) e
$$;

-- Notices that are due, each for one caller: whoever gets them says within `holdMs` how it went.
create or replace function moose.due_notices(p jsonb) returns jsonb
language plpgsql as $$
declare
  e public.escalations;
  due jsonb := '[]';
begin
  for e in
    update public.escalations u
    set next_notice_at = moose.now() + make_interval(secs => (p->>'holdMs')::numeric / 1000)
    from (
      select id from public.escalations
      where status = 'open' and next_notice_at <= moose.now()
      order by next_notice_at limit (p->>'limit')::integer
      for update skip locked
    ) d
    where u.id = d.id
    returning u.*
  loop
    due := due || moose.escalation_json(e, (p->>'ordersLimit')::integer);
  end loop;
  return due;
end
$$;

-- A notice arrived. The next one is a reminder, unless somebody answers until then.
create or replace function moose.notice_sent(p jsonb) returns jsonb
language sql as $$
  update public.escalations
  set notices = notices + 1, receipt = p->'receipt' || jsonb_build_object('at', moose.iso(moose.now())),
      ack_deadline = case when acknowledged_at is null then moose.now() + make_interval(secs => (p->>'ackMs')::numeric / 1000) end,
      next_notice_at = case when acknowledged_at is null then moose.now() + make_interval(secs => (p->>'ackMs')::numeric / 1000) end,
      updated_at = moose.now()
  where id = (p->>'id')::bigint and status = 'open' and notices = (p->>'notices')::integer;
  select 'null'::jsonb
$$;

-- Somebody has seen it, and takes it.
create or replace function moose.acknowledge_escalation(p jsonb) returns jsonb
language plpgsql as $$
declare
  e public.escalations := moose.find_escalation((p->>'id')::bigint);
begin
  update public.escalations
  set assignee = p->>'by', acknowledged_at = coalesce(acknowledged_at, moose.now()), next_notice_at = null, ack_deadline = null,
      updated_at = moose.now()
  where id = e.id and status = 'open' returning * into e;
  if not found then
    raise exception 'escalation % is resolved already', p->>'id' using errcode = 'MO409';
  end if;
  return moose.escalation_json(e, (p->>'ordersLimit')::integer);
end
$$;

-- A failed order begins another run at a step. What the steps before it journaled in the last run is taken over, so
-- that nothing they did is done or paid for again.
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

-- A wait for money or for the project ends when somebody changes what it was about.
create or replace function moose.wake_project(project_id text) returns void
language plpgsql as $$
begin
  perform moose.wake_waiting('budget:' || project_id, moose.now(), 2147483647);
  perform moose.wake_waiting('project:' || project_id, moose.now(), 2147483647);
end
$$;

create or replace function moose.wake_changed_project() returns trigger
language plpgsql as $$
begin
  perform moose.wake_project(new.id);
  return null;
end
$$;

create trigger wake_changed_project after update of limits, mode on public.projects
  for each row when (old.limits is distinct from new.limits or old.mode is distinct from new.mode)
  execute function moose.wake_changed_project();

-- Raises the limit that refused to what it was then and `usd` more. One that somebody has raised further since stays.
create or replace function moose.raise_budget(w public.work_orders, context jsonb, usd bigint) returns void
language plpgsql as $$
declare
  wanted bigint := (context->>'limit')::bigint + usd;
  path text[] := case context->>'scope' when 'project_day' then array['dailyUsd'] when 'emergency' then array['emergencyUsd']
                 else array['modelDailyUsd', context->>'model'] end;
begin
  if context->>'scope' = 'work_order' then
    update public.work_orders
    set limits = limits || jsonb_build_object('maxUsd', greatest((limits->>'maxUsd')::bigint, wanted)), updated_at = moose.now()
    where id = w.id;
  else
    update public.projects
    set limits = jsonb_set(limits, path, to_jsonb(greatest((limits #>> path)::bigint, wanted)))
    where id = w.project;
  end if;
end
$$;

-- Somebody chose one of the options, for all the orders it concerns. Orders that wait for it go on, or are given up;
-- orders that failed get another run, which takes over what earlier ones made.
create or replace function moose.resolve_escalation(p jsonb) returns jsonb
language plpgsql as $$
declare
  e public.escalations := moose.find_escalation((p->>'id')::bigint);
  chosen jsonb;
  o record;
  w public.work_orders;
  exit_json jsonb;
begin
  if e.status = 'resolved' then
    if e.resolution->>'option' = p->>'option' then
      return moose.escalation_json(e, (p->>'ordersLimit')::integer);
    end if;
    raise exception 'escalation % was resolved already, with %', e.id, e.resolution->>'option' using errcode = 'MO409';
  end if;
  select x into chosen from jsonb_array_elements(e.resolution_options) x where x->>'option' = p->>'option';
  if chosen is null then
    raise exception 'escalation % has no option %', e.id, p->>'option' using errcode = 'MO409';
  end if;
  update public.escalations
  set status = 'resolved', resolution = chosen || jsonb_build_object('note', p->'note'), resolved_by = p->>'by',
      resolved_at = moose.now(), next_notice_at = null, ack_deadline = null, updated_at = moose.now()
  where id = e.id returning * into e;

  exit_json := jsonb_build_object('_tag', 'Success', 'value', jsonb_build_object('option', p->>'option', 'by', p->>'by'));
  for o in select * from public.escalation_orders where escalation = e.id order by work_order loop
    select * into w from public.work_orders where id = o.work_order for update;
    if w.run <> o.run then
      continue;
    end if;
    perform moose.note(w.id, w.run, 'Resolved', o.context->>'step',
      format('escalation %s: %s, chosen by %s', e.id, chosen->>'label', p->>'by'), null);
    insert into public.decision_logs (work_order, run, step, choice, reason, data)
    values (w.id, w.run, coalesce(o.context->>'step', 'tracking'), p->>'option', format('escalation %s, by %s', e.id, p->>'by'), chosen);
    if p->>'option' = 'raise_budget' then
      perform moose.raise_budget(w, o.context, coalesce((p->>'amount')::bigint, (chosen->>'usd')::bigint));
    end if;
    if w.status = 'needs_review' then
      if p->>'option' in ('abandon', 'take_over') then
        perform moose.cancel_work_order(jsonb_build_object('id', w.id));
      else
        perform 1 from moose.executions where id = w.id || '/' || w.run for update;
        perform moose.deliver(w.id || '/' || w.run, o.question, exit_json);
      end if;
    elsif w.status like '%\_failed' and p->>'option' in ('retry', 'raise_budget', 'switch_model', 'resume_later') then
      perform moose.start_run(w.id, chosen->>'step', format('escalation %s: %s', e.id, chosen->>'label'));
    end if;
  end loop;
  return moose.escalation_json(e, (p->>'ordersLimit')::integer);
end
$$;
