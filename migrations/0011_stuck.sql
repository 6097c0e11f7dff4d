-- What the webhook's route, the stuck watch and a worker's clock ask for.

-- The clock that counts, in milliseconds since 1970.
create or replace function moose.database_time(p jsonb) returns jsonb
language sql volatile as $$
  select to_jsonb((extract(epoch from moose.now()) * 1000)::bigint)
$$;

create index work_orders_by_pull_request on public.work_orders (pull_request_number)
  where pull_request_number is not null;

-- The order that a pull request belongs to; the newest, where several worked on the same one.
create or replace function moose.work_order_by_pull_request(p jsonb) returns jsonb
language plpgsql stable as $$
declare
  w public.work_orders;
begin
  select o.* into w
  from public.work_orders o join public.projects t on t.id = o.project
  where o.pull_request_number = (p->>'number')::integer
    -- GitHub does not tell upper case from lower.
    and lower(t.repository->'forge'->>'owner') = lower(p->'repository'->>'owner')
    and lower(t.repository->'forge'->>'name') = lower(p->'repository'->>'name')
  order by o.created_at desc, o.id desc
  limit 1;
  if not found then
    raise exception 'no work order has pull request % of %/%', p->>'number', p->'repository'->>'owner',
      p->'repository'->>'name' using errcode = 'MO404';
  end if;
  return moose.work_order_json(w);
end
$$;

-- Orders that nobody is done with. One whose clean-up has not ended is among them, whatever its status says.
create index work_orders_unfinished on public.work_orders (created_at)
  where (status not like '%\_failed' and status not in ('completed', 'cancelled')) or disposition = 'rollback_pending';

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
    where (w.status not like '%\_failed' and w.status not in ('completed', 'cancelled')) or w.disposition = 'rollback_pending'
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

-- As before, but for two things. An order whose run waits for no decision of this escalation's (it was told of only
-- because it is stuck) is not answered; and one that is still under way and is given up is cancelled.
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
    if w.status like '%\_failed' or w.status in ('completed', 'cancelled') then
      if w.status like '%\_failed' and p->>'option' in ('retry', 'raise_budget', 'switch_model', 'resume_later') then
        perform moose.start_run(w.id, chosen->>'step', format('escalation %s: %s', e.id, chosen->>'label'));
      end if;
    elsif p->>'option' in ('abandon', 'take_over') then
      perform moose.cancel_work_order(jsonb_build_object('id', w.id));
    elsif w.status = 'needs_review' and o.question is not null then
      perform 1 from moose.executions where id = w.id || '/' || w.run for update;
      perform moose.deliver(w.id || '/' || w.run, o.question, exit_json);
    end if;
  end loop;
  return moose.escalation_json(e, (p->>'ordersLimit')::integer);
end
$$;

-- A notice arrived. The next one is a reminder, unless somebody answers until then. One that arrived nowhere is due
-- again itself, and is no notice that somebody left unanswered.
create or replace function moose.notice_sent(p jsonb) returns jsonb
language sql as $$
  update public.escalations
  set notices = notices + case when coalesce((p->>'undelivered')::boolean, false) then 0 else 1 end,
      receipt = p->'receipt' || jsonb_build_object('at', moose.iso(moose.now())),
      ack_deadline = case when acknowledged_at is null and not coalesce((p->>'undelivered')::boolean, false)
                     then moose.now() + make_interval(secs => (p->>'ackMs')::numeric / 1000) end,
      next_notice_at = case when acknowledged_at is null then moose.now() + make_interval(secs => (p->>'ackMs')::numeric / 1000) end,
      updated_at = moose.now()
  where id = (p->>'id')::bigint and status = 'open' and notices = (p->>'notices')::integer;
  select 'null'::jsonb
$$;
