-- What a program asks through the model gateway waits for two calls of the store: these do less, with the same answers.

-- A statement that changed nothing has nothing to count.
create or replace function moose.count_spending() returns trigger
language plpgsql as $$
declare
  changes moose.spending_change[];
begin
  if tg_op = 'INSERT' then
    changes := array(select moose.spending_of(n, 1) from added n);
  elsif tg_op = 'DELETE' then
    changes := array(select moose.spending_of(o, -1) from removed o);
  else
    changes := array(select moose.spending_of(n, 1) from added n union all select moose.spending_of(o, -1) from removed o);
  end if;
  if cardinality(changes) > 0 then
    perform moose.add_spending(changes);
  end if;
  return null;
end
$$;

-- Null when an amount fits beside what is settled, reserved and presumed; else the figures that forbid it, and when they
-- are reset, which nobody asks for otherwise.
create or replace function moose.budget_refusal(w public.work_orders, t public.projects, today date, model_name text,
                                                category_name text, amount bigint) returns jsonb
language plpgsql stable as $$
declare
  order_limit bigint;
  day_limit bigint;
  ceiling bigint;
  model_limit bigint;
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
      'settled', spent.settled, 'reserved', spent.reserved, 'presumed', spent.presumed,
      'resetsAt', moose.iso(moose.day_begins(today + 1, t.time_zone)));
  end if;
  if spent.settled + spent.reserved + spent.presumed + spent.architect + amount > ceiling then
    return jsonb_build_object('scope', 'emergency', 'requested', amount, 'limit', ceiling,
      'settled', spent.settled + spent.architect, 'reserved', spent.reserved, 'presumed', spent.presumed,
      'resetsAt', moose.iso(moose.day_begins(today + 1, t.time_zone)));
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
      'settled', spent.settled, 'reserved', spent.reserved, 'presumed', spent.presumed,
      'resetsAt', moose.iso(moose.day_begins(today + 1, t.time_zone)));
  end if;
  return null;
end
$$;

-- Reserves under locks that the caller holds, for the day that it is in the project at `asked_at`.
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
  -- An attempt at the same call that was lost may have been paid for. There hardly ever is one, and looking costs less
  -- than a statement that changes nothing.
  if exists (
    select 1 from public.cost_tracking
    where work_order = w.id and run = (p->>'run')::integer and call = p->>'call' and state = 'reserved'
  ) then
    update public.cost_tracking set state = 'presumed', updated_at = moose.now()
    where work_order = w.id and run = (p->>'run')::integer and call = p->>'call' and state = 'reserved';
  end if;
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

-- Keeps a reply with its bill, as before, without taking the facts of a step apart for the one that there is.
create or replace function moose.keep_model_reply(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.model_replies (work_order, run, call, request, ordinal, reservation, model, finish, usage, amount,
                                   content_type, body)
  values (p->>'workOrderId', (p->>'run')::integer, p->>'call', p->>'request', (p->>'ordinal')::integer,
          p->>'reservation', p->>'model', p->>'finish', p->'usage', (p->>'amount')::bigint,
          p->'reply'->>'contentType', p->'reply'->>'body')
  on conflict do nothing;
  perform moose.settle_fact(p->>'workOrderId', (p->>'run')::integer, jsonb_build_object(
    '_tag', 'CostSettled', 'reservation', p->>'reservation', 'amount', p->'amount', 'usage', p->'usage'));
  perform pg_notify('moose_events', p->>'workOrderId');
  return 'null';
end
$$;

-- It looks rows up by their keys, also while the tables are young.
alter function moose.keep_model_reply(jsonb) set enable_seqscan = off;
