-- An intent names the claim of the run that has it, as every other write of a runner does. False: the claim is no longer
-- current, and nothing was written. Whoever has no run (a reconciler, a person's command) names none.

-- Held until the intent is committed, so that nobody takes the run over in between. By project, then by id, as everybody
-- does who locks several of them.
create or replace function moose.intend_resources_together(p jsonb) returns jsonb
language plpgsql as $$
declare
  entries jsonb[] := array(select i from jsonb_array_elements(p) i);
  held bigint[];
begin
  held := array(
    select i.place from unnest(entries) with ordinality i (entry, place)
    join moose.executions e on e.id = i.entry->'claim'->>'execution' and moose.is_claim(e, i.entry->'claim')
    order by e.project nulls first, e.id, i.place
    for share of e)
    || array(
    select i.place from unnest(entries) with ordinality i (entry, place)
    where jsonb_typeof(i.entry->'claim') is distinct from 'object');
  insert into public.resources (work_order, run, kind, name, state, host)
  select i->>'workOrderId', (i->>'run')::integer, r->>'kind', r->>'name', 'intended', i->>'host'
  from (select distinct on (v.entry->>'workOrderId', v.entry->>'run', x->>'kind', x->>'name') v.entry as i, x as r
        from unnest(entries) with ordinality v (entry, place) cross join lateral jsonb_array_elements(v.entry->'resources') x
        where v.place = any (held)
        order by v.entry->>'workOrderId', v.entry->>'run', x->>'kind', x->>'name') one
  on conflict (work_order, run, kind, name) do update
    set state = 'intended', host = excluded.host, evidence = null, reason = null, updated_at = moose.now()
    where resources.state <> 'held' or resources.host <> excluded.host;
  return (select jsonb_agg(i.place = any (held) order by i.place) from unnest(entries) with ordinality i (entry, place));
end
$$;

create or replace function moose.intend_resources(p jsonb) returns jsonb
language plpgsql as $$
begin
  if jsonb_typeof(p->'claim') = 'object' then
    perform from moose.executions e where e.id = p->'claim'->>'execution' and moose.is_claim(e, p->'claim') for share;
    if not found then
      return 'false';
    end if;
  end if;
  insert into public.resources (work_order, run, kind, name, state, host)
  select p->>'workOrderId', (p->>'run')::integer, r->>'kind', r->>'name', 'intended', p->>'host'
  from jsonb_array_elements(p->'resources') r
  on conflict (work_order, run, kind, name) do update
    set state = 'intended', host = excluded.host, evidence = null, reason = null, updated_at = moose.now()
    where resources.state <> 'held' or resources.host <> excluded.host;
  return 'true';
end
$$;

-- See 0023_commits.sql: a function that is replaced forgets these.
do $$
declare
  f regprocedure;
begin
  foreach f in array array['moose.intend_resources(jsonb)', 'moose.intend_resources_together(jsonb)']::regprocedure[] loop
    execute format('alter function %s set enable_seqscan = off', f);
    execute format('alter function %s set enable_hashjoin = off', f);
    execute format('alter function %s set enable_mergejoin = off', f);
    execute format('alter function %s set enable_bitmapscan = off', f);
    execute format('alter function %s set plan_cache_mode = force_generic_plan', f);
  end loop;
end
$$;
