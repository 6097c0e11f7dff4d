-- What the reconciler asks for: what orders hold and who is at it, for comparison with what is really there; and the
-- right to repair, which nobody has while a worker may be at the same order.

-- When an order's things were last compared with what is there: the longest ago comes first.
create table moose.reconciled (
  work_order text primary key references public.work_orders (id),
  at         timestamptz not null
);
alter table moose.reconciled enable row level security;

create index resources_open on public.resources (work_order) where state <> 'released';
create index resources_by_name on public.resources (name);

-- Somebody repairs what an order left, and until then no worker begins with it.
create table moose.repair_holds (
  work_order text primary key references public.work_orders (id),
  holder     text not null,
  until      timestamptz not null,
  -- When the run that waits for the repair could have been claimed otherwise.
  available_at timestamptz
);
alter table moose.repair_holds enable row level security;

create or replace function moose.wait_for_repair() returns trigger
language plpgsql as $$
begin
  new.available_at := greatest(new.available_at,
    (select h.until from moose.repair_holds h where h.work_order = new.work_order));
  return new;
end
$$;

create trigger wait_for_repair before insert on moose.executions
  for each row when (new.work_order is not null) execute function moose.wait_for_repair();

-- Work that was merged is done: whatever became of the order, it is not done a second time.
create or replace function moose.refuse_merged() returns trigger
language plpgsql as $$
declare
  merged text := (select r.evidence->>'number' from public.resources r
                  where r.work_order = new.id and r.kind = 'pull_request' and r.evidence->'merged' = 'true' limit 1);
begin
  if merged is not null then
    raise exception 'pull request #% of work order % was merged: its work is done', merged, new.id using errcode = 'MO409';
  end if;
  return new;
end
$$;

create trigger refuse_merged before update of status on public.work_orders
  for each row when (new.status = 'pending' and old.status <> 'pending') execute function moose.refuse_merged();

-- When a pass begins, by the clock of the rows, and the projects in which there can be anything to compare.
create or replace function moose.reconcile_begin(p jsonb) returns jsonb
language sql volatile as $$
  select jsonb_build_object('now', moose.iso(moose.now()), 'projects', (
    select coalesce(jsonb_agg(t.id order by t.id), '[]') from public.projects t
    where exists (select 1 from public.work_orders w join public.resources r on r.work_order = w.id where w.project = t.id)))
$$;

-- Who is at an order: over (its run has ended), live (a runner holds it), waiting (for a clock or for somebody), left
-- (nobody holds it, though its run has not ended), none (there is no run of it).
create or replace function moose.held_by(w public.work_orders) returns text
language sql stable as $$
  select coalesce((
    select case
      when bool_or(e.state = 'running' and r.lease_until >= moose.now()) then 'live'
      when bool_or(e.state = 'suspended') then 'waiting'
      when bool_or(e.state in ('ready', 'running')) then 'left'
      when bool_or(e.run = w.run) then 'over'
    end
    from moose.executions e left join moose.runners r on r.id = e.owner
    where e.work_order = w.id), 'none')
$$;

create or replace function moose.drift_order_json(w public.work_orders) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'workOrderId', w.id, 'run', w.run, 'project', w.project, 'title', w.title, 'status', w.status, 'branch', w.branch,
    'headSha', w.head_sha,
    'pullRequest', case when w.pull_request_number is not null
                   then jsonb_build_object('number', w.pull_request_number, 'url', w.pull_request_url) end,
    'updatedAt', moose.iso(w.updated_at), 'held', moose.held_by(w),
    -- For how long nobody has been at it.
    'idleMs', (extract(epoch from moose.now() - greatest(w.updated_at, (
      select max(r.lease_until) from moose.executions e join moose.runners r on r.id = e.owner where e.work_order = w.id
    ))) * 1000)::bigint,
    'rows', (
      select coalesce(jsonb_agg(jsonb_build_object('workOrderId', r.work_order, 'run', r.run, 'kind', r.kind, 'name', r.name,
        'state', r.state, 'host', r.host, 'evidence', r.evidence, 'reason', r.reason, 'changedAt', moose.iso(r.updated_at))
        order by r.id), '[]')
      from public.resources r where r.work_order = w.id))
$$;

-- Rows that contradict each other, as no function of ours leaves them: somebody has edited one of them. Of orders of the
-- last thirty days, and of older ones that still hold something.
create or replace function moose.edited_rows(most integer) returns jsonb
language sql stable as $$
  with looked as materialized (
    select w.id, w.run, w.project, w.status, w.disposition, w.branch, w.head_sha, w.pull_request_number
    from public.work_orders w
    where w.created_at >= moose.now() - interval '30 days'
    union
    select w.id, w.run, w.project, w.status, w.disposition, w.branch, w.head_sha, w.pull_request_number
    from public.work_orders w join public.resources r on r.work_order = w.id
    where r.state <> 'released'
  ), found (work_order, run, project, table_name, what, says, but) as (
    select w.id, w.run, w.project, 'work_orders', 'status', w.status, 'its run waits for somebody, and has not ended'
    from looked w join moose.executions e on e.work_order = w.id and e.run = w.run
    where (w.status like '%\_failed' or w.status in ('completed', 'cancelled')) and e.state = 'suspended'
      -- A clean-up that stalled is set aside until somebody has decided.
      and w.disposition is distinct from 'rollback_pending'
    union all
    select w.id, w.run, w.project, 'work_orders', 'status', w.status, 'its run has ended'
    from looked w join moose.executions e on e.work_order = w.id and e.run = w.run
    where not (w.status like '%\_failed' or w.status in ('completed', 'cancelled')) and e.state = 'done'
    union all
    select w.id, w.run, w.project, 'work_orders', 'status', w.status, 'no outcome of this run was recorded'
    from looked w join moose.executions e on e.work_order = w.id and e.run = w.run
    where w.status = 'completed' and e.state = 'done'
      and not exists (select 1 from public.outcome_vectors o where o.work_order = w.id and o.run = w.run)
    union all
    select w.id, w.run, w.project, 'work_orders', 'pull_request_number', w.pull_request_number::text, r.evidence->>'number'
    from looked w
    join lateral (select x.* from public.resources x
      where x.work_order = w.id and x.kind = 'pull_request' and x.evidence ? 'number' order by x.run desc limit 1) r on true
    where w.pull_request_number is not null and w.pull_request_number::text <> r.evidence->>'number'
    union all
    select w.id, w.run, w.project, 'work_orders', 'branch', w.branch, r.name
    from looked w
    join lateral (select x.* from public.resources x
      where x.work_order = w.id and x.kind = 'branch' order by x.run desc limit 1) r on true
    where w.branch is not null and w.branch <> r.name
    union all
    select w.id, w.run, w.project, 'work_orders', 'head_sha', w.head_sha, r.evidence->>'sha'
    from looked w
    join lateral (select x.* from public.resources x
      where x.work_order = w.id and x.kind = 'branch' and x.state in ('held', 'preserved') and x.evidence ? 'sha'
      order by x.run desc limit 1) r on true
    where w.head_sha is not null and w.head_sha <> r.evidence->>'sha'
    union all
    select r.work_order, r.run, w.project, 'resources', r.kind || ' ' || r.name, r.state, 'nothing was read back'
    from public.resources r join public.work_orders w on w.id = r.work_order
    where r.state = 'held' and r.evidence is null
    union all
    select null, null, d.project, 'budget_days', d.day::text,
           format('settled %s, reserved %s, presumed %s', d.settled, d.reserved, d.presumed),
           format('settled %s, reserved %s, presumed %s', c.settled, c.reserved, c.presumed)
    from moose.budget_days d
    cross join lateral (
      select coalesce(sum(x.settled_micros), 0)::bigint as settled,
             coalesce(sum(x.reserved_micros) filter (where x.state = 'reserved'), 0)::bigint as reserved,
             coalesce(sum(x.reserved_micros) filter (where x.state = 'presumed'), 0)::bigint as presumed
      from public.cost_tracking x where x.project = d.project and x.day = d.day and x.category <> 'architect') c
    where d.day >= (moose.now() - interval '2 days')::date
      and (d.settled, d.reserved, d.presumed) is distinct from (c.settled, c.reserved, c.presumed)
  )
  select coalesce(jsonb_agg(jsonb_build_object('workOrderId', f.work_order, 'run', f.run, 'project', f.project,
    'table', f.table_name, 'column', f.what, 'says', f.says, 'but', f.but)), '[]')
  from (select * from found order by work_order, table_name, what limit most) f
$$;

-- What the books say: of the orders that hold something (the longest ago compared first, at most `limit`), of those that
-- anything called one of `names` belongs to, of what is in quarantine, and of reservations whose run has ended or whose
-- owner is gone. `mark`: these orders were compared now.
create or replace function moose.reconcile_view(p jsonb) returns jsonb
language plpgsql as $$
declare
  chosen text[];
  answer jsonb;
begin
  select array_agg(x.work_order) into chosen from (
    select o.work_order from (select distinct work_order from public.resources where state <> 'released') o
    left join moose.reconciled c on c.work_order = o.work_order
    order by c.at nulls first, o.work_order limit (p->>'limit')::integer) x;
  select jsonb_build_object(
    'now', moose.iso(moose.now()),
    'orders', (
      select coalesce(jsonb_agg(moose.drift_order_json(w) order by w.created_at, w.id), '[]')
      from public.work_orders w
      where w.id = any (chosen)
         or w.id in (select r.work_order from public.resources r where r.name in (select jsonb_array_elements_text(p->'names')))),
    'quarantined', (
      select coalesce(jsonb_agg(jsonb_build_object('workOrderId', q->>'workOrderId', 'run', q->'run', 'sha', q->>'sha',
        'title', w.title, 'since', moose.iso(k.since))), '[]')
      from jsonb_array_elements(p->'quarantined') q
      left join public.work_orders w on w.id = q->>'workOrderId'
      cross join lateral (
        select min(r.updated_at) as since from public.resources r
        where r.work_order = q->>'workOrderId' and r.evidence->>'quarantined' = q->>'sha') k),
    'reservations', (
      select coalesce(jsonb_agg(jsonb_build_object('since', moose.iso(l.created_at), 'expired', l.lease_until < moose.now(),
        'project', l.project,
        'reservation', jsonb_build_object('id', l.id, 'workOrderId', l.work_order, 'run', l.run, 'call', l.call,
          'model', l.model, 'category', l.category, 'amount', l.reserved_micros))), '[]')
      from (
        select c.* from public.cost_tracking c
        left join moose.executions e on e.work_order = c.work_order and e.run = c.run
        where c.state = 'reserved'
          and (c.lease_until < moose.now()
            -- No lease is as long: somebody has written this one.
            or (e.state = 'done' and c.lease_until > moose.now() + make_interval(secs => 2 * (p->>'leaseMs')::numeric / 1000)))
        order by c.created_at limit (p->>'limit')::integer) l),
    'edited', moose.edited_rows((p->>'limit')::integer)) into answer;
  if (p->>'mark')::boolean then
    insert into moose.reconciled (work_order, at) select unnest(chosen), moose.now()
    on conflict (work_order) do update set at = excluded.at;
  end if;
  return answer;
end
$$;

-- The right to repair what an order left, for `holdMs`: nobody works on it, and it is as it was `seen`. Its next run
-- waits until then. False where it is not so, or where somebody else repairs.
create or replace function moose.hold_for_repair(p jsonb) returns jsonb
language plpgsql as $$
declare
  w public.work_orders;
  ends timestamptz := moose.now() + make_interval(secs => (p->>'holdMs')::numeric / 1000);
begin
  select * into w from public.work_orders where id = p->>'workOrderId' for update;
  if not found or w.run <> (p->>'run')::integer or moose.iso(w.updated_at) <> p->>'seen' then
    return 'false';
  end if;
  -- Whoever claims one of these is waited for, and seen.
  perform 1 from moose.executions where work_order = w.id and state <> 'done' for update;
  if moose.held_by(w) in ('live', 'waiting') then
    return 'false';
  end if;
  insert into moose.repair_holds as h (work_order, holder, until, available_at)
  values (w.id, p->>'holder', ends,
    (select e.available_at from moose.executions e where e.work_order = w.id and e.state in ('ready', 'running') limit 1))
  on conflict (work_order) do update set holder = excluded.holder, until = excluded.until,
    available_at = case when h.holder = excluded.holder then h.available_at else excluded.available_at end
  where h.holder = excluded.holder or h.until < moose.now();
  if not found then
    return 'false';
  end if;
  update moose.executions set available_at = greatest(available_at, ends)
  where work_order = w.id and state in ('ready', 'running');
  return 'true';
end
$$;

-- What a repair found or did, by whoever holds the order: the state of its rows, the pull request that it turned out to
-- have, and a line in its timeline. `key` names the repair, so that a repeated call changes nothing.
create or replace function moose.record_repair(p jsonb) returns jsonb
language plpgsql as $$
declare
  c jsonb;
begin
  perform 1 from moose.repair_holds
  where work_order = p->>'workOrderId' and holder = p->>'holder' and until >= moose.now() for update;
  if not found then
    raise exception 'work order % is not held for this repair any more', p->>'workOrderId' using errcode = 'MO409';
  end if;
  insert into moose.fact_batches (key) values (p->>'key') on conflict do nothing;
  if not found then
    return 'null';
  end if;
  for c in select * from jsonb_array_elements(p->'changes') loop
    insert into public.resources as r (work_order, run, kind, name, state, host, evidence, reason)
    values (p->>'workOrderId', (c->>'run')::integer, c->>'kind', c->>'name', c->>'state', p->>'host',
            nullif(c->'evidence', 'null'), c->>'reason')
    on conflict (work_order, run, kind, name) do update
    set state = excluded.state, evidence = coalesce(excluded.evidence, r.evidence), reason = excluded.reason,
        updated_at = moose.now();
  end loop;
  -- Another reconciler that has seen it as it was has nothing to repair any more.
  update public.work_orders
  set pull_request_number = coalesce((p->'pullRequest'->>'number')::integer, pull_request_number),
      pull_request_url = coalesce(p->'pullRequest'->>'url', pull_request_url), updated_at = moose.now()
  where id = p->>'workOrderId';
  -- What could not be cleaned up then is looked after now.
  update public.work_orders w
  set disposition = case when exists (
    select 1 from public.resources r where r.work_order = w.id and r.state = 'preserved') then 'preserved' else 'rolled_back' end
  where w.id = p->>'workOrderId' and w.disposition = 'manual_intervention_required'
    and not exists (select 1 from public.resources r where r.work_order = w.id and r.state in ('intended', 'held'));
  perform moose.note(p->>'workOrderId', (p->>'run')::integer, 'Reconciled', null, p->>'note', null);
  perform pg_notify('moose_events', p->>'workOrderId');
  return 'null';
end
$$;

-- The repair is over: whoever waits for the order goes on.
create or replace function moose.end_repair(p jsonb) returns jsonb
language plpgsql as $$
declare
  h moose.repair_holds;
begin
  delete from moose.repair_holds where work_order = p->>'workOrderId' and holder = p->>'holder' returning * into h;
  if found then
    update moose.executions set available_at = coalesce(h.available_at, moose.now())
    where work_order = h.work_order and state in ('ready', 'running') and available_at = h.until;
    if found then
      perform pg_notify('moose_work', h.work_order);
    end if;
  end if;
  return 'null';
end
$$;
