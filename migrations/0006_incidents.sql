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
  add column waiting_for text;

create index work_orders_waiting on public.work_orders (waiting_for) where waiting_for is not null;

-- May an order use these dependencies now? Answers those it probes, or the one that is down and when to ask again.
-- Of the orders that ask once a probe is due, one gets it.
create or replace function moose.admit(p jsonb) returns jsonb
language plpgsql as $$
declare
  i public.incidents;
begin
  for i in
    select * from public.incidents
    where closed_at is null and p->'dependencies' ? dependency
    order by dependency
    for update
  loop
    if i.probe = p->>'workOrderId' and i.probe_until > moose.now() then
      continue;
    end if;
    if i.next_probe_at <= moose.now() and (i.probe is null or i.probe_until <= moose.now()) then
      update public.incidents
      set probe = p->>'workOrderId', probe_until = moose.now() + make_interval(secs => (p->>'probeMs')::numeric / 1000)
      where id = i.id;
      continue;
    end if;
    return jsonb_build_object('down', i.dependency, 'tag', i.tag, 'message', i.message,
      'resumeAt', moose.iso(greatest(i.next_probe_at, i.probe_until, moose.now())));
  end loop;
  return jsonb_build_object('probing', coalesce((
    select jsonb_agg(dependency order by dependency) from public.incidents
    where closed_at is null and probe = p->>'workOrderId'), '[]'));
end
$$;

-- An order stops until `resumeAt`. The first to meet a dependency's trouble opens its incident; the one that
-- probed it in vain gives the probe back.
create or replace function moose.park(order_id text, order_run integer, f jsonb) returns void
language plpgsql as $$
begin
  update public.work_orders
  set resume_at = (f->>'resumeAt')::timestamptz, waiting_for = f->>'dependency', updated_at = moose.now()
  where id = order_id;
  perform moose.note(order_id, order_run, 'Parked', f->>'step', f->>'message', null);
  if (f->>'incident')::boolean then
    insert into public.incidents (dependency, tag, message, next_probe_at)
    values (f->>'dependency', f->>'tag', f->>'message', (f->>'resumeAt')::timestamptz)
    on conflict (dependency) where closed_at is null do nothing;
    if not found then
      update public.incidents
      set probe = null, probe_until = null, failed_probes = failed_probes + 1,
          next_probe_at = greatest(next_probe_at, (f->>'resumeAt')::timestamptz)
      where dependency = f->>'dependency' and closed_at is null and probe = order_id;
    end if;
  end if;
end
$$;

-- A dependency has just worked: its incident is over, and whoever waits for it goes on, a few at a time.
create or replace function moose.dependency_works(order_id text, order_run integer, works text) returns void
language plpgsql as $$
begin
  update public.incidents set closed_at = moose.now(), probe = null, probe_until = null
  where dependency = works and closed_at is null;
  if found then
    perform moose.note(order_id, order_run, 'IncidentClosed', null, works || ' works again', null);
    update moose.clocks c
    set wake_at = least(c.wake_at, moose.now() + make_interval(secs => w.place * 0.1))
    from (
      select e.id, row_number() over (order by o.priority desc, o.created_at) - 1 as place
      from public.work_orders o join moose.executions e on e.work_order = o.id and e.run = o.run
      where o.waiting_for = works
    ) w
    where c.execution = w.id;
    perform pg_notify('moose_work', '');
  end if;
end
$$;
