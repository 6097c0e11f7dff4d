-- Groups of ends of steps and of reservations: cheaper, and in one order. Whoever changes what several projects have spent
-- does it project by project in the order of their names (reservations, settlements with the ends of steps, and what is
-- closed because its owner is gone), so that they never wait for each other in a circle.

-- A status that moves leaves the indexes alone: PostgreSQL then writes the row and nothing else.
alter table public.work_orders add column unfinished boolean not null generated always as (
  (status not like '%\_failed' and status not in ('completed', 'cancelled')) or coalesce(disposition = 'rollback_pending', false)
) stored;
drop index public.work_orders_unfinished;
create index work_orders_unfinished on public.work_orders (created_at) where unfinished;
drop index public.work_orders_by_project;
create index work_orders_by_project on public.work_orders (project, created_at desc);

-- What a change of rows adds to what is counted; any of the three may be negative.
create type moose.spending_change as (
  project text, day date, work_order text, architect boolean, settled bigint, reserved bigint, presumed bigint
);

create or replace function moose.spending_of(c public.cost_tracking, sign integer) returns moose.spending_change
language sql immutable as $$
  select row(c.project, c.day, c.work_order, c.category = 'architect',
    case c.state when 'settled' then sign * c.settled_micros else 0 end,
    case c.state when 'reserved' then sign * c.reserved_micros else 0 end,
    case c.state when 'presumed' then sign * c.reserved_micros else 0 end)::moose.spending_change
$$;

create or replace function moose.add_spending(changes moose.spending_change[]) returns void
language plpgsql as $$
begin
  insert into moose.budget_days as b (project, day, settled, reserved, presumed, architect)
  select c.project, c.day,
         coalesce(sum(c.settled) filter (where not c.architect), 0), coalesce(sum(c.reserved) filter (where not c.architect), 0),
         coalesce(sum(c.presumed) filter (where not c.architect), 0),
         coalesce(sum(c.settled + c.reserved + c.presumed) filter (where c.architect), 0)
  from unnest(changes) c
  where (c.settled, c.reserved, c.presumed) <> (0, 0, 0)
  group by c.project, c.day order by c.project, c.day
  on conflict (project, day) do update
  set settled = b.settled + excluded.settled, reserved = b.reserved + excluded.reserved,
      presumed = b.presumed + excluded.presumed, architect = b.architect + excluded.architect;
  insert into moose.order_spending as o (work_order, settled, reserved, presumed)
  select c.work_order, sum(c.settled), sum(c.reserved), sum(c.presumed)
  from unnest(changes) c
  where (c.settled, c.reserved, c.presumed) <> (0, 0, 0)
  group by c.work_order order by c.work_order
  on conflict (work_order) do update
  set settled = o.settled + excluded.settled, reserved = o.reserved + excluded.reserved,
      presumed = o.presumed + excluded.presumed;
end
$$;

-- Once for all the rows of a statement.
drop trigger count_spending on public.cost_tracking;
drop function moose.add_spending(public.cost_tracking, bigint, bigint, bigint);
create or replace function moose.count_spending() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    perform moose.add_spending(array(select moose.spending_of(n, 1) from added n));
  elsif tg_op = 'DELETE' then
    perform moose.add_spending(array(select moose.spending_of(o, -1) from removed o));
  else
    perform moose.add_spending(array(
      select moose.spending_of(n, 1) from added n union all select moose.spending_of(o, -1) from removed o));
  end if;
  return null;
end
$$;

create trigger count_added after insert on public.cost_tracking
  referencing new table as added for each statement execute function moose.count_spending();
create trigger count_changed after update on public.cost_tracking
  referencing old table as removed new table as added for each statement execute function moose.count_spending();
create trigger count_removed after delete on public.cost_tracking
  referencing old table as removed for each statement execute function moose.count_spending();

-- What counts against a project's day, an order, and a model's day, where that has a limit.
create or replace function moose.budget_limits(w public.work_orders, t public.projects, model text)
returns table (order_limit bigint, day_limit bigint, ceiling bigint, model_limit bigint)
language sql immutable as $$
  select coalesce((w.limits->>'maxUsd')::bigint, (t.limits->>'workOrderUsd')::bigint),
         (t.limits->>'dailyUsd')::bigint,
         coalesce((t.limits->>'emergencyUsd')::bigint, 2 * (t.limits->>'dailyUsd')::bigint),
         (t.limits->'modelDailyUsd'->>model)::bigint
$$;

-- Null when an amount fits beside what is settled, reserved and presumed; else the figures that forbid it.
create or replace function moose.budget_refusal(w public.work_orders, t public.projects, today date, model_name text,
                                                category_name text, amount bigint) returns jsonb
language plpgsql stable as $$
declare
  order_limit bigint;
  day_limit bigint;
  ceiling bigint;
  model_limit bigint;
  resets text := moose.iso(moose.day_begins(today + 1, t.time_zone));
  spent record;
begin
  select * into order_limit, day_limit, ceiling, model_limit from moose.budget_limits(w, t, model_name);
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

create or replace function moose.is_category(name text) returns boolean
language sql immutable as $$
  select coalesce(name in ('routing', 'generating', 'applying', 'repair', 'architect'), false)
$$;

-- Places of those requests that surely fit, whatever the others get: everything that their project's day and their order
-- are asked for fits together, no limit of a model counts, and nothing of the call is there yet. They need no order.
create or replace function moose.surely_fit(p jsonb, asked_at timestamptz) returns bigint[]
language sql as $$
  with asked as (
    select e.ordinality as place, e.value->>'id' as id, (e.value->>'run')::integer as run, e.value->>'call' as call,
           w.id as work_order, t.id as project, (asked_at at time zone t.time_zone)::date as day,
           moose.micros(e.value->'amount') as amount, l.*,
           moose.is_category(e.value->>'category') as known
    from jsonb_array_elements(p) with ordinality e
    join public.work_orders w on w.id = e.value->>'workOrderId'
    join public.projects t on t.id = w.project
    cross join lateral moose.budget_limits(w, t, e.value->>'model') l
  ), sums as (
    select a.*, sum(a.amount) over (partition by a.project, a.day) as for_day,
           sum(a.amount) over (partition by a.work_order) as for_order,
           count(*) over (partition by a.work_order, a.run, a.call) + count(*) over (partition by a.id) as alike
    from asked a
  )
  select coalesce(array_agg(s.place), '{}') from sums s
  left join moose.budget_days b on b.project = s.project and b.day = s.day
  left join moose.order_spending o on o.work_order = s.work_order
  where s.amount is not null and s.known and s.model_limit is null and s.alike = 2
    and coalesce(o.settled + o.reserved + o.presumed, 0) + s.for_order <= s.order_limit
    and coalesce(b.settled + b.reserved + b.presumed, 0) + s.for_day <= s.day_limit
    and coalesce(b.settled + b.reserved + b.presumed + b.architect, 0) + s.for_day <= s.ceiling
    and not exists (select 1 from public.cost_tracking c where c.id = s.id)
    and not exists (select 1 from public.cost_tracking c
                    where c.work_order = s.work_order and c.run = s.run and c.call = s.call and c.state = 'reserved')
$$;

-- Reserves under locks that the caller holds, for the day that it is in the project at `asked_at`.
drop function moose.reserve_locked(jsonb, public.work_orders, public.projects, date);
create or replace function moose.reserve_locked(p jsonb, asked_at timestamptz) returns jsonb
language plpgsql as $$
declare
  w public.work_orders;
  t public.projects;
  today date;
  amount bigint := moose.micros(p->'amount');
  found_row public.cost_tracking;
  refusal jsonb;
begin
  select * into w from public.work_orders where id = p->>'workOrderId';
  if not found then
    return moose.ledger_problem('work_order', format('there is no work order %s', p->>'workOrderId'));
  elsif amount is null then
    return moose.ledger_problem('amount', format('%s is no amount of micro-dollars', p->'amount'));
  elsif not moose.is_category(p->>'category') then
    return moose.ledger_problem('category', format('there is no category %s', p->'category'));
  end if;
  select * into t from public.projects where id = w.project;
  today := (asked_at at time zone t.time_zone)::date;
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

-- Whoever changes the counters of several days in several statements holds them first, in the one order.
create or replace function moose.hold_days(projects text[], days date[]) returns void
language sql as $$
  insert into moose.budget_days (project, day)
  select distinct u.project, u.day from unnest(projects, days) u (project, day) order by 1, 2
  on conflict do nothing;
  select from moose.budget_days b
  where (b.project, b.day) in (select u.project, u.day from unnest(projects, days) u (project, day))
  order by b.project, b.day for update
$$;

-- Each whole or not at all, those of a project in the order given, in one transaction: a group of callers pays for one
-- commit. Repeating it with the same ids changes nothing.
create or replace function moose.check_and_reserve_budgets(p jsonb) returns jsonb
language plpgsql as $$
declare
  one record;
  plain bigint[] := '{}';
  answers jsonb[] := array_fill('{"refused": null}'::jsonb, array[jsonb_array_length(p)]);
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
  if jsonb_array_length(p) > 1 then
    plain := moose.surely_fit(p, asked_at);
    if cardinality(plain) < jsonb_array_length(p) then
      perform moose.hold_days(array_agg(t.id), array_agg((asked_at at time zone t.time_zone)::date))
      from jsonb_array_elements(p) e
      join public.work_orders w on w.id = e.value->>'workOrderId' join public.projects t on t.id = w.project;
    end if;
    insert into public.cost_tracking (id, project, day, work_order, run, call, category, model, rule, state,
                                      reserved_micros, owner, lease_until)
    select i->>'id', t.id, (asked_at at time zone t.time_zone)::date, w.id, (i->>'run')::integer, i->>'call', i->>'category',
           i->>'model', coalesce(i->>'rule', 'first'), 'reserved', moose.micros(i->'amount'), i->>'owner',
           moose.now() + make_interval(secs => (i->>'leaseMs')::numeric / 1000)
    from jsonb_array_elements(p) with ordinality e (i, place)
    join public.work_orders w on w.id = i->>'workOrderId' join public.projects t on t.id = w.project
    where e.place = any (plain);
  end if;
  for one in
    select e.value as asked, e.ordinality as place
    from jsonb_array_elements(p) with ordinality e
    left join public.work_orders w on w.id = e.value->>'workOrderId'
    where e.ordinality <> all (plain)
    order by w.project nulls first, e.ordinality
  loop
    answers[one.place] := moose.reserve_locked(one.asked, asked_at);
  end loop;
  return to_jsonb(answers);
end
$$;

create or replace function moose.check_and_reserve_budget(p jsonb) returns jsonb
language plpgsql as $$
declare
  asked_at timestamptz := moose.now();
begin
  perform moose.lock_budget(t.id || '/' || (asked_at at time zone t.time_zone)::date)
  from public.work_orders w join public.projects t on t.id = w.project where w.id = p->>'workOrderId';
  perform moose.lock_budget('order/' || (p->>'workOrderId'));
  return moose.reserve_locked(p, asked_at);
end
$$;

-- Reservations whose owner is gone count as spent. Answers how many were closed, at most `limit`.
create or replace function moose.presume_expired(p jsonb) returns jsonb
language plpgsql as $$
declare
  expired text[];
  closed integer;
begin
  expired := array(
    select id from public.cost_tracking
    where state = 'reserved' and lease_until < moose.now()
    order by lease_until limit (p->>'limit')::integer);
  perform moose.lock_budget(scope) from (
    select distinct project || '/' || day as scope from public.cost_tracking where id = any (expired) order by 1) days;
  -- Looked at again under the locks.
  expired := array(
    select id from public.cost_tracking
    where id = any (expired) and state = 'reserved' and lease_until < moose.now()
    order by project, id for update);
  update public.cost_tracking set state = 'presumed', updated_at = moose.now() where id = any (expired);
  get diagnostics closed = row_count;
  return to_jsonb(closed);
end
$$;

-- Settlements that come with the ends of several steps, as `settle_fact` does one: those that are what they should be in
-- one statement, and what has to be put before somebody one after the other.
create or replace function moose.settle_facts(orders text[], runs integer[], facts jsonb[]) returns void
language plpgsql as $$
declare
  plain text[];
  fact record;
begin
  plain := array(
    select c.id from (
      select u.fact->>'reservation' as id, u.order_id, moose.micros(u.fact->'amount') as amount,
             count(*) over (partition by u.fact->>'reservation') as times
      from unnest(orders, facts) u (order_id, fact)
    ) f join public.cost_tracking c on c.id = f.id and c.work_order = f.order_id
    where f.times = 1 and c.state in ('reserved', 'presumed') and f.amount <= c.reserved_micros
    order by c.project, c.id for update of c);
  if cardinality(plain) < cardinality(facts) then
    perform moose.hold_days(array_agg(c.project), array_agg(c.day))
    from public.cost_tracking c where c.id in (select f->>'reservation' from unnest(facts) f);
  end if;
  update public.cost_tracking c
  set state = 'settled', settled_micros = moose.micros(f->'amount'), usage = f->'usage', settlement = 'fact', updated_at = moose.now()
  from unnest(facts) f
  where c.id = f->>'reservation' and c.id = any (plain);
  for fact in
    select u.order_id, u.run, u.fact from unnest(orders, runs, facts) with ordinality u (order_id, run, fact, place)
    where u.fact->>'reservation' <> all (plain) order by u.place
  loop
    perform moose.settle_fact(fact.order_id, fact.run, fact.fact);
  end loop;
end
$$;

-- Facts of several ends of steps, in as few statements as there are tables. Order, run and facts of each, at most one of
-- each order, of kinds that `moose.is_plain` names.
drop function moose.apply_plain(jsonb);
create or replace function moose.apply_plain(orders text[], runs integer[], batches jsonb[]) returns void
language plpgsql as $$
declare
  -- Their facts, in their order.
  f_order text[];
  f_run integer[];
  f_tag text[];
  f jsonb[];
  at timestamptz := moose.now();
begin
  select array_agg(b.order_id order by b.place, x.place), array_agg(b.run order by b.place, x.place),
         array_agg(x.fact->>'_tag' order by b.place, x.place), array_agg(x.fact order by b.place, x.place)
  into f_order, f_run, f_tag, f
  from unnest(orders, runs, batches) with ordinality b (order_id, run, facts, place)
  cross join lateral jsonb_array_elements(b.facts) with ordinality x (fact, place);

  insert into public.work_order_events (work_order, run, kind, step, message, ms, at)
  select u.order_id, u.run, u.tag, u.fact->>'step',
         case u.tag
           when 'StatusMoved' then (u.fact->>'to') || coalesce(' (' || (u.fact->>'disposition') || ')', '')
           when 'StepSucceeded' then u.fact->>'summary'
           when 'Noted' then u.fact->>'message'
           else '' end,
         (u.fact->>'ms')::integer, at
  from unnest(f_order, f_run, f_tag, f) with ordinality u (order_id, run, tag, fact, place)
  where u.tag in ('StepStarted', 'StepSucceeded', 'Noted')
    or u.tag = 'StatusMoved' and exists (
      select 1 from public.work_orders w
      where w.id = u.order_id and (w.status, w.disposition) is distinct from (u.fact->>'to', u.fact->>'disposition'))
  order by u.place;

  if f_tag && array['ResourceHeld', 'ResourceReleased'] then
    update public.resources r
    set state = case u.tag when 'ResourceHeld' then 'held' else 'released' end,
        evidence = u.fact->'evidence', reason = null, updated_at = at
    from unnest(f_order, f_run, f_tag, f) u (order_id, run, tag, fact)
    where u.tag in ('ResourceHeld', 'ResourceReleased')
      and r.work_order = u.order_id and r.kind = u.fact->>'kind' and r.name = u.fact->>'name'
      and case u.tag when 'ResourceReleased' then r.state <> 'released' else r.run = u.run end;
  end if;

  if f_tag && array['CostSettled'] then
    perform moose.settle_facts(array_agg(u.order_id order by u.place), array_agg(u.run order by u.place), array_agg(u.fact order by u.place))
    from unnest(f_order, f_run, f_tag, f) with ordinality u (order_id, run, tag, fact, place)
    where u.tag = 'CostSettled';
  end if;

  if f_tag && array['Decided'] then
    insert into public.decision_logs (work_order, run, step, choice, reason, data, at)
    select u.order_id, u.run, u.fact->>'step', u.fact->>'choice', u.fact->>'reason', u.fact->'data', at
    from unnest(f_order, f_run, f_tag, f) with ordinality u (order_id, run, tag, fact, place)
    where u.tag = 'Decided' order by u.place;
  end if;

  if f_tag && array['OutcomeRecorded'] then
    insert into public.outcome_vectors (work_order, run, project, kind, model, succeeded, cost_micros, outcome)
    select w.id, u.run, w.project, w.kind, u.fact->'outcome'->>'model', true, (u.fact->'outcome'->>'cost')::bigint, u.fact->'outcome'
    from unnest(f_order, f_run, f_tag, f) u (order_id, run, tag, fact)
    join public.work_orders w on w.id = u.order_id
    where u.tag = 'OutcomeRecorded'
    on conflict (work_order, run) do nothing;
  end if;

  if f_tag && array['StatusMoved', 'BranchPrepared', 'PullRequestOpened', 'OutcomeRecorded'] then
    update public.work_orders w
    set status = coalesce(c.moved->>'to', w.status),
        disposition = case when c.moved is null then w.disposition else c.moved->>'disposition' end,
        resume_at = case when coalesce(c.moved->>'to', 'waiting') = 'waiting' then w.resume_at end,
        waiting_for = case when coalesce(c.moved->>'to', 'waiting') = 'waiting' then w.waiting_for end,
        branch = coalesce(c.branch->>'branch', w.branch),
        base_sha = coalesce(c.branch->>'baseSha', w.base_sha),
        head_sha = coalesce(c.branch->>'headSha', w.head_sha),
        pull_request_number = coalesce((c.pull->>'number')::integer, w.pull_request_number),
        pull_request_url = coalesce(c.pull->>'url', w.pull_request_url),
        shadow = coalesce((c.outcome->'outcome'->'pullRequest') = 'null'::jsonb, w.shadow),
        updated_at = at
    from (
      select b.order_id,
             jsonb_path_query_first(b.facts, '$[*] ? (@._tag == "StatusMoved")') as moved,
             jsonb_path_query_first(b.facts, '$[*] ? (@._tag == "BranchPrepared")') as branch,
             jsonb_path_query_first(b.facts, '$[*] ? (@._tag == "PullRequestOpened")') as pull,
             jsonb_path_query_first(b.facts, '$[*] ? (@._tag == "OutcomeRecorded")') as outcome
      from unnest(orders, batches) b (order_id, facts)
    ) c
    where w.id = c.order_id
      and (c.branch is not null or c.pull is not null or c.outcome is not null
        or c.moved is not null and (w.status, w.disposition) is distinct from (c.moved->>'to', c.moved->>'disposition'));
  end if;

  perform pg_notify('moose_events', o) from unnest(orders) o;
end
$$;

-- What several runs have to say, in one commit, answered in the order asked: ends of steps (with their facts), ends of
-- executions, and those that wait from now on. False: the claim is no longer current, and nothing was written for it.
create or replace function moose.commit_together(p jsonb) returns jsonb
language plpgsql as $$
declare
  entries jsonb[] := array(select i from jsonb_array_elements(p) i);
  held bigint[];
  parents text[];
  one record;
  answers jsonb;
begin
  if not p @? '$[*] ? (@._tag == "StepEnded")' then
    perform moose.commit_soon();
  end if;
  -- By project, as whoever reserves money does; and one after the other, so that two groups do not wait for each other.
  held := array(
    select i.place from unnest(entries) with ordinality i (entry, place)
    join moose.executions e on e.id = i.entry->>'execution' and moose.is_claim(e, i.entry)
    order by e.project nulls first, e.id, i.place
    for update of e);

  for one in
    with fresh as (
      insert into moose.activity_results (execution, name, attempt, result)
      select i.entry->>'execution', i.entry->>'name', (i.entry->>'attempt')::integer, i.entry->'result'
      from unnest(entries) with ordinality i (entry, place)
      where i.place = any (held) and i.entry->>'_tag' = 'StepEnded'
      on conflict do nothing
      returning execution, name, attempt
    ), told as (
      select e.project, e.id, i.place, e.work_order, e.run, i.entry->'facts' as facts,
             -- Facts of one order twice are not applied side by side.
             count(*) over (partition by e.work_order) = 1 and moose.is_plain(i.entry->'facts') as plain
      from fresh f
      join unnest(entries) with ordinality i (entry, place)
        on i.entry->>'execution' = f.execution and i.entry->>'name' = f.name and (i.entry->>'attempt')::integer = f.attempt
      join moose.executions e on e.id = f.execution
      where e.work_order is not null and i.entry->>'_tag' = 'StepEnded'
    )
    select t.plain, array_agg(t.work_order order by t.project, t.id, t.place) as orders,
           array_agg(t.run order by t.project, t.id, t.place) as runs,
           array_agg(t.facts order by t.project, t.id, t.place) as facts
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
  update moose.executions e set stalls = 0
  from unnest(entries) with ordinality i (entry, place)
  where i.place = any (held) and i.entry->>'_tag' = 'StepEnded' and e.id = i.entry->>'execution' and e.stalls > 0;

  with over as (
    update moose.executions e set state = 'done', owner = null, result = i.entry->'result'
    from unnest(entries) with ordinality i (entry, place)
    where i.place = any (held) and i.entry->>'_tag' = 'Finished' and e.id = i.entry->>'execution'
    returning e.parent
  )
  select array_agg(o.parent order by o.parent) into parents from over o where o.parent is not null;
  perform moose.resume_execution(jsonb_build_object('execution', o)) from unnest(parents) o;

  select jsonb_agg(
    case
      when i.place = any (held) then
        case i.entry->>'_tag' when 'Suspended' then moose.suspend_execution(i.entry) else 'true' end
      -- Done already by this very claim: the reply to an earlier call was lost.
      when i.entry->>'_tag' = 'Finished' then to_jsonb(exists (
        select 1 from moose.executions e
        where e.id = i.entry->>'execution' and e.fence = (i.entry->>'fence')::bigint and e.state = 'done'))
      else 'false'
    end order by i.place) into answers
  from unnest(entries) with ordinality i (entry, place);
  return answers;
end
$$;

-- Stores orders and queues their first runs, each beginning no earlier than its order asks, answered in the order given.
-- The same body again is the same order. What one of them is refused for, all are.
create or replace function moose.submit_work_orders(p jsonb) returns jsonb
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  bodies jsonb[] := array(select o from jsonb_array_elements(p) o);
  hashes text[] := array(select encode(sha256(convert_to((o - 'metadata')::text, 'UTF8')), 'hex') from jsonb_array_elements(p) o);
  wrong text;
  created text[];
begin
  select b->>'project' into wrong from unnest(bodies) b
  where not exists (select 1 from public.projects t where t.id = b->>'project') limit 1;
  if wrong is not null then
    raise exception 'there is no project %', wrong using errcode = 'MO404';
  end if;
  -- In the same order for everybody, so that two groups with the same orders do not wait for each other.
  with fresh as (
    insert into public.work_orders (id, project, kind, title, description, acceptance_criteria, files_in_scope,
                                    base_branch, priority, limits, metadata, proposal, body_hash, start_at)
    select b->>'id', b->>'project', b->>'kind', b->>'title', b->>'description', b->'acceptanceCriteria', b->'filesInScope',
           b->>'baseBranch', (b->>'priority')::integer, b->'limits', b->'metadata', b->'proposal', hash, (b->>'startAt')::timestamptz
    from unnest(bodies, hashes) with ordinality u (b, hash, place) order by b->>'id', place
    on conflict (id) do nothing
    returning id, priority, start_at
  ), queued as (
    insert into moose.executions (id, workflow, payload, work_order, run, priority, available_at)
    select id || '/1', 'moose/Pipeline', jsonb_build_object('workOrderId', id, 'run', 1), id, 1, priority,
           coalesce(start_at, moose.now())
    from fresh
    returning work_order
  )
  select coalesce(array_agg(work_order), '{}') into created from queued;
  perform pg_notify('moose_work', c) from unnest(created) c;
  select u.b->>'id' into wrong from unnest(bodies, hashes) u (b, hash)
  join public.work_orders w on w.id = u.b->>'id' where w.body_hash <> u.hash limit 1;
  if wrong is not null then
    raise exception 'work order % exists with another body', wrong using errcode = 'MO409';
  end if;
  return (
    select jsonb_agg(jsonb_build_object('created', u.first and w.id = any (created), 'view', moose.work_order_json(w)) order by u.place)
    from (select b->>'id' as id, place, row_number() over (partition by b->>'id' order by place) = 1 as first
          from unnest(bodies) with ordinality o (b, place)) u
    join public.work_orders w on w.id = u.id);
end
$$;

create or replace function moose.submit_work_order(p jsonb) returns jsonb
language sql as $$
  select moose.submit_work_orders(jsonb_build_array(p))->0
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

-- The orders' steps begin (again), in the same commit as their claims.
create or replace function moose.begin_steps(claimed text[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  -- Both see the orders as they were; they are locked by their executions.
  with begun as (
    update public.work_orders w
    set status = 'routing', disposition = null, resume_at = null, waiting_for = null, updated_at = moose.now()
    from moose.executions e
    where e.id = any (claimed) and w.id = e.work_order and w.status = 'pending'
  )
  insert into public.work_order_events (work_order, run, kind, step, message)
  select e.work_order, e.run, n.kind, n.step, n.message
  from moose.executions e join public.work_orders w on w.id = e.work_order
  cross join lateral (values
    (1, 'StatusMoved', null, 'routing', w.status = 'pending'),
    (2, 'StepStarted', case w.status when 'pending' then 'routing' else w.status end, '',
      w.status in ('pending', 'routing', 'generating', 'applying', 'creating_pr', 'tracking'))
  ) n (place, kind, step, message, so)
  where e.id = any (claimed) and n.so
  order by e.id, n.place;
  perform pg_notify('moose_events', e.work_order) from moose.executions e where e.id = any (claimed) and e.work_order is not null;
end
$$;

-- As before; who claims only these does not look for others first.
create or replace function moose.claim(p jsonb, only_these text[], room integer) returns jsonb
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  me text := p->>'runner';
  code integer := (p->>'version')::integer;
  picked moose.claimable_execution[];
  projects text[];
  e moose.executions;
  plain text[] := '{}';
  answers jsonb := '[]';
begin
  if room <= 0 then
    return '[]';
  end if;
  if only_these is null then
    picked := array(select c from moose.claimable(p, null, room) c);
    projects := array(select distinct c.project from unnest(picked) c where c.project is not null order by 1);
  else
    projects := array(
      select distinct x.project from moose.executions x where x.id = any (only_these) and x.project is not null order by 1);
  end if;
  -- Who claims in a project is alone there, so that its concurrency is exact; looked at again after the wait for it.
  perform pg_advisory_xact_lock(hashtextextended('moose.claim/' || t, 0)) from unnest(projects) with ordinality u (t, place);
  if only_these is not null or cardinality(projects) > 0 then
    picked := array(select c from moose.claimable(p, only_these, room) c where c.project is null or c.project = any (projects));
  end if;
  if cardinality(picked) = 0 then
    return '[]';
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
    -- Three runners are gone or have given up in the same step: a fourth would be no better. Of an order that is over
    -- no step is left: whoever comes only has to say so.
    elsif e.stalls + (e.state = 'running' and e.owner is distinct from me)::integer >= (p->>'stallsMax')::integer
        and not e.cancel_requested
        and coalesce((select w.unfinished from public.work_orders w where w.id = e.work_order), true) then
      perform moose.set_aside(e, 'stalled', format('%s runners in a row could not bring this step to an end', (p->>'stallsMax')::integer),
        'See the workers'' logs for what ends them (memory, a crash) or what their journal refuses, and mend it first.');
    elsif e.stalled_in is not null then
      answers := answers || jsonb_build_array(moose.claim_execution(e.id, me, code));
    else
      plain := plain || e.id;
    end if;
  end loop;
  if cardinality(plain) = 0 then
    return answers;
  end if;
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

-- Orders that do not get on: without progress for longer than `noProgressMs` has for their status, or older than
-- `ageMs`. Only what nobody was told of yet: `key` names the standstill, and ends when the order gets on. An
-- escalation is no progress; somebody's decision is, so that one that changed nothing is told of again.
create or replace function moose.stuck_orders(p jsonb) returns jsonb
language sql stable as $$
  with unfinished as (
    select w.*, t.mode, e.state as execution, r.host, r.process_id, r.lease_until, moose.counts_from(w) as counts,
           coalesce(x.at, w.created_at) as progressed, coalesce(x.seq, 0) as progress,
           make_interval(secs => (p->'noProgressMs'
             ->>(case when w.disposition = 'rollback_pending' then w.disposition else w.status end))::numeric / 1000) as allowed
    from public.work_orders w
    join public.projects t on t.id = w.project
    left join moose.executions e on e.work_order = w.id and e.run = w.run
    left join moose.runners r on r.id = e.owner
    left join lateral (
      select v.seq, v.at from public.work_order_events v
      where v.work_order = w.id and v.kind <> 'Escalated' order by v.seq desc limit 1
    ) x on true
    where w.unfinished
  ), due as (
    select u.*, why.what, why.since, why.key
    from unfinished u
    cross join lateral (values
      ('age', u.counts, u.counts + make_interval(secs => (p->>'ageMs')::numeric / 1000),
       format('stuck/%s/%s/age/%s', u.id, u.run, extract(epoch from u.counts))),
      -- A wait has the time it was given besides.
      ('progress', u.progressed, greatest(u.progressed, case when u.status = 'waiting' then u.resume_at end) + u.allowed,
       format('stuck/%s/%s/progress/%s', u.id, u.run, u.progress))
    ) why (what, since, late_from, key)
    where why.late_from <= moose.now()
      and not exists (select 1 from moose.escalation_keys k where k.key = why.key)
    order by why.late_from
    limit (p->>'limit')::integer
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'key', d.key, 'why', d.what, 'workOrderId', d.id, 'run', d.run, 'project', d.project, 'mode', d.mode, 'title', d.title,
    'status', d.status, 'disposition', d.disposition, 'since', moose.iso(d.since), 'now', moose.iso(moose.now()),
    'waitingFor', d.waiting_for, 'resumeAt', moose.iso(d.resume_at), 'execution', d.execution,
    'runner', case when d.host is null then null else jsonb_build_object(
      'host', d.host, 'processId', d.process_id, 'leaseUntil', moose.iso(d.lease_until)) end)), '[]')
  from due d
$$;


-- Whoever is at work looks rows up by their keys. While tables are young PostgreSQL does not know yet how they grow, and
-- would read all of one for a single row of it; a connection keeps such a plan until the table is next analysed.
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
  end loop;
end
$$;
