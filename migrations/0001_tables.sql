-- Tables that people and dashboards read keep the names of the system Moose replaces and live in public;
-- the durable engine's own, and every function, live in the schema moose.

create schema if not exists moose;

-- The clock of leases, claims and budget days. Tests move it: set moose.now = '2026-03-29T00:30:00Z'.
create or replace function moose.now() returns timestamptz
language sql stable as $$
  select coalesce(nullif(current_setting('moose.now', true), '')::timestamptz, clock_timestamp())
$$;

create table public.projects (
  id          text primary key,
  repository  jsonb not null,
  base_branch text not null,
  checks      jsonb not null,
  limits      jsonb not null,
  concurrency integer not null check (concurrency between 1 and 64),
  time_zone   text not null,
  mode        text not null check (mode in ('off', 'shadow', 'on')),
  created_at  timestamptz not null default moose.now(),
  updated_at  timestamptz not null default moose.now()
);

create table public.work_orders (
  id                  text primary key,
  project             text not null references public.projects (id),
  kind                text not null,
  title               text not null,
  description         text not null,
  acceptance_criteria jsonb not null,
  files_in_scope      jsonb not null,
  base_branch         text not null,
  priority            integer not null,
  limits              jsonb not null,
  metadata            jsonb not null,
  proposal            jsonb,
  -- What was submitted, to tell the same order from another one under the same id.
  body_hash           text not null,
  status              text not null default 'pending',
  disposition         text check (disposition in
                        ('exhausted', 'rollback_pending', 'rolled_back', 'preserved', 'manual_intervention_required')),
  run                 integer not null default 1,
  branch              text,
  base_sha            text,
  head_sha            text,
  pull_request_number integer,
  pull_request_url    text,
  -- True once an outcome was recorded without a pull request, because the project is in shadow.
  shadow              boolean not null default false,
  last_failure        jsonb,
  created_at          timestamptz not null default moose.now(),
  updated_at          timestamptz not null default moose.now(),
  constraint completed_has_evidence
    check (status <> 'completed' or (head_sha is not null and (pull_request_number is not null or shadow)))
) with (fillfactor = 70);

create index work_orders_newest on public.work_orders (created_at desc);
create index work_orders_by_project on public.work_orders (project, status);

-- The same rows as legalMoves in src/domain/Status.ts; a test compares the two.
create table moose.legal_moves (
  from_status text not null,
  to_status   text not null,
  primary key (from_status, to_status)
);

insert into moose.legal_moves (from_status, to_status)
select m.from_status, unnest(m.to_statuses)
from (values
  ('pending',           array['routing', 'cancelled']),
  ('routing',           array['generating', 'routing_failed', 'waiting', 'needs_review', 'cancelled']),
  ('generating',        array['applying', 'generation_failed', 'waiting', 'needs_review', 'cancelled']),
  ('applying',          array['creating_pr', 'aider_failed', 'waiting', 'needs_review', 'cancelled']),
  ('creating_pr',       array['tracking', 'pr_failed', 'waiting', 'needs_review', 'cancelled']),
  ('tracking',          array['completed', 'tracking_failed', 'waiting', 'needs_review', 'cancelled']),
  ('waiting',           array['routing', 'generating', 'applying', 'creating_pr', 'tracking', 'cancelled']),
  ('needs_review',      array['routing', 'generating', 'applying', 'creating_pr', 'tracking', 'cancelled',
                              'routing_failed', 'generation_failed', 'aider_failed', 'pr_failed', 'tracking_failed']),
  ('routing_failed',    array['pending', 'cancelled']),
  ('generation_failed', array['pending', 'cancelled']),
  ('aider_failed',      array['pending', 'cancelled']),
  ('pr_failed',         array['pending', 'cancelled']),
  ('tracking_failed',   array['pending', 'cancelled']),
  ('cancelled',         array['pending'])
) as m (from_status, to_statuses);

-- SQLSTATEs of our own: MO404 there is no such row, MO409 the row is not what the caller believed.
create or replace function moose.refuse_illegal_move() returns trigger
language plpgsql as $$
begin
  if not exists (select 1 from moose.legal_moves where from_status = old.status and to_status = new.status) then
    raise exception 'work order % may not move from % to %', old.id, old.status, new.status using errcode = 'MO409';
  end if;
  return new;
end
$$;

create trigger legal_move before update of status on public.work_orders
  for each row when (old.status is distinct from new.status) execute function moose.refuse_illegal_move();

create table public.work_order_events (
  seq        bigint generated always as identity primary key,
  work_order text not null references public.work_orders (id),
  run        integer not null,
  kind       text not null,
  step       text,
  message    text not null,
  ms         integer,
  at         timestamptz not null default moose.now()
);

create index work_order_events_timeline on public.work_order_events (work_order, seq);

create table public.error_events (
  id         bigint generated always as identity primary key,
  work_order text references public.work_orders (id),
  run        integer,
  step       text,
  tag        text not null,
  category   text not null,
  severity   text not null,
  -- Everything a failure carries: src/domain/errors/Failure.ts.
  failure    jsonb not null,
  at         timestamptz not null default moose.now()
);

create index error_events_by_order on public.error_events (work_order, id);

create table public.decision_logs (
  id         bigint generated always as identity primary key,
  work_order text not null references public.work_orders (id),
  run        integer not null,
  step       text not null,
  choice     text not null,
  reason     text not null,
  data       jsonb not null,
  at         timestamptz not null default moose.now()
);

create table public.resources (
  id         bigint generated always as identity primary key,
  work_order text not null references public.work_orders (id),
  run        integer not null,
  kind       text not null check (kind in ('worktree', 'instruction_file', 'branch', 'remote_branch', 'pull_request')),
  name       text not null,
  state      text not null check (state in ('intended', 'held', 'released', 'preserved')),
  host       text not null,
  evidence   jsonb,
  reason     text,
  created_at timestamptz not null default moose.now(),
  updated_at timestamptz not null default moose.now(),
  unique (work_order, run, kind, name),
  constraint preserved_has_reason check (state <> 'preserved' or reason is not null)
);

create table public.cost_tracking (
  id              text primary key,
  project         text not null references public.projects (id),
  -- The day in the project's own time zone that this counts against.
  day             date not null,
  work_order      text not null references public.work_orders (id),
  run             integer not null,
  -- Names the call within the run: generating/1.
  call            text not null,
  category        text not null check (category in ('routing', 'generating', 'applying', 'repair', 'architect')),
  model           text not null,
  state           text not null check (state in ('reserved', 'settled', 'cancelled', 'presumed')),
  reserved_micros bigint not null check (reserved_micros >= 0),
  settled_micros  bigint check (settled_micros >= 0),
  usage           jsonb,
  created_at      timestamptz not null default moose.now(),
  updated_at      timestamptz not null default moose.now(),
  constraint settled_has_amount check ((state = 'settled') = (settled_micros is not null))
);

create index cost_tracking_day on public.cost_tracking (project, day);
create index cost_tracking_order on public.cost_tracking (work_order);

create table public.outcome_vectors (
  id          bigint generated always as identity primary key,
  work_order  text not null references public.work_orders (id),
  run         integer not null,
  project     text not null references public.projects (id),
  kind        text not null,
  model       text,
  succeeded   boolean not null,
  cost_micros bigint not null,
  outcome     jsonb not null,
  at          timestamptz not null default moose.now(),
  unique (work_order, run)
);

create index outcome_vectors_by_kind on public.outcome_vectors (project, kind, model);

-- The engine. A runner's lease is one row, however many executions it holds.
create table moose.runners (
  id          text primary key,
  host        text not null,
  process_id  integer not null,
  lease_until timestamptz not null,
  started_at  timestamptz not null default moose.now()
);

create table moose.executions (
  id               text primary key,
  workflow         text not null,
  payload          jsonb not null,
  work_order       text references public.work_orders (id),
  run              integer,
  priority         integer not null default 0,
  -- Not claimed before this moment.
  available_at     timestamptz not null default moose.now(),
  state            text not null default 'ready' check (state in ('ready', 'running', 'suspended', 'done')),
  owner            text,
  -- Grows with every claim. A write that names an older one is refused.
  fence            bigint not null default 0,
  cancel_requested boolean not null default false,
  -- Somebody asked for it to go on while it ran: it does not stay suspended.
  woken            boolean not null default false,
  result           jsonb,
  -- The execution that waits for this one, if any.
  parent           text,
  created_at       timestamptz not null default moose.now(),
  unique (work_order, run),
  constraint running_has_owner check ((state = 'running') = (owner is not null))
) with (fillfactor = 70);

create index executions_open on moose.executions (priority desc, created_at) where state <> 'done';

create table moose.activity_results (
  execution text not null references moose.executions (id),
  name      text not null,
  attempt   integer not null,
  result    jsonb not null,
  at        timestamptz not null default moose.now(),
  primary key (execution, name, attempt)
);

create table moose.deferred_results (
  execution text not null references moose.executions (id),
  name      text not null,
  exit      jsonb not null,
  primary key (execution, name)
);

create table moose.clocks (
  execution text not null references moose.executions (id),
  name      text not null,
  exit      jsonb not null,
  wake_at   timestamptz not null,
  primary key (execution, name)
);

create index clocks_due on moose.clocks (wake_at);

-- Keys of fact batches that were committed outside a step, so that a repeated call changes nothing.
create table moose.fact_batches (
  key text primary key,
  at  timestamptz not null default moose.now()
);

alter table public.projects enable row level security;
alter table public.work_orders enable row level security;
alter table public.work_order_events enable row level security;
alter table public.error_events enable row level security;
alter table public.decision_logs enable row level security;
alter table public.resources enable row level security;
alter table public.cost_tracking enable row level security;
alter table public.outcome_vectors enable row level security;
alter table moose.legal_moves enable row level security;
alter table moose.runners enable row level security;
alter table moose.executions enable row level security;
alter table moose.activity_results enable row level security;
alter table moose.deferred_results enable row level security;
alter table moose.clocks enable row level security;
alter table moose.fact_batches enable row level security;
