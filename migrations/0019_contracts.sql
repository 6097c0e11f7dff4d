-- Facts of an order that is not there are refused, instead of becoming nothing.

create or replace function moose.commit_facts(p jsonb) returns jsonb
language plpgsql as $$
begin
  if not exists (select 1 from public.work_orders where id = p->>'workOrderId') then
    raise exception 'there is no work order %', p->>'workOrderId' using errcode = 'MO409';
  end if;
  insert into moose.fact_batches (key) values (p->>'key') on conflict do nothing;
  if found then
    perform moose.apply_facts(p->>'workOrderId', (p->>'run')::integer, p->'facts');
  end if;
  return 'null';
end
$$;
