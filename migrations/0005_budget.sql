-- Money, in whole micro-dollars. Locked per project and day, never a table.

create or replace function moose.budget_day(project_id text) returns date
language sql stable as $$
  select (moose.now() at time zone time_zone)::date from public.projects where id = project_id
$$;

-- Null when an amount fits beside what is settled, reserved and presumed; else the figures that forbid it.
create or replace function moose.budget_refusal(order_id text, amount bigint) returns jsonb
language plpgsql stable as $$
declare
  w public.work_orders := moose.find_work_order(order_id);
  p public.projects;
  today date := moose.budget_day(w.project);
  order_limit bigint;
  sums record;
begin
  select * into p from public.projects where id = w.project;
  order_limit := coalesce((w.limits->>'maxUsd')::bigint, (p.limits->>'workOrderUsd')::bigint);

  select coalesce(sum(settled_micros) filter (where state = 'settled'), 0)::bigint as settled,
         coalesce(sum(reserved_micros) filter (where state = 'reserved'), 0)::bigint as reserved,
         coalesce(sum(reserved_micros) filter (where state = 'presumed'), 0)::bigint as presumed
  into sums from public.cost_tracking where work_order = order_id;
  if sums.settled + sums.reserved + sums.presumed + amount > order_limit then
    return jsonb_build_object('scope', 'work_order', 'requested', amount, 'limit', order_limit,
      'settled', sums.settled, 'reserved', sums.reserved, 'presumed', sums.presumed, 'resetsAt', null);
  end if;

  select coalesce(sum(settled_micros) filter (where state = 'settled'), 0)::bigint as settled,
         coalesce(sum(reserved_micros) filter (where state = 'reserved'), 0)::bigint as reserved,
         coalesce(sum(reserved_micros) filter (where state = 'presumed'), 0)::bigint as presumed
  into sums from public.cost_tracking where project = w.project and day = today and category <> 'architect';
  if sums.settled + sums.reserved + sums.presumed + amount > (p.limits->>'dailyUsd')::bigint then
    return jsonb_build_object('scope', 'project_day', 'requested', amount, 'limit', (p.limits->>'dailyUsd')::bigint,
      'settled', sums.settled, 'reserved', sums.reserved, 'presumed', sums.presumed,
      'resetsAt', moose.iso(((today + 1)::timestamp) at time zone p.time_zone));
  end if;
  return null;
end
$$;

create or replace function moose.check_budget(p jsonb) returns jsonb
language sql stable as $$
  select jsonb_build_object('refused', moose.budget_refusal(p->>'workOrderId', (p->>'amount')::bigint))
$$;

-- Reserves the whole amount or nothing. A reservation that a lost attempt at the same call left open is
-- presumed spent first. Repeating the call with the same id changes nothing.
create or replace function moose.check_and_reserve_budget(p jsonb) returns jsonb
language plpgsql as $$
declare
  w public.work_orders := moose.find_work_order(p->>'workOrderId');
  today date := moose.budget_day(w.project);
  refusal jsonb;
begin
  perform pg_advisory_xact_lock(hashtextextended('moose.budget/' || w.project || '/' || today, 0));
  if exists (select 1 from public.cost_tracking where id = p->>'id') then
    return jsonb_build_object('refused', null);
  end if;
  update public.cost_tracking set state = 'presumed', updated_at = moose.now()
  where work_order = w.id and run = (p->>'run')::integer and call = p->>'call' and state = 'reserved';
  refusal := moose.budget_refusal(w.id, (p->>'amount')::bigint);
  if refusal is null then
    insert into public.cost_tracking (id, project, day, work_order, run, call, category, model, state, reserved_micros)
    values (p->>'id', w.project, today, w.id, (p->>'run')::integer, p->>'call', p->>'category', p->>'model',
            'reserved', (p->>'amount')::bigint);
  end if;
  return jsonb_build_object('refused', refusal);
end
$$;

-- Ends a reservation without a bill: cancelled (surely not spent) or presumed (counts as spent).
create or replace function moose.close_reservation(p jsonb) returns jsonb
language plpgsql as $$
begin
  update public.cost_tracking set state = p->>'state', updated_at = moose.now()
  where id = p->>'id' and state = 'reserved';
  return 'null';
end
$$;
