-- The ledger. Every paid call is a row of cost_tracking: reserved at the most it can cost, then settled at what it
-- cost, cancelled (surely not spent) or presumed (nobody knows: it counts as spent). Whole micro-dollars throughout.
--
-- What is counted is kept beside the rows by a trigger, so that asking whether an amount fits takes the same time
-- however many calls there were, and so that a row mended by hand is counted as well.

alter table public.cost_tracking
  -- Which rule allowed the call: the first one, or what was done about a failure.
  add column rule text not null default 'first'
    check (rule in ('first', 'retry', 'repair', 'smaller_request', 'next_model')),
  -- The process that makes the call, and until when it is believed to be at it.
  add column owner text,
  add column lease_until timestamptz,
  -- Names the settlement, so that a repeated one is told from a second one.
  add column settlement text,
  add column overrun_micros bigint generated always as (greatest(settled_micros - reserved_micros, 0)) stored;

-- Whoever made these is not known to be still there.
update public.cost_tracking set lease_until = updated_at where state = 'reserved';

alter table public.cost_tracking
  add constraint reserved_has_lease check (state <> 'reserved' or lease_until is not null);

-- The lease is said not to be null so that only who asks for leases is served from here: a plan made while it is empty
-- would go through all of it for other questions about open reservations, for as long as the connection lives.
create index cost_tracking_leases on public.cost_tracking (lease_until)
  where state = 'reserved' and lease_until is not null;
create index cost_tracking_calls on public.cost_tracking (work_order, run, call);
create index cost_tracking_model on public.cost_tracking (project, day, model);
-- Both are the beginning of one of these.
drop index public.cost_tracking_order;
drop index public.cost_tracking_day;
create index cost_tracking_recent on public.cost_tracking (project, updated_at);

create table moose.budget_days (
  project   text not null references public.projects (id),
  day       date not null,
  settled   bigint not null default 0,
  reserved  bigint not null default 0,
  presumed  bigint not null default 0,
  -- Outside the daily limit, inside the emergency ceiling: all of its states together.
  architect bigint not null default 0,
  primary key (project, day)
) with (fillfactor = 50);

create table moose.order_spending (
  work_order text primary key references public.work_orders (id),
  settled    bigint not null default 0,
  reserved   bigint not null default 0,
  presumed   bigint not null default 0
) with (fillfactor = 50);

alter table moose.budget_days enable row level security;
alter table moose.order_spending enable row level security;

insert into moose.budget_days (project, day, settled, reserved, presumed, architect)
select project, day,
       coalesce(sum(settled_micros) filter (where category <> 'architect'), 0),
       coalesce(sum(reserved_micros) filter (where category <> 'architect' and state = 'reserved'), 0),
       coalesce(sum(reserved_micros) filter (where category <> 'architect' and state = 'presumed'), 0),
       coalesce(sum(coalesce(settled_micros, reserved_micros)) filter (where category = 'architect' and state <> 'cancelled'), 0)
from public.cost_tracking group by project, day;

insert into moose.order_spending (work_order, settled, reserved, presumed)
select work_order,
       coalesce(sum(settled_micros), 0),
       coalesce(sum(reserved_micros) filter (where state = 'reserved'), 0),
       coalesce(sum(reserved_micros) filter (where state = 'presumed'), 0)
from public.cost_tracking group by work_order;

-- Adds to what is counted; any of the three may be negative.
create or replace function moose.add_spending(c public.cost_tracking, d_settled bigint, d_reserved bigint, d_presumed bigint)
returns void language plpgsql as $$
begin
  if (d_settled, d_reserved, d_presumed) = (0, 0, 0) then
    return;
  end if;
  if c.category = 'architect' then
    insert into moose.budget_days as b (project, day, architect)
    values (c.project, c.day, d_settled + d_reserved + d_presumed)
    on conflict (project, day) do update set architect = b.architect + excluded.architect;
  else
    insert into moose.budget_days as b (project, day, settled, reserved, presumed)
    values (c.project, c.day, d_settled, d_reserved, d_presumed)
    on conflict (project, day) do update
    set settled = b.settled + excluded.settled, reserved = b.reserved + excluded.reserved,
        presumed = b.presumed + excluded.presumed;
  end if;
  insert into moose.order_spending as o (work_order, settled, reserved, presumed)
  values (c.work_order, d_settled, d_reserved, d_presumed)
  on conflict (work_order) do update
  set settled = o.settled + excluded.settled, reserved = o.reserved + excluded.reserved,
      presumed = o.presumed + excluded.presumed;
end
$$;

create or replace function moose.count_spending() returns trigger
language plpgsql as $$
declare
  was bigint[] := '{0,0,0}';
  now_is bigint[] := '{0,0,0}';
begin
  if tg_op <> 'INSERT' then
    was := array[case old.state when 'settled' then old.settled_micros else 0 end,
                 case old.state when 'reserved' then old.reserved_micros else 0 end,
                 case old.state when 'presumed' then old.reserved_micros else 0 end];
  end if;
  if tg_op <> 'DELETE' then
    now_is := array[case new.state when 'settled' then new.settled_micros else 0 end,
                    case new.state when 'reserved' then new.reserved_micros else 0 end,
                    case new.state when 'presumed' then new.reserved_micros else 0 end];
  end if;
  if tg_op = 'UPDATE' and (old.project, old.day, old.work_order, old.category = 'architect')
                        = (new.project, new.day, new.work_order, new.category = 'architect') then
    perform moose.add_spending(new, now_is[1] - was[1], now_is[2] - was[2], now_is[3] - was[3]);
    return null;
  end if;
  if tg_op <> 'INSERT' then
    perform moose.add_spending(old, -was[1], -was[2], -was[3]);
  end if;
  if tg_op <> 'DELETE' then
    perform moose.add_spending(new, now_is[1], now_is[2], now_is[3]);
  end if;
  return null;
end
$$;

create trigger count_spending after insert or delete or update of
    project, day, work_order, category, state, reserved_micros, settled_micros on public.cost_tracking
  for each row execute function moose.count_spending();

-- An amount as it comes, or null where it is none: a whole number of micro-dollars that JSON carries exactly.
create or replace function moose.micros(amount jsonb) returns bigint
language sql immutable as $$
  select case when jsonb_typeof(amount) = 'number' then
    case when amount::numeric between 0 and 9007199254740991 and amount::numeric = trunc(amount::numeric)
    then amount::numeric::bigint end
  end
$$;

-- The first moment of a day in a time zone, also where the clocks change at midnight.
create or replace function moose.day_begins(day date, zone text) returns timestamptz
language sql stable as $$
  select case when ((c - interval '1 hour') at time zone zone)::date = day then c - interval '1 hour' else c end
  from (select day::timestamp at time zone zone as c) midnight
$$;

-- Whoever holds these is the only one to reserve for the project and day, and for the order whose calls may fall
-- on two days. They end with the transaction.
create or replace function moose.lock_budget(scope text) returns void
language sql as $$
  select pg_advisory_xact_lock(hashtextextended('moose.budget/' || scope, 0))
$$;

create or replace function moose.ledger_problem(problem text, message text) returns jsonb
language sql immutable as $$
  select jsonb_build_object('problem', problem, 'message', message)
$$;

-- Null when an amount fits beside what is settled, reserved and presumed; else the figures that forbid it.
create or replace function moose.budget_refusal(w public.work_orders, t public.projects, today date, model_name text,
                                                category_name text, amount bigint) returns jsonb
language plpgsql stable as $$
declare
  order_limit bigint := coalesce((w.limits->>'maxUsd')::bigint, (t.limits->>'workOrderUsd')::bigint);
  day_limit bigint := (t.limits->>'dailyUsd')::bigint;
  ceiling bigint := coalesce((t.limits->>'emergencyUsd')::bigint, 2 * day_limit);
  model_limit bigint := (t.limits->'modelDailyUsd'->>model_name)::bigint;
  resets text := moose.iso(moose.day_begins(today + 1, t.time_zone));
  spent record;
begin
  select o.settled, o.reserved, o.presumed into spent
  from (values (1)) one left join moose.order_spending o on o.work_order = w.id;
  if coalesce(spent.settled + spent.reserved + spent.presumed, 0) + amount > order_limit then
    return jsonb_build_object('scope', 'work_order', 'requested', amount, 'limit', order_limit,
      'settled', coalesce(spent.settled, 0), 'reserved', coalesce(spent.reserved, 0),
      'presumed', coalesce(spent.presumed, 0), 'resetsAt', null);
  end if;

  select coalesce(b.settled, 0) as settled, coalesce(b.reserved, 0) as reserved, coalesce(b.presumed, 0) as presumed,
         coalesce(b.architect, 0) as architect into spent
  from (values (1)) one left join moose.budget_days b on b.project = t.id and b.day = today;
  if category_name <> 'architect' and spent.settled + spent.reserved + spent.presumed + amount > day_limit then
    return jsonb_build_object('scope', 'project_day', 'requested', amount, 'limit', day_limit,
      'settled', spent.settled, 'reserved', spent.reserved, 'presumed', spent.presumed, 'resetsAt', resets);
  end if;
  if spent.settled + spent.reserved + spent.presumed + spent.architect + amount > ceiling then
    return jsonb_build_object('scope', 'emergency', 'requested', amount, 'limit', ceiling,
      'settled', spent.settled + spent.architect, 'reserved', spent.reserved, 'presumed', spent.presumed,
      'resetsAt', resets);
  end if;

  if model_limit is null then
    return null;
  end if;
  select coalesce(sum(settled_micros) filter (where state = 'settled'), 0)::bigint as settled,
         coalesce(sum(reserved_micros) filter (where state = 'reserved'), 0)::bigint as reserved,
         coalesce(sum(reserved_micros) filter (where state = 'presumed'), 0)::bigint as presumed
  into spent from public.cost_tracking where project = t.id and day = today and model = model_name;
  if spent.settled + spent.reserved + spent.presumed + amount > model_limit then
    return jsonb_build_object('scope', 'model_day', 'model', model_name, 'requested', amount, 'limit', model_limit,
      'settled', spent.settled, 'reserved', spent.reserved, 'presumed', spent.presumed, 'resetsAt', resets);
  end if;
  return null;
end
$$;

drop function moose.budget_refusal(text, bigint);

create or replace function moose.check_budget(p jsonb) returns jsonb
language plpgsql stable as $$
declare
  w public.work_orders;
  t public.projects;
  amount bigint := moose.micros(p->'amount');
begin
  select * into w from public.work_orders where id = p->>'workOrderId';
  if not found then
    return moose.ledger_problem('work_order', format('there is no work order %s', p->>'workOrderId'));
  elsif amount is null then
    return moose.ledger_problem('amount', format('%s is no amount of micro-dollars', p->'amount'));
  end if;
  select * into t from public.projects where id = w.project;
  return jsonb_build_object('refused',
    moose.budget_refusal(w, t, (moose.now() at time zone t.time_zone)::date, '', 'generating', amount));
end
$$;

-- Reserves under locks that the caller holds.
create or replace function moose.reserve_locked(p jsonb, w public.work_orders, t public.projects, today date)
returns jsonb language plpgsql as $$
declare
  amount bigint := moose.micros(p->'amount');
  found_row public.cost_tracking;
  refusal jsonb;
begin
  select * into found_row from public.cost_tracking where id = p->>'id';
  if found then
    return case when (found_row.work_order, found_row.call, found_row.reserved_micros) = (w.id, p->>'call', amount)
      then jsonb_build_object('refused', null)
      else moose.ledger_problem('reservation', format('%s is the id of another reservation', p->>'id')) end;
  end if;
  -- An attempt at the same call that was lost may have been paid for.
  update public.cost_tracking set state = 'presumed', updated_at = moose.now()
  where work_order = w.id and run = (p->>'run')::integer and call = p->>'call' and state = 'reserved';
  refusal := moose.budget_refusal(w, t, today, p->>'model', p->>'category', amount);
  if refusal is null then
    insert into public.cost_tracking (id, project, day, work_order, run, call, category, model, rule, state,
                                      reserved_micros, owner, lease_until)
    values (p->>'id', t.id, today, w.id, (p->>'run')::integer, p->>'call', p->>'category', p->>'model',
            coalesce(p->>'rule', 'first'), 'reserved', amount, p->>'owner',
            moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 1000));
  end if;
  return jsonb_build_object('refused', refusal);
end
$$;

-- Each whole or not at all, in the order given, in one transaction: a group of callers pays for one commit.
-- Repeating it with the same ids changes nothing.
create or replace function moose.check_and_reserve_budgets(p jsonb) returns jsonb
language plpgsql as $$
declare
  one jsonb;
  answers jsonb := '[]';
  w public.work_orders;
  t public.projects;
  -- Asked for once: midnight may pass while the locks are awaited, and the day that is locked is the one that counts.
  asked_at timestamptz := moose.now();
begin
  -- In one order, whoever locks: two groups never wait for each other.
  perform moose.lock_budget(scope) from (
    select distinct o.project || '/' || (asked_at at time zone s.time_zone)::date as scope
    from jsonb_array_elements(p) e
    join public.work_orders o on o.id = e->>'workOrderId' join public.projects s on s.id = o.project
    order by 1) days;
  perform moose.lock_budget(scope) from (
    select distinct 'order/' || (e->>'workOrderId') as scope from jsonb_array_elements(p) e order by 1) orders;
  for one in select * from jsonb_array_elements(p) loop
    select * into w from public.work_orders where id = one->>'workOrderId';
    if not found then
      answers := answers || moose.ledger_problem('work_order', format('there is no work order %s', one->>'workOrderId'));
    elsif moose.micros(one->'amount') is null then
      answers := answers || moose.ledger_problem('amount', format('%s is no amount of micro-dollars', one->'amount'));
    elsif one->>'category' is null
        or one->>'category' not in ('routing', 'generating', 'applying', 'repair', 'architect') then
      answers := answers || moose.ledger_problem('category', format('there is no category %s', one->'category'));
    else
      select * into t from public.projects where id = w.project;
      answers := answers || moose.reserve_locked(one, w, t, (asked_at at time zone t.time_zone)::date);
    end if;
  end loop;
  return answers;
end
$$;

create or replace function moose.check_and_reserve_budget(p jsonb) returns jsonb
language sql as $$
  select moose.check_and_reserve_budgets(jsonb_build_array(p))->0
$$;

-- A bill. One that comes late, or is higher than what was reserved, is recorded in full.
create or replace function moose.settle_reservation(p jsonb) returns jsonb
language plpgsql as $$
declare
  amount bigint := moose.micros(p->'amount');
  c public.cost_tracking;
begin
  if amount is null then
    return moose.ledger_problem('amount', format('%s is no amount of micro-dollars', p->'amount'));
  end if;
  select * into c from public.cost_tracking where id = p->>'id' and work_order = p->>'workOrderId' for update;
  if not found then
    return moose.ledger_problem('reservation', format('work order %s has no reservation %s', p->>'workOrderId', p->>'id'));
  elsif c.state = 'settled' and c.settlement = p->>'settlement' then
    return 'null';
  elsif c.state in ('settled', 'cancelled') then
    return moose.ledger_problem(c.state, format('reservation %s is %s already', c.id, c.state));
  end if;
  update public.cost_tracking
  set state = 'settled', settled_micros = amount, usage = p->'usage', settlement = p->>'settlement', updated_at = moose.now()
  where id = c.id;
  if amount > c.reserved_micros then
    perform moose.escalate(c.work_order, c.run, jsonb_build_object('type', 'budget_overrun', 'severity', 'high',
      'fingerprint', 'budget_overrun/' || c.project || '/' || c.model,
      'context', jsonb_build_object('message', format('a bill of %s micro-dollars is above the %s that were reserved for %s',
          amount, c.reserved_micros, c.model),
        'hint', 'The price table is too low, or the provider counts otherwise: correct the prices of ' || c.model || ' (MOOSE_PRICES).',
        'project', c.project, 'day', c.day, 'model', c.model, 'call', c.call, 'reservation', c.id,
        'reserved', c.reserved_micros, 'settled', amount),
      'options', jsonb_build_array(jsonb_build_object('option', 'acknowledge', 'label', 'the prices are corrected',
        'usd', 0, 'recommended', true))));
  end if;
  return 'null';
end
$$;

-- Ends a reservation without a bill. What was presumed may still turn out not to have been spent.
create or replace function moose.close_reservation(p jsonb) returns jsonb
language plpgsql as $$
declare
  c public.cost_tracking;
begin
  if p->>'state' is null or p->>'state' not in ('cancelled', 'presumed') then
    raise exception 'a reservation is not closed as %', p->'state' using errcode = '22023';
  end if;
  select * into c from public.cost_tracking where id = p->>'id' and work_order = p->>'workOrderId' for update;
  if not found then
    return moose.ledger_problem('reservation', format('work order %s has no reservation %s', p->>'workOrderId', p->>'id'));
  elsif c.state = p->>'state' then
    return 'null';
  elsif c.state = 'settled' or c.state = 'cancelled' then
    return moose.ledger_problem(c.state, format('reservation %s is %s already', c.id, c.state));
  end if;
  update public.cost_tracking set state = p->>'state', updated_at = moose.now() where id = c.id;
  return 'null';
end
$$;

-- The call is still being made.
create or replace function moose.renew_reservation(p jsonb) returns jsonb
language plpgsql as $$
declare
  c public.cost_tracking;
begin
  update public.cost_tracking
  set lease_until = moose.now() + make_interval(secs => (p->>'leaseMs')::numeric / 1000)
  where id = p->>'id' and work_order = p->>'workOrderId' and state = 'reserved';
  if found then
    return 'null';
  end if;
  select * into c from public.cost_tracking where id = p->>'id' and work_order = p->>'workOrderId';
  return case when c.id is null
    then moose.ledger_problem('reservation', format('work order %s has no reservation %s', p->>'workOrderId', p->>'id'))
    else moose.ledger_problem(c.state, format('reservation %s is %s already', c.id, c.state)) end;
end
$$;

-- Reservations whose owner is gone count as spent. Answers how many were closed, at most `limit`.
create or replace function moose.presume_expired(p jsonb) returns jsonb
language plpgsql as $$
declare
  expired text[];
  closed integer;
begin
  select array_agg(e.id) into expired from (
    select id from public.cost_tracking
    where state = 'reserved' and lease_until < moose.now()
    order by lease_until limit (p->>'limit')::integer) e;
  -- Many days' counters are about to change: under the locks, and in the order, of those who reserve on many days, so
  -- that nobody waits for each other in a circle.
  perform moose.lock_budget(scope) from (
    select distinct project || '/' || day as scope from public.cost_tracking where id = any(expired) order by 1) days;
  update public.cost_tracking set state = 'presumed', updated_at = moose.now()
  where id = any(expired) and state = 'reserved' and lease_until < moose.now();
  get diagnostics closed = row_count;
  return to_jsonb(closed);
end
$$;

-- A settlement that comes with a step's result. That result stands whatever the ledger thinks of the bill, so a bill
-- that does not fit what is recorded is put before a person instead.
create or replace function moose.settle_fact(order_id text, order_run integer, f jsonb) returns void
language plpgsql as $$
declare
  problem jsonb := moose.settle_reservation(jsonb_build_object('workOrderId', order_id, 'id', f->>'reservation',
    'amount', f->'amount', 'usage', f->'usage', 'settlement', 'fact'));
begin
  if problem <> 'null' then
    perform moose.escalate(order_id, order_run, jsonb_build_object('type', 'unexpected_bill', 'severity', 'high',
      'fingerprint', 'unexpected_bill/' || (f->>'reservation'),
      'context', f || problem || jsonb_build_object('run', order_run,
        'hint', 'A reply was paid for under a reservation that is closed: correct its row of cost_tracking by hand.'),
      'options', jsonb_build_array(jsonb_build_object('option', 'acknowledge', 'label', 'the ledger is corrected',
        'usd', 0, 'recommended', true))));
  end if;
end
$$;

-- Facts become rows, as before; the longer ones have functions of their own now.
create or replace function moose.step_failed(order_id text, order_run integer, f jsonb) returns void
language plpgsql as $$
begin
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
end
$$;

create or replace function moose.attempt_failed(order_id text, order_run integer, f jsonb) returns void
language plpgsql as $$
begin
  perform moose.note(order_id, order_run, 'AttemptFailed', f->>'step',
    (f->'failure'->>'message') || ' (' || (f->>'decision') || ')', null);
  insert into public.error_events (work_order, run, step, tag, category, severity, failure)
  values (order_id, order_run, f->>'step', f->'failure'->>'tag', f->'failure'->>'category',
          f->'failure'->>'severity', f->'failure');
  insert into public.decision_logs (work_order, run, step, choice, reason, data)
  values (order_id, order_run, f->>'step', f->>'decision', f->'failure'->>'message',
          jsonb_build_object('tag', f->'failure'->>'tag'));
end
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
        perform moose.step_failed(order_id, order_run, f);
      when 'AttemptFailed' then
        perform moose.attempt_failed(order_id, order_run, f);
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
        perform moose.settle_fact(order_id, order_run, f);
      when 'Escalated' then
        perform moose.escalate(order_id, order_run, f);
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

-- Views for a dashboard. They show what the reader's own rights show.

-- Every call's money, with what became of its order.
create view public.spending with (security_invoker = true) as
select c.id, c.project, c.day, c.work_order, c.run, c.call, c.category, c.model, c.rule, c.state,
       c.reserved_micros, c.settled_micros, c.overrun_micros, c.created_at, c.updated_at,
       -- What counts against the limits.
       case c.state when 'settled' then c.settled_micros when 'cancelled' then 0 else c.reserved_micros end as counted_micros,
       w.kind,
       -- Spent for good, and no verified pull request came of it (none was meant to in shadow).
       c.state in ('settled', 'presumed') and w.pull_request_number is null and not w.shadow
         and w.status in ('routing_failed', 'generation_failed', 'aider_failed', 'pr_failed', 'tracking_failed', 'cancelled')
         as wasted,
       case when w.status = 'cancelled' then 'Cancelled' else w.last_failure->>'tag' end as reason
from public.cost_tracking c join public.work_orders w on w.id = c.work_order;

-- Spend that ended in no verified pull request, by what caused it and by the rule that allowed the call.
create view public.wasted_spend with (security_invoker = true) as
select project, day, reason, model, rule, count(*)::integer as calls, sum(counted_micros)::bigint as micros
from public.spending where wasted
group by project, day, reason, model, rule;

create view public.spend_by_day with (security_invoker = true) as
select project, day, category, model,
       count(*) filter (where state <> 'cancelled')::integer as calls,
       coalesce(sum(settled_micros), 0)::bigint as settled_micros,
       coalesce(sum(reserved_micros) filter (where state = 'reserved'), 0)::bigint as reserved_micros,
       coalesce(sum(reserved_micros) filter (where state = 'presumed'), 0)::bigint as presumed_micros,
       coalesce(sum(overrun_micros), 0)::bigint as overrun_micros
from public.cost_tracking
group by project, day, category, model;

-- The gauge: a reservation is leaked when its lease has ended and nobody has closed it yet.
create view public.open_reservations with (security_invoker = true) as
select id, project, work_order, run, call, model, owner, reserved_micros, created_at, lease_until,
       lease_until < moose.now() as leaked
from public.cost_tracking where state = 'reserved';

-- How each project's money stands today.
create view public.budget_today with (security_invoker = true) as
select t.id as project, t.time_zone, d.day,
       (t.limits->>'dailyUsd')::bigint as limit_micros,
       coalesce((t.limits->>'emergencyUsd')::bigint, 2 * (t.limits->>'dailyUsd')::bigint) as ceiling_micros,
       coalesce(b.settled, 0) as settled_micros, coalesce(b.reserved, 0) as reserved_micros,
       coalesce(b.presumed, 0) as presumed_micros, coalesce(b.architect, 0) as architect_micros,
       coalesce(wasted.micros, 0) as wasted_micros, coalesce(burn.micros, 0) as burn_per_hour_micros,
       coalesce(o.open, 0) as open_reservations, coalesce(o.leaked, 0) as leaked_reservations, o.oldest as oldest_open_since,
       coalesce(over.overruns, 0) as overruns, coalesce(over.micros, 0) as overrun_micros,
       moose.day_begins(d.day + 1, t.time_zone) as resets_at
from public.projects t
cross join lateral (select (moose.now() at time zone t.time_zone)::date as day) d
left join moose.budget_days b on b.project = t.id and b.day = d.day
left join lateral (select sum(micros)::bigint as micros from public.wasted_spend w where w.project = t.id and w.day = d.day) wasted on true
left join lateral (
  select sum(coalesce(settled_micros, reserved_micros))::bigint as micros from public.cost_tracking c
  where c.project = t.id and c.updated_at > moose.now() - interval '1 hour' and c.state in ('settled', 'presumed')
    and c.category <> 'architect') burn on true
left join lateral (
  select count(*)::integer as open, (count(*) filter (where leaked))::integer as leaked, min(created_at) as oldest
  from public.open_reservations r where r.project = t.id) o on true
left join lateral (
  select count(*)::integer as overruns, sum(overrun_micros)::bigint as micros from public.cost_tracking c
  where c.project = t.id and c.day = d.day and c.overrun_micros > 0) over on true;

create or replace function moose.budget_status(p jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'project', b.project, 'day', b.day, 'timeZone', b.time_zone, 'limit', b.limit_micros, 'ceiling', b.ceiling_micros,
    'settled', b.settled_micros, 'reserved', b.reserved_micros, 'presumed', b.presumed_micros,
    'architect', b.architect_micros, 'wasted', b.wasted_micros, 'burnPerHour', b.burn_per_hour_micros,
    'overruns', b.overruns, 'overrun', b.overrun_micros,
    'openReservations', b.open_reservations, 'leakedReservations', b.leaked_reservations,
    'oldestOpenSince', moose.iso(b.oldest_open_since), 'now', moose.iso(moose.now()), 'resetsAt', moose.iso(b.resets_at),
    'models', (
      select coalesce(jsonb_agg(jsonb_build_object('model', m.model, 'calls', m.calls, 'spent', m.spent,
        'limit', (t.limits->'modelDailyUsd'->>m.model)::bigint) order by m.spent desc, m.model), '[]')
      from (
        select model, sum(calls)::integer as calls, sum(settled_micros + reserved_micros + presumed_micros)::bigint as spent
        from public.spend_by_day s where s.project = b.project and s.day = b.day group by model
      ) m),
    'waste', (
      select coalesce(jsonb_agg(jsonb_build_object('reason', w.reason, 'model', w.model, 'rule', w.rule, 'calls', w.calls,
        'amount', w.micros) order by w.micros desc, w.reason, w.model, w.rule), '[]')
      from public.wasted_spend w where w.project = b.project and w.day = b.day)
    ) order by b.project), '[]')
  from public.budget_today b join public.projects t on t.id = b.project
  where p->>'project' is null or b.project = p->>'project'
$$;
