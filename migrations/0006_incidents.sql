-- A dependency that does not work is one incident, however many orders meet it. While it is open it is the
-- circuit breaker of all processes: orders that need the dependency wait, but for one probe at a time.

create table public.incidents (
  id            bigint generated always as identity primary key,
  -- What does not work: provider:openai, forge, remote:git.example.org.
  dependency    text not null,
  tag           text not null,
  message       text not null,
  opened_at     timestamptz not null default moose.now(),
  closed_at     timestamptz,
  -- The order that may try now, and until when it is believed to be trying.
  probe         text,
  probe_until   timestamptz,
  next_probe_at timestamptz not null,
  failed_probes integer not null default 0
);

create unique index incidents_open on public.incidents (dependency) where closed_at is null;

alter table public.incidents enable row level security;

alter table public.work_orders
  add column resume_at timestamptz,
  add column waiting_for text,
  -- The wait ended before its time. (Told apart from a time that has come: the clocks of two machines differ.)
  add column wait_ended boolean not null default false;

create index work_orders_waiting on public.work_orders (waiting_for) where waiting_for is not null;

-- May an order use these dependencies now? Answers those it probes, or the one that is down and when to ask again.
-- Of the orders that ask once a probe is due, one gets it. Who may not go on takes no probe.
create or replace function moose.admit(p jsonb) returns jsonb
language plpgsql as $$
declare
  me text := p->>'workOrderId';
  i public.incidents;
  mine bigint[] := '{}';
begin
  for i in
    select * from public.incidents
    where closed_at is null and p->'dependencies' ? dependency
    order by dependency
    for update
  loop
    if not (i.probe = me and i.probe_until > moose.now()) is true
      and (i.next_probe_at > moose.now() or i.probe_until > moose.now()) then
      return jsonb_build_object('down', i.dependency, 'tag', i.tag, 'message', i.message,
        'resumeAt', moose.iso(greatest(i.next_probe_at, i.probe_until, moose.now())));
    end if;
    mine := mine || i.id;
  end loop;
  update public.incidents
  set probe = me, probe_until = moose.now() + make_interval(secs => (p->>'probeMs')::numeric / 1000)
  where id = any (mine);
  return jsonb_build_object('probing', coalesce((
    select jsonb_agg(dependency order by dependency) from public.incidents where id = any (mine)), '[]'));
end
$$;

-- Lets orders go on that wait for a dependency, `most` of them, the most urgent first, a few at a time. Orders
-- before clocks: whoever is about to set a clock has locked its order, and is waited for.
create or replace function moose.wake_waiting(awaited text, since timestamptz, most integer) returns void
language plpgsql as $$
begin
  update public.work_orders o set resume_at = least(o.resume_at, since + make_interval(secs => w.place * 0.1)), wait_ended = true
  from (
    select id, row_number() over (order by priority desc, created_at, id) - 1 as place
    from public.work_orders where waiting_for = awaited
  ) w
  where o.id = w.id and w.place < most;
  update moose.clocks c set wake_at = least(c.wake_at, o.resume_at)
  from public.work_orders o join moose.executions e on e.work_order = o.id and e.run = o.run
  where o.waiting_for = awaited and o.wait_ended and c.execution = e.id;
  perform pg_notify('moose_work', '');
end
$$;

-- An order that tries no longer gives back its probes, and the next in line gets a turn.
create or replace function moose.give_back_probes(order_id text, but text) returns void
language plpgsql as $$
declare
  i public.incidents;
begin
  for i in
    update public.incidents set probe = null, probe_until = null
    where probe = order_id and closed_at is null and dependency is distinct from but
    returning *
  loop
    perform moose.wake_waiting(i.dependency, greatest(i.next_probe_at, moose.now()), 1);
  end loop;
end
$$;

-- An order stops until `resumeAt`. The first to meet a dependency's trouble opens its incident; the one that
-- probed it in vain gives the probe back. An order that was only told of an incident opens none.
create or replace function moose.park(order_id text, order_run integer, f jsonb) returns void
language plpgsql as $$
declare
  awaited text := f->>'dependency';
  met boolean := (f->>'incident')::boolean;
  resumes timestamptz := (f->>'resumeAt')::timestamptz;
  ended boolean := false;
begin
  perform moose.note(order_id, order_run, 'Parked', f->>'step', f->>'message', null);
  perform moose.give_back_probes(order_id, case when met then awaited end);
  if met then
    insert into public.incidents (dependency, tag, message, next_probe_at)
    values (awaited, f->>'tag', f->>'cause', resumes)
    on conflict (dependency) where closed_at is null do nothing;
    if not found then
      update public.incidents
      set probe = null, probe_until = null, failed_probes = failed_probes + 1,
          next_probe_at = greatest(next_probe_at, resumes)
      where dependency = awaited and closed_at is null and probe = order_id;
    end if;
  else
    -- It may have ended since: then nobody else will wake this order. The lock is for one that ends just now.
    perform 1 from public.incidents where dependency = awaited and closed_at is null for share;
    if not found then
      ended := exists (select 1 from public.incidents where dependency = awaited);
    end if;
  end if;
  update public.work_orders
  set resume_at = case when ended then moose.now() else resumes end, waiting_for = awaited, wait_ended = ended,
      updated_at = moose.now()
  where id = order_id;
end
$$;

-- A dependency has just worked: its incident is over, and whoever waits for it goes on.
create or replace function moose.dependency_works(order_id text, order_run integer, works text) returns void
language plpgsql as $$
begin
  update public.incidents set closed_at = moose.now(), probe = null, probe_until = null
  where dependency = works and closed_at is null;
  if found then
    perform moose.note(order_id, order_run, 'IncidentClosed', null, works || ' works again', null);
    perform moose.wake_waiting(works, moose.now(), 2147483647);
  end if;
end
$$;

-- The clock of a wait is set in a commit of its own, after the wait. One that was cut short meanwhile rings at once.
create or replace function moose.ring_by_resume_at() returns trigger
language plpgsql as $$
declare
  waiting record;
begin
  select o.resume_at, o.wait_ended into waiting
  from moose.executions e join public.work_orders o on o.id = e.work_order and o.run = e.run
  where e.id = new.execution and o.status = 'waiting'
  -- Whoever ends the wait just now is waited for, or waits.
  for share of o;
  if waiting.wait_ended then
    new.wake_at := least(new.wake_at, waiting.resume_at);
  end if;
  return new;
end
$$;

create trigger ring_by_resume_at before insert on moose.clocks
  for each row execute function moose.ring_by_resume_at();

-- However an order ends, it does not keep a probe.
create or replace function moose.end_probes() returns trigger
language plpgsql as $$
begin
  perform moose.give_back_probes(new.id, null);
  return null;
end
$$;

create trigger end_probes after update of status on public.work_orders
  for each row
  when (old.status is distinct from new.status
    and (new.status in ('completed', 'cancelled', 'needs_review') or new.status like '%\_failed'))
  execute function moose.end_probes();
